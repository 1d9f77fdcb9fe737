"""What an end, a leave and a withdrawal of consent take back (rules A7, S8, K1).

Three things of an action may still be out: a candidate of this very step, a candidate that waits,
and a command that is out: unsent (`not_before` ahead), or open (a TASK until done, a SHOW until
seen, a ROUTE until applied). The first two end `CANCELLED`, the third gets a CANCEL command.
"""

from typing import Final

from journey_engine.decide import (
    actions,
    asking,
    history,
    ids,
    openings,
    outcomes,
    profile,
    standing,
    waits,
)
from journey_engine.decide.decision import Command, JourneyRef
from journey_engine.decide.draft import Draft
from journey_engine.decide.event import Origin
from journey_engine.decide.live import Live
from journey_engine.decide.state import Instance, OpenSend, Pending, Sent
from journey_engine.define.action_plan import Action, CancelOn
from journey_engine.errors import CandidateOutcome, EndReason

_CANCEL: Final = "CANCEL"


def at_end(draft: Draft, live: Live, cause: Origin) -> None:
    """Take back what the instance has out, but for `never` (goal, exit, abandon, faults)."""
    _take_back(draft, live, cause, None)


def at_leave(draft: Draft, live: Live, cause: Origin) -> None:
    """Take back the sends of the stage being left that say `cancel_on: leave`."""
    _take_back(draft, live, cause, (live.stage, live.visit))


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
            if _withdrawn(draft, instance, sent, purposes):
                _cancel_live(draft, draft.touch(position), cause, sent)
    gone = [one for one in draft.open if _withdrawn(draft, one, one.sent, purposes)]
    for one in gone:
        history.give_back(draft, one.sent.command_id)
        draft.out.commands.append(_command(draft, one, cause))
        asking.tell_taken_back(draft, one, cause)
    if gone:
        draft.open = [one for one in draft.open if one not in gone]


def at_withdrawal_of_asker(draft: Draft, asked: str, cause: Origin) -> None:
    """Take back what an account's journey had asked for, and wants no more (rule M3)."""
    waiting = [place for place in draft.pending if not _asked_for(place, asked)]
    if len(waiting) != len(draft.pending):
        for place in draft.pending:
            if _asked_for(place, asked):
                _settle(draft, place, "taken back")
        draft.pending = waiting
    gone = [
        one for one in draft.open if _asked_for(one, asked) and standing.is_out(one.sent, draft.now)
    ]
    for one in gone:
        history.give_back(draft, one.sent.command_id)
        draft.out.commands.append(_command(draft, one, cause))
    if gone:
        draft.open = [one for one in draft.open if one not in gone]


def _asked_for(one: Pending | OpenSend, asked: str) -> bool:
    return one.asker is not None and one.asker.id == asked


def at_erasure(draft: Draft, cause: Origin) -> None:
    """Take back all that waits or is out, whatever its `cancel_on` (rule M4)."""
    for place in draft.pending:
        _settle(draft, place, "erased")
    draft.pending = []
    for position in range(len(draft.instances)):
        take_back_all(draft, draft.touch(position), cause)
    for one in draft.open:
        if standing.is_out(one.sent, draft.now):
            draft.out.commands.append(_command(draft, one, cause))
            asking.tell_taken_back(draft, one, cause)
    draft.open = []


def take_back(draft: Draft, one: OpenSend, cause: Origin) -> None:
    """Take back a command that is double (rule M2): it counts no longer (rule C3)."""
    history.give_back(draft, one.sent.command_id)
    draft.out.commands.append(_command(draft, one, cause))


def take_back_all(draft: Draft, live: Live, cause: Origin) -> None:
    """Take back every command of an instance that is out, whatever its `cancel_on`."""
    for sent in live.sent:
        if standing.is_out(sent, draft.now):
            _cancel_live(draft, live, cause, sent)


def replaced(draft: Draft, live: Live, cause: Origin, action: str) -> None:
    """Take back the open commands of an action that another one replaces (rule A4)."""
    for sent in live.sent:
        if sent.send_id == action and standing.is_out(sent, draft.now):
            _cancel_live(draft, live, cause, sent)


def displaced(draft: Draft, sent: Sent, cause: Origin) -> None:
    """Take back a command that lost its slot (rule A3)."""
    for live in draft.entered:
        if any(one.command_id == sent.command_id for one in live.sent):
            _cancel_live(draft, live, cause, sent)
            return
    for position, instance in enumerate(draft.instances):
        touched = draft.touched.get(position)
        if touched is not None and touched.ended is not None:
            continue
        # What this very step has written is there, too.
        out = instance.sent if touched is None else touched.sent
        if any(one.command_id == sent.command_id for one in out):
            _cancel_live(draft, draft.touch(position), cause, sent)
            return
    gone = standing.find_open(draft, sent.command_id)
    if gone is not None:
        draft.out.commands.append(_command(draft, gone, cause))
        draft.open = [one for one in draft.open if one is not gone]


def keep_open(draft: Draft, live: Live) -> None:
    """Remember after the end what is out, or may yet fall back (rules K1, A7, C7)."""
    journey = draft.plan.run_by(live.journey, live.version)
    held = [
        standing.opened(live, sent)
        for sent in live.sent
        if not sent.customer
        and (_stays_out(draft, sent) or _outlives(live, sent))
        and not standing.is_done_for(draft, journey, sent)
    ]
    if held:
        standing.remember_open(draft, held)


def _stays_out(draft: Draft, sent: Sent) -> bool:
    return standing.is_out(sent, draft.now) or standing.is_only_one(sent, draft.now)


def _outlives(live: Live, sent: Sent) -> bool:
    """Whether what was sent may be sent once more after this end, on another channel: only what
    the end would not take back if it waited.
    """
    when = CancelOn(sent.cancel_on)
    completed = live.ended is EndReason.COMPLETED
    return when is CancelOn.NEVER or (when is CancelOn.END and completed)


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
    if draft.account is not None:
        asking.withdraw(draft, live, cause, left)
    for sent in live.sent:
        if standing.is_out(sent, draft.now) and _applies(CancelOn(sent.cancel_on), sent, left):
            if sent.customer:  # where the CANCEL is written
                forget(live, sent)
            else:
                _cancel_live(draft, live, cause, sent)


def _take_back_waiting(draft: Draft, live: Live, left: tuple[str, int] | None) -> None:
    kept = []
    for place in draft.pending:
        mine = place.journey == live.journey and place.entry_no == live.entry_no
        # By the version that asked for it: the instance may have gone on in a newer one (V1).
        asked_by = draft.plan.run_by(place.journey, place.version) if mine else None
        action = actions.find(asked_by, place.action)
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
    journey = draft.plan.run_by(place.journey, place.version)
    action = actions.find(journey, place.action)
    if journey is None or action is None or journey.purpose not in purposes:
        return False
    return _needs_consent(action) and not any(
        profile.may_use(draft.plan, draft.consent, journey.purpose, channel)
        for channel in action.channels
    )


def _withdrawn(draft: Draft, one: Instance | OpenSend, sent: Sent, purposes: set[str]) -> bool:
    if sent.purpose not in purposes or not standing.is_out(sent, draft.now):
        return False
    if profile.may_use(draft.plan, draft.consent, sent.purpose, sent.channel):
        return False
    action = actions.find(draft.plan.run_by(one.journey, one.version), sent.send_id)
    return sent.kind != standing.ROUTE if action is None else _needs_consent(action)


def _needs_consent(action: Action) -> bool:
    return openings.asks(action)[0]


def _settle(draft: Draft, place: Pending, why: str) -> None:
    outcomes.settle(draft, place, CandidateOutcome.CANCELLED, [why])


def _cancel_live(draft: Draft, live: Live, cause: Origin, sent: Sent) -> None:
    history.give_back(draft, sent.command_id)
    draft.out.commands.append(_command(draft, standing.opened(live, sent), cause))
    forget(live, sent)


def forget(live: Live, sent: Sent) -> None:
    """The command of the instance is taken back: nobody is waited for to take it on, or do it."""
    back = standing.taken_back(sent)
    live.sent = [back if one.command_id == sent.command_id else one for one in live.sent]
    if sent.kind == standing.TASK:
        waits.forget(live)


def _command(draft: Draft, one: OpenSend, cause: Origin) -> Command:
    """The CANCEL of a command; its `decision_id` is that of the send it takes back."""
    sent = one.sent
    journey = draft.plan.run_by(one.journey, one.version)
    return Command(
        command_id=ids.cancel_id(sent.command_id),
        action=_CANCEL,
        send_id=sent.send_id,
        attempt=sent.attempt,
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
        account_id=outcomes.asking_account(draft, one),
    )
