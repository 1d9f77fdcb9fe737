"""The parts of the language that this version does not run.

A definition that uses one is refused with `NOT_SUPPORTED` at its place: it is neither a spelling
mistake nor silently left out.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_PATTERN = "patterns of several events (P1)"
_CALENDAR = "waits on the calendar (W2)"
_JUNCTION = "junctions and experiments (J)"
_IDENTITY = "accounts and identity (M)"
_CONTACT = "contact policy: caps, quiet hours, arbitration, holdouts, themes (C)"

LATER_KEYS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "times": _PATTERN,
        "sequence": _PATTERN,
        "not_followed_by": _PATTERN,
        "all": _PATTERN,
        "within": _PATTERN,
        "becomes": _PATTERN,
        "at": _CALENDAR,
        "calendars": _CALENDAR,
        "split": _JUNCTION,
        "choose": _JUNCTION,
        "milestones": "milestones (I5)",
        "switch_to": "switching to another journey (I6)",
        "with": "switching to another journey (I6)",
        "route": "the action `route` (A2)",
        "show": "the action `show` (A3)",
        "task": "the action `task` (A4)",
        "sync": "the action `sync` (A5)",
        "score": _CONTACT,
        "on_suppressed": _CONTACT,
        "holds": _CONTACT,
        "caps": _CONTACT,
        "quiet": _CONTACT,
        "quiet_hours": _CONTACT,
        "obeys": _CONTACT,
        "counts": _CONTACT,
        "arbitrate": _CONTACT,
        "arbitration": _CONTACT,
        "holdouts": _CONTACT,
        "themes": _CONTACT,
        "capacity": "the capacity of a channel (C6)",
        "subject": _IDENTITY,
        "account": _IDENTITY,
        "migrate": "versions of a journey side by side (V1)",
        "rank": _IDENTITY,
    }
)
"""Keys of later parts, and what part that is."""

LATER_EVENTS: Final[Mapping[str, str]] = MappingProxyType({"milestone": "milestones (I5)"})
"""Names that stand where an event type does, and are none."""
