"""Junctions as they run (section J): stages that are passed at once."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from journey_engine.define.expression import Expression

BUCKETS = 10_000
"""Of an experiment: a bucket is a hundredth of a per cent, the finest share (rule F2)."""


class Unit(StrEnum):
    """What an experiment assigns to an arm (rule J2)."""

    CUSTOMER = "customer"
    ACCOUNT = "account"
    INSTANCE = "instance"


@dataclass(frozen=True, slots=True, eq=False)
class Branch:
    """One way of a `choose`; without `when` it always holds (rule J1)."""

    text: str
    to: str
    when: Expression | None = None
    outcome: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """`choose`: the first branch that holds; the last has no `when` (rule J1)."""

    branches: tuple[Branch, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Arm:
    """An arm of an experiment; `share` in hundredths of a per cent (rule J2)."""

    text: str
    """Its name."""
    share: int
    to: str
    outcome: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """`split` (rules J2, J3). The arm `owners[i]` owns the buckets from `starts[i]` up to the next
    start; `starts` begins with 0.
    """

    experiment: str
    unit: Unit
    arms: Mapping[str, Arm]
    starts: tuple[int, ...]
    owners: tuple[str, ...]

    def owner(self, bucket: int) -> str:
        """The arm that owns the bucket."""
        return self.owners[bisect_right(self.starts, bucket) - 1]


Junction = Choice | Split


def drawn_by_account(junctions: Iterable[Junction | None]) -> frozenset[str]:
    """Those of their experiments whose unit is the account."""
    splits = (one for one in junctions if isinstance(one, Split))
    return frozenset(one.experiment for one in splits if one.unit is Unit.ACCOUNT)


def ways(junction: Junction | None) -> tuple[Branch | Arm, ...]:
    """All ways out of a junction."""
    if junction is None:
        return ()
    return junction.branches if isinstance(junction, Choice) else tuple(junction.arms.values())
