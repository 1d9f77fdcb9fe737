"""What is asked: a customer, what should have been sent, and when; and how that stands."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from journey_engine.decide.decision import SendDecision
from journey_engine.define.accounts import every_journey
from journey_engine.define.action_plan import Action
from journey_engine.define.plan import JourneyPlan, Plan, every_action
from journey_engine.errors import CandidateOutcome
from journey_engine.why.past import Made


class Wanted(NamedTuple):
    """An action that was asked about: one whose content, or whose id, was named."""

    journey: JourneyPlan
    action: Action


class Told(NamedTuple):
    """A decision on such an action, and the step in which it fell."""

    send: SendDecision
    made: Made


def wanted(plan: Plan, name: str, former: Plan | None = None) -> list[Wanted]:
    """The actions that a content or an id names, in the order of the journeys; of versions that are
    kept, and of the plan in force before, those that no newer one has.
    """
    found: dict[tuple[str, str], Wanted] = {}
    before = [] if former is None else _versions(former)
    for journey in [*_versions(plan), *before]:
        for action in every_action(journey):
            if name in (action.content, action.id):
                found.setdefault((journey.name, action.id), Wanted(journey, action))
    return list(found.values())


def names(plan: Plan) -> set[str]:
    """All that can be asked about."""
    actions = [action for journey in _versions(plan) for action in every_action(journey)]
    return {name for action in actions for name in (action.content, action.id)}


def _versions(plan: Plan) -> list[JourneyPlan]:
    """Those that are entered, then the kept ones, the newest first."""
    kept = sorted(plan.kept.values(), key=lambda one: (one.name, -one.version))
    return [*every_journey(plan), *kept]


def told(made: Sequence[Made], asked: Sequence[Wanted]) -> Iterator[Told]:
    """The decisions on them, in order."""
    ids = {(each.journey.name, each.action.id) for each in asked}
    for one in made:
        for send in one.decision.sends:
            if (send.journey, send.send_id) in ids:
                yield Told(send, one)


def sent(made: Sequence[Made], asked: Sequence[Wanted]) -> int:
    """How often they were sent."""
    return sum(1 for one in told(made, asked) if one.send.outcome is CandidateOutcome.SENT)
