"""Reading topics from their beginning, to their end or on and on, outside any consumer group."""

import time
from collections.abc import AsyncGenerator, Collection, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaTimeoutError
from aiokafka.structs import TopicPartition

from journey_engine.decode.record import Record
from journey_engine.run import consumers
from journey_engine.run.settings import Settings

_POLL_MS = 100


async def tail(
    settings: Settings,
    topics: Collection[str],
    partitions: int,
    *,
    only: int | None = None,
    follow: bool = False,
    settled: bool = False,
    starts: Mapping[str, int] | None = None,
) -> AsyncGenerator[Record, None]:
    """Yield the records of all partitions, or of `only` one, in order within each; of the topics in
    `starts` from these offsets on.

    Without `follow` it ends when each partition was read to the last stable offset that the fetches
    show: an open transaction is not waited for. `settled` it does wait for those that are open, so
    that all is seen that was committed before. With `follow` it goes on until the caller stops.

    Raises:
        KafkaTimeoutError: without `follow`, nothing came within the request time-out.
        KafkaError: the broker cannot be read.
    """
    consumer = AIOKafkaConsumer(
        **settings.clients(),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        fetch_max_wait_ms=settings.fetch_max_wait_ms,
    )
    read = range(partitions) if only is None else (only,)
    places = [TopicPartition(topic, partition) for topic in topics for partition in read]
    ends: dict[TopicPartition, int] | None = {} if settled else None
    try:
        await consumer.start()
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        for place in places:
            if starts is not None and place.topic in starts:
                consumer.seek(place, starts[place.topic])
        waited, answered = _Waited(settings.request_timeout_s), 0
        while True:
            polled = await consumer.getmany(timeout_ms=_POLL_MS)
            for records in polled.values():
                for record in records:
                    yield copied(record)
            if polled or follow:
                waited.begin()
                continue
            lacking = await _short_of_end(consumer, places, ends)
            if not lacking:
                return
            told = min(consumer.last_poll_timestamp(place) or 0 for place in lacking)
            if settled and told != answered:  # the broker answers: a transaction is open
                answered = told
                waited.begin()
            waited.check(lacking)
    finally:
        await consumers.stop(consumer)


class _Waited:
    """How long nothing has come."""

    def __init__(self, most_s: float) -> None:
        self._most_s = most_s
        self.begin()

    def begin(self) -> None:
        """Something has come, and was handed on."""
        self._until = time.monotonic() + self._most_s

    def check(self, lacking: list[TopicPartition]) -> None:
        """Raise a KafkaTimeoutError where it is too long."""
        if time.monotonic() > self._until:
            names = ", ".join(f"{place.topic} {place.partition}" for place in sorted(lacking))
            raise KafkaTimeoutError(f"nothing came of {names} within {self._most_s:g} s")


async def _short_of_end(
    consumer: AIOKafkaConsumer,
    places: list[TopicPartition],
    ends: dict[TopicPartition, int] | None,
) -> list[TopicPartition]:
    """Those that are not read to the last stable offset, or to `ends`, which it fills in at first;
    those among them whose end no fetch has shown yet.
    """
    lacking = []
    for place in places:
        end = consumer.last_stable_offset(place)
        if end is not None and ends is not None:
            end = ends.setdefault(place, max(end, consumer.highwater(place)))
        if end is None or await consumer.position(place) < end:
            lacking.append(place)
    return lacking


def copied(record: Any) -> Record:  # noqa: ANN401 - aiokafka's, untyped
    """The client's own record as one that outlives it."""
    return Record(
        record.topic,
        record.partition,
        record.offset,
        record.timestamp,
        record.key,
        record.value,
        tuple(record.headers),
    )
