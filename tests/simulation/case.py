"""What a seed decides before the first step: which clock, which customers, which weather."""

from dataclasses import dataclass

from journey_engine.simulate.chance import Chance
from tests.simulation.process import Rates
from tests.simulation.shop import Habits

KILL_POINTS = ("", "write", "commit", "commit, answered", "restore", "revoke", "start")


@dataclass(frozen=True, slots=True)
class Case:
    """One schedule."""

    seed: int
    stream: bool
    transactional: bool
    rates: Rates
    habits: Habits
    moves: int
    """Rebalances that the group makes of itself."""


def case(seed: int, *, transactional: bool) -> Case:
    """The seed's case. A plain producer cannot fence, so its schedules have no zombies."""
    chance = Chance(seed, "case")
    stream = chance.happens(0.5)
    hard = chance.pick((0.0, 0.002, 0.01, 0.03))
    rates = Rates(
        kill=chance.pick((0.0, hard, hard / 4)),
        freeze=chance.pick((0.0, hard / 4)) if transactional else 0.0,
        fail=chance.pick((0.0, hard, 2 * hard)),
        slow=chance.pick((0.0, 0.01)),
        kill_at=chance.pick(KILL_POINTS),
    )
    habits = Habits(
        events=chance.between(5, 40),
        misrouted=0.0 if stream else chance.pick((0.0, 0.15)),
        marks=chance.pick((0.05, 0.3)) if stream else 0.0,
        strangers=0.0 if stream else Chance(seed, "strangers").pick((0.0, 0.0, 0.4)),
    )
    return Case(seed, stream, transactional, rates, habits, moves=chance.pick((0, 1, 4, 10)))
