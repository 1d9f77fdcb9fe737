"""Avro bodies of the engine's own records.

fastavro finds out anew for each value which branch of a union it is; here a schema becomes a
function once, at a third of the cost a record. Values are the engine's own and not validated:
times are int milliseconds, a union is null and one other type, or types that Python tells apart.
"""

import struct
from collections.abc import Callable, Mapping
from typing import Any

Write = Callable[[Any], bytes]

_ONE_BYTE = [bytes([number]) for number in range(128)]
_INT64 = range(-(2**63), 2**63)
_NULL = b"\x00"
_SECOND = b"\x02"
"""The second branch of a union."""
_double = struct.Struct("<d").pack


def writer(schema: Any, named: dict[str, Write] | None = None) -> Write:  # noqa: ANN401 - Avro
    """The function that writes values of a schema as fastavro's parser gives it."""
    known = {} if named is None else named
    if isinstance(schema, list):
        return _optional(schema, known) if len(schema) == _PAIR else _union(schema, known)
    if not isinstance(schema, dict):
        return _PRIMITIVES[schema] if schema in _PRIMITIVES else known[schema]
    match schema["type"]:
        case "record":
            known[schema["name"]] = write = _record(schema["fields"], known)
            return write
        case "array":
            return _array(writer(schema["items"], known))
        case "map":
            return _map(writer(schema["values"], known))
        case primitive:
            return _PRIMITIVES[primitive]


def _record(fields: list[dict[str, Any]], named: dict[str, Write]) -> Write:
    columns = [(each["name"], each.get("default"), writer(each["type"], named)) for each in fields]

    def write(value: Mapping[str, Any]) -> bytes:
        get = value.get
        return b"".join([inner(get(name, default)) for name, default, inner in columns])

    return write


def _optional(branches: list[Any], named: dict[str, Write]) -> Write:
    """A union of null and another type, in this order as everywhere in `schemas/`."""
    inner = writer(branches[1], named)

    def write(value: object) -> bytes:
        return _NULL if value is None else _SECOND + inner(value)

    return write


def _union(branches: list[Any], named: dict[str, Write]) -> Write:
    kinds: dict[type, tuple[bytes, Write]] = {}
    for index, branch in enumerate(branches):
        name = branch["type"] if isinstance(branch, dict) else branch
        kinds[_PYTHON[name]] = (_long(index), writer(branch, named))

    def write(value: object) -> bytes:
        index, inner = kinds[type(value)]
        return index + inner(value)

    return write


def _array(inner: Write) -> Write:
    def write(value: list[Any]) -> bytes:
        items = [inner(each) for each in value]
        return b"".join([_long(len(items)), *items, _NULL]) if items else _NULL

    return write


def _map(inner: Write) -> Write:
    def write(value: Mapping[str, Any]) -> bytes:
        items = [_string(name) + inner(each) for name, each in value.items()]
        return b"".join([_long(len(items)), *items, _NULL]) if items else _NULL

    return write


def _long(value: int) -> bytes:
    """Zigzag, seven bits a byte, the lowest first."""
    if value not in _INT64:
        raise OverflowError(f"{value} is over 64 bits")
    rest = (value << 1) ^ (value >> 63)
    if rest < 128:  # noqa: PLR2004 - seven bits
        return _ONE_BYTE[rest]
    out = bytearray()
    while rest > 127:  # noqa: PLR2004 - seven bits
        out.append(rest & 127 | 128)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def _string(value: str) -> bytes:
    text = value.encode()
    size = len(text)
    return (_ONE_BYTE[2 * size] if size <= _SHORT else _long(size)) + text


def _boolean(value: object) -> bytes:
    return _ONE_BYTE[bool(value)]


def _null(value: None) -> bytes:
    del value
    return b""


_PAIR = 2
_SHORT = 63
"""The longest text whose length takes one byte."""
_PRIMITIVES: Mapping[str, Write] = {
    "null": _null,
    "boolean": _boolean,
    "int": _long,
    "long": _long,
    "double": _double,
    "string": _string,
}
_PYTHON: Mapping[str, type] = {
    "null": type(None),
    "boolean": bool,
    "long": int,
    "double": float,
    "string": str,
    "array": list,
}
