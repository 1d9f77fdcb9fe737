"""Structs to Avro bodies.

fastavro finds out anew for each value which branch of a union it is; here a schema becomes a
function once. Values are the engine's own and not validated: times are int milliseconds, a union is
null and one other type, or types that Python tells apart.
"""

import struct
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

try:
    from journey_engine.avro.native_writer import Writer as NativeWriter
except ImportError:
    NativeWriter = None  # type: ignore[assignment, misc]  # not compiled: the functions below

Write = Callable[[Any], bytes]
Classes = Mapping[str, type[msgspec.Struct]]
"""Of what class the values of each record are. A field that it does not have is the default."""

_ONE_BYTE = [bytes([number]) for number in range(128)]
_LEAST, _MOST = -(2**63), 2**63 - 1
_NULL = b"\x00"
_SECOND = b"\x02"
"""The second branch of a union."""
_double = struct.Struct("<d").pack


def writer(schema: Any, classes: Classes, renamed: Mapping[str, str], prefix: bytes) -> Write:  # noqa: ANN401 - Avro
    """The function that writes values of a schema as fastavro's parser gives it, behind `prefix`.

    `renamed` are the attributes that are not called as the field is.
    """
    if NativeWriter is not None:
        return NativeWriter(schema, classes, renamed, prefix).write
    return pure_writer(schema, classes, renamed, prefix)


def pure_writer(schema: Any, classes: Classes, renamed: Mapping[str, str], prefix: bytes) -> Write:  # noqa: ANN401
    """As `writer`, without the extension."""
    write = _Compiler(classes, renamed).writer(schema)
    return lambda value: prefix + write(value)


class _Compiler:
    """Schemas to functions; a named record is met again by its name."""

    def __init__(self, classes: Classes, renamed: Mapping[str, str]) -> None:
        self._classes = classes
        self._renamed = renamed
        self._named: dict[str, Write] = {}

    def writer(self, schema: Any) -> Write:  # noqa: ANN401 - Avro
        if isinstance(schema, list):
            return self._optional(schema) if len(schema) == _PAIR else self._union(schema)
        if not isinstance(schema, dict):
            return _PRIMITIVES[schema] if schema in _PRIMITIVES else self._named[schema]
        match schema["type"]:
            case "record":
                self._named[schema["name"]] = write = self._record(schema)
                return write
            case "array":
                return _array(self.writer(schema["items"]))
            case "map":
                return _map(self.writer(schema["values"]))
            case primitive:
                return _PRIMITIVES[primitive]

    def _record(self, schema: dict[str, Any]) -> Write:
        present = self._classes[schema["name"]].__struct_fields__
        columns = [self._column(field, present) for field in schema["fields"]]
        return lambda value: b"".join([write(value) for write in columns])

    def _column(self, field: dict[str, Any], present: tuple[str, ...]) -> Write:
        name = self._renamed.get(field["name"], field["name"])
        if name in present:
            inner = self.writer(field["type"])
            return lambda value: inner(getattr(value, name))
        default = field["default"]
        constant = _NULL if default is None else self.writer(field["type"])(default)
        return lambda _: constant

    def _optional(self, branches: list[Any]) -> Write:
        """A union of null and another type, in this order as everywhere in `schemas/`."""
        inner = self.writer(branches[1])
        return lambda value: _NULL if value is None else _SECOND + inner(value)

    def _union(self, branches: list[Any]) -> Write:
        kinds: dict[type, tuple[bytes, Write]] = {}
        for index, branch in enumerate(branches):
            name = branch["type"] if isinstance(branch, dict) else branch
            kinds[_PYTHON[name]] = (_long(index), self.writer(branch))

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
    if not _LEAST <= value <= _MOST:
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
