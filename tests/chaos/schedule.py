"""The faults of a run, drawn from its seed before anything starts."""

import random
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from typing import Literal, NamedTuple, TypeVar, get_args

Kind = Literal[
    "kill",
    "point",
    "pause",
    "broker_restart",
    "broker_kill",
    "cut",
    "delay",
    "block_up",
    "block_down",
    "storm",
    "clock",
]
Point = Literal["after_produce", "before_commit", "after_commit", "during_restore", "during_revoke"]
POINTS: tuple[Point, ...] = get_args(Point)
OFTEN_PASSED: tuple[Point, ...] = ("after_produce", "before_commit", "after_commit")
KINDS: tuple[Kind, ...] = get_args(Kind)
SETTLED_S = 3.0
"""Before the first fault the workers are busy."""
PAUSE_S = (5.5, 8.0)
"""Longer than the session time-out: the group puts the worker out."""
_PAUSED_AT: tuple[Point | None, ...] = ("before_commit", "before_commit", None)
"""Mostly in the middle of a transaction, which is another's when it wakes up."""
T = TypeVar("T")
_DEAL: dict[Kind, int] = {
    "kill": 2,
    "point": 5,
    "pause": 2,
    "broker_restart": 1,
    "broker_kill": 1,
    "cut": 1,
    "delay": 1,
    "block_up": 1,
    "block_down": 1,
    "storm": 1,
    "clock": 1,
}
"""Faults are dealt like cards: so many of each, shuffled, and then again."""


class Fault(NamedTuple):
    """What happens `at_s` seconds into the run to which worker, and for how long."""

    at_s: float
    kind: Kind
    worker: int
    lasts_s: float
    point: Point | None = None
    """Where a worker kills itself, or is paused, when it has come there `passes` times."""
    passes: int = 0
    clock_ms: int = 0
    """By how much its wall clock jumps."""


def draw(seed: int, run_s: float, workers: int, gap_s: float = 5.0) -> list[Fault]:
    """The faults in order of time, one each `gap_s` seconds or so. One seed, one schedule; that of
    a shorter run is its beginning.

    Each seed begins with the next named point, so that a few seeds aim at all of them.
    """
    chance = random.Random(f"faults {seed}")
    kinds, points, aims = _dealt(chance), _from(POINTS, seed), _from(_PAUSED_AT, seed)
    faults: list[Fault] = []
    at = SETTLED_S
    while at < run_s - 2:
        kind = next(kinds)
        point = next(points) if kind == "point" else next(aims) if kind == "pause" else None
        faults.append(
            Fault(
                at,
                kind,
                chance.randrange(workers),
                _length(chance, kind),
                point,
                chance.randrange(12) if point in OFTEN_PASSED else 0,
                _jump(chance) if kind == "clock" else 0,
            )
        )
        at += gap_s * chance.uniform(0.6, 1.4)
    return faults


def _dealt(chance: random.Random) -> Iterator[Kind]:
    while True:
        deal = [kind for kind, count in _DEAL.items() for _ in range(count)]
        chance.shuffle(deal)
        yield from deal


def _from(each: Sequence[T], start: int) -> Iterator[T]:
    """All of them in turn without end."""
    return islice(cycle(each), start % len(each), None)


def _length(chance: random.Random, kind: Kind) -> float:
    if kind == "pause":
        return chance.uniform(*PAUSE_S)
    if kind == "storm":
        return chance.uniform(5, 8)
    return chance.uniform(0.3, 2.5)


def _jump(chance: random.Random) -> int:
    """Mostly seconds: after a jump of minutes forwards, timers wait until the time has come."""
    length = chance.randrange(5_000, 20_000) if chance.random() < 0.7 else 120_000
    return chance.choice((-1, 1)) * length
