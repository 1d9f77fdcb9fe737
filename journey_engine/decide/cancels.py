"""What an end, a leave and a withdrawal of consent take back (rules A7, S8, K1).

Three things of a send may still be out: a candidate of this very step, a candidate that waits,
and a command that its sender still holds (`not_before` ahead). The first two end `CANCELLED`,
the third gets a CANCEL command.
"""

from functools import lru_cache

from journey_engine.decide import ids, profile, sends
from journey_engine.decide.decision import Command, JourneyRef
from journey_engine.decide.draft import Draft, Live
from journey_engine.decide.event import Origin
from journey_engine.decide.state import OpenSend, Pending, Sent
from journey_engine.define.plan import CancelOn, JourneyPlan, SendAction
from journey_engine.errors import CandidateOutcome

_CANCEL = "CANCEL"
_TAKEN_BACK = -1
"""As a command's `not_before`: it was cancelled, once is enough."""


def at_end(draft: Draft, live: Live, cause: Origin) -> None:
    """Take back what the instance has out, but for `never` (goal, exit, abandon, faults)."""
    _take_back(draft, live, cause, None)


def at_leave(draft: Draft, live: Live, cause: Origin) -> None:
    """Take back the sends of the stage being left that say `cancel_on: leave`."""
    _take_back(draft, live, cause, (live.stage, live.visits.get(live.stage, 0)))


def at_withdrawal(draft: Draft, cause: Origin, purposes: set[str]) -> None:
    """Take back what no longer has consent, whatever its `cancel_on` (rule K1)."""
    waiting = [place for place in draft.pending if not _unwanted(draft, place, purposes)]
    if len(waiting) != len(draft.pending):
        for place in draft.pending:
            if _unwanted(draft, place, purposes):
                _settle(draft, place, "consent withdrawn")
        draft.pending = waiting
    for position, instance in enumerate(draft.instances):
        for sent in instance.sent:
            if _withdrawn(draft, sent, purposes):
                _cancel_live(draft, draft.touch(position), cause, sent)
    gone = [one for one in draft.open if _withdrawn(draft, one.sent, purposes)]
    for one in gone:
        draft.out.commands.append(_command(draft, one, cause))
    if gone:
        draft.open = [one for one in draft.open if one not in gone]


def keep_open(draft: Draft, live: Live) -> None:
    """Remember what is still held after the end, for a withdrawal of consent (rule K1)."""
    held = [sends.opened(live, sent) for sent in live.sent if sent.not_before > draft.now]
    if held:
        sends.remember_open(draft, held)


def find_action(journey: JourneyPlan | None, action: str) -> SendAction | None:
    """The send with this id, None where the plan has it no more."""
    return None if journey is None else _actions(journey).get(action)


def _take_back(draft: Draft, live: Live, cause: Origin, left: tuple[str, int] | None) -> None:
    if draft.candidates:
        kept = []
        for candidate in draft.candidates:
            place = candidate.place
            mine = place.journey == live.journey and place.entry_no == live.entry_no
            if mine and _applies(candidate.action.cancel_on, place, left):
                _settle(draft, place, "taken back")
            else:
                kept.append(candidate)
        draft.candidates = kept
    if draft.pending:
        _take_back_waiting(draft, live, left)
    for sent in live.sent:
        if sent.not_before > draft.now and _applies(CancelOn(sent.cancel_on), sent, left):
            _cancel_live(draft, live, cause, sent)


def _take_back_waiting(draft: Draft, live: Live, left: tuple[str, int] | None) -> None:
    journey = draft.plan.by_name.get(live.journey)
    kept = []
    for place in draft.pending:
        mine = place.journey == live.journey and place.entry_no == live.entry_no
        action = find_action(journey, place.action) if mine else None
        if mine and (action is None or _applies(action.cancel_on, place, left)):
            _settle(draft, place, "taken back")
        else:
            kept.append(place)
    if len(kept) != len(draft.pending):
        draft.pending = kept


def _applies(when: CancelOn, place: Pending | Sent, left: tuple[str, int] | None) -> bool:
    """Whether an end (`left` None), or leaving that stage at that visit, takes a send back."""
    if left is None:
        return when is not CancelOn.NEVER
    return when is CancelOn.LEAVE and (place.stage, place.visit) == left


def _unwanted(draft: Draft, place: Pending, purposes: set[str]) -> bool:
    journey = draft.plan.by_name.get(place.journey)
    action = find_action(journey, place.action)
    if journey is None or action is None or journey.purpose not in purposes:
        return False
    return not any(
        profile.may_use(draft.plan, draft.consent, journey.purpose, channel)
        for channel in action.channels
    )


def _withdrawn(draft: Draft, sent: Sent, purposes: set[str]) -> bool:
    return (
        sent.not_before > draft.now
        and sent.purpose in purposes
        and not profile.may_use(draft.plan, draft.consent, sent.purpose, sent.channel)
    )


def _settle(draft: Draft, place: Pending, why: str) -> None:
    sends.settle(draft, place, CandidateOutcome.CANCELLED, [why])


def _cancel_live(draft: Draft, live: Live, cause: Origin, sent: Sent) -> None:
    draft.out.commands.append(_command(draft, sends.opened(live, sent), cause))
    back = Sent(
        sent.command_id,
        sent.channel,
        sent.purpose,
        sent.at,
        _TAKEN_BACK,
        sent.cancel_on,
        sent.stage,
        sent.visit,
        sent.content,
        sent.send_id,
    )
    live.sent = [back if one.command_id == sent.command_id else one for one in live.sent]


def _command(draft: Draft, one: OpenSend, cause: Origin) -> Command:
    """The CANCEL of a command; its `decision_id` is that of the send it takes back."""
    sent = one.sent
    journey = draft.plan.by_name.get(one.journey)
    return Command(
        command_id=ids.cancel_id(sent.command_id),
        action=_CANCEL,
        send_id=sent.send_id,
        attempt=ids.FIRST_ATTEMPT,
        channel=sent.channel,
        customer_id=draft.customer_id,
        anonymous_id=draft.anonymous_id,
        content=sent.content,
        data={},
        theme=None,
        purpose=sent.purpose,
        priority=0 if journey is None else journey.priority,
        created_at=draft.now,
        not_before=draft.now,
        not_after=None,
        cancels=sent.command_id,
        journey=JourneyRef(one.journey, one.version, one.key, sent.stage, one.entry_no),
        causation=cause,
        decision_id=ids.decision_id(sent.command_id, CandidateOutcome.SENT, sent.at),
        linked=cause != draft.origin,
    )


@lru_cache(maxsize=256)
def _actions(journey: JourneyPlan) -> dict[str, SendAction]:
    """A journey's sends by id."""
    found: dict[str, SendAction] = {}
    for stage in journey.stages.values():
        lists = [stage.on_enter, stage.on_exit, *(one.actions for one in stage.transitions)]
        found.update((action.id, action) for actions in lists for action in actions)
    return found
