"""Bodies of events in the blocks of an Avro object container file, found and kept as they are.

Only a few fields of each are read. As in `reading`, the extension leaves to fastavro what is not
plainly right.
"""

import io
from collections.abc import Callable, Sequence
from typing import Any

from fastavro import schemaless_reader

from journey_engine.avro.reading import Schema, native_reader

try:
    from journey_engine.avro.native_reader import Scanner as NativeScanner
except ImportError:
    NativeScanner = None  # type: ignore[assignment, misc]  # not compiled: fastavro reads

Body = tuple[int, Sequence[Any], bytes]
"""Which of the types it is, the values of the fields asked for, the bytes."""
Scan = Callable[[bytes, int], Sequence[Body]]
"""Finds so many bodies in a block. Raises whatever the codec makes of foreign bytes."""


def scanner(schemas: Sequence[Schema], wanted: Sequence[str], *, union: bool) -> Scan:
    """How to find the bodies of these records, which all have the fields `wanted`.

    With `union` the number of its record stands before each body. No logical types.
    """
    pure = pure_scanner(schemas, wanted, union=union)
    readers = [native_reader(schema, None, wanted, ()) for schema in schemas]
    known = tuple(reader for reader in readers if reader is not None)
    if NativeScanner is None or len(known) < len(schemas):
        return pure
    plain = NativeScanner(known, union=union).plain

    def scan(block: bytes, count: int) -> Sequence[Body]:
        found = plain(block, count)
        return pure(block, count) if found is None else found

    return scan


def pure_scanner(schemas: Sequence[Schema], wanted: Sequence[str], *, union: bool) -> Scan:
    """As `scanner`, by fastavro alone."""

    def scan(block: bytes, count: int) -> Sequence[Body]:
        stream = io.BytesIO(block)
        found = []
        for _ in range(count):
            branch: Any = schemaless_reader(stream, "long", None) if union else 0
            if not 0 <= branch < len(schemas):
                raise ValueError(f"a union of {len(schemas)} has no branch {branch}")
            start = stream.tell()
            fields: Any = schemaless_reader(stream, schemas[branch], None)
            body = block[start : stream.tell()]
            found.append((branch, [fields[name] for name in wanted], body))
        left = len(block) - stream.tell()
        if left:
            raise ValueError(f"{left} bytes are left over")
        return found

    return scan
