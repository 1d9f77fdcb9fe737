"""What MirrorMaker 2 tells of offsets: which record of the source is which of the copy (KIP-382).

Its topic of offset syncs has a record for each pair that it notes, in Kafka's own binary form.
"""

import struct
from bisect import bisect_right
from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from journey_engine.decode.record import Record
from journey_engine.run import consumers
from journey_engine.run.settings import Settings
from journey_engine.run.tailing import tail
from journey_engine.run.topics import require_topics

Place = tuple[str, int]
"""A topic and a partition."""
Pair = tuple[int, int]
"""A record's offset at the source and in the copy."""

_POLL_MS = 200
_LENGTH = struct.Struct(">h")
_PARTITION = struct.Struct(">i")
_OFFSETS = struct.Struct(">qq")


class Span(NamedTuple):
    """Where in the copy the record lies that is to be read first: at `low` or later and, where a
    later pair is known, at most `most` records before the one at `high`.
    """

    low: int
    high: int | None = None
    most: int = 0


class Syncs:
    """The pairs of each partition."""

    def __init__(self, pairs: Mapping[Place, list[Pair]]) -> None:
        self._pairs = {place: sorted(found) for place, found in pairs.items()}

    @classmethod
    async def read(cls, settings: Settings, topic: str) -> "Syncs":
        """Read the topic whole.

        Raises:
            TopicsError: there is none.
            ValueError: its records are not offset syncs.
            KafkaError: the broker cannot be read.
        """
        await require_topics(settings, [topic])
        pairs: dict[Place, list[Pair]] = {}
        async for record in tail(settings, [topic], 1):
            place, pair = decode_sync(record)
            pairs.setdefault(place, []).append(pair)
        return cls(pairs)

    def span(self, place: Place, offset: int) -> Span:
        """Where the record lies in the copy that was to be read next at `offset` of the source. Of
        a partition without pairs nothing was copied.
        """
        pairs = self._pairs.get(place)
        if pairs is None or offset == 0:
            return Span(0)
        number = bisect_right(pairs, offset, key=lambda pair: pair[0])
        low = 0
        if number:
            source, copy = pairs[number - 1]
            if source == offset:
                return Span(copy)
            low = copy + 1
        if number == len(pairs):
            return Span(low)
        source, copy = pairs[number]
        return Span(low, copy, source - offset)


async def find(settings: Settings, place: Place, span: Span) -> int:
    """From which offset of the copy to read on, so that nothing is left out. A pair is not noted
    for each record, and either side has offsets without one, so some records before it may be read
    once more: after the last pair, or where the source has offsets without a record.

    Raises:
        KafkaError: the copy cannot be read.
    """
    tp = TopicPartition(*place)
    consumer = AIOKafkaConsumer(
        **settings.clients(),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    await consumer.start()
    try:
        consumer.assign([tp])
        low = max(span.low, (await consumer.beginning_offsets([tp]))[tp])
        if span.high is None or span.high <= low:
            return int(low)
        consumer.seek(tp, low)
        last: deque[int] = deque(maxlen=span.most)
        while await consumer.position(tp) < span.high:
            for records in (await consumer.getmany(timeout_ms=_POLL_MS)).values():
                last.extend(record.offset for record in records if record.offset < span.high)
        return last[0] if last else span.high
    finally:
        await consumers.stop(consumer)


def decode_sync(record: Record) -> tuple[Place, Pair]:
    """The partition, and the offsets at the source and in the copy.

    Raises:
        ValueError: it is no offset sync.
    """
    key, value = record.key or b"", record.value or b""
    try:
        (length,) = _LENGTH.unpack_from(key)
        topic = key[_LENGTH.size : _LENGTH.size + length].decode()
        (partition,) = _PARTITION.unpack_from(key, _LENGTH.size + length)
        source, copy = _OFFSETS.unpack(value)
    except (struct.error, UnicodeDecodeError) as error:
        raise ValueError(f"{record.topic}, offset {record.offset}: no offset sync") from error
    return (topic, partition), (source, copy)
