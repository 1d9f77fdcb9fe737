"""The entries of a count, without reading them: `[time, null]` in MessagePack, in order of time.

A customer has many of them, as they stay a day longer than their window, and a count asks only
how many lie where. Since 20 February 1970 a time takes nine bytes, and so an entry eleven. Entries
of other lengths are read and counted one by one.
"""

from typing import TYPE_CHECKING, Final

from journey_engine.decide.packed import joined, split

if TYPE_CHECKING:
    from msgspec import Raw

WIDTH: Final = 11
FIRST_MS: Final = 2**32
"""No time before it is handled here."""
_BEGIN: Final = b"\x92\xcf"
_END: Final = b"\xc0"


def entries(packed: "Raw") -> bytes | None:
    """Their bytes, `WIDTH` each; None if they are of other lengths."""
    count, found = split(packed)
    if len(found) != count * WIDTH or (found and found[:2] != _BEGIN):
        return None
    return found


def packed(found: bytes) -> "Raw":
    """The list of what `entries` gave."""
    return joined(len(found) // WIDTH, found)


def added(found: bytes, at: int) -> bytes:
    """With one more in its place; `at` is `FIRST_MS` or later."""
    place = len(found)
    while place and _time(found, place - WIDTH) > at:
        place -= WIDTH
    return found[:place] + _BEGIN + at.to_bytes(8, "big") + _END + found[place:]


def latest(found: bytes) -> int:
    """The time of the last of some."""
    return _time(found, len(found) - WIDTH)


def since(found: bytes, oldest: int) -> bytes:
    """Those later than `oldest`; few are not."""
    start = 0
    while start < len(found) and _time(found, start) <= oldest:
        start += WIDTH
    return found[start:] if start else found


def count(found: bytes, oldest: int, at: int) -> int:
    """How many are later than `oldest`, and not than `at`: from their end, as before the window lie
    those of another day.
    """
    end = len(found)
    while end and _time(found, end - WIDTH) > at:
        end -= WIDTH
    start = end
    while start and _time(found, start - WIDTH) > oldest:
        start -= WIDTH
    return (end - start) // WIDTH


def _time(found: bytes, place: int) -> int:
    """That of the entry that begins there."""
    time = 0
    for byte in range(place + 2, place + 10):
        time = time << 8 | found[byte]
    return time
