"""A record to an event, or the reason why not. Total: no bytes make it raise.

The frame names the event type before a byte of the body is read (rule T9). A body is consumed to
its last byte, so what is accepted is what was sent.
"""

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from zlib import crc32

from fastavro import schemaless_reader

from journey_engine.decide.event import Event, Origin
from journey_engine.decode.frame import Unframed, unframe
from journey_engine.decode.record import Record
from journey_engine.errors import DeadLetterCode
from journey_engine.schemas import AvroSchema, EventSchema, RegistryId, Schemas

TRACE_HEADERS = ("traceparent", "ce_traceparent")
"""W3C's own header, then that of CloudEvents."""
MARK_HEADER = "journey-mark"
"""Its value is the mark's time: milliseconds in decimal digits."""
FUTURE_MS = 5 * 60_000
"""How far `occurred_at` may lie after the record's timestamp (rule T8)."""
VALUE_BYTES_MAX = 1024 * 1024


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


class _Version(NamedTuple):
    """How to read one published version: `resolved` is the newest one where that is another."""

    written: AvroSchema
    resolved: AvroSchema | None
    keep: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reader:
    """What is read of the input: the schemas, and by type the fields of `Plan.fields`.

    `value_bytes_max` bounds a value; over it a record is `TOO_LARGE`.
    """

    schemas: Schemas
    fields: Mapping[str, frozenset[str]]
    value_bytes_max: int = VALUE_BYTES_MAX
    _versions: Mapping[bytes, _Version] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        known = [*self.schemas.by_fingerprint.values(), *self.schemas.by_registry_id.values()]
        versions = {s.fingerprint: self._version(s) for s in known if s.name in self.fields}
        object.__setattr__(self, "_versions", versions)

    def _version(self, schema: EventSchema) -> _Version:
        newest = self.schemas.events[schema.name]
        same = newest.fingerprint == schema.fingerprint
        kept = tuple(name for name in newest.fields if name in self.fields[schema.name])
        return _Version(schema.wire, None if same else newest.wire, kept)

    def version(self, schema: EventSchema) -> _Version | None:
        """How to read it; None if nobody reads its type."""
        return self._versions.get(schema.fingerprint)


def decode(record: Record, reader: Reader) -> Decoded:
    """Read one record. Which rejection comes first: size, frame, schema, body, ids, key, time."""
    value = record.value
    if value is None:
        return _without_value(record)
    if len(value) > reader.value_bytes_max:
        limit = reader.value_bytes_max
        return Rejected(DeadLetterCode.TOO_LARGE, f"{len(value)} bytes, at most {limit} are read")
    try:
        schema_id, start = unframe(value, record.headers)
    except Unframed as error:
        return Rejected(DeadLetterCode.DECODE_ERROR, str(error))
    schema = _schema(schema_id, reader.schemas)
    if not isinstance(schema, EventSchema):
        return schema
    version = reader.version(schema)
    if version is None:
        return Skipped(schema.name)
    return _decode_body(record, value[start:], schema, version)


def _without_value(record: Record) -> Mark | Rejected:
    for name, content in record.headers:
        if name == MARK_HEADER:
            if content and content.isdigit() and len(content) <= 15:  # noqa: PLR2004 - year 33658
                return Mark(int(content))
            return Rejected(DeadLetterCode.INVALID, f"header {MARK_HEADER} holds no time")
    return Rejected(DeadLetterCode.INVALID, f"no value and no header {MARK_HEADER}")


def _schema(schema_id: bytes | RegistryId, schemas: Schemas) -> EventSchema | NeedSchema | Rejected:
    if isinstance(schema_id, bytes):
        found = schemas.by_fingerprint.get(schema_id)
        if found is not None:
            return found
        message = f"no published schema has the fingerprint {schema_id.hex()}"
        return Rejected(DeadLetterCode.SCHEMA_UNKNOWN, message)
    return schemas.by_registry_id.get(schema_id) or NeedSchema(schema_id)


def _decode_body(
    record: Record, body: bytes, schema: EventSchema, version: _Version
) -> Event | Rejected:
    try:
        fields = _read(body, version)
    except Exception as error:  # noqa: BLE001 - whatever the codec makes of foreign bytes
        message = f"{schema.name} version {schema.version}: {type(error).__name__}: {error}"
        return Rejected(DeadLetterCode.DECODE_ERROR, message)
    return _invalid(record, fields) or _event(record, schema.name, fields, version.keep, body)


def _traceparent(record: Record) -> str | None:
    """The trace context of the record; one that W3C does not allow is as none."""
    for wanted in TRACE_HEADERS:
        for name, content in record.headers:
            if name == wanted and content and _TRACEPARENT.fullmatch(content):
                return content.decode()
    return None


def _read(body: bytes, version: _Version) -> dict[str, Any]:
    stream = io.BytesIO(body)
    fields: Any = schemaless_reader(stream, version.written, version.resolved)
    left = len(body) - stream.tell()
    if left:
        raise ValueError(f"{left} bytes are left over")
    return fields  # type: ignore[no-any-return]  # a record schema yields a dict


def _invalid(record: Record, fields: dict[str, Any]) -> Rejected | None:
    """What of the shared fields breaks the contract."""
    identity = fields["customer_id"]
    if identity is None:
        identity = fields["anonymous_id"]
    if identity is None and not record.key:
        return Rejected(DeadLetterCode.NO_CUSTOMER, "no key, no customer_id and no anonymous_id")
    if identity is None or not identity or record.key != identity.encode():
        message = "the key is not the customer_id, else the anonymous_id, of the body"
        return Rejected(DeadLetterCode.INVALID, message)
    if not fields["event_id"] or not fields["source"]:
        return Rejected(DeadLetterCode.INVALID, "event_id and source must not be empty")
    occurred_at = fields["occurred_at"]
    if occurred_at < 0:
        return Rejected(DeadLetterCode.INVALID, "occurred_at lies before 1970")
    if occurred_at > record.timestamp + FUTURE_MS:
        ahead = occurred_at - record.timestamp
        return Rejected(DeadLetterCode.FUTURE, f"occurred_at is {ahead} ms after the record's time")
    return None


def _event(
    record: Record, name: str, fields: dict[str, Any], keep: tuple[str, ...], body: bytes
) -> Event:
    return Event(
        type=name,
        event_id=fields["event_id"],
        customer_id=fields["customer_id"],
        anonymous_id=fields["anonymous_id"],
        occurred_at=fields["occurred_at"],
        channel=fields["channel"],
        source=fields["source"],
        fields={each: fields[each] for each in keep},
        digest=crc32(body).to_bytes(4, "big"),
        recorded_at=record.timestamp,
        origin=Origin(
            fields["event_id"],
            record.topic,
            record.partition,
            record.offset,
            _traceparent(record) if record.headers else None,
        ),
        backfill=fields["backfill"],
    )
