"""Repeats and conflicts among the inputs read (rule T6)."""

from enum import Enum
from hashlib import blake2b
from typing import Final

from journey_engine.decide.event import Event
from journey_engine.decide.state import SEEN_FOR_MS, SEEN_MAX

ENTRY: Final = 16
_HASH: Final = 8
_DIGEST: Final = 4
_DIGEST_END: Final = 12
_FULL: Final = SEEN_MAX * ENTRY
_SEEN_FOR_S: Final = SEEN_FOR_MS // 1000
_SECONDS_MAX: Final = 0xFFFFFFFF


class Sight(Enum):
    """What an input is to those seen before."""

    NEW = "new"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"


NEW: Final = Sight.NEW


def look(seen: bytes, event: Event, now: int) -> tuple[Sight, bytes, int]:
    """Return what `event` is, what is remembered with it, and how many ids went early.

    Both limits hold: 24 hours since it was read, and the last `SEEN_MAX` inputs read.
    """
    return look_for(seen, event.source, event.event_id, event.digest, now)


def look_for(
    seen: bytes, source: str, event_id: str, body: bytes, now: int
) -> tuple[Sight, bytes, int]:
    """The same of whatever has a source, an id and a digest of its body."""
    name = f"{source}\0{event_id}".encode("utf-8", "surrogatepass")
    mark = blake2b(name, digest_size=_HASH).digest()
    digest = body if len(body) == _DIGEST else body[:_DIGEST].ljust(_DIGEST, b"\0")
    second = now // 1000 if now > 0 else 0
    second = min(second, _SECONDS_MAX)
    place = seen.find(mark)
    if place >= 0:
        known = _find(seen, mark, place, second)
        if known is not None:
            same = known == digest
            return (Sight.DUPLICATE if same else Sight.CONFLICT), seen, 0
    entry = mark + digest + second.to_bytes(4, "big")
    if not seen:
        return NEW, entry, 0
    kept, early = _trimmed(seen, second)
    return NEW, kept + entry, early


def _find(seen: bytes, mark: bytes, place: int, second: int) -> bytes | None:
    """The digest under which `mark` was read within the last 24 hours; it first lies at `place`."""
    while place >= 0:
        if place % ENTRY == 0 and second - _second(seen, place) <= _SEEN_FOR_S:
            return seen[place + _HASH : place + _DIGEST_END]
        place = seen.find(mark, place + 1)
    return None


def _trimmed(seen: bytes, second: int) -> tuple[bytes, int]:
    """`seen` with room for one more, and how many went before their 24 hours."""
    oldest = second - _SEEN_FOR_S
    if len(seen) < _FULL and _second(seen, 0) >= oldest:
        return seen, 0
    start = 0
    while start < len(seen) and _second(seen, start) < oldest:
        start += ENTRY
    over = len(seen) - start - (_FULL - ENTRY)
    if over <= 0:
        return (seen[start:] if start else seen), 0
    return seen[start + over :], over // ENTRY


def _second(seen: bytes, place: int) -> int:
    at = place + _DIGEST_END
    return seen[at] << 24 | seen[at + 1] << 16 | seen[at + 2] << 8 | seen[at + 3]
