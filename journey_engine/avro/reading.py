"""Bodies of events to their fields.

The extension accepts what is plainly right and leaves all else to fastavro, which finds the words
for what is wrong: with and without it a body has the same values or the same error.
"""

import io
from collections.abc import Callable, Sequence
from typing import Any

from fastavro import schemaless_reader

try:
    from journey_engine.avro.native_reader import Reader as NativeReader
except ImportError:
    NativeReader = None  # type: ignore[assignment, misc]  # not compiled: fastavro reads

Fields = tuple[Any, ...]
"""The values of the fields asked for one by one, then a dict of the others."""
Read = Callable[[bytes, int], Fields]
"""Reads the body that begins at an offset. Raises whatever the codec makes of foreign bytes."""
Column = tuple[str, bool, int, tuple[str | None, ...] | None]
"""Of what kind a field is; whether null comes before it; its place among the values, -1 if nobody
reads it; the symbols of an enum, None for one that cannot be read."""
Schema = dict[str, Any]

_KINDS = {
    "boolean": "boolean",
    "int": "long",
    "long": "long",
    "float": "float",
    "double": "double",
    "string": "string",
}
_SAME_BYTES = {("int", "long"), ("float", "double")}
"""What is read as a wider type without a change of its column."""


class _Unsupported(Exception):  # noqa: N818 - a finding about a schema, fastavro reads it then
    """The extension has no column for this."""


def body_reader(
    written: Schema, resolved: Schema | None, shared: Sequence[str], keep: Sequence[str]
) -> Read:
    """How to read bodies of a record `written` as `resolved`, None where that is the same.

    No logical types. A body must end where its value does.
    """
    native = native_reader(written, resolved, shared, keep)
    return pure_reader(written, resolved, shared, keep) if native is None else native.read


def pure_reader(
    written: Schema, resolved: Schema | None, shared: Sequence[str], keep: Sequence[str]
) -> Read:
    """As `body_reader`, by fastavro alone."""

    def read(value: bytes, start: int) -> Fields:
        stream = io.BytesIO(value)
        stream.seek(start)
        try:
            fields: Any = schemaless_reader(stream, written, resolved)
        except (EOFError, StopIteration):
            # Its own words name a place in memory: the same record must give the same dead letter.
            raise EOFError("the body is cut short") from None
        left = len(value) - stream.tell()
        if left:
            raise ValueError(f"{left} bytes are left over")
        return *[fields[name] for name in shared], {name: fields[name] for name in keep}

    return read


def native_reader(
    written: Schema, resolved: Schema | None, shared: Sequence[str], keep: Sequence[str]
) -> "NativeReader | None":
    """The extension's; None without it, or where a field is of a kind that it does not know."""
    if NativeReader is None:
        return None
    places = {name: place for place, name in enumerate(dict.fromkeys([*shared, *keep]))}
    try:
        columns, defaults = _columns(written, resolved or written, places)
    except _Unsupported:
        return None
    values = [defaults.get(name) for name in places]
    kept = [(name, places[name]) for name in keep]
    pure = pure_reader(written, resolved, shared, keep)
    return NativeReader(columns, values, len(shared), kept, pure)


def _columns(
    written: Schema, resolved: Schema, places: dict[str, int]
) -> tuple[list[Column], dict[str, object]]:
    """What lies in a body, and what does not: the defaults."""
    now = {field["name"]: field for field in resolved["fields"]}
    if any("aliases" in field for field in now.values()):
        raise _Unsupported
    columns = []
    for field in written["fields"]:
        name, kind = field["name"], field["type"]
        target = now.pop(name, field)["type"]
        columns.append(_column(kind, target, places.get(name, -1)))
    if any("default" not in field for field in now.values()):
        raise _Unsupported
    return columns, {name: field["default"] for name, field in now.items()}


def _column(written: Any, resolved: Any, place: int) -> Column:  # noqa: ANN401 - Avro
    optional = isinstance(written, list)
    if optional:
        written = _beside_null(written)
    if isinstance(resolved, list):
        resolved = _beside_null(resolved)
    elif optional:
        raise _Unsupported
    match _plain(written), _plain(resolved):
        case (("int" | "long"), ("float" | "double")):
            return "long as double", optional, place, None
        case str(kind), str(now) if kind in _KINDS and (kind == now or (kind, now) in _SAME_BYTES):
            return _KINDS[kind], optional, place, None
        case {"type": "array", "items": "string"}, {"type": "array", "items": "string"}:
            return "array", optional, place, None
        case {"type": "map", "values": "string"}, {"type": "map", "values": "string"}:
            return "map", optional, place, None
        case {"type": "enum"} as then, {"type": "enum"} as now if then["name"] == now["name"]:
            return "enum", optional, place, _symbols(then, now)
        case _:
            raise _Unsupported


def _symbols(then: Schema, now: Schema) -> tuple[str | None, ...]:
    """What each symbol written is read as."""
    return tuple(each if each in now["symbols"] else now.get("default") for each in then["symbols"])


def _beside_null(union: list[Any]) -> Any:  # noqa: ANN401 - Avro
    match union:
        case ["null", other]:
            return other
        case _:
            raise _Unsupported


def _plain(schema: Any) -> Any:  # noqa: ANN401 - Avro
    """A primitive by its name alone."""
    match schema:
        case {"type": str(name)} if name in _KINDS:
            return name
        case _:
            return schema
