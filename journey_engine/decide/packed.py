"""Lists of a state that stay in MessagePack until somebody asks for them.

They are views of the bytes that were read, and are written as they are: what an event does not ask
for costs next to nothing.
"""

from typing import Final

from msgspec import Raw

NOTHING: Final = Raw(b"\x90")
"""A list without elements."""
_SHORT: Final = 0x90
_SHORT_MOST: Final = 15
_LONG: Final = b"\xdc"
_BEGINS: Final = [bytes([_SHORT + count]) for count in range(_SHORT_MOST + 1)]


def length(packed: Raw) -> int:
    """How many elements it has; 65,535 at most."""
    data = bytes(packed)
    count = data[0] ^ _SHORT
    return count if count <= _SHORT_MOST else data[1] << 8 | data[2]


def split(packed: Raw) -> tuple[int, bytes]:
    """The number of elements, and their bytes."""
    data = bytes(packed)
    count = data[0] ^ _SHORT
    if count <= _SHORT_MOST:
        return count, data[1:]
    return data[1] << 8 | data[2], data[3:]


def joined(count: int, elements: bytes) -> Raw:
    """The list of what `split` gave."""
    if count <= _SHORT_MOST:
        return Raw(_BEGINS[count] + elements)
    return Raw(_LONG + count.to_bytes(2, "big") + elements)
