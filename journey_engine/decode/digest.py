"""What tells a repeat of an event from another one under the same id (rule T6)."""

from typing import Final
from zlib import crc32

_MORE: Final = 0x80
_SEVEN_BITS: Final = 0x7F


def digest(value: bytes, start: int) -> bytes:
    """CRC-32 of the body from `start` on but for `occurred_at`, 4 bytes.

    Who says an event again, after a failure, may take the time of now anew. The body must be one
    that was read, of an event that begins with the shared fields: the time is the fourth.
    """
    time = _behind_text(value, start)
    for _ in ("customer_id", "anonymous_id"):
        there, end = _long(value, time)
        time = _behind_text(value, end) if there else end
    end = _long(value, time)[1]
    return crc32(value[end:], crc32(value[start:time])).to_bytes(4, "big")


def whole_digest(value: bytes, start: int) -> bytes:
    """CRC-32 of all of the body, 4 bytes, where the time may lie anywhere."""
    return crc32(value[start:]).to_bytes(4, "big")


def _behind_text(value: bytes, at: int) -> int:
    size, end = _long(value, at)
    return end + (size >> 1)


def _long(value: bytes, at: int) -> tuple[int, int]:
    """A number as it is written, its sign in the lowest bit, and where it ends."""
    number = shift = 0
    while value[at] & _MORE:
        number |= (value[at] & _SEVEN_BITS) << shift
        shift += 7
        at += 1
    return number | value[at] << shift, at + 1
