"""Waits on the calendar as they run (rules W2 to W5), and the zones that they are reckoned in.

Durations and times of day are milliseconds; a time of day counts from midnight by the wall clock.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from journey_engine.define.expression import Expression

PAST = "past"
"""The label of an end by `if_past: exit`."""
EVERY_WEEKDAY = frozenset(range(7))
"""Monday is 0."""


@dataclass(frozen=True, slots=True, eq=False)
class Zones:
    """The catalogue of time zones by IANA name; `version` is that of the IANA database.

    The shell reads it once: `journey_engine.run.zones`.
    """

    version: str
    by_name: Mapping[str, dt.tzinfo]


NO_ZONES = Zones("none", {})
"""For plans that name no zone: every customer's clock is the policies'."""


@dataclass(frozen=True, slots=True, eq=False)
class Days:
    """The days of these weekdays (0 is Monday), without those that are closed."""

    weekdays: frozenset[int] = EVERY_WEEKDAY
    closed: frozenset[dt.date] = frozenset()


WORKDAYS = Days(frozenset(range(5)))
"""Monday to Friday, where no calendar says otherwise."""


class IfPast(StrEnum):
    """What becomes of a wait whose time is past when it begins (rule W4)."""

    RUN = "run"
    SKIP = "skip"
    EXIT = "exit"


@dataclass(frozen=True, slots=True, eq=False)
class AtPlan:
    """A wait on the calendar (rule W2).

    `moves`: a date or an offset says which day; else it is the next such time. `date` None counts
    from the day on which the wait began, `time` None keeps the time of day of what is counted from.
    `zone` None is the customer's. `work` are the days that `workdays` counts.
    """

    date: Expression | None = None
    months: int = 0
    days: int = 0
    workdays: int = 0
    work: Days = WORKDAYS
    moves: bool = False
    time: int | None = None
    zone: dt.tzinfo | None = None
    only: Days | None = None
    if_past: IfPast = IfPast.RUN
    spread: int = 0
    yearly: bool = False

    def reads(self, root: str) -> frozenset[str]:
        """The names under this root, such as `instance`, that its date reads."""
        if self.date is None:
            return frozenset()
        return frozenset(name for of, name in self.date.reads if of == root)
