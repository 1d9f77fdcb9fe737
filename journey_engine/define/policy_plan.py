"""Contact policy as it runs (section C, rule J4). Durations and times of day are milliseconds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from journey_engine.define.calendar_plan import EVERY_WEEKDAY

_DAY = 86_400_000


class Quiet(StrEnum):
    """What a purpose does in quiet hours (rule C4)."""

    DEFER = "defer"
    SKIP = "skip"
    IGNORE = "ignore"


class Period(StrEnum):
    """Over what a cap counts: a window that rolls, or a period of the customer's calendar."""

    ROLLING = "rolling"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


_MEMORY = {Period.DAY: 2 * _DAY, Period.WEEK: 8 * _DAY, Period.MONTH: 32 * _DAY}
"""The longest such period, also of a customer who travels during it."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """A channel takes at most `most` commands in any time of `per` (rule C6)."""

    most: int
    per: int


@dataclass(frozen=True, slots=True, eq=False)
class CapPlan:
    """At most `max` messages in a period (rule C3).

    `length` is that of a rolling window. `channels` None counts those of all. `counted` are the
    purposes whose messages count.
    """

    name: str
    max: int
    period: Period
    length: int = 0
    channels: frozenset[str] | None = None
    counted: frozenset[str] = frozenset()

    @property
    def memory(self) -> int:
        """How far back it may look."""
        return self.length if self.period is Period.ROLLING else _MEMORY[self.period]


@dataclass(frozen=True, slots=True, eq=False)
class QuietWindow:
    """Quiet hours `[start, end)` by the customer's clock; over midnight they belong to their start
    day (rule C4). None means all channels, all purposes.
    """

    start: int
    end: int
    weekdays: frozenset[int] = EVERY_WEEKDAY
    channels: frozenset[str] | None = None
    purposes: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Collection:
    """When the candidates of a purpose are decided together (rule C5): at the next of `slots`,
    times of day by the customer's clock, or `collect` after the first of them arose.
    """

    winners: int = 1
    slots: tuple[int, ...] = ()
    collect: int = 0
    defer_losers: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Holdout:
    """Customers kept without messages of some purposes (rule J4). `share` is in hundredths of a
    per cent; from `until` on it holds nobody out, None: never ends.
    """

    id: str
    share: int
    until: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Hold:
    """What a journey keeps back of other journeys while an instance of it lives (rule C8)."""

    at_most: int
    drop: bool
    purposes: frozenset[str] = frozenset()
    themes: frozenset[str] = frozenset()
    journeys: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class PurposePlan:
    """What messages of a purpose must respect. `transactional` ones are never held nor held out.

    `teams` are the owners whose journeys may have it, None: all.
    """

    transactional: bool = False
    quiet: Quiet = Quiet.IGNORE
    obeys: tuple[CapPlan, ...] = ()
    arbitrate: bool = False
    collection: Collection | None = None
    holdouts: tuple[Holdout, ...] = ()
    teams: frozenset[str] | None = None


PLAIN = PurposePlan()
"""For a purpose of which the policies say nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Policy:
    """All of the contact policy. `conflicts` gives for a theme those that contradict it."""

    purposes: Mapping[str, PurposePlan] = field(default_factory=dict)
    caps: tuple[CapPlan, ...] = ()
    quiet: tuple[QuietWindow, ...] = ()
    conflicts: Mapping[str, frozenset[str]] = field(default_factory=dict)
    conflicts_within: int = 0
    memory: int = field(init=False)
    """How long a message is remembered; 0: none is."""
    ranks: bool = field(init=False)
    """Whether it matters which candidate of an instant comes first."""

    def __post_init__(self) -> None:
        spans = [cap.memory for cap in self.caps]
        spans += [self.conflicts_within] if self.conflicts else []
        arbitrates = any(one.arbitrate for one in self.purposes.values())
        object.__setattr__(self, "memory", max(spans, default=0))
        object.__setattr__(self, "ranks", bool(spans) or arbitrates)


NO_POLICY = Policy()
