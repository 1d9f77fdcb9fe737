"""A poll and a seek of our consumer, on a client that answers when the test says so."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import pytest
from aiokafka.errors import NoOffsetForPartitionError, OffsetOutOfRangeError
from faust.types import TP

from journey_engine.define.topics import parse_topics
from journey_engine.run.definitions import Definitions
from journey_engine.run.lifecycle import build
from journey_engine.run.settings import Guarantee, load
from journey_engine.run.transport import BatchConsumer, BatchThread
from tests.run.shop import SCHEMAS, plan

WEB = TP("web", 0)
TOPICS = "partitions: 1\ninputs: {web: {}}\ncommands: {email: {}}"


class Client(BatchThread):
    """In place of aiokafka: notes what it is asked, answers a poll once `answer` is set."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.said: list[str] = []
        self.answer = asyncio.Event()
        self.refusals: list[Exception] = []

    async def getmany(self, active_partitions: Any, *_: Any) -> Any:
        self.said.append("poll")
        if self.refusals:
            raise self.refusals.pop()
        await self.answer.wait()
        self.said.append("answer")
        return {tp: ["record"] for tp in active_partitions}

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        self.said.append(f"seek {dict(partitions)[WEB]}")


class Consumer(BatchConsumer):
    def _new_consumer_thread(self) -> Client:
        return Client(self, loop=self.loop, thread_loop=self.loop, beacon=self.beacon)

    def assignment(self) -> set[TP]:
        return {WEB}

    @property
    def client(self) -> Client:
        assert isinstance(self.thread, Client)
        return self.thread


@pytest.fixture
async def consumer(tmp_path: Path) -> Consumer:
    definitions = Definitions(plan(), SCHEMAS, parse_topics("topics.yaml", TOPICS, "shop"))
    settings = load(data_dir=tmp_path, store="volatile")
    app = build(settings, definitions, Guarantee.AT_LEAST_ONCE)
    nothing = AsyncMock()
    made = Consumer(app.transport, nothing, nothing, nothing, loop=asyncio.get_running_loop())
    made.resume_partitions({WEB})
    made.resume_flow()
    return made


async def test_a_seek_waits_for_the_poll_under_way_and_the_next_poll_for_the_seek(
    consumer: Consumer,
) -> None:
    client = consumer.client
    first = asyncio.create_task(consumer.poll(1.0))
    await asyncio.sleep(0)
    seek = asyncio.create_task(consumer.seek_between_polls({WEB: 7}))
    second = asyncio.create_task(consumer.poll(1.0))
    for _ in range(5):
        await asyncio.sleep(0)
    assert client.said == ["poll"]
    client.answer.set()
    assert await first == {WEB: ["record"]}
    await asyncio.gather(seek, second)
    assert client.said == ["poll", "answer", "seek 7", "poll", "answer"]


async def test_what_a_poll_brings_after_its_assignment_is_gone_is_dropped(
    consumer: Consumer,
) -> None:
    polling = asyncio.create_task(consumer.poll(1.0))
    await asyncio.sleep(0)
    consumer.app.consumer_generation_id += 1
    consumer.client.answer.set()
    assert await polling == {}


async def test_a_partition_whose_position_is_not_set_yet_stops_nothing(consumer: Consumer) -> None:
    consumer.client.refusals = [NoOffsetForPartitionError(WEB)]
    consumer.client.answer.set()
    assert await consumer.poll(1.0) == {}
    assert await consumer.poll(1.0) == {WEB: ["record"]}
    consumer.client.refusals = [OffsetOutOfRangeError({WEB: 7})]
    with pytest.raises(OffsetOutOfRangeError):
        await consumer.poll(1.0)
