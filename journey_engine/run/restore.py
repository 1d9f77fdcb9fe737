"""Reading changelog and ledger back from Kafka, in bulk (D7): `Changelogs` of `producing`.

A plain consumer, `read_committed`, reads each partition from where its store stands to the end
that the fetches show: the last stable offset, or the high watermark of a broker without
transactions. The broker is not asked for an end offset, which the embedded one tells wrongly.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError, OffsetOutOfRangeError
from aiokafka.structs import TopicPartition

from journey_engine.encode.position import MOVING, POSITION_KEY, Position, decode_position
from journey_engine.run import consumers
from journey_engine.run.memory import restore_bytes
from journey_engine.run.naming import Names
from journey_engine.run.producing import ShowRemaining, Sink, UnresolvedError
from journey_engine.run.restoration import RestorationError
from journey_engine.run.settings import Settings

log = structlog.get_logger(__name__)

_POSITION_WITHIN = 32
"""Changelog records looked at from the end; so many times more where none is a position."""
LEDGER_TAIL = 16
"""Ledger records looked at from the end: a flush leaves one for each time it was tried."""
TOLD_EVERY_S = 3.0
"""Between two lines of the log that say how far a restore is."""
_POLL_MS = 200
_FOLLOWED_AT_ONCE = 500
"""Records of a copy applied in a row while this process works on other partitions."""
_FETCH_BYTES = 8 * 1024 * 1024
"""Of one partition at a time."""
_UNKNOWN = -1
"""In place of an end that no fetch has shown yet."""


class KafkaChangelogs:
    """The changelog and the ledger of one app; see `Changelogs`."""

    def __init__(self, settings: Settings, names: Names) -> None:
        self._settings = settings
        self._names = names

    async def restore(self, starts: Mapping[int, int], sink: Sink, progress: ShowRemaining) -> None:
        """As in `Changelogs`; says in the log how far it is.

        Raises:
            RestorationError: the changelog is not the one that a store was written behind.
            UnresolvedError: the broker cannot be read, or shows no end within the request time-out.
        """
        topic = self._names.changelog
        async with _told_as_unresolved(topic), _reader(self._settings) as consumer:
            await _begin(consumer, topic, starts)
            told = _Told(topic)
            try:
                async for partition, records, remaining in _until_end(consumer, self._settings):
                    sink(partition, records)
                    progress(remaining)
                    told.read(len(records), remaining)
            except OffsetOutOfRangeError as error:
                raise await _not_the_same(consumer, error) from error
            progress(dict.fromkeys(starts, 0))
            told.end()

    async def follow(self, starts: Mapping[int, int], sink: Sink, progress: ShowRemaining) -> None:
        """As in `Changelogs`.

        Raises:
            RestorationError: the changelog is not the one that a store was written behind.
            UnresolvedError: the broker cannot be read.
        """
        topic = self._names.changelog
        async with _told_as_unresolved(topic), _reader(self._settings) as consumer:
            await _begin(consumer, topic, starts)
            try:
                while True:
                    await _hand_on(consumer, sink, progress)
            except OffsetOutOfRangeError as error:
                raise await _not_the_same(consumer, error) from error

    async def ledger_tails(self, partitions: Sequence[int], sink: Sink) -> None:
        """As in `Changelogs`.

        Raises:
            UnresolvedError: the broker cannot be read, or shows no end within the request time-out.
        """
        topic = self._names.ledger
        async with _told_as_unresolved(topic), _reader(self._settings) as consumer:
            await _begin(consumer, topic, dict.fromkeys(partitions, 0))
            ends = await _highwaters(consumer, self._settings)
            begins = await consumer.beginning_offsets(list(ends))  # the ledger has a retention
            for tp, end in ends.items():
                consumer.seek(tp, max(begins[tp], end - LEDGER_TAIL))
            async for partition, records, _ in _until_end(consumer, self._settings):
                sink(partition, records)


async def unread(settings: Settings, topic: str, starts: Mapping[int, int]) -> int:
    """How many records lie in these partitions from these offsets on. Raises as `read_from`."""
    return sum([len(records) async for _, records in read_from(settings, topic, starts)])


async def read_from(
    settings: Settings, topic: str, starts: Mapping[int, int]
) -> AsyncGenerator[tuple[int, Sequence[Any]], None]:
    """Yield what lies in these partitions from these offsets on, by partition.

    Raises:
        OffsetOutOfRangeError: a partition ends before its offset.
        KafkaError: the broker cannot be read.
        TimeoutError: it shows no end within the request time-out.
    """
    async with _reader(settings) as consumer:
        first = await consumer.beginning_offsets([TopicPartition(topic, p) for p in starts])
        begins = {tp.partition: max(at, starts[tp.partition]) for tp, at in first.items()}
        await _begin(consumer, topic, begins)
        async for partition, records, _ in _until_end(consumer, settings):
            yield partition, records


async def ends_of(
    settings: Settings, topics: Collection[str], partitions: int
) -> Mapping[int, Mapping[str, int]]:
    """By partition and topic the offset after the last record, or transaction mark.

    Raises:
        KafkaError: the broker cannot be read.
        TimeoutError: it shows no end within the request time-out.
    """
    found: dict[int, dict[str, int]] = {number: {} for number in range(partitions)}
    async with _reader(settings) as consumer:
        places = [TopicPartition(topic, number) for topic in topics for number in found]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        for place, end in (await _highwaters(consumer, settings)).items():
            found[place.partition][place.topic] = end
    return found


async def open_transactions(
    settings: Settings, topics: Collection[str], partitions: int
) -> list[tuple[str, int]]:
    """The topics and partitions whose end nobody reads yet: a transaction is open there.

    Raises as `ends_of`.
    """
    async with _reader(settings) as consumer:
        places = [TopicPartition(topic, number) for topic in topics for number in range(partitions)]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        ends = await _highwaters(consumer, settings)
        return sorted((*tp,) for tp, end in ends.items() if (_end(consumer, tp) or 0) < end)


async def last_positions(settings: Settings, names: Names) -> Mapping[int, Position]:
    """By partition the last position that is committed; none of a partition without any.

    Raises:
        KafkaError: the broker cannot be read.
        TimeoutError: it shows no end within the request time-out.
    """
    found: dict[int, Position] = {}
    async with _reader(settings) as consumer:
        await _begin(consumer, names.changelog, dict.fromkeys(range(names.partitions), 0))
        ends = await _highwaters(consumer, settings)
        begins = await consumer.beginning_offsets(list(ends))
        back = _POSITION_WITHIN
        while lacking := {tp: end for tp, end in ends.items() if tp.partition not in found}:
            consumer.assign(list(lacking))
            for tp, end in lacking.items():
                consumer.seek(tp, max(begins[tp], end - back))
            async for partition, records, _ in _until_end(consumer, settings):
                for record in records:
                    if record.key == POSITION_KEY and record.value != MOVING:
                        found[partition] = decode_position(record.value)
            if all(end - back <= begins[tp] for tp, end in lacking.items()):
                break
            back *= _POSITION_WITHIN
    return found


@asynccontextmanager
async def _told_as_unresolved(topic: str) -> AsyncIterator[None]:
    try:
        yield
    except (KafkaError, TimeoutError) as error:
        raise UnresolvedError(f"{topic} cannot be read: {error!r}") from error


async def _hand_on(consumer: AIOKafkaConsumer, sink: Sink, progress: ShowRemaining) -> None:
    polled = await consumer.getmany(timeout_ms=_POLL_MS, max_records=_FOLLOWED_AT_ONCE)
    for tp, records in polled.items():
        sink(tp.partition, records)
    progress(await _remaining(consumer))
    await asyncio.sleep(0)  # records at hand are handed out without a pause


class _Told:
    """What the log says of a restore."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._begun = self._next = time.monotonic()
        self._next += TOLD_EVERY_S
        self._records = 0

    def read(self, records: int, remaining: Mapping[int, int]) -> None:
        self._records += records
        now = time.monotonic()
        if now >= self._next:
            self._next = now + TOLD_EVERY_S
            log.info(
                "restoring",
                topic=self._topic,
                remaining=sum(count for count in remaining.values() if count != _UNKNOWN),
                records_per_s=round(self._records / (now - self._begun)),
            )

    def end(self) -> None:
        seconds = round(time.monotonic() - self._begun, 3)
        log.info("restored", topic=self._topic, records=self._records, seconds=seconds)


async def _not_the_same(
    consumer: AIOKafkaConsumer, error: OffsetOutOfRangeError
) -> RestorationError:
    """What to do about a changelog that does not have the offset of a store."""
    tp, offset = next(iter(error.args[0].items()))
    first = (await consumer.beginning_offsets([tp]))[tp]
    place = f"{tp.topic}, partition {tp.partition}"
    if offset < first:
        return RestorationError(
            f"{place}, begins at offset {first}, and the store of this worker stands at {offset}: "
            "what lay between was deleted, though only compaction may. To go on with what the "
            "topic holds, delete the store's directory (data_dir)."
        )
    return RestorationError(
        f"{place}, ends before offset {offset}, where the store of this worker stands: the topic "
        "was deleted and made anew, or it lost its end. The store may be the only copy of the "
        "states left. To go on with what the topic holds, delete the store's directory (data_dir)."
    )


@asynccontextmanager
async def _reader(settings: Settings) -> AsyncIterator[AIOKafkaConsumer]:
    most = restore_bytes(settings.memory_mib)
    consumer = AIOKafkaConsumer(
        **settings.clients(),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
        fetch_max_bytes=most,
        max_partition_fetch_bytes=min(_FETCH_BYTES, most),
        fetch_max_wait_ms=settings.fetch_max_wait_ms,
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await consumers.stop(consumer)


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
    """Yield records by partition until each position is at the end."""
    deadline = time.monotonic() + settings.request_timeout_s
    remaining: dict[int, int] = {tp.partition: _UNKNOWN for tp in consumer.assignment()}
    while any(remaining.values()):
        polled = await consumer.getmany(timeout_ms=_POLL_MS)
        if polled:
            deadline = time.monotonic() + settings.request_timeout_s
        elif time.monotonic() > deadline:
            raise TimeoutError(
                f"no records of partitions {sorted(p for p, n in remaining.items() if n)}"
            )
        remaining |= await _remaining(consumer)
        for tp, records in polled.items():
            yield tp.partition, records, remaining


async def _remaining(consumer: AIOKafkaConsumer) -> Mapping[int, int]:
    """How far each partition is from its end, where a fetch has shown that."""
    ends = {tp: _end(consumer, tp) for tp in consumer.assignment()}
    return {
        tp.partition: max(0, end - await consumer.position(tp))
        for tp, end in ends.items()
        if end is not None
    }


def _end(consumer: AIOKafkaConsumer, tp: TopicPartition) -> int | None:
    stable: int | None = consumer.last_stable_offset(tp)
    if stable is None or stable < 0:
        highwater: int | None = consumer.highwater(tp)
        return highwater
    return stable
