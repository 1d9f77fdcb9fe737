"""A record to an event, or the reason why not. Total: no bytes make it raise.

The frame names the event type before a byte of the body is read (rule T9). A body is consumed to
its last byte, so what is accepted is what was sent.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from journey_engine.avro.reading import Read, body_reader, native_reader
from journey_engine.decide.event import Event, Origin
from journey_engine.decode.digest import digest, whole_digest
from journey_engine.decode.frame import (
    BODY_OF_SINGLE_OBJECT,
    SINGLE_OBJECT,
    Unframed,
    unframe,
)
from journey_engine.decode.record import Fetched
from journey_engine.errors import DeadLetterCode
from journey_engine.schemas import EventSchema, Foreign, RegistryId, Schemas

try:
    from journey_engine.decode.native_events import Events as NativeEvents
except ImportError:
    NativeEvents = None  # type: ignore[assignment, misc]  # not compiled: the functions below

TRACE_HEADERS = ("traceparent", "ce_traceparent")
"""W3C's own header, then that of CloudEvents."""
MARK_HEADER = "journey-mark"
"""Its value is the mark's time: milliseconds in decimal digits."""
FUTURE_MS: Final = 5 * 60_000
"""How far `occurred_at` may lie after the record's timestamp (rule T8)."""
LATEST_MS: Final = 253_402_300_799_999
"""No time read lies later: the end of 9999, the last that ISO 8601 can say in our outputs."""
VALUE_BYTES_MAX: Final = 1024 * 1024
ID_CHARS_MAX: Final = 256
"""Of an `event_id`, a `source`, a `customer_id`, an `anonymous_id`: states hold many of them."""

_DIGITS = len(str(LATEST_MS))
_TRACEPARENT = re.compile(rb"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


class Skipped(NamedTuple):
    """An event of a type that nobody reads (rule T9)."""

    type: str


class Mark(NamedTuple):
    """A time mark: nothing before `time` follows in this partition (rule T3)."""

    time: int


class NeedSchema(NamedTuple):
    """The registry must be asked for this schema first."""

    id: RegistryId


class Rejected(NamedTuple):
    """The record belongs in the dead letters."""

    code: DeadLetterCode
    message: str


Decoded = Event | Skipped | Mark | NeedSchema | Rejected
Trace = Callable[[Fetched], str | None]
"""Finds the trace in a record's headers."""


_SHARED = (
    "event_id",
    "customer_id",
    "anonymous_id",
    "occurred_at",
    "channel",
    "source",
    "backfill",
)
"""What `Event` has an attribute of, in the order in which it is read."""


class Reader:
    """What is read of the input: the schemas, and by type the fields of `Plan.fields`.

    `value_bytes_max` bounds a value; over it a record is `TOO_LARGE`.
    """

    def __init__(
        self,
        schemas: Schemas,
        fields: Mapping[str, frozenset[str]],
        value_bytes_max: int = VALUE_BYTES_MAX,
    ) -> None:
        self.schemas = schemas
        self.fields = fields
        self.value_bytes_max = value_bytes_max
        known = schemas.by_fingerprint.values()
        self._versions = {s.fingerprint: self._version(s) for s in known if s.name in fields}
        self.framed: dict[bytes, tuple[EventSchema, Read]] = {
            SINGLE_OBJECT + key: (schema, self._versions[key])
            for key, schema in schemas.by_fingerprint.items()
            if key in self._versions
        }
        """How to read what begins with these bytes: the single-object encoding of a type that is
        read.
        """
        self.plain: Callable[[Fetched, Trace], Event | Skipped | None] | None = self._plain()
        """Reads in C what is plainly right, None for all else; None without the extension."""

    def _version(self, schema: EventSchema) -> Read:
        """Every version is read as the newest one."""
        return body_reader(*self._reading(schema))

    def _reading(self, schema: EventSchema) -> tuple[Any, Any, Sequence[str], Sequence[str]]:
        newest = self.schemas.events[schema.name]
        same = newest.fingerprint == schema.fingerprint
        kept = [name for name in newest.fields if name in self.fields[schema.name]]
        return schema.wire, None if same else newest.wire, _SHARED, kept

    def _plain(self) -> Callable[[Fetched, Trace], Event | Skipped | None] | None:
        if NativeEvents is None:
            return None
        readers: dict[bytes, Any] = {
            SINGLE_OBJECT + key: Skipped(schema.name)
            for key, schema in self.schemas.by_fingerprint.items()
            if key not in self._versions
        }
        for begin, (schema, _) in self.framed.items():
            compiled = native_reader(*self._reading(schema))
            if compiled is not None:
                readers[begin] = (schema.name, compiled)
        return NativeEvents(readers, self.value_bytes_max, ID_CHARS_MAX, LATEST_MS, FUTURE_MS).read

    def version(self, schema: EventSchema) -> Read | None:
        """How to read it; None if nobody reads its type. One that only a registry knows is made
        ready when it is met first.
        """
        found = self._versions.get(schema.fingerprint)
        if found is None and schema.name in self.fields:
            found = self._versions[schema.fingerprint] = self._version(schema)
        return found


def decode(record: Fetched, reader: Reader) -> Decoded:
    """Read one record. Which rejection comes first: size, frame, schema, body, ids, key, time."""
    if reader.plain is not None:
        plain = reader.plain(record, _traceparent)
        if plain is not None:
            return plain
    value = record.value
    if value is None:
        return _without_value(record)
    if len(value) > reader.value_bytes_max:
        limit = reader.value_bytes_max
        return Rejected(DeadLetterCode.TOO_LARGE, f"{len(value)} bytes, at most {limit} are read")
    framed = reader.framed.get(value[:BODY_OF_SINGLE_OBJECT])
    if framed is not None:
        return _decode_body(record, value, BODY_OF_SINGLE_OBJECT, *framed)
    return _decode_framed(record, value, reader)


def _decode_framed(record: Fetched, value: bytes, reader: Reader) -> Decoded:
    """What `Reader.framed` does not know."""
    try:
        schema_id, start = unframe(value, record.headers)
    except Unframed as error:
        return Rejected(DeadLetterCode.DECODE_ERROR, str(error))
    schema = _schema(schema_id, reader.schemas)
    if not isinstance(schema, EventSchema):
        return schema
    read = reader.version(schema)
    if read is None:
        return Skipped(schema.name)
    return _decode_body(record, value, start, schema, read)


def _decode_body(
    record: Fetched, value: bytes, start: int, schema: EventSchema, read: Read
) -> Event | Rejected:
    try:
        fields = read(value, start)
    except Exception as error:  # noqa: BLE001 - whatever the codec makes of foreign bytes
        message = f"{schema.name} version {schema.version}: {type(error).__name__}: {error}"
        return Rejected(DeadLetterCode.DECODE_ERROR, message)
    event_id, customer_id, anonymous_id, occurred_at, channel, source, backfill, kept = fields
    identity = anonymous_id if customer_id is None else customer_id
    timestamp = record.timestamp
    refused = invalid(record.key, timestamp, event_id, identity, occurred_at, source)
    if refused is not None:
        return refused
    trace = _traceparent(record) if record.headers else None
    return Event(
        schema.name,
        event_id,
        customer_id,
        anonymous_id,
        occurred_at,
        channel,
        source,
        kept,
        digest(value, start) if schema.version else whole_digest(value, start),
        timestamp,
        Origin(event_id, record.topic, record.partition, record.offset, trace),
        backfill,
    )


def _without_value(record: Fetched) -> Mark | Rejected:
    for name, content in record.headers:
        if name == MARK_HEADER:
            if content and len(content) <= _DIGITS and content.isdigit():
                time = int(content)
                if time <= LATEST_MS:
                    return Mark(time)
            return Rejected(DeadLetterCode.INVALID, f"header {MARK_HEADER} holds no time")
    return Rejected(DeadLetterCode.INVALID, f"no value and no header {MARK_HEADER}")


def _schema(schema_id: bytes | RegistryId, schemas: Schemas) -> EventSchema | NeedSchema | Rejected:
    if isinstance(schema_id, bytes):
        found = schemas.by_fingerprint.get(schema_id)
        if found is not None:
            return found
        message = f"no published schema has the fingerprint {schema_id.hex()}"
        return Rejected(DeadLetterCode.SCHEMA_UNKNOWN, message)
    registered = schemas.by_registry_id.get(schema_id)
    if registered is None:
        return NeedSchema(schema_id)
    if isinstance(registered, Foreign):
        return Rejected(DeadLetterCode.SCHEMA_UNKNOWN, registered.reason)
    return registered


def _traceparent(record: Fetched) -> str | None:
    """The trace context of the record; one that W3C does not allow is as none."""
    for wanted in TRACE_HEADERS:
        for name, content in record.headers:
            if name == wanted and content and _TRACEPARENT.fullmatch(content):
                return str(content, "ascii")
    return None


def invalid(
    key: bytes | None,
    timestamp: int,
    event_id: str,
    identity: str | None,
    occurred_at: int,
    source: str,
) -> Rejected | None:
    """What of the shared fields breaks the contract; `identity` is the customer's or visitor's,
    times are milliseconds, `timestamp` the record's.
    """
    if identity is None and not key:
        return Rejected(DeadLetterCode.NO_CUSTOMER, "no key, no customer_id and no anonymous_id")
    if not identity or key != identity.encode():
        message = "the key is not the customer_id, else the anonymous_id, of the body"
        return Rejected(DeadLetterCode.INVALID, message)
    wrong = _wrong_length(identity, event_id, source)
    if wrong is not None:
        return Rejected(DeadLetterCode.INVALID, wrong)
    if not 0 <= occurred_at <= LATEST_MS:
        where = "before 1970" if occurred_at < 0 else "after 9999"
        return Rejected(DeadLetterCode.INVALID, f"occurred_at lies {where}")
    if occurred_at > timestamp + FUTURE_MS:
        ahead = occurred_at - timestamp
        return Rejected(DeadLetterCode.FUTURE, f"occurred_at is {ahead} ms after the record's time")
    return None


def _wrong_length(identity: str, event_id: str, source: str) -> str | None:
    if not event_id or not source:
        return "event_id and source must not be empty"
    longest = max(len(identity), len(event_id), len(source))
    if longest > ID_CHARS_MAX:
        return (
            f"an id, event_id or source of {longest} characters, at most {ID_CHARS_MAX} are taken"
        )
    return None
