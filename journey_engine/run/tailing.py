"""Reading topics from their beginning, to their end or on and on, outside any consumer group."""

from collections.abc import AsyncGenerator, Collection, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from journey_engine.decode.record import Record
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
        while True:
            polled = await consumer.getmany(timeout_ms=_POLL_MS)
            for records in polled.values():
                for record in records:
                    yield copied(record)
            if not follow and not polled and await _at_end(consumer, places, ends):
                return
    finally:
        await consumer.stop()


async def _at_end(
    consumer: AIOKafkaConsumer,
    places: list[TopicPartition],
    ends: dict[TopicPartition, int] | None,
) -> bool:
    """Whether all is read: to the last stable offset, or to `ends`, which it fills in at first."""
    for place in places:
        end = consumer.last_stable_offset(place)
        if end is None:
            return False
        if ends is not None:
            end = ends.setdefault(place, max(end, consumer.highwater(place)))
        if await consumer.position(place) < end:
            return False
    return True


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
