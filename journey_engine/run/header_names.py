"""Batches in which the name of a header is not UTF-8, read all the same.

A broker looks at no name. aiokafka raises at such a one, at each reading anew, so that one record
would stop its partition for good; Java reads U+FFFD in place of what it cannot, and so it is here.
"""

import struct
from typing import Any

from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

_BEGIN = struct.Struct(">qi")
"""Of a batch: its first offset, and how many bytes follow."""
_MAGIC_AT = 16
_WITH_HEADERS = 2


class KeptRecords(MemoryRecords):  # type: ignore[misc]  # aiokafka's, compiled or not
    """What a fetch brought of a partition, still at hand as bytes while it is read."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.data = data


class _Names(bytearray):
    """Of which any part can be read as text."""

    def __getitem__(self, at: Any) -> Any:  # noqa: ANN401 - as bytearray's
        found = super().__getitem__(at)
        return _Names(found) if isinstance(at, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "replace") -> str:
        return super().decode(encoding, errors)


def read_batch(data: bytes, offset: int) -> tuple[list[Any], int, bytes]:
    """Of the batches in `data` the one in which the offset lies: its records as aiokafka has them,
    the offset after it, and the batches behind it.
    """
    end = 0
    while True:
        at = end
        end = at + _BEGIN.size + _BEGIN.unpack_from(data, at)[1]
        if data[at + _MAGIC_AT] < _WITH_HEADERS:
            continue
        batch: Any = _DefaultRecordBatchPy(data[at:end])
        if batch.next_offset > offset:
            break
    batch._maybe_uncompress()  # noqa: SLF001 - its buffer is another one then
    batch._buffer = _Names(batch._buffer)  # noqa: SLF001 - whose names it reads as text
    return list(batch), batch.next_offset, data[end:]
