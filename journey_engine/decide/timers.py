"""Timers that are due (rules T4, S5, W1, I7) and candidates whose wait is over (rule C2).

Theory of operation. `fire` takes one instant after the other, the earliest first. In one
instant the instances come in the order of journey and key; of an instance's timers due then
the first in document order whose guard holds is taken, an abandon before them all, and every
other is spent. What fires can arm a timer for the same instant: it is taken in the next round
of it, up to `MICROSTEPS_MAX`, then the instance ends `LOOP`. Candidates, those released and
those that arose, are decided when the instant has no more timers.
"""

from journey_engine.decide import cancels, sends, stages, waits
from journey_engine.decide.decision import Step
from journey_engine.decide.draft import Candidate, Draft, Live
from journey_engine.decide.scope import Answer, Moment, View, ask
from journey_engine.decide.state import (
    ABANDON,
    MICROSTEPS_MAX,
    Pending,
    Timer,
    earliest,
)
from journey_engine.define.plan import JourneyPlan, StagePlan, Trigger
from journey_engine.errors import CandidateOutcome, EndReason

_ABANDON = "abandon"
_AFTER = Trigger.AFTER.value


def fire(draft: Draft, up_to: int) -> None:
    """Fire all that is due at or before `up_to`, in order (rule T4)."""
    rounds: dict[tuple[str, int], int] = {}
    instant = None
    due = earliest(draft.instances, draft.pending)
    while due is not None and due <= up_to:
        if due != instant:
            instant = due
            rounds.clear()
        if draft.pending:
            _release(draft, due)
        _round(draft, due, rounds)
        draft.fold()
        following = earliest(draft.instances, draft.pending)
        if following != due and draft.candidates:
            sends.decide_all(draft)
            draft.fold()
            following = earliest(draft.instances, draft.pending)
        due = following


def _release(draft: Draft, due: int) -> None:
    """Candidates whose wait is over become candidates of this instant."""
    ready = [place for place in draft.pending if place.due == due]
    if not ready:
        return
    draft.pending = [place for place in draft.pending if place.due != due]
    moment = Moment(draft, due)
    for place in sorted(ready, key=_order):
        draft.out.timers_fired.append(due)
        journey = draft.plan.by_name.get(place.journey)
        action = cancels.find_action(journey, place.action)
        if journey is None or action is None:
            sends.settle(draft, place, CandidateOutcome.CANCELLED, ["no longer in the plan"])
            continue
        instance = draft.instance_of(place)
        view = View(moment, journey, instance)
        if instance is None:
            view = view.within(place.context, place.entered_at, place.stage_entered_at)
        draft.candidates.append(Candidate(journey, action, place, view, fresh=False))


def _order(place: Pending) -> tuple[str, str, int, str]:
    return (place.journey, place.key or "", place.entry_no, place.action)


def _round(draft: Draft, due: int, rounds: dict[tuple[str, int], int]) -> None:
    moment = Moment(draft, due)
    for position, instance in enumerate(draft.instances):
        if due in [timer.due for timer in instance.timers]:
            mine = (instance.journey, instance.entry_no)
            rounds[mine] = rounds.get(mine, 0) + 1
            _fire_instance(draft, moment, position, looping=rounds[mine] > MICROSTEPS_MAX)


def _fire_instance(draft: Draft, moment: Moment, position: int, *, looping: bool) -> None:
    """Fire an instance's timers of this instant. It lies dormant, its timers spent, where its
    journey is no longer in the plan.
    """
    instance = draft.instances[position]
    live = draft.touch(position)
    live.timers = [timer for timer in instance.timers if timer.due != moment.at]
    journey = draft.plan.by_name.get(instance.journey)
    if journey is None:
        return
    stage = journey.stages.get(instance.stage)
    if stage is None:
        stages.end(draft, journey, moment, live, EndReason.QUARANTINED, _AFTER)
    elif looping:
        stages.end(draft, journey, moment, live, EndReason.LOOP, _AFTER)
    else:
        view = View(moment, journey, instance)
        due = sorted([timer.index for timer in instance.timers if timer.due == moment.at])
        for index in due:
            draft.out.timers_fired.append(moment.at)
            if _fire_timer(draft, journey, stage, live, index, view):
                return


def _fire_timer(
    draft: Draft, journey: JourneyPlan, stage: StagePlan, live: Live, index: int, view: View
) -> bool:
    """Fire a timer; whether it moved, ended or made the instance act."""
    if index == ABANDON:
        return _abandon(draft, journey, live, view.moment)
    if not 0 <= index < len(stage.transitions):
        return False
    transition = stage.transitions[index]
    if transition.trigger is not Trigger.AFTER:
        return False
    answer = ask(draft, journey.name, transition.when, view)
    stages.look(draft, "timer", live, transition, answer, view)
    if answer is not Answer.TRUE:
        return False
    stages.take(draft, journey, live, transition, view)
    return True


def _abandon(draft: Draft, journey: JourneyPlan, live: Live, moment: Moment) -> bool:
    """End an instance that nothing reached for so long; the plan of now says how long (I7)."""
    if journey.abandon is None:
        return False
    due = live.reached_at + journey.abandon
    if due > moment.at:
        waits.put(live, Timer(due, ABANDON))
        return False
    draft.out.trace.append(Step("abandon", live.journey, live.key))
    stages.end(draft, journey, moment, live, EndReason.ABANDONED, _ABANDON)
    return True
