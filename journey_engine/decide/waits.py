"""An instance's waits: when its timers are due (rules W1, I7).

A wait counts from entering the stage, or, with `since`, from that send's command: from when it
was written, or is to be decided where it waits, else from entering the stage. A wait that would
lie before the entry is due at the entry, so that a chain of timers never runs backwards.
"""

from journey_engine.decide.draft import Draft, Live
from journey_engine.decide.state import ABANDON, INSTANCE_TIMERS_MAX, Timer
from journey_engine.define.plan import JourneyPlan, StagePlan, TransitionPlan


def arm(draft: Draft, journey: JourneyPlan, live: Live, stage: StagePlan) -> None:
    """Set the timers of the stage just entered; those of the stage before are gone (S5)."""
    waits = stage.timers
    if len(waits) >= INSTANCE_TIMERS_MAX:
        draft.drop("timers", len(waits) - INSTANCE_TIMERS_MAX + 1)
        waits = waits[: INSTANCE_TIMERS_MAX - 1]
    live.timers = [Timer(_due(draft, live, wait), wait.index) for wait in waits]
    if journey.abandon is not None:
        live.timers.append(Timer(live.reached_at + journey.abandon, ABANDON))


def reach(journey: JourneyPlan, live: Live, at: int) -> None:
    """An input reached the instance: the time to abandon it starts anew (rule I7)."""
    if at <= live.reached_at:
        return
    live.reached_at = at
    if journey.abandon is not None:
        put(live, Timer(at + journey.abandon, ABANDON))


def reset(live: Live, wait: TransitionPlan, at: int) -> None:
    """Restart a wait, also one that is spent; it never moves backwards (rule W1)."""
    due = at + wait.after
    for timer in live.timers:
        if timer.index == wait.index and timer.due >= due:
            return
    put(live, Timer(due, wait.index))


def follow(draft: Draft, live: Live, stage: StagePlan, send_id: str) -> None:
    """A send was written or deferred: the waits that count from it move with it (rule W1)."""
    for wait in stage.timers:
        if wait.since == send_id and any(timer.index == wait.index for timer in live.timers):
            put(live, Timer(_due(draft, live, wait), wait.index))


def put(live: Live, timer: Timer) -> None:
    """Set a timer in the place of the one with its index."""
    live.timers = [one for one in live.timers if one.index != timer.index]
    live.timers.append(timer)


def _due(draft: Draft, live: Live, wait: TransitionPlan) -> int:
    start = live.stage_entered_at
    if wait.since is not None:
        start = max(_since(draft, live, wait.since), start - wait.after)
    return start + wait.after


def _since(draft: Draft, live: Live, send_id: str) -> int:
    for place in draft.pending:
        if (place.journey, place.entry_no, place.action) == (live.journey, live.entry_no, send_id):
            return place.due
    issued = (sent.at for sent in reversed(live.sent) if sent.send_id == send_id)
    return next(issued, live.stage_entered_at)
