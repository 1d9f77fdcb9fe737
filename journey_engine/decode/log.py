"""Event logs: lines to the sequence of records that `publish` sends and `replay` feeds. Pure.

A log holds events in the order in which they arrived. The same log gives the same records with the
same partitions, offsets and time marks, whoever asks.
"""

import base64
import binascii
import io
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple, NoReturn

from fastavro import schemaless_writer

from journey_engine.decode.bodies import LogBody
from journey_engine.decode.decode import FUTURE_MS, LATEST_MS, MARK_HEADER
from journey_engine.decode.frame import frame
from journey_engine.decode.partition import partition_of
from journey_engine.decode.record import Record, laid
from journey_engine.errors import DefinitionError, DefinitionErrors
from journey_engine.schemas import EventSchema, Field, Schemas

MARK_EVERY = 1000
"""Records between two time marks (rule T3)."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_NEEDED = object()
"""In the place of a default: there is none."""
_PLAIN = {"bool": bool, "int": int, "double": float, "string": str, "timestamp": int}


class Place(NamedTuple):
    """Where a line stands in a log."""

    path: str
    line: int

    def refuse(self, message: str) -> NoReturn:
        """Raise what is wrong with this line."""
        raise DefinitionErrors([DefinitionError(self.path, self.line, 1, "LOG_LINE", message)])


class LogEvent(NamedTuple):
    """An event with all fields of the newest version of its type; times in milliseconds.

    `recorded_at` is when it arrived, where the log says so.
    """

    type: str
    fields: Mapping[str, Any]
    recorded_at: int | None
    place: Place


class LogRaw(NamedTuple):
    """A value sent as it is, to rehearse broken input."""

    value: bytes
    key: bytes | None
    channel: str
    recorded_at: int | None
    place: Place


LogLine = LogEvent | LogRaw


def read_line(line: Mapping[str, Any], schemas: Schemas, place: Place) -> LogLine:
    """One line: `{"type": ..., <fields>}` or `{"raw": <base64>, "channel": ..., "key": ...}`.

    Numbers become doubles where the schema says double; times are milliseconds or ISO 8601 with an
    offset; absent fields take their default.

    Raises:
        DefinitionErrors: the line names what the schema does not know, or lacks what it needs.
    """
    return _raw(line, place) if "raw" in line else read_event(line, schemas, place)


def read_event(line: Mapping[str, Any], schemas: Schemas, place: Place) -> LogEvent:
    """As `read_line`, for a line that is an event."""
    rest = dict(line)
    recorded_at = _recorded_at(rest, place)
    schema = schemas.events.get(str(rest.pop("type", None)))
    if schema is None:
        place.refuse(f"no event type is called {line.get('type')!r}")
    if not rest.keys() <= schema.fields.keys():
        unknown = sorted(rest.keys() - schema.fields.keys())
        place.refuse(f"{schema.name} has no field {', '.join(unknown)}")
    fields = {}
    for column in _columns(schema):
        name, plain, default, _, _ = column
        value = rest.get(name, default)
        # Most values are of the very type that is written, or absent.
        as_it_is = type(value) is plain or (value is default and value is not _NEEDED)
        fields[name] = value if as_it_is else _value(value, column, place)
    return LogEvent(schema.name, fields, recorded_at, place)


def milliseconds(value: object, place: Place) -> int:
    """A time as milliseconds since the epoch, from a number, ISO 8601 text or datetime."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            place.refuse(f"{value!r} is no ISO 8601 time")
    if isinstance(value, datetime):
        if value.tzinfo is None:
            place.refuse(f"the time {value.isoformat()} has no offset: write Z for UTC")
        return (value - _EPOCH) // _MILLISECOND
    if isinstance(value, bool) or not isinstance(value, int):
        place.refuse(f"{value!r} is no time: write ISO 8601 or milliseconds")
    return value


def encode_event(event: LogEvent, schema: EventSchema) -> bytes:
    """The event as a publisher sends it, in the single-object encoding.

    Raises:
        DefinitionErrors: a value does not fit Avro: an integer over 64 bits, a lone surrogate.
    """
    body = io.BytesIO()
    try:
        schemaless_writer(body, schema.parsed, event.fields)
    except (ValueError, OverflowError) as error:
        event.place.refuse(f"the event cannot be written: {error}")
    return frame(schema.fingerprint, body.getvalue())


def route(
    lines: Iterable[LogLine | LogBody],
    schemas: Schemas,
    topics: Mapping[str, str],
    partitions: int,
    *,
    marks: bool = True,
    until: int | None = None,
) -> Iterator[Record]:
    """The records of a log, in the order in which they are to be produced.

    `topics` names the topic of each channel. With `marks` every partition of every topic gets a
    time mark after each 1,000 records and at the end (the last time + 1 ms, or `until`, where that
    is later: nothing of the log is left out). Offsets
    count from 0 in each partition, marks among them. A record's timestamp is `recorded_at`, else
    `occurred_at`.

    Raises:
        DefinitionErrors: a line's channel has no topic.
    """
    router = _Router(schemas, topics, partitions)
    count = 0
    for line in lines:
        count += 1
        yield router.body(line) if isinstance(line, LogBody) else router.record(line)
        if marks and count % MARK_EVERY == 0:
            yield from router.marks(max(router.latest, 0))
    if marks and (count or until is not None):
        yield from router.marks(max(router.latest + 1, until or 1))


class _Router:
    """Counts offsets and keeps the latest time seen."""

    def __init__(self, schemas: Schemas, topics: Mapping[str, str], partitions: int) -> None:
        self.latest = -1
        """The latest time that a partition's clock may reach: one from the future is refused."""
        self._schemas = schemas
        self._topics = topics
        self._partitions = partitions
        self._next = {
            (topic, partition): 0
            for topic in sorted(set(topics.values()))
            for partition in range(partitions)
        }

    def body(self, line: LogBody) -> Record:
        at, identity = line.occurred_at, line.identity
        self.latest = max(self.latest, at)
        key = None if identity is None else identity.encode()
        topic = self._topics.get(line.channel)
        if topic is None:
            self._refuse(Place(line.path, line.line), line.channel)
        partition = partition_of(key, self._partitions)
        offset = self._offset(topic, partition)
        return laid((topic, partition, offset, at, key, line.value, ()))

    def record(self, line: LogLine) -> Record:
        if isinstance(line, LogRaw):
            recorded_at = max(self.latest, 0) if line.recorded_at is None else line.recorded_at
            return self._place(line, line.channel, recorded_at, line.key, line.value)
        occurred_at = line.fields["occurred_at"]
        timestamp = occurred_at if line.recorded_at is None else line.recorded_at
        if occurred_at <= min(timestamp + FUTURE_MS, LATEST_MS):
            self.latest = max(self.latest, occurred_at)
        value = encode_event(line, self._schemas.events[line.type])
        identity = line.fields["customer_id"]
        if identity is None:
            identity = line.fields["anonymous_id"]
        key = None if identity is None else identity.encode()
        return self._place(line, line.fields["channel"], timestamp, key, value)

    def _place(
        self, line: LogLine, channel: str, timestamp: int, key: bytes | None, value: bytes
    ) -> Record:
        topic = self._topics.get(channel)
        if topic is None:
            self._refuse(line.place, channel)
        partition = partition_of(key, self._partitions)
        return Record(topic, partition, self._offset(topic, partition), timestamp, key, value)

    def _refuse(self, place: Place, channel: str) -> NoReturn:
        place.refuse(f"no input topic is declared for channel {channel!r}")

    def marks(self, time: int) -> Iterator[Record]:
        headers = ((MARK_HEADER, str(time).encode()),)
        for topic, partition in self._next:
            offset = self._offset(topic, partition)
            yield Record(topic, partition, offset, time, None, None, headers)

    def _offset(self, topic: str, partition: int) -> int:
        offset = self._next[topic, partition]
        self._next[topic, partition] = offset + 1
        return offset


def _recorded_at(line: dict[str, Any], place: Place) -> int | None:
    recorded = line.pop("recorded_at", None)
    return None if recorded is None else milliseconds(recorded, place)


def _raw(line: Mapping[str, Any], place: Place) -> LogRaw:
    rest = dict(line)
    recorded_at = _recorded_at(rest, place)
    key, channel = line.get("key"), line.get("channel")
    if not isinstance(channel, str) or not isinstance(key, str | None):
        place.refuse("a raw line needs a channel, and its key is text")
    if unknown := sorted(rest.keys() - {"raw", "key", "channel"}):
        place.refuse(f"a raw line has no field {', '.join(unknown)}")
    try:
        value = base64.b64decode(line["raw"], validate=True)
    except (binascii.Error, TypeError, ValueError):
        place.refuse("raw is not base64 text")
    return LogRaw(value, None if key is None else key.encode(), channel, recorded_at, place)


class _Column(NamedTuple):
    """How a field of a type is read: values of exactly the type `plain` need no look."""

    name: str
    plain: type | None
    default: Any
    field: Field
    type: Any


@lru_cache(maxsize=256)
def _columns(schema: EventSchema) -> tuple[_Column, ...]:
    """What is the same for all lines of a type."""
    columns = []
    for each in schema.parsed["fields"]:
        field = schema.fields[each["name"]]
        plain = None if _symbols(each["type"]) else _PLAIN.get(field.kind)
        default = each.get("default", _NEEDED)
        columns.append(_Column(field.name, plain, default, field, each["type"]))
    return tuple(columns)


def _value(value: object, column: _Column, place: Place) -> object:
    name, kind = column.name, column.field.kind
    if value is _NEEDED:
        place.refuse(f"field {name} is missing")
    if value is None and column.field.nullable:
        return None
    if kind == "timestamp":
        return milliseconds(value, place)
    if kind == "double" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not _fits(value, kind, column.type):
        place.refuse(f"field {name} is {kind}, not {value!r}")
    return value


def _fits(value: object, kind: str, avro: Any) -> bool:  # noqa: ANN401 - any Avro type
    match kind:
        case "bool":
            return isinstance(value, bool)
        case "int":
            return isinstance(value, int) and not isinstance(value, bool)
        case "double":
            return isinstance(value, float)
        case "string":
            return isinstance(value, str) and value in (_symbols(avro) or [value])
        case "list<string>":
            return isinstance(value, list) and all(isinstance(each, str) for each in value)
        case _:
            return isinstance(value, dict) and all(
                isinstance(each, str) for pair in value.items() for each in pair
            )


def _symbols(avro: Any) -> list[str]:  # noqa: ANN401 - any Avro type
    """What an enum allows; nothing for any other type."""
    inner = avro[1] if isinstance(avro, list) else avro
    return inner.get("symbols", []) if isinstance(inner, dict) else []
