"""Where an instance goes when a send of its stage came to nothing (rule C9).

After all candidates of the instant were decided. Only an instance moves that still stands in the
very visit of the stage that asked for the send.
"""

from typing import Final

from journey_engine.decide import stages
from journey_engine.decide.account_state import Asked
from journey_engine.decide.case import Case
from journey_engine.decide.draft import Draft
from journey_engine.decide.live import Live
from journey_engine.decide.scope import Moment, View
from journey_engine.decide.state import MICROSTEPS_MAX, Pending
from journey_engine.define.plan import JourneyPlan, TransitionPlan, Trigger
from journey_engine.errors import EndReason

_TEXT: Final = "on_suppressed"


def move(
    draft: Draft, moment: Moment, cases: list[Case], moved: dict[tuple[str, int], int]
) -> None:
    """Move the instances; `moved` counts how often each was in this instant."""
    for case in cases:
        to = None if case.outcome is None else case.candidate.action.on_suppressed.get(case.outcome)
        if to is not None:
            _move(draft, moment, case, to, moved)


def _move(
    draft: Draft, moment: Moment, case: Case, to: str, moved: dict[tuple[str, int], int]
) -> None:
    place = case.candidate.place
    live = _still_there(draft, place)
    if live is None:
        return
    journey = draft.plan.run_by(live.journey, live.version) or case.candidate.journey
    mine = (place.journey, place.entry_no)
    moved[mine] = moved.get(mine, 0) + 1
    if moved[mine] > MICROSTEPS_MAX:
        stages.end(draft, journey, moment, live, EndReason.LOOP, Trigger.SUPPRESSED.value)
        return
    _take(draft, moment, journey, place, live, f"{case.outcome}", to)


def follow(
    draft: Draft, moment: Moment, journey: JourneyPlan, place: Asked, outcome: str, to: str
) -> None:
    """Move the account's instance that had asked a member for the send (rule M3)."""
    live = _still_there(draft, place)
    if live is not None:
        _take(draft, moment, journey, place, live, outcome, to)


def _still_there(draft: Draft, place: Pending | Asked) -> Live | None:
    live = draft.find(place)
    if live is None or (live.stage, live.visit) != (place.stage, place.visit):
        return None
    return live


def _take(
    draft: Draft,
    moment: Moment,
    journey: JourneyPlan,
    place: Pending | Asked,
    live: Live,
    outcome: str,
    to: str,
) -> None:
    view = View(moment, journey, draft.instance_of(place))
    view = view.within(live.context, live.entered_at, live.stage_entered_at)
    view.reached = live.milestones
    view.key = live.key
    text = f"{_TEXT} {outcome}"
    stages.take(draft, journey, live, TransitionPlan(-1, Trigger.SUPPRESSED, text, to), view)
