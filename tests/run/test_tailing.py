"""Reading topics outside any group."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaTimeoutError

from journey_engine.define.topics import Topics
from journey_engine.run.brokers import EmbeddedBroker
from journey_engine.run.definitions import load_topics
from journey_engine.run.naming import names_of
from journey_engine.run.producing import UnresolvedError
from journey_engine.run.restore import KafkaChangelogs
from journey_engine.run.settings import Settings, load
from journey_engine.run.tailing import tail
from journey_engine.run.topics import create_topics

LARGE = bytes(700_000)
"""Four of them are more than one fetch brings."""


async def _fill(settings: Settings, topics: Topics, topic: str, records: int) -> None:
    await create_topics(settings, topics)
    producer = AIOKafkaProducer(bootstrap_servers=",".join(settings.brokers))
    await producer.start()
    for _ in range(records):
        await producer.send_and_wait(topic, LARGE, partition=0)
    await producer.stop()


@contextmanager
def _frozen(broker: EmbeddedBroker) -> Iterator[Callable[[], None]]:
    """What freezes it, until the end of the context."""
    assert broker.pid is not None
    yield partial(os.kill, broker.pid, signal.SIGSTOP)
    os.kill(broker.pid, signal.SIGCONT)


@pytest.mark.embedded
async def test_a_broker_that_answers_no_more_ends_a_look() -> None:
    with EmbeddedBroker() as broker:
        settings = load(brokers=broker.address, request_timeout_s=2.0, session_timeout_s=2.0)
        topics = load_topics(Path("topologies"), settings.app_id)
        (first, *_) = names = sorted(names_of(topics, settings).inputs)
        await _fill(settings, topics, first, 4)
        assert [each.offset async for each in tail(settings, names, 4)] == [0, 1, 2, 3]
        looking = tail(settings, names, 4)
        assert (await anext(looking)).offset == 0
        with _frozen(broker) as freeze:
            freeze()
            async with asyncio.timeout(30):
                with pytest.raises(KafkaTimeoutError, match=rf"nothing came of {first} 0"):
                    assert len([each async for each in looking]) < 3


@pytest.mark.embedded
async def test_a_broker_that_answers_no_more_ends_a_restore() -> None:
    with EmbeddedBroker() as broker:
        settings = load(brokers=broker.address, request_timeout_s=2.0, session_timeout_s=2.0)
        topics = load_topics(Path("topologies"), settings.app_id)
        names = names_of(topics, settings)
        await _fill(settings, topics, names.changelog, 30)  # more than two fetches bring
        with _frozen(broker) as freeze:
            async with asyncio.timeout(30):
                with pytest.raises(UnresolvedError, match="no records of partitions"):
                    await KafkaChangelogs(settings, names).restore(
                        dict.fromkeys(range(4), 0), lambda *_: freeze(), lambda _: None
                    )
