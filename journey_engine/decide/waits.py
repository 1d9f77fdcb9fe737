"""An instance's waits: when its timers are due (rules W1, W4, I7).

A wait counts from entering the stage, or, with `since`, from that send's command: from when it
was written, or is to be decided where it waits, else from entering the stage. Where entering the
stage asks for that send, its command is this one, not that of a former visit. A wait that would
lie before the entry is due at the entry, so that a chain of timers never runs backwards. Waits on
the calendar are reckoned in `appointments`.
"""

from collections.abc import Mapping

from journey_engine.decide import appointments, standing
from journey_engine.decide.draft import Draft
from journey_engine.decide.live import Live
from journey_engine.decide.scope import Moment, View
from journey_engine.decide.state import (
    ABANDON,
    DEADLINE,
    INSTANCE_TIMERS_MAX,
    Sent,
    Standing,
    Timer,
)
from journey_engine.define.expression import Value
from journey_engine.define.plan import JourneyPlan, StagePlan, TransitionPlan


def arm(draft: Draft, journey: JourneyPlan, live: Live, stage: StagePlan, view: View) -> None:
    """Set the timers of the stage just entered; those of the stage before are gone (S5)."""
    if live.idle:
        live.idle = []
    waits = stage.timers
    if len(waits) >= INSTANCE_TIMERS_MAX:
        draft.drop("timers", len(waits) - INSTANCE_TIMERS_MAX + 1)
        waits = waits[: INSTANCE_TIMERS_MAX - 1]
    deadlines = [timer for timer in live.timers if timer.index == DEADLINE]
    armed = [Timer(_due(draft, live, wait), wait.index) for wait in waits if wait.at is None]
    live.timers = armed + deadlines
    for wait in waits:
        if wait.at is not None:
            at = live.stage_entered_at
            _set(live, wait, appointments.reckon(draft, live, wait, _here(live, view), at, at))
    if journey.abandon is not None:
        live.timers.append(Timer(live.reached_at + journey.abandon, ABANDON))


def reach(journey: JourneyPlan, live: Live, at: int) -> None:
    """An input reached the instance: the time to abandon it starts anew (rule I7)."""
    if at <= live.reached_at:
        return
    live.reached_at = at
    if journey.abandon is not None:
        put(live, Timer(at + journey.abandon, ABANDON))


def reset(draft: Draft, live: Live, wait: TransitionPlan, view: View) -> None:
    """Restart a wait, also one that is spent; it never moves backwards (rule W1)."""
    at = max(view.moment.at, live.stage_entered_at)
    if wait.at is None:
        fresh: Timer | None = Timer(view.moment.at + wait.after, wait.index)
    else:
        fresh = appointments.reckon(draft, live, wait, _here(live, view), at, at)
    before = timer_of(live, wait)
    if fresh is None or before is None or before.due <= fresh.due:
        _set(live, wait, fresh)


def context_changed(
    draft: Draft, live: Live, stage: StagePlan, view: View, before: Mapping[str, Value]
) -> None:
    """Reckon anew the waits that read a field of the context that changed (rule I4)."""
    if live.context is before:
        return
    for wait in stage.timers:
        if wait.at is not None:
            for name in sorted(wait.at.reads("instance")):
                if live.context.get(name) != before.get(name):
                    again(draft, live, wait, _here(live, view))
                    break


def _learnt(draft: Draft) -> bool:
    """Whether a feature was changed, or has started."""
    state = draft.state
    return draft.features is not state.features or draft.started is not state.started


def customer_changed(draft: Draft, moment: Moment) -> None:
    """Reckon anew the waits that depend on what the event changed of the customer (rule W4)."""
    plan = draft.plan
    if plan.dated_by_traits or plan.dated_by_features:
        features = plan.dated_by_features and _learnt(draft)
        _depending(draft, moment, plan.dated_by_traits & moment.changed, features=features)


def identities_joined(draft: Draft, moment: Moment) -> None:
    """Reckon anew all waits that depend on the customer: what they were reckoned with may have been
    known of another identity only (rule M2).
    """
    plan = draft.plan
    _depending(draft, moment, plan.dated_by_traits, features=plan.dated_by_features)


def _depending(draft: Draft, moment: Moment, traits: frozenset[str], *, features: bool) -> None:
    """Reckon anew the waits that depend on one of the traits, or on features. One that is due is
    not past: it fires as it is.
    """
    if not traits and not features:
        return
    for position, instance in enumerate(draft.instances):
        journey = draft.plan.run_by(instance.journey, instance.version)
        stage = None if journey is None else journey.stages.get(instance.stage)
        if stage is None:
            continue
        for wait in stage.timers:
            if appointments.depends(wait, traits, features=features):
                live = draft.touch(position)
                before = timer_of(live, wait)
                if before is not None and before.due <= moment.at:
                    continue
                again(draft, live, wait, View(moment, journey, instance))


def follow(draft: Draft, live: Live, stage: StagePlan, send_id: str) -> None:
    """A send was written or deferred: the waits that count from it move with it (rule W1)."""
    for wait in stage.timers:
        if wait.since == send_id and any(timer.index == wait.index for timer in live.timers):
            put(live, Timer(_due(draft, live, wait), wait.index))


def timer_of(live: Live, wait: TransitionPlan) -> Timer | None:
    """The timer of a wait; None where it is spent or idle."""
    for timer in live.timers:
        if timer.index == wait.index:
            return timer
    return None


def expect(live: Live, sent: Sent) -> None:
    """A TASK was written: somebody must take it on, and do it, in time (rule A4). The deadlines of
    tasks no longer remembered go: so there are never more than two for each command that is.
    """
    if sent.kind != standing.TASK:
        return
    fresh = {due for due in (sent.ack_by, sent.not_after) if due is not None}
    forget(live)
    kept = [timer for timer in live.timers if timer.index != DEADLINE or timer.due not in fresh]
    live.timers = kept + [Timer(due, DEADLINE) for due in sorted(fresh)]


def forget(live: Live) -> None:
    """The deadlines of tasks that were taken on, done or taken back wake nobody (rule A4)."""
    dues = {due for one in live.sent for due in _deadlines(one)}
    live.timers = [timer for timer in live.timers if timer.index != DEADLINE or timer.due in dues]


def _deadlines(sent: Sent) -> tuple[int | None, ...]:
    if sent.not_before == standing.TAKEN_BACK or sent.standing == Standing.CLOSED:
        return ()
    return (sent.ack_by if sent.standing == Standing.OPEN else None, sent.not_after)


def again(draft: Draft, live: Live, wait: TransitionPlan, view: View) -> None:
    """Reckon a wait anew from when it began, unless it fired in this visit (rule W4)."""
    before = timer_of(live, wait)
    if before is None and wait.index not in live.idle:
        return
    start = live.stage_entered_at if before is None else before.start
    at = max(view.moment.at, live.stage_entered_at)
    after = appointments.reckon(draft, live, wait, view, start, at)
    _set(live, wait, after)
    if (before and before.due) != (after and after.due):
        live.cause = view.moment.origin or live.cause


def put(live: Live, timer: Timer) -> None:
    """Set a timer in the place of the one with its index."""
    live.timers = [one for one in live.timers if one.index != timer.index]
    live.timers.append(timer)


def _set(live: Live, wait: TransitionPlan, timer: Timer | None) -> None:
    """Set a wait; one on the calendar that has no time is idle."""
    if wait.index in live.idle:
        live.idle = [index for index in live.idle if index != wait.index]
    live.timers = [one for one in live.timers if one.index != wait.index]
    if timer is None:
        live.idle = [*live.idle, wait.index]
    else:
        live.timers.append(timer)


def _here(live: Live, view: View) -> View:
    return view.within(live.context, live.entered_at, live.stage_entered_at)


def _due(draft: Draft, live: Live, wait: TransitionPlan) -> int:
    start = live.stage_entered_at
    if wait.since is not None:
        start = max(_since(draft, live, wait.since), start - wait.after)
    return start + wait.after


def _since(draft: Draft, live: Live, send_id: str) -> int:
    for candidate in draft.candidates:
        place = candidate.place
        if (place.journey, place.entry_no, place.action) == (live.journey, live.entry_no, send_id):
            # Asked for only now, not by a former visit; `follow` tells what comes of it.
            return live.stage_entered_at
    for place in draft.pending:
        if (place.journey, place.entry_no, place.action) == (live.journey, live.entry_no, send_id):
            return place.due
    for asked in [] if draft.account is None else draft.account.asked:
        mine = (asked.journey, asked.entry_no, asked.action)
        if asked.waits and mine == (live.journey, live.entry_no, send_id):
            return asked.due
    issued = (sent.at for sent in reversed(live.sent) if sent.send_id == send_id)
    return next(issued, live.stage_entered_at)
