"""Customers kept without messages, to measure what these do (rule J4).

A customer is drawn once, by the first identity that a candidate of the purpose exposes, whatever
becomes of that candidate. The draw is kept with the arms of experiments, and wins over a change
of the share and over a merge.
"""

from typing import Final

from journey_engine.decide import assignment
from journey_engine.decide.case import Case
from journey_engine.decide.draft import Draft
from journey_engine.decide.state import Exposure
from journey_engine.define.action_plan import ActionKind
from journey_engine.define.junction_plan import BUCKETS
from journey_engine.define.policy_plan import Holdout

_MEMORY: Final = "holdout/"
"""Before the id under which the draw is kept: an experiment may be called the same."""
HELD_OUT, TREATED = "holdout", "treated"
"""The two arms."""
_KINDS: Final = frozenset({ActionKind.SEND, ActionKind.SHOW, ActionKind.SYNC})


def holds_out(draft: Draft, case: Case, at: int) -> bool:
    """Whether a holdout in force has drawn the customer; each draws, the first that did tells."""
    if case.candidate.action.kind not in _KINDS:
        return False
    for holdout in case.purpose.holdouts:
        if holdout.until is None or draft.now < holdout.until:
            arm = _arm(draft, holdout, at)
            case.trace.append(f"holdout {holdout.id}: {arm}")
            if arm == HELD_OUT:
                return True
    return False


def _arm(draft: Draft, holdout: Holdout, at: int) -> str:
    name = _MEMORY + holdout.id
    known = assignment.find(draft.assigned, name)
    if known is not None:
        return known.arm
    who = draft.who
    out = assignment.bucket(holdout.id, who) < holdout.share
    arm = HELD_OUT if out else TREATED
    share = holdout.share if out else BUCKETS - holdout.share
    draft.assigned = assignment.keep(draft.assigned, Exposure(name, arm, share / BUCKETS, at))
    return arm
