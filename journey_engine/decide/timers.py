"""Timers that are due (rules T4, S5, W1, I7) and candidates whose wait is over (rule C2).

Theory of operation. `fire` takes one instant after the other, the earliest first. In one
instant the instances come in the order of journey and key; of an instance's timers due then
the first in document order whose guard holds is taken, an abandon before them all, and every
other is spent. What fires can arm a timer for the same instant: it is taken in the next round
of it, up to `MICROSTEPS_MAX`, then the instance ends `LOOP`. Candidates, those released and
those that arose, are decided when the instant has no more timers.
"""

from typing import Final

from journey_engine.decide import (
    appointments,
    deadlines,
    entries,
    patterns,
    pipeline,
    stages,
    waiting,
    waits,
)
from journey_engine.decide.draft import Draft
from journey_engine.decide.due import earliest
from journey_engine.decide.live import Live
from journey_engine.decide.scope import Answer, Moment, View, ask
from journey_engine.decide.state import ABANDON, MICROSTEPS_MAX, Awaited, Timer
from journey_engine.decide.trace import Step
from journey_engine.define.calendar_plan import PAST
from journey_engine.define.plan import JourneyPlan, StagePlan, TransitionPlan, Trigger
from journey_engine.errors import EndReason

_ABANDON: Final = "abandon"
_AFTER: Final = Trigger.AFTER.value


def fire(draft: Draft, up_to: int) -> None:
    """Fire all that is due at or before `up_to`, in order (rule T4).

    Where an event is past what is due and the clock is not, each instant is its own `now`: in a
    clock that stands still, what waits from `now` would wait for ever.
    """
    clock = draft.now
    rounds: dict[tuple[str, int], int] = {}
    instant = None
    due = _next(draft)
    while due is not None and due <= up_to:
        if due != instant:
            instant = due
            rounds.clear()
            draft.now = max(clock, due)
        if draft.pending:
            _release(draft, due)
        deadlines.reach(draft, due)
        _round(draft, due, rounds)
        draft.fold()
        following = _next(draft)
        if following != due and draft.candidates:
            pipeline.decide_all(draft, Moment(draft, due))
            draft.fold()
            following = _next(draft)
        due = following
    draft.now = clock


def _next(draft: Draft) -> int | None:
    return earliest(draft.instances, draft.pending, draft.journeys)


def _release(draft: Draft, due: int) -> None:
    """Candidates whose wait is over become candidates of this instant."""
    ready = [place for place in draft.pending if place.due == due]
    if not ready:
        return
    draft.pending = [place for place in draft.pending if place.due != due]
    moment = Moment(draft, due)
    for place in sorted(ready, key=waiting.order):
        draft.out.timers_fired.append(due)
        waiting.release(draft, moment, place)


def _round(draft: Draft, due: int, rounds: dict[tuple[str, int], int]) -> None:
    moment = Moment(draft, due)
    for position, instance in enumerate(draft.instances):
        if due in [timer.due for timer in instance.timers] or (
            instance.patterns and patterns.is_due(instance.patterns, due)
        ):
            mine = (instance.journey, instance.entry_no)
            rounds[mine] = rounds.get(mine, 0) + 1
            _fire_instance(draft, moment, position, looping=rounds[mine] > MICROSTEPS_MAX)
    for name, key, pattern, awaited in patterns.entries_due(draft, due):
        draft.out.timers_fired.append(due)
        entries.arise(draft, moment, name, key, pattern, awaited)


def _fire_instance(draft: Draft, moment: Moment, position: int, *, looping: bool) -> None:
    """Fire an instance's timers of this instant. It lies dormant, its timers spent, where its
    journey is no longer in the plan.
    """
    instance = draft.instances[position]
    live = draft.touch(position)
    live.timers = [timer for timer in instance.timers if timer.due != moment.at]
    over = patterns.spend(live, moment.at) if live.patterns else {}
    journey = draft.plan.run_by(instance.journey, instance.version)
    if journey is None:
        return
    stage = journey.stages.get(instance.stage)
    if stage is None:
        stages.end(draft, journey, moment, live, EndReason.QUARANTINED, _AFTER)
    elif looping:
        stages.end(draft, journey, moment, live, EndReason.LOOP, _AFTER)
    else:
        view = View(moment, journey, instance)
        due = [timer for timer in instance.timers if timer.due == moment.at]
        waits_over = patterns.by_index(stage, over) if over else {}
        due += [Timer(moment.at, index) for index in waits_over]
        for timer in sorted(due, key=_index):
            draft.out.timers_fired.append(moment.at)
            if timer.index in waits_over:
                transition = stage.transitions[timer.index]
                _fire_pattern(draft, journey, live, transition, waits_over[timer.index], view)
                return
            if _fire_timer(draft, journey, stage, live, timer, view):
                return


def _index(timer: Timer) -> int:
    return timer.index


def _fire_timer(
    draft: Draft, journey: JourneyPlan, stage: StagePlan, live: Live, timer: Timer, view: View
) -> bool:
    """Fire a timer; whether it moved, ended or made the instance act."""
    if timer.index == ABANDON:
        return _abandon(draft, journey, live, view.moment)
    if not 0 <= timer.index < len(stage.transitions):
        return False
    transition = stage.transitions[timer.index]
    if transition.trigger is not Trigger.AFTER and transition.trigger is not Trigger.AT:
        return False
    answer = ask(draft, journey.name, transition.when, view)
    stages.look(draft, "timer", live, transition, answer, view)
    if answer is not Answer.TRUE:
        return False
    if appointments.is_exit(transition, timer):
        stages.end(draft, journey, view.moment, live, EndReason.EXIT, Trigger.AT.value, PAST)
    else:
        stages.take(draft, journey, live, transition, view)
    return True


def _fire_pattern(
    draft: Draft,
    journey: JourneyPlan,
    live: Live,
    transition: TransitionPlan,
    awaited: Awaited,
    view: View,
) -> None:
    """Nothing followed: take the transition, with what the event that began it told (P1)."""
    live.cause = awaited.cause
    if awaited.values:
        stages.keep(draft, live, awaited.values)
    stages.look(draft, "timer", live, transition, Answer.TRUE, view)
    stages.take(draft, journey, live, transition, view)


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
