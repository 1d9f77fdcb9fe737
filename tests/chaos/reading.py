"""Topics read whole, as a consumer of either isolation level sees them."""

from collections.abc import Collection, Mapping
from typing import Literal, NamedTuple

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from journey_engine.decode.record import Record
from journey_engine.run.settings import Settings
from journey_engine.run.tailing import copied

Isolation = Literal["read_committed", "read_uncommitted"]
_FETCH_BYTES = 8 * 1024 * 1024


class Place(NamedTuple):
    """A partition of a topic."""

    topic: str
    partition: int


Contents = Mapping[Place, list[Record]]
"""Records by place, in the order of their offsets."""


class OpenTransactionError(Exception):
    """A partition's last stable offset stays below its end: a transaction was never ended."""


async def read(
    settings: Settings,
    topics: Collection[str],
    partitions: int,
    isolation: Isolation = "read_committed",
) -> Contents:
    """All records of the topics from the first offset to the end as this level shows it.

    Raises:
        KafkaError: the broker cannot be read.
    """
    contents: dict[Place, list[Record]] = {
        Place(topic, p): [] for topic in topics for p in range(partitions)
    }
    consumer = _consumer(settings, isolation)
    await consumer.start()
    try:
        places = [TopicPartition(*place) for place in contents]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        left = dict(await consumer.end_offsets(places))
        while left:
            for tp, records in (await consumer.getmany(timeout_ms=100)).items():
                contents[Place(*tp)] += [copied(record) for record in records]
            left = {tp: end for tp, end in left.items() if await consumer.position(tp) < end}
    finally:
        await consumer.stop()
    return contents


async def require_stable(settings: Settings, topics: Collection[str], partitions: int) -> None:
    """See that no transaction is open on any of the topics.

    Raises:
        OpenTransactionError: one is, and where.
    """
    ends = []
    for isolation in ("read_committed", "read_uncommitted"):
        consumer = _consumer(settings, isolation)
        await consumer.start()
        try:
            places = [TopicPartition(topic, p) for topic in topics for p in range(partitions)]
            ends.append(await consumer.end_offsets(places))
        finally:
            await consumer.stop()
    stable, high = ends
    held = {
        f"{t.topic}/{t.partition}": (stable[t], end) for t, end in high.items() if stable[t] < end
    }
    if held:
        raise OpenTransactionError(f"last stable offset and end: {held}")


def _consumer(settings: Settings, isolation: str) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        **settings.clients(),
        group_id=None,
        enable_auto_commit=False,
        isolation_level=isolation,
        max_partition_fetch_bytes=_FETCH_BYTES,
        fetch_max_wait_ms=50,
    )
