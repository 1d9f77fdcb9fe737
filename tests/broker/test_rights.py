"""The users that ship (`deploy/kubernetes/strimzi/users.yaml`) on a Kafka that asks for rights."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)
from aiokafka.structs import TopicPartition

from journey_engine.client import Command, CommandConsumer, EventPublisher
from journey_engine.decide.state import Standing
from journey_engine.encode.position import POSITION_KEY
from journey_engine.encode.state import decode_state
from journey_engine.run.doctor.access import needed
from journey_engine.run.doctor.asking import Operation, describe
from journey_engine.run.naming import names
from journey_engine.run.published import TOPIC as DEFINITIONS
from journey_engine.run.publishing import topic_of
from journey_engine.run.settings import Settings, load
from journey_engine.run.tailing import tail
from journey_engine.run.topics import TopicsError, connected, create_topic, create_topics
from tests.broker.rig import PATIENCE_S
from tests.broker.rights import allow, shipped
from tests.broker.shipped import ShippedRig
from tests.guarded import USER, GuardedKafka

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

APP = "journey-engine"
LOOK = frozenset((Operation.DESCRIBE,))
READ = frozenset((Operation.READ, Operation.DESCRIBE))
WRITE = frozenset((Operation.WRITE, Operation.DESCRIBE))
"""Who may read or write a topic may see it, too."""


class Company(ShippedRig):
    """The shipped app under the very names that its users' rights are of."""

    def __init__(self, broker: GuardedKafka, data: Path) -> None:
        super().__init__(broker.address, APP, data, clock="wall")
        self.broker = broker
        self.settings = self.as_user(USER)
        self.names = names(self.topics)

    def as_user(self, name: str) -> Settings:
        """The settings of who comes in by this name."""
        return load(
            brokers=self.broker.address,
            app_id=APP,
            clock="wall",
            data_dir=self.log_file.parent,
            **self.broker.login(name),  # type: ignore[arg-type]  # all of them are words
        )

    def user(self, name: str) -> Settings:
        return self.as_user(f"{APP}-{name}")

    @property
    def worker(self) -> Mapping[str, str]:
        """The environment of a worker, which writes exactly once."""
        login = {**self.broker.access(), "JOURNEY_SASL_USERNAME": f"{APP}-worker"}
        return {**login, "JOURNEY_GUARANTEE": "exactly_once"}

    async def allowed(self, name: str) -> Mapping[str, frozenset[Operation]]:
        """By topic what the broker lets a user do; without those that the user may not see."""
        async with connected(self.user(name)) as admin:
            told = await describe(admin, (*self.names.all, DEFINITIONS))
        return {topic: each.may for topic, each in told.items() if each.may}

    async def has_learnt(self, command_id: str) -> None:
        """Return once a customer's state says that the command was delivered."""
        async with asyncio.timeout(PATIENCE_S):
            async for record in tail(
                self.settings, [self.names.changelog], self.topics.partitions, follow=True
            ):
                if record.value is None or record.key == POSITION_KEY:
                    continue
                sent = [one for each in decode_state(record.value).instances for one in each.sent]
                if (command_id, Standing.TAKEN) in {(one.command_id, one.standing) for one in sent}:
                    return


@pytest.fixture
async def company(guarded_kafka: GuardedKafka, tmp_path: Path) -> Company:
    company = Company(guarded_kafka, tmp_path)
    await create_topics(company.settings, company.topics)
    await create_topic(company.settings, topic_of(company.topics))
    await allow(company.settings, *(rule for rules in shipped().values() for rule in rules))
    return company


async def writes(settings: Settings, topic: str) -> None:
    producer = AIOKafkaProducer(**settings.clients())
    try:
        await producer.start()
        await producer.send_and_wait(topic, b"not to be", partition=0)
    finally:
        await producer.stop()


async def reads(settings: Settings, topic: str) -> None:
    consumer = AIOKafkaConsumer(topic, **settings.clients(), auto_offset_reset="earliest")
    try:
        await consumer.start()
        await consumer.getone()
    finally:
        await consumer.stop()


async def sees_group(settings: Settings, group: str) -> None:
    consumer = AIOKafkaConsumer(**settings.clients(), group_id=group)
    try:
        await consumer.start()
        await consumer.committed(TopicPartition("interactions.web.v1", 0))
    finally:
        await consumer.stop()


async def transacts(settings: Settings, transactional_id: str) -> None:
    producer = AIOKafkaProducer(**settings.clients(), transactional_id=transactional_id)
    try:
        await producer.start()
    finally:
        await producer.stop()


REFUSED = (
    TopicAuthorizationFailedError,
    GroupAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)
Deed = Callable[[Settings, str], Awaitable[None]]
FORBIDDEN: Sequence[tuple[str, Deed, str]] = (
    ("publisher-web", writes, "interactions.app.v1"),
    ("publisher-web", reads, "interactions.web.v1"),
    ("publisher-web", writes, "commands.email.v1"),
    ("publisher-web", reads, "commands.email.v1"),
    ("publisher-web", sees_group, APP),
    ("publisher-web", transacts, f"{APP}-0"),
    ("sender-email", writes, "commands.email.v1"),
    ("sender-email", reads, "commands.push.v1"),
    ("sender-email", writes, "interactions.push.v1"),
    ("sender-email", reads, "interactions.email.v1"),
    ("sender-email", reads, "journey-engine-customers-changelog"),
    ("sender-email", sees_group, APP),
    ("worker", writes, "interactions.web.v1"),
    ("worker", reads, "commands.email.v1"),
    ("worker", writes, DEFINITIONS),
    ("worker", sees_group, "sender-email"),
    ("worker", transacts, f"shadow-{APP}-0"),
    ("keda", reads, "interactions.web.v1"),
    ("reports", writes, "journey.decisions.v1"),
    ("shadow", writes, "commands.email.v1"),
    ("mirror-source", writes, "interactions.web.v1"),
    ("mirror-target", transacts, f"{APP}-0"),
)


async def test_an_event_becomes_a_command_that_is_carried_out_and_answered(
    company: Company,
) -> None:
    """Each comes in as the user whose part it plays."""
    who = f"c-{uuid4()}"
    at = datetime.now(UTC) - timedelta(minutes=2)
    with company.start(**company.worker) as worker:
        await worker.ready()
        shop = EventPublisher("shop", channel="web", settings=company.user("publisher-web"))
        async with shop:
            for kind in ("PushTokenAdded", "PaymentFailed"):
                await shop.publish(kind, customer_id=who, occurred_at=at)
        command = await carried_out(company.user("sender-push"))
        await company.has_learnt(command.command_id)
        assert worker.stop() == 0
    assert command.customer_id == who
    outputs = list(company.names.outputs.values())
    reports = tail(company.user("reports"), outputs, company.topics.partitions)
    assert {record.topic async for record in reports if record.key == who.encode()} == {
        "journey.transitions.v1",
        "journey.decisions.v1",
    }


async def carried_out(settings: Settings) -> Command:
    """The command that the sender of pushes is handed, once it has answered it."""
    handed: list[Command] = []
    consumer = CommandConsumer("push", group="sender-push", settings=settings)
    async with EventPublisher("pusher", channel="push", settings=settings) as events:

        async def send(command: Command) -> None:
            await events.answer(command, "MessageDelivered")
            handed.append(command)
            consumer.stop()

        async with asyncio.timeout(PATIENCE_S):
            await consumer.run(send)
    return handed[0]


async def test_who_does_what_is_no_part_of_theirs_is_refused(company: Company) -> None:
    done = []
    for user, deed, place in FORBIDDEN:
        try:
            with suppress(TimeoutError):  # let in, and nothing is there to be read
                async with asyncio.timeout(PATIENCE_S):
                    await deed(company.user(user), place)
        except REFUSED:
            continue
        done.append((user, deed.__name__, place))
    assert done == []
    new = replace(company.topics.inputs["web"], name=f"{APP}-more")
    for user in ("worker", "publisher-web", "sender-email", "operator"):
        with pytest.raises(TopicsError, match="Authorization"):
            await create_topic(company.user(user), new)


async def test_the_broker_allows_what_is_needed_on_each_topic_and_no_more(
    company: Company,
) -> None:
    web, email, commands = (
        f"{each}.v1" for each in ("interactions.web", "interactions.email", "commands.email")
    )
    assert await company.allowed("publisher-web") == {web: WRITE}
    assert await company.allowed("sender-email") == {commands: READ, email: WRITE}
    watched = (*company.names.inputs, company.names.inbox)
    assert await company.allowed("keda") == dict.fromkeys(watched, LOOK)
    await sees_group(company.user("keda"), APP)
    assert await company.allowed("worker") == {**needed(company.names), DEFINITIONS: READ}
