"""Tasks that nobody took on, or did, in time: the engine raises an event for each (rule A4).

`TaskUnacked` comes once, when `ack_by` passes and nobody accepted; `TaskExpired` when the task
expires and is not done: that closes it. Both are feedback: they reach the instance that asked for
the task, and whatever else reads their type. Tasks of instances that have ended raise nothing.
"""

from typing import Final

from journey_engine.decide import ids, standing, step, waits
from journey_engine.decide.draft import Draft
from journey_engine.decide.event import Event
from journey_engine.decide.live import Live
from journey_engine.decide.state import DEADLINE, Sent, Standing
from journey_engine.define.feedback import EXPIRED, UNACKED

SOURCE: Final = "journey-engine"


def reach(draft: Draft, due: int) -> None:
    """Raise what the deadlines of this instant bring, in the order of the instances."""
    raised: list[Event] = []
    for position, instance in enumerate(draft.instances):
        if any(timer.index == DEADLINE and timer.due == due for timer in instance.timers):
            live = draft.touch(position)
            live.timers = [
                timer for timer in live.timers if timer.index != DEADLINE or timer.due != due
            ]
            draft.out.timers_fired.append(due)
            raised += _missed(draft, live, due)
            live.sent = [_after(sent, due) for sent in live.sent]
            waits.forget(live)
    draft.fold()
    for event in raised:
        step.raise_event(draft, event)


def _missed(draft: Draft, live: Live, due: int) -> list[Event]:
    missed = []
    for sent in live.sent:
        if sent.kind != standing.TASK or not _is_out(sent):
            continue
        if sent.ack_by == due and sent.standing == Standing.OPEN:
            missed.append(_event(draft, live, sent, UNACKED, due))
        if sent.not_after == due:
            missed.append(_event(draft, live, sent, EXPIRED, due))
    return missed


def _after(sent: Sent, due: int) -> Sent:
    """The command past that instant: an expired task is over, whether or not a journey reads of
    it.
    """
    over = sent.kind == standing.TASK and sent.not_after == due
    return standing.stands(sent, Standing.CLOSED) if over and _is_out(sent) else sent


def _is_out(sent: Sent) -> bool:
    return sent.not_before != standing.TAKEN_BACK and sent.standing != Standing.CLOSED


def _event(draft: Draft, live: Live, sent: Sent, name: str, due: int) -> Event:
    event_id = ids.raised_id(sent.command_id, name)
    fields = {
        "event_id": event_id,
        "customer_id": draft.customer_id,
        "anonymous_id": draft.anonymous_id,
        "occurred_at": due,
        "channel": sent.channel,
        "source": SOURCE,
        "session_id": None,
        "backfill": False,
        "command_id": sent.command_id,
    }
    return Event(
        name,
        event_id,
        draft.customer_id,
        draft.anonymous_id,
        due,
        sent.channel,
        SOURCE,
        fields,
        b"",
        draft.now,
        live.cause,
        account_id=draft.account_id,
    )
