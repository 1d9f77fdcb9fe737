"""Repeats and conflicts among the inputs read (rule T6)."""

from enum import Enum
from typing import Final

from journey_engine.decide.event import Event

try:
    from journey_engine.decide.native_seen import noted
except ImportError:
    from journey_engine.decide.seen import noted

_SECONDS_MAX: Final = 0xFFFFFFFF
_noted: Final = noted


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
    second = min(now // 1000, _SECONDS_MAX) if now > 0 else 0
    found, kept, early = _noted(seen, source, event_id, body, second)
    if found == 0:
        return NEW, kept, early
    return (Sight.DUPLICATE if found == 1 else Sight.CONFLICT), kept, early
