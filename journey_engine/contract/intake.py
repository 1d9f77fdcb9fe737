"""What the engine says of each record that a publisher writes: taken, or refused and why."""

from typing import Final, NamedTuple

from journey_engine.contract.channels import Company
from journey_engine.decide.event import Event
from journey_engine.decode.decode import Mark, NeedSchema, Reader, Rejected, decode
from journey_engine.decode.partition import partition_of
from journey_engine.decode.record import Record
from journey_engine.errors import DeadLetterCode, InputOutcome

ACCEPTED: Final = "ACCEPTED"
MARK: Final = "MARK"
WRONG_PARTITION: Final = "WRONG_PARTITION"
"""The engine forwards it, late and at a cost."""
WRONG_TOPIC: Final = "WRONG_TOPIC"
"""The engine takes it; whoever reads the topic of one channel does not find it."""
GOOD: Final = frozenset({ACCEPTED, MARK, InputOutcome.DUPLICATE.value})


class Told(NamedTuple):
    """What a record is to the engine; `code` is one of `GOOD`, or says what is wrong with it."""

    topic: str
    partition: int
    offset: int
    key: str | None
    code: str
    message: str = ""
    event: Event | None = None

    @property
    def good(self) -> bool:
        """Whether it is as it should be."""
        return self.code in GOOD


class Intake:
    """Reads records as a worker does, each type and field, and remembers the ids of all events."""

    def __init__(self, company: Company, prefix: str = "") -> None:
        schemas = company.schemas
        fields = {name: frozenset(each.fields) for name, each in schemas.events.items()}
        self._reader = Reader(schemas, fields, company.topics.input_bytes_max)
        self._partitions = company.topics.partitions
        self._topics = {
            channel: prefix + spec.name for channel, spec in company.topics.inputs.items()
        }
        self._seen: dict[tuple[str, str], bytes] = {}

    def take(self, record: Record) -> Told:
        """What is said of the next record."""
        key = None if record.key is None else record.key.decode(errors="replace")
        told = Told(record.topic, record.partition, record.offset, key, ACCEPTED)
        match decode(record, self._reader):
            case Rejected(refused, why):
                return told._replace(code=refused.value, message=why)
            case NeedSchema(schema):
                message = f"it names schema {schema} of a registry, and none is asked here"
                return told._replace(code=DeadLetterCode.SCHEMA_UNKNOWN.value, message=message)
            case Mark():
                return told._replace(code=MARK)
            case Event() as event:
                code, message = self._look(event, record)
                return told._replace(code=code, message=message, event=event)
        raise AssertionError("every type is read")

    def _look(self, event: Event, record: Record) -> tuple[str, str]:
        name = (event.source, event.event_id)
        known = self._seen.get(name)
        self._seen.setdefault(name, event.digest)
        if known is not None and known != event.digest:
            message = f"{event.source} has said {event.event_id} before, with another body"
            return DeadLetterCode.CONFLICT.value, message
        place = partition_of(record.key, self._partitions)
        if place != record.partition:
            message = f"murmur2 of its key says {place} (librdkafka: partitioner=murmur2_random)"
            return WRONG_PARTITION, message
        topic = self._topics.get(event.channel)
        if topic != record.topic:
            message = f"its channel is {event.channel}, whose topic is {topic}"
            return WRONG_TOPIC, message
        return (ACCEPTED, "") if known is None else (InputOutcome.DUPLICATE.value, "")
