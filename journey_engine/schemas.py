"""The Avro schemas of `schemas/`, parsed and checked once. Pure: texts in, catalogue out.

`events/<Type>/<n>.avsc` are the published versions of an event type, `<Name>.avsc` the records that
the engine writes, `former/<Name>/<n>.avsc` what it wrote before. What an event schema must look
like is in `schemas/README.md`.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import PurePosixPath
from typing import Any, cast
from uuid import UUID

import fastavro
from fastavro.schema import SchemaParseException, fingerprint, to_parsing_canonical_form

from journey_engine.avro.resolution import fits
from journey_engine.errors import DefinitionError, DefinitionErrors

AvroSchema = dict[str, Any]
RegistryId = int | UUID
"""A registry knows a schema by a number; since frames in headers by a GUID, too."""

EVENT_NAMESPACE = "journey.events"
RECORD_NAMESPACE = "journey"
FORMER = "former"
"""The folder of the engine's records as it wrote them before."""
IDS = frozenset({"customer_id", "anonymous_id"})

_TIMESTAMP = {"type": "long", "logicalType": "timestamp-millis"}
SHARED_FIELDS: Mapping[str, object] = {
    "event_id": "string",
    "customer_id": ["null", "string"],
    "anonymous_id": ["null", "string"],
    "occurred_at": _TIMESTAMP,
    "channel": "string",
    "source": "string",
    "session_id": ["null", "string"],
    "backfill": "boolean",
}
"""What every event begins with, in this order, and its Avro types (contracts)."""

_KINDS = {
    "boolean": "bool",
    "int": "int",
    "long": "int",
    "float": "double",
    "double": "double",
    "string": "string",
}
_OF_LOGS = frozenset({"type", "raw", "recorded_at"})
_TYPE_NAME = re.compile(r"[A-Z][A-Za-z0-9]*")


@dataclass(frozen=True, slots=True)
class Field:
    """A field of an event as guards see it.

    `kind` is one of `bool int double string timestamp list<string> map<string>`; an enum is a
    string.
    """

    name: str
    kind: str
    nullable: bool
    doc: str


@dataclass(frozen=True, slots=True, eq=False)
class EventSchema:
    """One published version of an event type; version 0 is known to a registry alone.

    `parsed` is the schema for fastavro; `wire` the same without logical types, so that times are
    read as int milliseconds. `fingerprint` is CRC-64-AVRO of the canonical form, 8 bytes, as in
    the single-object encoding. `fields` are in the schema's order.
    """

    name: str
    version: int
    parsed: AvroSchema
    wire: AvroSchema
    fingerprint: bytes
    fields: Mapping[str, Field]


@dataclass(frozen=True, slots=True)
class Foreign:
    """What a registry's id stands for where that is no event: `reason` says so. `parsed` is its
    schema where it is an Avro record all the same, such as a command, and `name` the record's.
    """

    reason: str
    name: str = ""
    parsed: AvroSchema | None = None


Registered = EventSchema | Foreign
"""What a registry's id stands for."""


@dataclass(frozen=True, slots=True, eq=False)
class Schemas:
    """The catalogue. `events` holds the newest version of each type."""

    events: Mapping[str, EventSchema]
    by_fingerprint: Mapping[bytes, EventSchema]
    """All published versions."""
    records: Mapping[str, tuple[AvroSchema, bytes]] = field(default_factory=dict)
    """The engine's own records: schema and fingerprint."""
    former: Mapping[bytes, tuple[str, AvroSchema]] = field(default_factory=dict)
    """By fingerprint the name and the schema of records as the engine wrote them before."""
    by_registry_id: dict[RegistryId, Registered] = field(default_factory=dict)
    """Filled while a registry tells what its ids stand for; empty without one."""
    texts: Mapping[bytes, str] = field(default_factory=dict)
    """By fingerprint what each file says, on one line: what is registered."""
    frames: dict[str, bytes] = field(default_factory=dict)
    """By the engine's record what its values begin with, where that is not the fingerprint."""

    @staticmethod
    def parse(files: Mapping[str, str]) -> "Schemas":
        """Read avsc texts by path; files of other kinds are passed over.

        Raises:
            DefinitionErrors: all that is wrong in all of them.
        """
        return _Parser().parse(files)

    def personal(self, name: str) -> frozenset[str]:
        """The fields of an event type, in any published version, or of a record of the engine,
        that are personal: those that say so, and the ids of customer and visitor.
        """
        versions = [one.parsed for one in self.by_fingerprint.values() if one.name == name]
        fields = chain.from_iterable(each["fields"] for each in versions or [self.record(name)])
        return IDS | {each["name"] for each in fields if each.get("pii") is True}

    def record(self, name: str) -> AvroSchema:
        """The schema of `Command`, `Transition` or `SendDecision`; KeyError if there is none."""
        return self.records[name][0]


class _Parser:
    """Collects errors over all files."""

    def __init__(self) -> None:
        self._errors: list[DefinitionError] = []
        self._versions: dict[str, dict[int, tuple[str, EventSchema]]] = {}
        self._records: dict[str, tuple[AvroSchema, bytes]] = {}
        self._former: dict[bytes, tuple[str, AvroSchema]] = {}
        self._texts: dict[bytes, str] = {}
        self._path = ""
        self._text = ""

    def parse(self, files: Mapping[str, str]) -> Schemas:
        for path in sorted(files):
            if path.endswith(".avsc"):
                self._path, self._text = path, files[path]
                try:
                    self._file(PurePosixPath(path))
                except RecursionError:
                    self._error("SCHEMA_SYNTAX", "nested too deeply")
        by_fingerprint = self._by_fingerprint()
        for versions in self._versions.values():
            self._check_versions(versions)
        if self._errors:
            raise DefinitionErrors(self._errors)
        newest = {name: of[max(of)][1] for name, of in sorted(self._versions.items())}
        return Schemas(newest, by_fingerprint, self._records, self._former, texts=self._texts)

    def _error(self, code: str, message: str, hint: str = "", *, at: str = "") -> None:
        line, column = place_of(self._text, at)
        self._errors.append(DefinitionError(self._path, line, column, code, message, hint))

    def _file(self, path: PurePosixPath) -> None:
        raw = self._load()
        if raw is None:
            return
        self._texts[crc(raw)] = one_line(raw)
        if path.parent.parent.name == "events":
            self._event(raw, path.parent.name, path.stem)
        elif path.parent.parent.name == FORMER:
            self._written_before(raw, path.parent.name, path.stem)
        else:
            self._check_name(raw, path.stem, RECORD_NAMESPACE)
            self._check_fields(raw)
            self._records[path.stem] = (_parsed(raw), crc(raw))

    def _written_before(self, raw: AvroSchema, name: str, stem: str) -> None:
        """Paths are in order, so the engine's records of now are known."""
        if not self._is_version(stem):
            return
        self._check_name(raw, name, RECORD_NAMESPACE)
        self._check_fields(raw)
        now = self._records.get(name)
        if now is None:
            self._error("SCHEMA_NAME", f"the engine writes no record {name}")
        elif crc(raw) == now[1] or crc(raw) in self._former:
            self._error(
                "SCHEMA_FINGERPRINT",
                f"its fingerprint is that of another version of {name}",
                "one file is enough for both",
            )
        self._former[crc(raw)] = (name, _parsed(raw))

    def _is_version(self, stem: str) -> bool:
        if stem.isdecimal() and int(stem) > 0:
            return True
        self._error("SCHEMA_NAME", f"'{stem}' is not a version", "name the file 1.avsc, 2.avsc")
        return False

    def _load(self) -> AvroSchema | None:
        try:
            raw = json.loads(self._text)
            if _is_record(raw):
                fastavro.parse_schema(raw)
                return cast("AvroSchema", raw)
            self._error("SCHEMA_INVALID", "the file must hold one Avro record with its fields")
        except json.JSONDecodeError as error:
            message, place = f"not JSON: {error.msg}", (error.lineno, error.colno)
            self._errors.append(DefinitionError(self._path, *place, "SCHEMA_SYNTAX", message))
        except (SchemaParseException, ValueError, TypeError, KeyError, AttributeError) as error:
            self._error("SCHEMA_INVALID", f"not an Avro schema: {error}")
        return None

    def _event(self, raw: AvroSchema, name: str, stem: str) -> None:
        if not self._is_version(stem):
            return
        if not _TYPE_NAME.fullmatch(name):
            self._error("SCHEMA_NAME", f"type '{name}' is not in PascalCase")
        self._check_name(raw, name, EVENT_NAMESPACE)
        self._check_fields(raw)
        self._check_shared(raw["fields"])
        fields = {f["name"]: read for f in raw["fields"] if (read := self._field(f)) is not None}
        schema = event_schema(raw, int(stem), fields)
        self._versions.setdefault(name, {})[int(stem)] = (self._path, schema)

    def _check_name(self, raw: AvroSchema, name: str, namespace: str) -> None:
        if raw["name"] != name or raw.get("namespace") != namespace:
            found = f"{raw.get('namespace', '')}.{raw['name']}"
            self._error(
                "SCHEMA_NAME",
                f"the record is called {found}, its place says {namespace}.{name}",
                at=raw["name"],
            )

    def _check_fields(self, raw: AvroSchema) -> None:
        for each in raw["fields"]:
            name, doc = each["name"], each.get("doc")
            if not (isinstance(doc, str) and doc.strip()):
                told = f"field '{name}' has no doc"
                self._error("SCHEMA_DOC", told, "say in a sentence what it means", at=name)
            if name in _OF_LOGS:
                told = f"no event log could carry a field '{name}'"
                self._error("SCHEMA_NAME", told, "there it says something of the line", at=name)

    def _check_shared(self, fields: Sequence[AvroSchema]) -> None:
        found = [(f["name"], f["type"]) for f in fields[: len(SHARED_FIELDS)]]
        for index, (name, kind) in enumerate(SHARED_FIELDS.items()):
            if index >= len(found) or found[index] != (name, kind):
                self._error(
                    "SCHEMA_SHARED_FIELDS",
                    f"field {index + 1} must be '{name}' of type {json.dumps(kind)}",
                    f"every event begins with {', '.join(SHARED_FIELDS)}",
                    at=found[index][0] if index < len(found) else "",
                )
                return
        backfill = fields[len(SHARED_FIELDS) - 1]
        if backfill.get("default") is not False:
            self._error("SCHEMA_SHARED_FIELDS", "backfill must have default false", at="backfill")

    def _field(self, raw: AvroSchema) -> Field | None:
        name, kind, nullable = raw["name"], raw["type"], False
        if isinstance(kind, list):
            null_first = len(kind) == 2 and kind[0] == "null"  # noqa: PLR2004 - null and a type
            if not null_first or raw.get("default", "") is not None:
                self._error(
                    "SCHEMA_NULLABLE",
                    f"field '{name}' must be null first, one other type, and default null",
                    at=name,
                )
                return None
            kind, nullable = kind[1], True
        read = _kind(kind)
        if read is None:
            self._error(
                "SCHEMA_TYPE",
                f"field '{name}' has a type that guards cannot read: {json.dumps(kind)}",
                "use boolean, int, long, float, double, string, timestamp-millis, an enum with a"
                " default, an array or a map of string",
                at=name,
            )
            return None
        return Field(name, read, nullable, raw.get("doc", ""))

    def _by_fingerprint(self) -> dict[bytes, EventSchema]:
        found: dict[bytes, EventSchema] = {}
        for versions in self._versions.values():
            for path, schema in versions.values():
                other = found.setdefault(schema.fingerprint, schema)
                if other is not schema:
                    self._path = path
                    self._text = ""
                    self._error(
                        "SCHEMA_FINGERPRINT",
                        f"version {schema.version} of {schema.name} has the fingerprint of version"
                        f" {other.version}: readers cannot tell them apart",
                        "docs, defaults and logical types do not count; remove this version",
                    )
        return found

    def _check_versions(self, versions: Mapping[int, tuple[str, EventSchema]]) -> None:
        """Every version is read as the newest one: that must be possible."""
        newest_path, newest = versions[max(versions)]
        for _, older in versions.values():
            self._path, self._text = newest_path, ""
            for name in unreadable(newest, older.parsed):
                self._error(
                    "SCHEMA_INCOMPATIBLE",
                    f"field '{name}' of version {newest.version} cannot be read from version"
                    f" {older.version}",
                    "a new field needs a default; a kept field keeps its type",
                )


def unreadable(newest: EventSchema, written: AvroSchema) -> list[str]:
    """The fields of a type's newest version that cannot be read from what was written by another
    schema of it.
    """
    then = {f["name"]: f["type"] for f in written["fields"]}
    return [
        each["name"]
        for each in newest.parsed["fields"]
        if not (
            fits(each["type"], then[each["name"]]) if each["name"] in then else "default" in each
        )
    ]


def one_line(schema: AvroSchema) -> str:
    """A schema as it is registered: the same text for the same schema, docs included."""
    return json.dumps(schema, separators=(",", ":"))


def event_schema(raw: AvroSchema, version: int, fields: Mapping[str, Field]) -> EventSchema:
    """The event type's version of a raw schema."""
    wire = _parsed(_without_logical_types(raw))
    return EventSchema(raw["name"], version, _parsed(raw), wire, crc(raw), fields)


def _is_record(raw: object) -> bool:
    match raw:
        case {"type": "record", "name": str(), "fields": list(fields)}:
            return all(isinstance(f, dict) and isinstance(f.get("name"), str) for f in fields)
        case _:
            return False


def _kind(avro: object) -> str | None:
    match avro:
        case str():
            return _KINDS.get(avro)
        case {"type": "long", "logicalType": "timestamp-millis"}:
            return "timestamp"
        case {"type": "enum", "default": _}:
            return "string"
        case {"type": "array", "items": "string"}:
            return "list<string>"
        case {"type": "map", "values": "string"}:
            return "map<string>"
        case _:
            return None


def _parsed(raw: AvroSchema) -> AvroSchema:
    return cast("AvroSchema", fastavro.parse_schema(raw))


def crc(raw: AvroSchema) -> bytes:
    """CRC-64-AVRO of the canonical form."""
    return bytes.fromhex(fingerprint(to_parsing_canonical_form(raw), "CRC-64-AVRO"))


def _without_logical_types(raw: object) -> Any:  # noqa: ANN401 - any part of a JSON document
    if isinstance(raw, list):
        return [_without_logical_types(each) for each in raw]
    if isinstance(raw, dict):
        return {k: _without_logical_types(v) for k, v in raw.items() if k != "logicalType"}
    return raw


def place_of(text: str, name: str) -> tuple[int, int]:
    """Line and column of `"name": "<name>"`, else the beginning of the file."""
    found = re.search(rf'"name"\s*:\s*"({re.escape(name)})"', text) if name else None
    if found is None:
        return 1, 1
    before = text[: found.start(1)]
    return before.count("\n") + 1, len(before) - before.rfind("\n")
