"""Reading a partition's changelog and ledger back, in bulk, at its takeover (D7).

A plain consumer reads each partition from where its store stands to the high watermark that the
fetches show; the broker is not asked for an end offset, which the embedded one tells wrongly.
"""

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from journey_engine.run.settings import Settings

LEDGER_TAIL = 16
"""Ledger records looked at from the end: a flush leaves one for each time it was tried."""
_POLL_MS = 200
_FETCH_BYTES = 8 * 1024 * 1024


class Progress(NamedTuple):
    """How far a restore is: records still to be read by partition."""

    remaining: Mapping[int, int]


Sink = Callable[[int, Sequence[Any]], None]
"""Takes a partition's next records, in order."""


async def read_to_end(
    settings: Settings,
    topic: str,
    starts: Mapping[int, int],
    sink: Sink,
    progress: Callable[[Progress], None] | None = None,
) -> None:
    """Hand `sink` each partition's records from its start to the high watermark.

    Raises:
        KafkaError: the broker cannot be read.
        TimeoutError: it shows no end within the request time-out.
    """
    async with _reader(settings) as consumer:
        await _begin(consumer, topic, starts)
        async for partition, records, remaining in _until_end(consumer, settings):
            sink(partition, records)
            if progress is not None:
                progress(Progress(remaining))


async def read_tail(settings: Settings, topic: str, partitions: Sequence[int], sink: Sink) -> None:
    """Hand `sink` the last `LEDGER_TAIL` records of each partition.

    Raises:
        KafkaError: the broker cannot be read.
        TimeoutError: it shows no end within the request time-out.
    """
    async with _reader(settings) as consumer:
        await _begin(consumer, topic, dict.fromkeys(partitions, 0))
        ends = await _highwaters(consumer, settings)
        for tp, end in ends.items():
            consumer.seek(tp, max(0, end - LEDGER_TAIL))
        async for partition, records, _ in _until_end(consumer, settings):
            sink(partition, records)


@asynccontextmanager
async def _reader(settings: Settings) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        **settings.clients(),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        max_partition_fetch_bytes=_FETCH_BYTES,
        fetch_max_wait_ms=settings.fetch_max_wait_ms,
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await consumer.stop()


async def _begin(consumer: AIOKafkaConsumer, topic: str, starts: Mapping[int, int]) -> None:
    partitions = {TopicPartition(topic, p): offset for p, offset in starts.items()}
    consumer.assign(list(partitions))
    for tp, offset in partitions.items():
        if offset > 0:
            consumer.seek(tp, offset)
        else:
            await consumer.seek_to_beginning(tp)


async def _highwaters(
    consumer: AIOKafkaConsumer, settings: Settings
) -> Mapping[TopicPartition, int]:
    """The high watermark of each assigned partition, from the first answers to a fetch."""
    deadline = time.monotonic() + settings.request_timeout_s
    while True:
        ends = {tp: consumer.highwater(tp) for tp in consumer.assignment()}
        if None not in ends.values():
            return ends
        if time.monotonic() > deadline:
            raise TimeoutError(f"no end shown of {sorted(t for t, e in ends.items() if e is None)}")
        await consumer.getmany(timeout_ms=_POLL_MS, max_records=1)


async def _until_end(
    consumer: AIOKafkaConsumer, settings: Settings
) -> AsyncIterator[tuple[int, Sequence[Any], Mapping[int, int]]]:
    """Yield records by partition until each position is at the high watermark."""
    deadline = time.monotonic() + settings.request_timeout_s
    remaining: dict[int, int] = {tp.partition: -1 for tp in consumer.assignment()}
    while any(remaining.values()):
        polled = await consumer.getmany(timeout_ms=_POLL_MS)
        if polled:
            deadline = time.monotonic() + settings.request_timeout_s
        elif time.monotonic() > deadline:
            raise TimeoutError(
                f"no records of partitions {sorted(p for p, n in remaining.items() if n)}"
            )
        for tp in consumer.assignment():
            end = consumer.highwater(tp)
            if end is not None:
                remaining[tp.partition] = max(0, end - await consumer.position(tp))
        for tp, records in polled.items():
            yield tp.partition, records, remaining
