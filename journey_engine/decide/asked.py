"""What members make of a send that an account's journey asks for, and the account of the answer.

In the member's partition it is a candidate as any other: consent, caps, quiet hours and arbitration
are the customer's. Its action is that of the version that asks (rule V1), which reads what the
account sent along (`asking`). In the account the command counts as sent by its instance, whose
waits and feedback it then serves; what came to nothing moves the instance (rule C9).
"""

from typing import Final

from msgspec.structs import replace

from journey_engine.decide import (
    actions,
    cancels,
    dedupe,
    outcomes,
    pipeline,
    standing,
    suppressed,
    waits,
)
from journey_engine.decide.account_state import Account, Asked, Asker
from journey_engine.decide.draft import Candidate, Draft
from journey_engine.decide.live import Live
from journey_engine.decide.message import SendAsked, SendSettled, SendWithdrawn
from journey_engine.decide.scope import Moment, candidate_view
from journey_engine.decide.state import SENT_MAX, Sent
from journey_engine.errors import CandidateOutcome, InputOutcome

_SOURCE: Final = "account"


def take(draft: Draft, message: SendAsked) -> InputOutcome:
    """Make a candidate of it, once."""
    sight, seen, early = dedupe.look_for(draft.seen, _SOURCE, message.id, b"", draft.now)
    if sight is not dedupe.NEW:
        return InputOutcome.DUPLICATE
    draft.seen = seen
    if early:
        draft.drop("seen", early)
    place = replace(message.place, due=draft.now, asker=Asker(message.account, message.id))
    journey = draft.plan.run_by(place.journey, place.version)
    action = actions.find(journey, place.action)
    known = draft.identity
    if known is not None and known.erased is not None and message.at <= known.erased.at:
        outcomes.settle(draft, place, CandidateOutcome.CANCELLED, ["erased"])
        return InputOutcome.ERASED
    if journey is None or action is None:
        outcomes.settle(draft, place, CandidateOutcome.CANCELLED, ["no longer in the plan"])
        return InputOutcome.APPLIED
    moment = Moment(draft, draft.now)
    moment.origin, moment.due_at = message.origin, None
    view = candidate_view(moment, journey, None, place)
    view.event = place.event
    draft.candidates.append(Candidate(journey, action, place, view, fresh=True))
    pipeline.decide_all(draft, moment)
    draft.fold()
    return InputOutcome.APPLIED


def withdrawn(draft: Draft, message: SendWithdrawn) -> None:
    """Take it back, if there is anything left of it."""
    cancels.at_withdrawal_of_asker(draft, message.asked, message.origin)


def settled(draft: Draft, message: SendSettled) -> InputOutcome:
    """What became of it, in the account."""
    known = draft.account
    one = None if known is None else _find(known, message.asked)
    if known is None or one is None:
        return InputOutcome.IGNORED
    outcome = CandidateOutcome(message.outcome)
    live = _instance(draft, one)
    after = _after(one, message, outcome)
    if after is None or (live is None and not after.waits):
        kept = [each for each in known.asked if each is not one]
    else:
        kept = [after if each is one else each for each in known.asked]
    draft.account = Account(known.members, kept)
    if live is not None:
        _tell(draft, live, one, message, outcome)
        draft.fold()
    return InputOutcome.APPLIED


def _find(known: Account, name: str) -> Asked | None:
    for one in known.asked:
        if one.id == name:
            return one
    return None


def _after(one: Asked, message: SendSettled, outcome: CandidateOutcome) -> Asked | None:
    """What is remembered of it then; None where nothing can come of it any more."""
    if message.until is not None:
        return replace(one, due=message.until)
    if _is_taken_back(message.sent):
        return None
    if outcome is CandidateOutcome.SENT or not one.waits:
        return replace(one, waits=False)
    return None


def _is_taken_back(sent: Sent | None) -> bool:
    """Whether the member took back what had been sent, of their own accord (rules K1, M4)."""
    return sent is not None and sent.not_before == standing.TAKEN_BACK


def _instance(draft: Draft, one: Asked) -> Live | None:
    for position, instance in enumerate(draft.instances):
        if (instance.journey, instance.entry_no) == (one.journey, one.entry_no):
            return draft.touch(position)
    return None


def _tell(
    draft: Draft, live: Live, one: Asked, message: SendSettled, outcome: CandidateOutcome
) -> None:
    journey = draft.plan.run_by(live.journey, live.version)
    if journey is None:
        return
    sent = message.sent
    if sent is not None:
        before = [each for each in live.sent if each.command_id == sent.command_id]
        if _is_taken_back(sent):
            for each in before:
                cancels.forget(live, each)
            return
        if before:
            return
        if len(live.sent) >= SENT_MAX:
            draft.drop("sent")
        sent = replace(sent, customer=message.customer)
        live.sent = [*live.sent, sent][-SENT_MAX:]
        waits.expect(live, sent)
    stage = journey.stages.get(live.stage)
    if stage is not None and (sent is not None or message.until is not None):
        waits.follow(draft, live, stage, one.action)
    action = actions.find(journey, one.action)
    to = None if action is None or not one.waits else action.on_suppressed.get(outcome)
    if to is not None:
        moment = Moment(draft, draft.now)
        moment.origin, moment.due_at = message.origin, None
        suppressed.follow(draft, moment, journey, one, f"{outcome}", to)
        pipeline.decide_all(draft, moment)
