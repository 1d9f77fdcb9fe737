"""The newest records of the inputs: do they lie where their keys say, can they be read, are their
times plausible.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import suppress

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from journey_engine.decide.event import Event
from journey_engine.decode.decode import Mark, NeedSchema, Reader, Rejected, decode
from journey_engine.decode.partition import partition_of
from journey_engine.decode.record import Record
from journey_engine.errors import DeadLetterCode
from journey_engine.run import consumers
from journey_engine.run.clock import wall_ms
from journey_engine.run.doctor.finding import Finding, Notes, Patient
from journey_engine.run.tailing import copied

SAMPLED = 4_000
"""Records looked at, of all partitions together."""
LEAST = 20
"""Of each partition, however many there are."""
WITHIN_S = 20.0
SKEW_MS = 5_000
"""How far a record may bear a time that is still to come."""
FIXES = {
    DeadLetterCode.SCHEMA_UNKNOWN: "put the publisher's schema into schemas/ before it publishes",
    DeadLetterCode.FUTURE: "set the publisher's clock, or what it takes occurred_at from",
    DeadLetterCode.TOO_LARGE: "publish less in one event, or raise max_bytes in topics.yaml",
}
_CONTRACT = "publish as the contract says; journey_engine.client does"


async def newest(patient: Patient, topics: tuple[str, ...], each: int) -> AsyncIterator[Record]:
    """The last records of each partition, as many as were there in time.

    Raises:
        KafkaError: the broker cannot be read.
    """
    partitions = range(patient.topics.partitions)
    places = [TopicPartition(topic, number) for topic in topics for number in partitions]
    consumer = AIOKafkaConsumer(
        **patient.settings.clients(),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    await consumer.start()
    try:
        consumer.assign(places)
        firsts, ends = await asyncio.gather(
            consumer.beginning_offsets(places), consumer.end_offsets(places)
        )
        for place in places:
            consumer.seek(place, max(firsts[place], ends[place] - each))
        left = {place for place in places if ends[place] > firsts[place]}
        with suppress(TimeoutError):
            async with asyncio.timeout(WITHIN_S):
                while left:
                    for records in (await consumer.getmany(timeout_ms=100)).values():
                        for record in records:
                            yield copied(record)
                    left = {tp for tp in left if await consumer.position(tp) < ends[tp]}
    finally:
        await consumers.stop(consumer)


async def examine(patient: Patient) -> list[Finding]:
    """All inputs together, by who published."""
    definitions = patient.definitions
    if definitions is None:
        return []
    limit = patient.topics.input_bytes_max
    reader = Reader(definitions.schemas, definitions.plan.fields, limit)
    places = len(patient.names.inputs) * patient.topics.partitions
    seen = Seen(patient, reader, wall_ms())
    async for record in newest(patient, patient.names.inputs, max(LEAST, SAMPLED // places)):
        seen.look(record)
    return seen.told()


class Seen:
    """What was seen in the records so far."""

    def __init__(self, patient: Patient, reader: Reader, now: int) -> None:
        self._patient = patient
        self._reader = reader
        self._now = now
        self._count = 0
        self._keyed = 0
        self._astray: Counter[str] = Counter()
        self._refused: defaultdict[DeadLetterCode, Counter[str]] = defaultdict(Counter)
        self._ahead: defaultdict[str, int] = defaultdict(int)
        specs = patient.declared
        self._by_broker = {t for t in patient.names.inputs if specs[t].timestamp == "append"}

    def look(self, record: Record) -> None:
        """Count one more."""
        content = decode(record, self._reader)
        if isinstance(content, Mark):
            return
        self._count += 1
        who = f"{content.source} on " if isinstance(content, Event) else ""
        who += record.topic
        home = partition_of(record.key, self._patient.topics.partitions)
        if record.key is not None and home != record.partition:
            self._astray[who] += 1
        self._keyed += record.key is not None
        if isinstance(content, Rejected):
            self._refused[content.code][record.topic] += 1
        elif isinstance(content, NeedSchema) and not self._patient.settings.registry_urls:
            self._refused[DeadLetterCode.SCHEMA_UNKNOWN][record.topic] += 1
        ahead = record.timestamp - self._now
        if ahead > SKEW_MS:
            clock = "the broker's" if record.topic in self._by_broker else who
            self._ahead[clock] = max(self._ahead[clock], ahead)

    def told(self) -> list[Finding]:
        """What it comes to."""
        return [*self._partitioners(), *self._readable(), *self._clocks()]

    def _partitioners(self) -> list[Finding]:
        notes = Notes("partitioners")
        for who, count in self._astray.most_common():
            notes.warn(
                f"{who}: {count:,} records lie on another partition than their key's; each is "
                "forwarded, later and at a cost",
                "let its producer partition as Java's does, by murmur2 over the key (librdkafka: "
                "partitioner=murmur2_random)",
            )
        return notes.unless_worse(f"the newest {self._keyed:,} records lie where their keys say")

    def _readable(self) -> list[Finding]:
        notes = Notes("schemas")
        for code, topics in self._refused.items():
            where = ", ".join(f"{count:,} on {topic}" for topic, count in topics.most_common())
            notes.error(f"{code}: {where}: dead letters", FIXES.get(code, _CONTRACT))
        return notes.unless_worse(f"the newest {self._count:,} records can be read")

    def _clocks(self) -> list[Finding]:
        notes = Notes("clocks")
        for clock, ahead in self._ahead.items():
            notes.error(
                f"records from {clock} bear times {ahead / 1000:.0f} s ahead of this clock",
                "set the clocks by NTP: this machine's, or the other's",
            )
        return notes.unless_worse("no record is from the future, by this machine's clock")
