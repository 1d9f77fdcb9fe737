"""Lists of a state that stay in MessagePack until somebody asks for them.

They are views of the bytes that were read, and are written as they are: what an event does not ask
for costs next to nothing.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Raw
from msgspec.msgpack import encode

NOTHING: Final = Raw(b"\x90")
"""A list without elements."""
_SHORT: Final = 0x90
_SHORT_MOST: Final = 15
_LONG: Final = b"\xdc"
_BEGINS: Final = [bytes([_SHORT + count]) for count in range(_SHORT_MOST + 1)]


def pack(elements: Sequence[object]) -> Raw:
    """A list of these."""
    return Raw(encode(elements))


def length(packed: Raw) -> int:
    """How many elements it has; 65,535 at most."""
    return _count(bytes(packed))


def split(packed: Raw) -> tuple[int, bytes]:
    """The number of elements, and their bytes."""
    data = bytes(packed)
    return _count(data), data[3:] if data[:1] == _LONG else data[1:]


def _count(data: bytes) -> int:
    short = data[0] ^ _SHORT
    return short if short <= _SHORT_MOST else data[1] << 8 | data[2]


def joined(count: int, elements: bytes) -> Raw:
    """The list of what `split` gave."""
    if count <= _SHORT_MOST:
        return Raw(_BEGINS[count] + elements)
    return Raw(_LONG + count.to_bytes(2, "big") + elements)
