"""Events and commands that begin with the registry's ids of their schemas, on Kafka."""

import asyncio
import socket
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from journey_engine.client import CommandConsumer, EventPublisher
from journey_engine.decode.whole import read_whole
from journey_engine.run.contracts import read_published
from journey_engine.run.learning import Learner
from journey_engine.run.registry import Registry, RegistryError
from journey_engine.run.settings import Settings
from journey_engine.run.subjects import enroll, subjects
from journey_engine.run.tailing import tail
from journey_engine.run.writing_ids import frame_with_ids
from tests.broker.shipped import ShippedRig
from tests.broker.test_client import Sender, asked, put
from tests.registry.server import RegistryServer
from tests.run.shop import SCHEMAS

pytestmark = [pytest.mark.kafka, pytest.mark.registry, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]
WRITTEN = (
    "interactions.web.v1-journey.events.PaymentFailed",
    "interactions.web.v1-journey.events.PushTokenAdded",
    "commands.email.v1-journey.Command",
    "-journey.Transition",
    "-journey.SendDecision",
)


@pytest.fixture
async def rig(new_rig: Callable[..., ShippedRig], schema_registry: RegistryServer) -> ShippedRig:
    made = new_rig("kafka_broker", clock="wall")
    await made.create()
    named = {"registry_urls": (schema_registry.url,), "registry_timeout_s": 60.0}
    made.settings = made.settings.model_copy(update={**named, "registry_write_ids": True})
    return made


async def register(rig: ShippedRig) -> None:
    published = read_published(ROOT / "schemas")
    wanted = [each for each in subjects(published, rig.names) if each.name.endswith(WRITTEN)]
    async with Registry(rig.settings) as registry:
        outcome = await enroll(registry, wanted, lambda _, __: None)
    assert (outcome.found, outcome.whole) == ([], len(wanted))


def unreachable(settings: Settings) -> Settings:
    return settings.model_copy(update={"registry_urls": ("http://127.0.0.1:9/none",)})


async def with_ids(rig: ShippedRig, topics: Sequence[str]) -> list[tuple[str, Mapping[str, Any]]]:
    """The records of topics, each of which names its schema by an id that the registry knows."""
    schemas = replace(SCHEMAS, by_registry_id={})
    read: list[tuple[str, Mapping[str, Any]]] = []
    async with Learner(rig.settings, schemas, patient=False) as learner:
        async for record in tail(rig.settings, topics, rig.topics.partitions):
            assert record.value is not None
            assert record.value[:1] == b"\x00"
            await learner.learn(record.value, record.headers)
            read.append(read_whole(record.value, schemas))
    return read


async def test_a_publisher_names_schemas_by_their_ids(rig: ShippedRig) -> None:
    async with EventPublisher("shop", channel="web", settings=rig.settings) as events:
        with pytest.raises(RegistryError, match="schemas register"):
            await events.publish("PaymentFailed", customer_id="c1")
        await register(rig)
        lies = await events.publish("PaymentFailed", customer_id="c1")
    read = await with_ids(rig, [lies.topic])
    assert [(name, each["event_id"]) for name, each in read] == [("PaymentFailed", lies.event_id)]


async def test_a_sender_reads_commands_with_ids(rig: ShippedRig) -> None:
    """The ids are kept, so that the next start needs no registry."""
    with pytest.raises(RegistryError, match="schemas register"):
        await frame_with_ids(rig.settings, rig.names, replace(SCHEMAS, frames={}))
    await register(rig)
    framed, again = replace(SCHEMAS, frames={}), replace(SCHEMAS, frames={})
    await frame_with_ids(rig.settings, rig.names, framed)
    with pytest.raises(RegistryError, match="no answer"):
        await frame_with_ids(unreachable(rig.settings), rig.names, again)
    record = asked(1, schemas=framed)
    assert record.value is not None
    assert record.value[:5] == framed.frames["Command"]
    await put(rig, record)
    assert await Sender(rig.settings, count=1).run(within_s=60) == ["k1"]


class LateConsumer(CommandConsumer):
    """The group's place is known only after the first records are there."""

    async def begin(self, consumer: AIOKafkaConsumer, places: Collection[TopicPartition]) -> None:
        await asyncio.sleep(1.0)
        await super().begin(consumer, places)


async def test_a_command_that_comes_before_its_partition_is_begun_with_is_not_lost(
    rig: ShippedRig,
) -> None:
    """The registry is asked for its schema while the consumer begins with the partition."""
    await register(rig)
    framed = replace(SCHEMAS, frames={})
    await frame_with_ids(rig.settings, rig.names, framed)
    await put(rig, asked(1, schemas=framed))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        urls = (f"http://127.0.0.1:{port}", *rig.settings.registry_urls)
        slow = {"registry_urls": urls, "registry_timeout_s": 2.0}
        settings = rig.settings.model_copy(update=slow)
        assert await Sender(settings, count=1, kind=LateConsumer).run(within_s=60) == ["k1"]


async def test_what_a_worker_writes_names_its_schemas_by_their_ids(rig: ShippedRig) -> None:
    """Events with ids in, commands, transitions and decisions with ids out."""
    await register(rig)
    access = {"JOURNEY_REGISTRY_URLS": rig.settings.registry_urls[0], "JOURNEY_CLOCK": "wall"}
    at = datetime.now(UTC) - timedelta(minutes=2)  # the message is due at once
    sender = Sender(rig.settings, count=1, channel="push")
    with rig.start(**access, JOURNEY_REGISTRY_WRITE_IDS="true") as worker:
        await worker.ready()
        async with EventPublisher("shop", channel="web", settings=rig.settings) as events:
            for kind in ("PushTokenAdded", "PaymentFailed"):
                await events.publish(kind, customer_id="c1", occurred_at=at)
        handed = await sender.run()
        assert worker.stop() == 0
    read = await with_ids(rig, [*rig.names.commands.values(), *rig.names.outputs.values()])
    assert {name for name, _ in read} == {"Command", "Transition", "SendDecision"}
    assert [fields["command_id"] for name, fields in read if name == "Command"] == handed
