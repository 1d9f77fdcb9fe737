"""What aiokafka does not ask a broker: who may do what with a topic or a group (KIP-430).

The broker says of each what this client may do. That changes nothing, and needs no right but to see
the topic, where listing access rules would need one over the whole cluster.
"""

import asyncio
from collections.abc import Collection, Mapping
from contextlib import suppress
from enum import IntEnum
from typing import Any, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError
from aiokafka.protocol.admin import (
    ApiVersionRequest,
    DescribeGroupsRequest_v3,
    DescribeGroupsResponse_v3,
)
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Int16, Int32, Schema, String

UNKNOWN_TOPIC, FORBIDDEN = 3, 29
"""Kafka's codes for a topic that is not there, and for one that we may not see."""
COORDINATED_WITHIN_S = 20
UNTOLD = -(2**31)
"""Of a broker that does not say what is allowed."""


class Operation(IntEnum):
    """What an access rule is about, by Kafka's number for it."""

    READ = 3
    WRITE = 4
    DELETE = 6
    ALTER = 7
    DESCRIBE = 8
    DESCRIBE_CONFIGS = 10


def allowed(bits: int) -> frozenset[Operation] | None:
    """What a broker's answer allows; None: it does not say."""
    if bits == UNTOLD:
        return None
    return frozenset(operation for operation in Operation if bits >> operation & 1)


class Replicas(NamedTuple):
    """One partition: -1 is a leader that is not there."""

    partition: int
    leader: int
    replicas: int
    in_sync: int


class Described(NamedTuple):
    """A topic as the broker tells of it; `error` is Kafka's code, 0 for none."""

    error: int
    partitions: list[Replicas]
    may: frozenset[Operation] | None


class _MetadataResponse(Response):  # type: ignore[misc]  # aiokafka ships no types
    API_KEY = 3
    API_VERSION = 8
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            Array(
                ("node_id", Int32),
                ("host", String("utf-8")),
                ("port", Int32),
                ("rack", String("utf-8")),
            ),
        ),
        ("cluster_id", String("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            Array(
                ("error_code", Int16),
                ("topic", String("utf-8")),
                ("is_internal", Boolean),
                (
                    "partitions",
                    Array(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", Array(Int32)),
                        ("isr", Array(Int32)),
                        ("offline_replicas", Array(Int32)),
                    ),
                ),
                ("authorized_operations", Int32),
            ),
        ),
        ("cluster_authorized_operations", Int32),
    )


class _MetadataStruct(RequestStruct):  # type: ignore[misc]  # as above
    API_KEY = 3
    API_VERSION = 8
    RESPONSE_TYPE = _MetadataResponse
    SCHEMA = Schema(
        ("topics", Array(String("utf-8"))),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
    )


class _Metadata(Request[_MetadataStruct]):  # type: ignore[misc]  # as above
    API_KEY = 3

    def __init__(self, topics: list[str]) -> None:
        self._topics = topics

    def build(self, request_struct_class: type[_MetadataStruct]) -> _MetadataStruct:
        return request_struct_class(self._topics, False, False, True)  # noqa: FBT003 - of the protocol


class _GroupStruct(DescribeGroupsRequest_v3):  # type: ignore[misc]  # as above
    # aiokafka reads the answer as one of version 2, which says nothing of what is allowed.
    RESPONSE_TYPE = DescribeGroupsResponse_v3


class _Group(Request[_GroupStruct]):  # type: ignore[misc]  # as above
    API_KEY = 15

    def __init__(self, group: str) -> None:
        self._group = group

    def build(self, request_struct_class: type[_GroupStruct]) -> _GroupStruct:
        return request_struct_class([self._group], True)  # noqa: FBT003 - of the protocol


class Group(NamedTuple):
    """A consumer group as the broker tells of it."""

    error: int
    members: int
    may: frozenset[Operation] | None


async def versions(admin: AIOKafkaAdminClient) -> Mapping[int, tuple[int, int]]:
    """By request, as Kafka numbers them, the versions that the broker speaks.

    Raises:
        KafkaError: it does not answer.
    """
    answer = await admin._send_request(ApiVersionRequest())  # noqa: SLF001 - no public way asks it
    return {key: (low, high) for key, low, high in answer.api_versions}


async def describe(admin: AIOKafkaAdminClient, topics: Collection[str]) -> Mapping[str, Described]:
    """Each topic, those that are not there included; none is made by asking.

    Raises:
        KafkaError: the broker does not answer.
        NotImplementedError: it is too old or too simple to say what is allowed.
    """
    answer = await admin._send_request(_Metadata(list(topics)))  # noqa: SLF001 - as above
    return {each["topic"]: _described(each) for each in answer.to_object()["topics"]}


def _described(topic: Mapping[str, Any]) -> Described:
    partitions = [
        Replicas(each["partition"], each["leader"], len(each["replicas"]), len(each["isr"]))
        for each in topic["partitions"]
    ]
    return Described(topic["error_code"], partitions, allowed(topic["authorized_operations"]))


async def describe_plainly(
    admin: AIOKafkaAdminClient, topics: Collection[str], present: Collection[str]
) -> Mapping[str, Described]:
    """As `describe`, of a broker that does not say what is allowed.

    Raises:
        KafkaError: it does not answer.
    """
    there = [topic for topic in topics if topic in present]
    told = await admin.describe_topics(there) if there else []
    gone = Described(UNKNOWN_TOPIC, [], None)
    plain = {each["topic"]: _described({"authorized_operations": UNTOLD, **each}) for each in told}
    return {**dict.fromkeys(topics, gone), **plain}


async def _coordinator(admin: AIOKafkaAdminClient, group: str) -> int:
    """A new broker makes its groups' topic when it is first asked."""
    for _ in range(COORDINATED_WITHIN_S * 5):
        with suppress(GroupCoordinatorNotAvailableError):
            return int(await admin.find_coordinator(group))
        await asyncio.sleep(0.2)
    raise GroupCoordinatorNotAvailableError(f"no broker coordinates the group {group}")


async def describe_group(admin: AIOKafkaAdminClient, group: str) -> Group:
    """The group; one that is not there has no members.

    Raises:
        KafkaError: the broker does not answer, or does not let us see the group.
        NotImplementedError: it is too old or too simple to say what is allowed.
    """
    coordinator = await _coordinator(admin, group)
    answer = await admin._send_request(_Group(group), coordinator)  # noqa: SLF001 - as above
    (found,) = answer.to_object()["groups"]
    return Group(
        found["error_code"], len(found["members"]), allowed(found["authorized_operations"])
    )
