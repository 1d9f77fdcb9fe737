"""What happened to one customer, decided once more: as it was, or with one thing changed.

Only what came from outside is taken again; timers fire anew, at their due times, so that a change
may move them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from journey_engine.decide.decide import decide
from journey_engine.decide.due import next_due
from journey_engine.decide.event import TimersDue
from journey_engine.decide.message import Input
from journey_engine.decide.state import EMPTY, CustomerState
from journey_engine.decide.trace import Step
from journey_engine.decide.verdict import Decision
from journey_engine.define.plan import Plan
from journey_engine.errors import EntryOutcome


class Taken(NamedTuple):
    """An input that came from outside, and the clock when it was decided."""

    given: Input
    now: int


class Made(NamedTuple):
    """A decision, and what it was made of."""

    given: Input
    now: int
    decision: Decision


Patch = Callable[[CustomerState, int], CustomerState]
"""What is known of the customer, as it would be at a time had one thing been otherwise."""


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """All that a customer's decisions follow from, up to a time. `patch` is applied once, before
    the first decision at `patched_at` or later. `former` was in force before `activated` (rule V2).
    """

    plan: Plan
    taken: Sequence[Taken]
    until: int
    patch: Patch | None = None
    patched_at: int = 0
    former: Plan | None = None
    activated: int = 0

    def plan_at(self, at: int) -> Plan:
        """The plan that was in force."""
        return self.plan if self.former is None or at >= self.activated else self.former

    def under(self, plan: Plan, at: int) -> "World":
        """The world with another plan in the place of the one in force at that time."""
        if self.plan_at(at) is self.plan:
            return replace(self, plan=plan)
        return replace(self, former=plan)


def refusals(made: Made, journey: str) -> list[Step]:
    """The entries of the journey that were refused in the decision."""
    asked = [s for s in made.decision.trace if s.journey == journey and s.what == "entry"]
    return [step for step in asked if step.outcome != EntryOutcome.ENTERED]


def decided(world: World) -> list[Made]:
    """Every decision of the world, in order."""
    run = _Run(world)
    for each in world.taken:
        if each.now > world.until:
            break
        run.fire(each.now)
        run.take(each.given, each.now)
    run.fire(world.until)
    return run.made


@dataclass
class _Run:
    world: World
    state: CustomerState = EMPTY
    clock: int = 0
    patched: bool = False
    made: list[Made] = field(default_factory=list)

    def fire(self, up_to: int) -> None:
        """Let the timers fire that are due by then."""
        while self.made and (due := next_due(self.state)) is not None and due <= up_to:
            who = self.made[-1].given
            now = max(self.clock, due)
            self.take(TimersDue(who.customer_id, who.anonymous_id, now), now)

    def take(self, given: Input, now: int) -> None:
        self.clock = max(self.clock, now)
        patch = self.world.patch
        if patch is not None and not self.patched and self.clock >= self.world.patched_at:
            self.state, self.patched = patch(self.state, self.clock), True
        decision = decide(self.world.plan_at(self.clock), self.state, given, self.clock)
        self.made.append(Made(given, self.clock, decision))
        self.state = decision.state
