"""Reading topics from their beginning, outside any group."""

import asyncio
import os
import signal
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaTimeoutError

from journey_engine.run.brokers import EmbeddedBroker
from journey_engine.run.definitions import load_topics
from journey_engine.run.naming import names_of
from journey_engine.run.settings import load
from journey_engine.run.tailing import tail
from journey_engine.run.topics import create_topics

LARGE = bytes(700_000)
"""Four of them are more than one fetch brings."""


@pytest.mark.embedded
async def test_a_broker_that_answers_no_more_ends_a_look() -> None:
    with EmbeddedBroker() as broker:
        settings = load(brokers=broker.address, request_timeout_s=2.0, session_timeout_s=2.0)
        topics = load_topics(Path("topologies"), settings.app_id)
        (first, *_) = names = sorted(names_of(topics, settings).inputs)
        await create_topics(settings, topics)
        producer = AIOKafkaProducer(bootstrap_servers=broker.address)
        await producer.start()
        for _ in range(4):
            await producer.send_and_wait(first, LARGE, partition=0)
        await producer.stop()
        assert [each.offset async for each in tail(settings, names, 4)] == [0, 1, 2, 3]
        looking = tail(settings, names, 4)
        assert (await anext(looking)).offset == 0
        assert broker.pid is not None
        os.kill(broker.pid, signal.SIGSTOP)
        try:
            async with asyncio.timeout(30):
                with pytest.raises(KafkaTimeoutError, match=rf"nothing came of {first} 0"):
                    assert len([each async for each in looking]) < 3
        finally:
            os.kill(broker.pid, signal.SIGCONT)
