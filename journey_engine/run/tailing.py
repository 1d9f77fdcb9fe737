"""Reading topics from their beginning, to their end or on and on, outside any consumer group."""

from collections.abc import AsyncIterator, Collection
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from journey_engine.decode.record import Record
from journey_engine.run.settings import Settings

_POLL_MS = 100


async def tail(
    settings: Settings, topics: Collection[str], partitions: int, *, follow: bool = False
) -> AsyncIterator[Record]:
    """Yield the records of all partitions, in order within each.

    Without `follow` it ends when each partition was read to the last stable offset that the fetches
    show: an open transaction is not waited for. With it, it goes on until the caller stops.

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
    places = [TopicPartition(topic, p) for topic in topics for p in range(partitions)]
    try:
        await consumer.start()
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        while True:
            polled = await consumer.getmany(timeout_ms=_POLL_MS)
            for records in polled.values():
                for record in records:
                    yield copied(record)
            if not follow and not polled and await _at_end(consumer, places):
                return
    finally:
        await consumer.stop()


async def _at_end(consumer: AIOKafkaConsumer, places: list[TopicPartition]) -> bool:
    for place in places:
        end = consumer.last_stable_offset(place)
        if end is None or await consumer.position(place) < end:
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
