"""The mirror that ships, between two Kafkas that let in only who they know."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from journey_engine.define.topics import APP_DEFAULT, Topics
from journey_engine.run.definitions import load_topics
from journey_engine.run.publishing import topic_of
from journey_engine.run.settings import Settings, load
from journey_engine.run.tailing import tail
from journey_engine.run.topics import check_topics, connected, create_topic, create_topics
from tests.broker.rig import ROOT
from tests.broker.rights import allow, shipped
from tests.guarded import PASSWORD, USER, GuardedKafka
from tests.rehearsal.mirror import Mirror

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]
WITHIN_S = 120
"""A mirror takes half a minute to start."""
VALUE = b"copied"


def as_user(broker: GuardedKafka, name: str) -> Settings:
    return load(brokers=broker.address, **broker.login(name))  # type: ignore[arg-type]  # all words


def ways_in(primary: GuardedKafka, secondary: GuardedKafka) -> Mapping[str, str]:
    return {
        f"{side}_{what}": told
        for side, broker in (("PRIMARY", primary), ("SECONDARY", secondary))
        for what, told in (
            ("SECURITY_PROTOCOL", "SASL_SSL"),
            ("PASSWORD", PASSWORD),
            ("CA_FILE", str(broker.certificates.ca)),
        )
    }


async def write(settings: Settings, topic: str) -> None:
    producer = AIOKafkaProducer(**settings.clients())
    await producer.start()
    try:
        await producer.send_and_wait(topic, VALUE, partition=0)
    finally:
        await producer.stop()


async def copied(settings: Settings, topics: Topics, topic: str) -> None:
    """Return once all topics are there, and the record."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            async with connected(settings) as admin:
                present = set(await admin.list_topics())
            if present >= topics.all.keys():
                break
            await asyncio.sleep(0.5)
        async for record in tail(settings, [topic], topics.partitions, follow=True):
            if record.value == VALUE:
                return


async def test_it_copies_with_the_rights_of_its_users_alone(tmp_path: Path) -> None:
    topics, log = load_topics(ROOT / "topologies", APP_DEFAULT), tmp_path / "mirror.log"
    rules = [rule for rules in shipped().values() for rule in rules]
    web = topics.inputs["web"].name
    with (
        GuardedKafka(tmp_path / "primary", users=shipped()) as primary,
        GuardedKafka(tmp_path / "secondary", users=shipped()) as secondary,
    ):
        here, there = as_user(primary, USER), as_user(secondary, USER)
        await create_topics(here, topics)
        await create_topic(here, topic_of(topics))
        await asyncio.gather(allow(here, *rules), allow(there, *rules))
        await write(as_user(primary, f"{APP_DEFAULT}-publisher-web"), web)
        access = ways_in(primary, secondary)
        with Mirror(primary.address, secondary.address, log, access):
            await copied(there, topics, web)
            await check_topics(there, topics)
    assert "AuthorizationException" not in log.read_text()
