"""Schemas of others whose bodies end: fastavro reads what a schema says, however deep or long.

It calls itself without a limit, and a block may count any number of values that take no bytes: a
short body could end the process, or hold it for ever. Pure.
"""

from typing import Any, Final, NamedTuple

DEPTH_MAX: Final = 64
"""Types within types, those that are called by name included."""


class UnboundedError(ValueError):
    """A schema by which a body could be without end; says what of it."""


class _Extent(NamedTuple):
    """How deep a type goes, and whether a value of it takes no bytes."""

    depth: int
    empty: bool


def require_bounded(schema: Any) -> None:  # noqa: ANN401 - Avro
    """Refuse a schema, as fastavro's parser gives it, whose bodies could be without end.

    Raises:
        UnboundedError: a type contains itself or lies too deep, an array's items take no bytes, or
            none of a record's fields does.
    """
    _Walk().extent(schema, DEPTH_MAX)


class _Walk:
    """Looks at each named type once."""

    def __init__(self) -> None:
        self._named: dict[str, _Extent | None] = {}
        """None while it is looked at."""

    def extent(self, schema: Any, left: int) -> _Extent:  # noqa: ANN401 - Avro
        """Of a type that may go `left` deep."""
        found = self._of(schema, left) if left else _Extent(1, empty=False)
        if found.depth > left:
            raise UnboundedError(f"types lie more than {DEPTH_MAX} deep in one another")
        return found

    def _of(self, schema: Any, left: int) -> _Extent:  # noqa: ANN401 - Avro
        match schema:
            case {"type": "record" | "error", "name": str(name), "fields": list(fields)}:
                return self._record(name, fields, left)
            case {"type": ("fixed" | "enum") as kind, "name": str(name)}:
                empty = kind == "fixed" and schema["size"] <= 0
                self._named[name] = found = _Extent(1, empty)
                return found
            case list():
                return self._holder(schema, left)
            case {"type": "map", "values": values}:  # they lie behind keys
                return self._holder([values], left)
            case {"type": "array", "items": items}:
                return self._holder([items], left, counted=True)
            case _:
                return self._named_as(schema, left)

    def _holder(self, kinds: list[Any], left: int, *, counted: bool = False) -> _Extent:
        """What takes a byte even if it holds nothing; `counted`: it holds as many as it says."""
        inner = [self.extent(each, left - 1) for each in kinds]
        if counted and inner[0].empty:
            raise UnboundedError("an array has items that take no bytes")
        return _Extent(1 + max((each.depth for each in inner), default=0), empty=False)

    def _record(self, name: str, fields: list[Any], left: int) -> _Extent:
        self._named[name] = None
        depth, empty = 0, True
        for field in fields:
            inner = self.extent(field["type"], left - 1)
            depth, empty = max(depth, inner.depth), empty and inner.empty
        if fields and empty:  # such records within such could be met without number
            raise UnboundedError(f"record {name} has fields, and none takes a byte")
        self._named[name] = found = _Extent(1 + depth, empty)
        return found

    def _named_as(self, schema: Any, left: int) -> _Extent:  # noqa: ANN401 - Avro
        if isinstance(schema, dict):
            return self._of(schema["type"], left)
        found = self._named.get(schema, _Extent(1, empty=schema == "null"))
        if found is None:
            raise UnboundedError(f"type {schema} contains itself")
        return found
