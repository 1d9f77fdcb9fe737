"""Events of an Avro object container file that are as publishers send them: taken over unread.

A file may be written with any schema. Where each of its records is a published version of an event
type to the letter, its bodies are those of the wire, and only what places them is read.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from fastavro.schema import SchemaParseException, UnknownType

from journey_engine.avro.blocks import Scan, scanner
from journey_engine.decode.decode import LATEST_MS
from journey_engine.decode.frame import SINGLE_OBJECT
from journey_engine.schemas import AvroSchema, EventSchema, Schemas, crc

PLACING = ("customer_id", "anonymous_id", "occurred_at", "channel")
"""The fields that say where an event belongs."""


class LogBody:
    """An event of a log, in the single-object encoding. `line` counts from 1 in its file."""

    __slots__ = ("channel", "identity", "line", "occurred_at", "path", "value")

    def __init__(
        self,
        identity: str | None,
        occurred_at: int,
        channel: str,
        value: bytes,
        path: str,
        line: int,
    ) -> None:
        self.identity = identity
        self.occurred_at = occurred_at
        self.channel = channel
        self.value = value
        self.path = path
        self.line = line


class Bodies:
    """Takes the bodies out of a file's blocks, in their order."""

    def __init__(self, scan: Scan, begins: Sequence[bytes], path: str) -> None:
        """`begins` are the frames of the file's types."""
        self._scan = scan
        self._begins = begins
        self._path = path
        self._lines = 0

    def of(self, block: bytes, count: int) -> Sequence[LogBody]:
        """The events of the next block. Raises whatever the codec makes of foreign bytes, and
        ValueError for a time that is none.
        """
        events = []
        line, path, begins = self._lines, self._path, self._begins
        for branch, values, body in self._scan(block, count):
            line += 1
            customer_id, anonymous_id, occurred_at, channel = values
            if occurred_at > LATEST_MS:
                raise ValueError(f"line {line}: occurred_at {occurred_at} is after the year 9999")
            identity = anonymous_id if customer_id is None else customer_id
            value = begins[branch] + body
            events.append(LogBody(identity, occurred_at, channel, value, path, line))
        self._lines = line
        return events


def published_bodies(written: Any, schemas: Schemas, path: str) -> Bodies | None:  # noqa: ANN401 - Avro
    """For a file with this writer's schema; None where a record of it is no published version."""
    union = isinstance(written, list)
    found = list(_versions(written if union else [written], schemas))
    if not all(found):
        return None
    versions = [version for version in found if version is not None]
    scan = scanner([version.wire for version in versions], PLACING, union=union)
    return Bodies(scan, [SINGLE_OBJECT + version.fingerprint for version in versions], path)


def _versions(records: Sequence[Any], schemas: Schemas) -> Iterator[EventSchema | None]:
    for record in records:
        if not isinstance(record, dict) or record.get("type") != "record":
            yield None
            continue
        try:
            found = schemas.by_fingerprint.get(crc(record))
        except (SchemaParseException, UnknownType):  # it names a type of another record's
            found = None
        same = found is not None and _logical(record) == _logical(found.parsed)
        yield found if same else None


def _logical(record: AvroSchema) -> list[object]:
    """What the canonical form leaves out and matters: as what each field's number is meant."""
    kinds = [field["type"] for field in record["fields"]]
    inner = [kind[-1] if isinstance(kind, list) else kind for kind in kinds]
    return [kind.get("logicalType") if isinstance(kind, dict) else None for kind in inner]
