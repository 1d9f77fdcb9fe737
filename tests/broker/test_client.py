"""Publishers and senders as their teams write them, around a worker on Apache Kafka."""

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import pytest
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from msgspec.structs import replace

from journey_engine.client import (
    BlockingCommandConsumer,
    BlockingEventPublisher,
    ClientError,
    Command,
    CommandConsumer,
    EventError,
    EventPublisher,
)
from journey_engine.decide.decision import Command as Decided
from journey_engine.decide.decision import JourneyRef
from journey_engine.decide.event import Origin
from journey_engine.decode.partition import partition_of
from journey_engine.encode.command import encode_command
from journey_engine.encode.outgoing import OutRecord
from journey_engine.run.producers import Output
from journey_engine.run.producing import Message
from journey_engine.run.settings import Settings, environment
from journey_engine.run.topics import TopicsError, cluster_of, connected
from journey_engine.schemas import Schemas
from tests.broker.rig import PATIENCE_S
from tests.broker.shipped import ShippedRig
from tests.run.shop import HOUR, SCHEMAS

EXAMPLES = "journey_engine.client.examples."


class Example:
    """An example as a process."""

    def __init__(self, rig: ShippedRig, log: Path, name: str, *arguments: str) -> None:
        self._log = log / f"{name}.log"
        with self._log.open("wb") as sink:
            self._process = subprocess.Popen(
                [sys.executable, "-m", EXAMPLES + name, *arguments],
                stdout=sink,
                stderr=subprocess.STDOUT,
                env=environment(rig.settings),
            )

    @property
    def said(self) -> str:
        return self._log.read_text()

    def await_said(self, text: str, times: int) -> None:
        until = time.monotonic() + PATIENCE_S
        while self.said.count(text) < times:
            assert time.monotonic() < until, self.said
            time.sleep(0.01)

    def terminate(self) -> None:
        self._process.terminate()

    def end(self) -> int:
        return self._process.wait(PATIENCE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(PATIENCE_S)


def asked(
    number: int, *, customer: str = "c1", schemas: Schemas = SCHEMAS, **changes: object
) -> OutRecord:
    """A command as a worker writes it, an hour to live."""
    now = int(datetime.now(UTC).timestamp() * 1000)
    command = Decided(
        f"k{number}",
        "SEND",
        "help",
        0,
        "email",
        customer,
        None,
        f"mail-{number}",
        {},
        None,
        "service",
        50,
        now,
        now,
        now + HOUR,
        None,
        JourneyRef("help", 1, None, "helping", 1),
        Origin("e1", "interactions.web.v1", 0, 0),
        "d1",
    )
    return encode_command(replace(command, **changes), schemas)


@pytest.fixture
async def kafka_rig(new_rig: Callable[..., ShippedRig]) -> ShippedRig:
    rig = new_rig("kafka_broker", clock="wall")
    await rig.create()
    return rig


async def put(rig: ShippedRig, *records: OutRecord, channel: str = "email") -> None:
    output = Output(rig.settings)
    await output.start()
    try:
        for record in records:
            assert record.key is not None
            partition = partition_of(record.key, rig.topics.partitions)
            message = Message(record.key, record.value, record.headers)
            await output.write(rig.names.commands[channel], partition, [message])
    finally:
        await output.stop()


async def committed(rig: ShippedRig, group: str, channel: str = "email") -> list[OffsetAndMetadata]:
    """How far a group is in the partitions of a channel."""
    topic, partitions = rig.names.commands[channel], range(rig.topics.partitions)
    places = [TopicPartition(topic, partition) for partition in partitions]
    async with connected(rig.settings) as admin:
        found = await admin.list_consumer_group_offsets(group, partitions=places)
    return list(found.values())


class Sender:
    """A consumer of a channel that notes what it was handed."""

    def __init__(
        self,
        settings: Settings,
        *,
        count: int,
        channel: str = "email",
        kind: type[CommandConsumer] = CommandConsumer,
    ) -> None:
        self.handed: list[str] = []
        self.consumer = kind(channel, group="mailer", settings=settings, at_once=4)
        self._count = count

    async def _take(self, command: Command) -> None:
        self.handed.append(command.command_id)
        if len(self.handed) == self._count:
            self.consumer.stop()

    async def run(self, within_s: float = PATIENCE_S) -> list[str]:
        async with asyncio.timeout(within_s):
            await self.consumer.run(self._take)
        return self.handed


@pytest.mark.kafka
async def test_a_sender_that_starts_again_goes_on_with_what_it_kept(
    kafka_rig: ShippedRig,
) -> None:
    soon = int((datetime.now(UTC) + timedelta(seconds=6)).timestamp() * 1000)
    await put(
        kafka_rig,
        asked(1, not_before=soon),
        asked(2, not_before=soon),
        asked(3),
        asked(3),
        asked(4, not_after=1),
        asked(5, action="CANCEL", cancels="k2"),
        asked(6),
    )
    first = Sender(kafka_rig.settings, count=2)
    assert await first.run() == ["k3", "k6"]
    assert first.consumer.counts == {
        "handed": 2, "duplicate": 1, "expired": 1, "cancelled": 1, "cancel": 1
    }  # fmt: skip
    (metadata,) = [each.metadata for each in await committed(kafka_rig, "mailer") if each.metadata]
    assert metadata.startswith(await cluster_of(kafka_rig.settings) + ":")
    second = Sender(kafka_rig.settings, count=1)
    assert await second.run() == ["k1"]
    assert second.consumer.counts == {"handed": 1}
    assert datetime.now(UTC).timestamp() * 1000 >= soon


@pytest.mark.kafka
async def test_what_a_handler_fails_at_comes_again_and_holds_its_customer_up(
    kafka_rig: ShippedRig,
) -> None:
    await put(kafka_rig, asked(1), asked(2), asked(3, customer="c2"))
    consumer = CommandConsumer("email", group="mailer", settings=kafka_rig.settings, at_once=4)
    handed = []

    async def fail(command: Command) -> None:
        handed.append(command.command_id)
        if command.command_id == "k1":
            await asyncio.sleep(1)
            raise ConnectionError("the mail server is down")

    with pytest.raises(ConnectionError, match="mail server"):
        async with asyncio.timeout(PATIENCE_S):
            await consumer.run(fail)
    assert sorted(handed) == ["k1", "k3"]
    assert await Sender(kafka_rig.settings, count=2).run() == ["k1", "k2"]


@pytest.mark.kafka
async def test_a_consumer_that_joins_leaves_nothing_out_and_keeps_the_order(
    kafka_rig: ShippedRig,
) -> None:
    handed: dict[str, list[int]] = {}
    senders = [
        CommandConsumer("email", group="mailer", settings=kafka_rig.settings, at_once=4)
        for _ in range(2)
    ]

    async def take(command: Command) -> None:
        await asyncio.sleep(0.02)
        handed.setdefault(command.customer_id or "", []).append(int(command.command_id[1:]))
        if sum(map(len, handed.values())) == len(commands):
            for sender in senders:
                sender.stop()

    commands = [asked(number, customer=f"c{number % 20}") for number in range(600)]
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
        tasks.create_task(senders[0].run(take))
        await senders[0].ready()
        await put(kafka_rig, *commands[:300])
        tasks.create_task(senders[1].run(take))
        await put(kafka_rig, *commands[300:])
    assert handed == {f"c{each}": list(range(each, 600, 20)) for each in range(20)}


@pytest.mark.embedded
async def test_what_a_handler_raises_after_stop_is_raised_as_well(
    new_rig: Callable[..., ShippedRig],
) -> None:
    rig = new_rig("embedded_broker", clock="wall")
    await rig.create()
    await put(rig, asked(1))
    consumer = CommandConsumer("email", group="mailer", settings=rig.settings)

    async def fail(command: Command) -> None:
        consumer.stop()
        await asyncio.sleep(1)
        raise ConnectionError(command.command_id)

    with pytest.raises(ConnectionError, match="k1"):
        await consumer.run(fail)


@pytest.mark.embedded
async def test_a_plain_function_fails_runs_again_beside_others_and_stops(
    new_rig: Callable[..., ShippedRig],
) -> None:
    rig, at_once = new_rig("embedded_broker", clock="wall"), 8
    await rig.create()
    await put(rig, *(asked(number, customer=f"c{number}") for number in range(at_once)))
    consumer = BlockingCommandConsumer(
        "email", group="mailer", settings=rig.settings, at_once=at_once
    )
    taken: list[str] = []
    all_there = threading.Barrier(at_once, timeout=30)

    def fail(command: Command) -> None:
        all_there.wait()
        raise ConnectionError(command.command_id)

    def take(command: Command) -> None:
        taken.append(command.command_id)
        all_there.wait()
        consumer.stop()

    with pytest.raises(ConnectionError):
        await asyncio.to_thread(consumer.run, fail)
    await asyncio.to_thread(consumer.run, take)
    assert sorted(taken) == [f"k{number}" for number in range(at_once)]
    assert consumer.counts["handed"] == 2 * at_once
    consumer.stop()
    await asyncio.to_thread(consumer.run, fail)


@pytest.mark.embedded
async def test_a_plain_function_that_raises_stop_iteration_ends_the_run(
    new_rig: Callable[..., ShippedRig],
) -> None:
    rig = new_rig("embedded_broker", clock="wall")
    await rig.create()
    await put(rig, asked(1))
    consumer = BlockingCommandConsumer("email", group="mailer", settings=rig.settings)

    def find(command: Command) -> None:
        next(each for each in ["k2"] if each == command.command_id)

    def run() -> None:
        with pytest.raises(RuntimeError, match="the handler raised StopIteration"):
            consumer.run(find)
        ended.set()

    ended = threading.Event()
    threading.Thread(target=run, daemon=True).start()
    assert await asyncio.to_thread(ended.wait, PATIENCE_S / 5)


async def test_an_event_that_its_schema_does_not_know_is_not_sent(
    shipped_rig: ShippedRig,
) -> None:
    with BlockingEventPublisher("shop", channel="web", settings=shipped_rig.settings) as events:
        with pytest.raises(EventError, match="no event type is called 'PaymentFaild'"):
            events.publish("PaymentFaild", customer_id="c1")
        with pytest.raises(EventError, match="has no field amout"):
            events.publish("PaymentFailed", customer_id="c1", amout=3.0)
        with pytest.raises(EventError, match="give a customer_id"):
            events.publish("PaymentFailed", amount=3.0)
        lies = events.publish("PaymentFailed", customer_id="c1", amount=3.0)
    assert lies.partition == partition_of(b"c1", shipped_rig.topics.partitions)


@pytest.mark.embedded
async def test_a_publisher_that_closes_leaves_no_thread_waiting(
    new_rig: Callable[..., ShippedRig],
) -> None:
    rig = new_rig("embedded_broker", clock="wall")
    await rig.create()

    def publish(events: BlockingEventPublisher, over: threading.Event) -> None:
        while not over.is_set():
            with suppress(ClientError, KafkaError):
                events.publish("PaymentFailed", customer_id="c1", amount=3.0)

    for _ in range(12):
        over = threading.Event()
        with BlockingEventPublisher("shop", channel="web", settings=rig.settings) as events:
            args = (events, over)
            threads = [threading.Thread(target=publish, args=args, daemon=True) for _ in range(4)]
            for thread in threads:
                thread.start()
            await asyncio.sleep(0.05)
        over.set()
        for thread in threads:
            thread.join(5)
        assert not any(thread.is_alive() for thread in threads)


async def test_a_channel_without_a_topic_is_said(shipped_rig: ShippedRig) -> None:
    with pytest.raises(TopicsError, match=r"commands\.fax\.v1"):
        await CommandConsumer("fax", group="fax", settings=shipped_rig.settings).run(_nothing)


async def _nothing(command: Command) -> None:
    raise AssertionError(command)


@pytest.mark.embedded
@pytest.mark.parametrize("channel", ["email", "push"])
async def test_a_sender_that_is_terminated_has_acknowledged_what_it_sent(
    new_rig: Callable[..., ShippedRig], tmp_path: Path, channel: str
) -> None:
    rig = new_rig("embedded_broker", clock="wall")
    await rig.create()
    await put(rig, *(asked(number, customer=f"c{number}") for number in range(20)), channel=channel)
    with Example(rig, tmp_path, f"{channel}_sender") as sender:
        await asyncio.to_thread(sender.await_said, "mail-", 20)
        sender.terminate()
        assert sender.end() == 0, sender.said
    assert sum(at.offset for at in await committed(rig, f"sender-{channel}", channel)) == 20


@pytest.mark.kafka
async def test_the_examples_make_a_channel_work(kafka_rig: ShippedRig, tmp_path: Path) -> None:
    """A call is led, a push bounces, and the journey goes on by e-mail."""
    rig = kafka_rig
    with rig.start() as worker, Example(rig, tmp_path, "push_sender", "c1"):
        await worker.ready()
        async with EventPublisher("shop", channel="web", settings=rig.settings) as events:
            at = datetime.now(UTC) - timedelta(minutes=2)
            await events.publish("PushTokenAdded", customer_id="c1", occurred_at=at)
            await events.publish("EmailVerified", customer_id="c1", occurred_at=at)
            await events.publish("PaymentFailed", customer_id="c1", amount=9.5, occurred_at=at)
            await events.publish("WebTaskFailed", customer_id="c2", intent="change-card")
        with Example(rig, tmp_path, "call_centre", "c2", "call-7") as call:
            assert call.end() == 0, call.said
        assert "call-7 goes to: agent" in call.said
        sent = await rig.sent_once(lambda sent: len(sent.commands) == 3)
        assert worker.stop() == 0
    mine = {(c["attempt"], c["channel"]) for c in sent.commands if c["customer_id"] == "c1"}
    assert mine == {(0, "push"), (1, "email")}  # two topics: which is read first is chance
