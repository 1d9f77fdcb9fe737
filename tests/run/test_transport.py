"""A poll and a seek of our consumer, on a client that answers when the test says so; a fetch."""

import asyncio
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import pytest
from aiokafka.codec import gzip_encode, lz4_encode, snappy_encode, zstd_encode
from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import READ_COMMITTED, FetchResult
from aiokafka.consumer.subscription_state import Assignment
from aiokafka.errors import CorruptRecordException, NoOffsetForPartitionError, OffsetOutOfRangeError
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import TopicPartition
from faust.types import TP

from journey_engine.decode.record import Record
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


NAMED = (("a", b"1"), ("a", None))
ABORT = b"\0\0\0\0"
BROKEN, KEPT = 7, 8
"""Producers of which one's transaction was aborted."""


def batch(first: int, *keys: bytes | None, producer: int = -1, control: bool = False) -> bytes:
    """What a broker keeps of a producer's batch; of a transaction where the producer has an id."""
    builder = DefaultRecordBatchBuilder(2, 0, int(producer >= 0), producer, 0, 0, 1 << 16)
    for number, key in enumerate(keys):
        headers = list(NAMED) if number % 2 else []
        value = b"v" * number if number else None
        assert builder.append(number, 1_000 + first + number, key, value, headers) is not None
    data = bytearray(builder.build())
    struct.pack_into(">q", data, 0, first)
    data[22] |= 0x20 * control
    struct.pack_into(">I", data, 17, calc_crc32c(bytes(data[21:])))
    return bytes(data)


HEADER = 61
"""Bytes of a batch before its records."""
PACKED: dict[int, Callable[[bytes], bytes]] = {
    0: bytes,
    1: gzip_encode,
    2: snappy_encode,
    3: lz4_encode,
    4: zstd_encode,
}
"""What compresses, by the number in a batch's attributes."""

FETCHED = b"".join(
    (
        batch(0, b"before", b"from here on", None),
        batch(3, b"in", b"no", producer=BROKEN),
        batch(5, b"c1", b"c2", b"c3", producer=KEPT),
        batch(8, ABORT, producer=BROKEN, control=True),
        batch(12, b"after a gap", producer=BROKEN),
    )
)


async def drained(data: bytes, most: int | None) -> list[tuple[list[Record], int]]:
    """What each call hands over, and where the next fetch goes on."""
    tp = TopicPartition("interactions.web.v1", 3)
    assignment = Assignment([tp])
    state = assignment.state_value(tp)
    state.seek(1)
    aborted, crcs = [(BROKEN, 3)], True
    records = fetcher.PartitionRecords(
        tp, fetcher.MemoryRecords(data), aborted, 1, None, None, crcs, READ_COMMITTED
    )
    result = FetchResult(tp, partition_records=records, assignment=assignment, backoff=0)
    parts = []
    while result.has_more():
        parts.append((result.getall(most), state.position))
    return parts


async def test_a_fetch_brings_records_as_they_lay_and_of_transactions_what_was_committed() -> None:
    [(records, position)] = await drained(FETCHED, None)
    assert [(each.offset, each.key) for each in records] == [
        (1, b"from here on"),
        (2, None),
        (5, b"c1"),
        (6, b"c2"),
        (7, b"c3"),
        (12, b"after a gap"),
    ]
    assert records[0] == ("interactions.web.v1", 3, 1, 1_001, b"from here on", b"v", NAMED)
    assert {type(each) for each in records} == {Record}
    assert records[2].value is None
    assert not records[2].headers
    assert position == 13


async def test_what_is_handed_over_in_parts_is_the_same_and_each_part_moves_the_position() -> None:
    [(whole, position)] = await drained(FETCHED, None)
    parts = await drained(FETCHED, 2)
    assert [each for records, _ in parts for each in records] == whole
    assert [at for _, at in parts] == [3, 7, position, position]


@pytest.mark.parametrize("codec", PACKED)
@pytest.mark.parametrize(("name", "read"), [(b"ab", "ab"), (b"\xff\xfe", "\ufffd\ufffd")])
@pytest.mark.parametrize("most", [None, 1, 2])
async def test_neither_a_codec_nor_a_header_name_that_is_no_text_stops_a_partition(
    codec: int, name: bytes, read: str, most: int | None
) -> None:
    data = FETCHED + packed(20, codec, name, b"c4", b"c5", b"c6") + batch(23, b"c7", b"c8")
    parts = await drained(data, most)
    records = [each for records, _ in parts for each in records][6:]

    keys = [(20, b"c4"), (21, b"c5"), (22, b"c6"), (23, b"c7"), (24, b"c8")]
    assert [(each.offset, each.key) for each in records] == keys
    assert [dict(each.headers) for each in records[:3]] == [{}, {read: b"x"}, {}]
    assert records[1].value == b"v"
    assert parts[-1][1] == 25


def packed(first: int, codec: int, name: bytes, *keys: bytes) -> bytes:
    """A batch, compressed, of which each second record has a header of that name."""
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, 0, 0, 1 << 16)
    for number, key in enumerate(keys):
        headers = [("ab", b"x")] if number % 2 else []
        assert builder.append(number, first, key, b"v" * number, headers) is not None
    data = bytearray(builder.build())
    data[HEADER:] = PACKED[codec](bytes(data[HEADER:]).replace(b"ab", name))
    data[22] |= codec
    struct.pack_into(">qi", data, 0, first, len(data) - 12)
    struct.pack_into(">I", data, 17, calc_crc32c(bytes(data[21:])))
    return bytes(data)


async def test_damaged_records_are_refused() -> None:
    damaged = bytearray(FETCHED)
    damaged[-1] ^= 1
    with pytest.raises(CorruptRecordException):
        await drained(bytes(damaged), None)
