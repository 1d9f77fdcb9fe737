"""How far a group is behind its inputs."""

from typing import NamedTuple

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from journey_engine.run import consumers
from journey_engine.run.naming import Names
from journey_engine.run.settings import Settings


class Lag(NamedTuple):
    """Of one partition of one input: the first offset that the topic still has, the next one to be
    taken (None: the group never committed), and the one after the last record.
    """

    topic: str
    partition: int
    begin: int
    committed: int | None
    end: int

    @property
    def records(self) -> int:
        """How many wait; transaction marks among them. 0 of a topic that ends before the group's
        offset, such as one that was made anew.
        """
        return max(0, self.end - max(self.begin, self.committed or 0))


async def read_lag(settings: Settings, names: Names) -> list[Lag]:
    """The lag of every partition of every input and of the inbox, by topic and partition.

    Raises:
        KafkaError: the broker cannot be asked.
    """
    places = [
        TopicPartition(topic, partition)
        for topic in sorted(names.read)
        for partition in range(names.partitions)
    ]
    admin = AIOKafkaAdminClient(**settings.clients())
    await admin.start()
    try:
        found = await admin.list_consumer_group_offsets(settings.group, partitions=places)
    finally:
        await admin.close()
    consumer = AIOKafkaConsumer(**settings.clients(), enable_auto_commit=False)
    await consumer.start()
    try:
        begins = await consumer.beginning_offsets(places)
        ends = await consumer.end_offsets(places)
    finally:
        await consumers.stop(consumer)
    return [
        Lag(
            place.topic,
            place.partition,
            begins[place],
            _committed(found.get(place)),
            ends[place],
        )
        for place in places
    ]


def _committed(found: OffsetAndMetadata | None) -> int | None:
    return None if found is None or found.offset < 0 else found.offset
