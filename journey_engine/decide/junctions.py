"""Which way out of a junction: the first branch that holds, or the unit's arm (rules J1 to J3)."""

from typing import Final

from journey_engine.decide import assignment
from journey_engine.decide.decision import Experiment
from journey_engine.decide.draft import Draft
from journey_engine.decide.live import Live
from journey_engine.decide.scope import Answer, View, ask, note
from journey_engine.decide.trace import Step
from journey_engine.define.junction_plan import Choice, Junction, Split, Unit

_CHOOSE: Final = "choose"
_SPLIT: Final = "split"


class Way:
    """A way out of a junction, and the experiment behind it, if one was."""

    __slots__ = ("experiment", "outcome", "to", "trigger")

    def __init__(
        self, trigger: str, to: str, outcome: str | None, experiment: Experiment | None = None
    ) -> None:
        self.trigger = trigger
        self.to = to
        self.outcome = outcome
        self.experiment = experiment


def way(draft: Draft, live: Live, junction: Junction, view: View) -> Way:
    """The way that an instance takes which has just entered the junction."""
    if isinstance(junction, Choice):
        return _chosen(draft, live, junction, view)
    return _assigned(draft, live, junction, view)


def _chosen(draft: Draft, live: Live, choice: Choice, view: View) -> Way:
    taken = choice.branches[-1]
    for branch in choice.branches:
        answer = ask(draft, live.journey, branch.when, view)
        note(draft, _CHOOSE, live.journey, live.key, branch, answer, view)
        if answer is Answer.TRUE:
            taken = branch
            break
    return Way(_CHOOSE, taken.to, taken.outcome)


def _assigned(draft: Draft, live: Live, split: Split, view: View) -> Way:
    of_instance = split.unit is Unit.INSTANCE
    known = live.exposed if of_instance else draft.assigned
    unit = _unit(draft, live, split)
    exposure = assignment.draw(split, known, unit, view.moment.at)
    why = f"{exposure.arm}, drawn before with {exposure.propensity:.2%}"
    if exposure not in known:
        if not of_instance:
            draft.assigned = assignment.keep(known, exposure)
        bucket = assignment.bucket(split.experiment, unit)
        why = f"{exposure.arm}, which has {exposure.propensity:.2%} and the bucket {bucket}"
    live.exposed = assignment.keep(live.exposed, exposure)
    draft.out.trace.append(Step(_SPLIT, live.journey, live.key, split.experiment, why))
    arm = split.arms[exposure.arm]
    return Way(_SPLIT, arm.to, arm.outcome, assignment.told(exposure))


def _unit(draft: Draft, live: Live, split: Split) -> str:
    """The text that is hashed: the customer's id, else the visitor's; for an instance with journey
    and number of the entry behind it. By account the account's, of whom has none their own: so the
    arm is the same for all members without a word between partitions.
    """
    who = draft.who
    if split.unit is Unit.CUSTOMER:
        return who
    if split.unit is Unit.ACCOUNT:
        return who if draft.membership is None else draft.membership.account or who
    return f"{who}/{live.journey}/{live.entry_no}"
