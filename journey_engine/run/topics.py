"""Topics on the broker: made as `topics.yaml` declares them, and checked before work begins."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    KafkaConnectionError,
    KafkaError,
    NodeNotReadyError,
    NotCoordinatorForGroupError,
    UnknownTopicOrPartitionError,
    for_code,
)
from aiokafka.errors import TopicAlreadyExistsError as AlreadyExists

from journey_engine.define.topics import Topics, TopicSpec
from journey_engine.run.naming import full_names
from journey_engine.run.settings import Settings

CLEANUP, MAX_BYTES, MIN_IN_SYNC = "cleanup.policy", "max.message.bytes", "min.insync.replicas"
AT_LEAST = ("retention.ms", "delete.retention.ms", "min.compaction.lag.ms", MAX_BYTES, MIN_IN_SYNC)
"""Where more than declared does no harm; -1 is without end."""
NEEDED = (CLEANUP, MAX_BYTES)
"""Where it is otherwise, states are lost or a worker stops: none begins. Whose time records bear is
not among them: a mirror does not take it over, and `failover` must go on there.
"""
TOMBSTONES_KEPT_MS = 24 * 3_600_000
"""`delete.retention.ms`: a store not written for longer would bring deleted states back."""
LISTED_WITHIN_S = 10
FOR_GOOD = -1
"""Kafka's word for a retention without end."""


class BrokerAbsentError(Exception):
    """No broker answers, or none lets us in; the message says what to do."""


class TopicsError(Exception):
    """Topics are not as declared; the message names each and says what to do."""


@asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client.

    Raises:
        BrokerAbsentError: no broker lets us in within `connect_timeout_s`.
    """
    admin = AIOKafkaAdminClient(**settings.clients())
    try:
        await asyncio.wait_for(admin.start(), settings.connect_timeout_s)
    except (KafkaConnectionError, TimeoutError, OSError) as error:
        await admin.close()
        raise BrokerAbsentError(await _absence(settings.brokers)) from error
    try:
        yield admin
    except NodeNotReadyError as error:  # a refused token shows only in what is asked next
        raise BrokerAbsentError(await _absence(settings.brokers)) from error
    finally:
        await admin.close()


async def _absence(brokers: Sequence[str]) -> str:
    """Why there was no way in, as far as a plain connection shows."""
    for broker in brokers:
        host, _, port = broker.rpartition(":")
        try:
            async with asyncio.timeout(1):
                _, writer = await asyncio.open_connection(host, int(port))
        except (OSError, TimeoutError):
            continue
        writer.close()
        return (
            f"{broker} listens but does not let us in. Check JOURNEY_SECURITY_PROTOCOL, the name "
            "and password (JOURNEY_SASL_…) and the certificates (JOURNEY_TLS_…), and that it is a "
            "Kafka broker; what the client was told is logged above."
        )
    return (
        f"no Kafka broker answers at {', '.join(brokers)}. Start one (`make kafka-up`, or "
        "`journey-engine demo` for an embedded one), or name another with --broker or "
        "JOURNEY_BROKERS."
    )


async def create_topics(settings: Settings, topics: Topics) -> list[str]:
    """Make the topics that are missing, of a shadow but the inputs; their names. Those that exist
    are left as they are.

    Raises:
        BrokerAbsentError: no broker answers.
        TopicsError: the broker refuses one.
    """
    return await _create(settings, _owned(settings, topics))


async def create_topic(settings: Settings, spec: TopicSpec) -> bool:
    """Make one topic; whether it was missing. Raises as `create_topics`."""
    return bool(await _create(settings, {settings.topic_prefix + spec.name: spec}))


async def _create(settings: Settings, wanted: Mapping[str, TopicSpec]) -> list[str]:
    async with connected(settings) as admin:
        present = set(await admin.list_topics())
        new = [_new(name, spec) for name, spec in wanted.items() if name not in present]
        if not new:
            return []
        response = await admin.create_topics(new)
        refused = [_refusal(*error) for error in response.topic_errors if _is_refusal(error[1])]
        if refused:
            raise TopicsError("topics could not be made: " + "; ".join(refused))
        made = [topic.name for topic in new]
        await _until_listed(admin, frozenset(made))
    return made


def keeping_inputs(topics: Topics) -> Topics:
    """The topics, but with inputs that are kept for good: a broker forgets by the records' own
    times, and those of a log lie further back than any retention.
    """
    inputs = {channel: replace(spec, retention=FOR_GOOD) for channel, spec in topics.inputs.items()}
    return replace(topics, inputs=inputs)


async def delete_topics(settings: Settings, topics: Topics) -> None:
    """Delete the topics, of a shadow but the inputs, and all that is in them; those that are not
    there are passed over.

    Raises:
        BrokerAbsentError: no broker answers.
        TopicsError: the broker refuses one.
    """
    async with connected(settings) as admin:
        response = await admin.delete_topics(list(_owned(settings, topics)))
        gone = (0, UnknownTopicOrPartitionError.errno)
        refused = [_refusal(*error) for error in response.topic_error_codes if error[1] not in gone]
    if refused:
        raise TopicsError("topics could not be deleted: " + "; ".join(refused))


async def require_topics(
    settings: Settings,
    names: Collection[str],
    maker: str = "journey-engine topics create",
    *,
    partitions: int | None = None,
) -> None:
    """See that topics are there, before a client waits for them; `maker` is the command that makes
    them. `partitions`: how many each must have for one who reads, or tells, all of them.

    Raises:
        BrokerAbsentError: no broker answers.
        TopicsError: one is missing, or has another number of partitions.
    """
    async with connected(settings) as admin:
        missing = sorted(set(names) - set(await admin.list_topics()))
        if missing:
            raise TopicsError(f"not on the broker: {', '.join(missing)}. `{maker}` makes them.")
        if partitions is None:
            return
        faults = await _partition_faults(admin, sorted(set(names)), partitions)
    if faults:
        raise TopicsError(
            "topics have other partitions than topics.yaml declares:\n  "
            + "\n  ".join(faults)
            + "\nName the definitions that the app's workers run: --topologies, or "
            "JOURNEY_TOPOLOGIES."
        )


async def check_topics(settings: Settings, topics: Topics) -> None:
    """See that every topic is there and as the engine needs it.

    Raises:
        BrokerAbsentError: no broker answers.
        TopicsError: one is missing, differs in partitions or in how Kafka deletes from it, or takes
            too small records.
    """
    async with connected(settings) as admin:
        # Asking for a topic by name would make it on some brokers: the list does not.
        present = set(await admin.list_topics())
        wanted = _named(settings, topics)
        faults = [f"{name} is missing" for name in sorted(wanted) if name not in present]
        there = sorted(name for name in wanted if name in present)
        faults += await _partition_faults(admin, there, topics.partitions)
        faults += await _config_faults(admin, {name: wanted[name] for name in there})
        faults += _batch_faults(settings, wanted)
    if faults:
        raise TopicsError(
            "topics are not as topics.yaml declares them:\n  "
            + "\n  ".join(faults)
            + "\n`journey-engine topics create` makes the missing ones; for one that is set "
            "otherwise, `journey-engine doctor` says how to set it. To change the number of "
            "partitions of an app that has states, move them: `journey-engine repartition`."
        )


async def partitions_of(settings: Settings, topic: str) -> int:
    """How many partitions a topic has.

    Raises:
        BrokerAbsentError: no broker answers.
    """
    async with connected(settings) as admin:
        (described,) = await admin.describe_topics([topic])
    return len(described["partitions"])


async def cluster_of(settings: Settings) -> str:
    """The id of the Kafka cluster; "" of one that has none.

    Raises:
        BrokerAbsentError: no broker answers.
    """
    async with connected(settings) as admin:
        return str((await admin.describe_cluster()).get("cluster_id") or "")


async def members(settings: Settings) -> int:
    """How many members the app's consumer group has; 0 of one that is not there.

    Raises:
        BrokerAbsentError: no broker answers.
        TimeoutError: none is ready to tell within the request time-out.
        KafkaError: the broker refuses to tell.
    """
    async with connected(settings) as admin, asyncio.timeout(settings.request_timeout_s):
        while True:
            try:
                answers = await admin.describe_consumer_groups([settings.group])
                return sum(_members(group) for answer in answers for group in answer.groups)
            except _MOVING:
                await asyncio.sleep(0.2)


_MOVING = (
    GroupCoordinatorNotAvailableError,  # a new broker makes its groups' topic first
    GroupLoadInProgressError,
    NotCoordinatorForGroupError,
)
"""A group's coordinator is about to begin: who asks again will be told."""


def _members(group: Sequence[Any]) -> int:
    """How many a described group has; its error comes with an empty list, and none is raised."""
    code, name, *_ = group
    if code:
        raise for_code(code)(f"group {name}: its members are not told")
    return len(group[5])


async def _until_listed(admin: AIOKafkaAdminClient, names: frozenset[str]) -> None:
    """Wait until the broker shows what its controller made."""
    for _ in range(LISTED_WITHIN_S * 20):
        if names <= set(await admin.list_topics()):
            return
        await asyncio.sleep(0.05)
    raise TopicsError(f"the broker made topics but does not show them: {', '.join(sorted(names))}")


def _named(settings: Settings, topics: Topics) -> Mapping[str, TopicSpec]:
    full = full_names(topics, settings)
    return {full[name]: spec for name, spec in topics.all.items()}


def _owned(settings: Settings, topics: Topics) -> Mapping[str, TopicSpec]:
    """Those that are the app's to make and to delete: a shadow's inputs are the live app's."""
    inputs = {spec.name for spec in topics.inputs.values()} if settings.shadow else set()
    wanted = _named(settings, topics)
    return {name: spec for name, spec in wanted.items() if spec.name not in inputs}


def config_of(spec: TopicSpec) -> dict[str, str]:
    """What Kafka is told of a topic, by Kafka's own names."""
    config = {
        CLEANUP: spec.cleanup,
        MIN_IN_SYNC: str(spec.min_in_sync),
        MAX_BYTES: str(spec.max_bytes),
    }
    if spec.cleanup == "delete":
        config["retention.ms"] = str(spec.retention)
    else:
        config["delete.retention.ms"] = str(TOMBSTONES_KEPT_MS)
        config["min.compaction.lag.ms"] = str(spec.compaction_lag)
    if spec.timestamp == "append":
        config["message.timestamp.type"] = "LogAppendTime"
    return config


def suffices(key: str, value: str, wanted: str) -> bool:
    """Whether a topic's setting is what it is to be, or more where more does no harm."""
    if value == wanted:
        return True
    return key in AT_LEAST and (int(value) < 0 or 0 <= int(wanted) <= int(value))


def _new(name: str, spec: TopicSpec) -> NewTopic:
    return NewTopic(
        name=name,
        num_partitions=spec.partitions,
        replication_factor=spec.replication,
        topic_configs=config_of(spec),
    )


def _is_refusal(code: int) -> bool:
    return code not in (0, AlreadyExists.errno)


def _refusal(name: str, code: int, message: str | None = None) -> str:
    return f"{name}: {message or for_code(code).__name__}"


async def _partition_faults(
    admin: AIOKafkaAdminClient, names: list[str], partitions: int
) -> list[str]:
    if not names:
        return []
    described = {
        each["topic"]: len(each["partitions"]) for each in await admin.describe_topics(names)
    }
    return [
        f"{name} has {described[name]} partitions, not {partitions}"
        for name in names
        if described[name] != partitions
    ]


def _batch_faults(settings: Settings, wanted: Mapping[str, TopicSpec]) -> list[str]:
    batch = settings.producer_batch_bytes
    return [
        f"{name} is declared for {spec.max_bytes} bytes, fewer than a batch of ours: set "
        f"producer_batch_bytes, now {batch}, no higher"
        for name, spec in sorted(wanted.items())
        if spec.max_bytes < batch
    ]


async def _config_faults(admin: AIOKafkaAdminClient, wanted: Mapping[str, TopicSpec]) -> list[str]:
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in wanted]
    try:
        answers = await admin.describe_configs(resources)
    except KafkaError as error:
        return [f"the topics' settings cannot be read: {error}"]
    faults = []
    for answer in answers:
        for _, _, _, name, entries in answer.resources:
            actual, declared = {entry[0]: entry[1] for entry in entries}, config_of(wanted[name])
            for key in NEEDED:
                value = actual.get(key)
                if value is not None and not suffices(key, value, declared[key]):
                    faults.append(f"{name}: {key} is {value}, not {declared[key]}")
    return faults
