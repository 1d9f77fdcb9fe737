"""What is known of a visitor is handed over to the customer whom they turned out to be (M1, M2).

`merge` says what the state of both is; here is what follows from it: instances that lost end
`MERGED`, candidates that are double end `CANCELLED`, double commands are taken back. Once no other
visitor is waited for, so that it does not matter who answers first, waits on the calendar are
reckoned anew, what has no consent any more is taken back, too, and the sends that waited are
decided. A hand-over that came before changes nothing. One that is no longer asked for, because the
customer was erased meanwhile, is erased with them (rule M4).
"""

from msgspec.structs import replace

from journey_engine.decide import (
    cancels,
    erasure,
    identity,
    merge,
    merge_profile,
    outcomes,
    pipeline,
    profile,
    stages,
    standing,
    waiting,
    waits,
)
from journey_engine.decide.draft import Draft
from journey_engine.decide.identity_state import NOBODY
from journey_engine.decide.live import Live
from journey_engine.decide.message import VISITOR, IdentityHanded
from journey_engine.decide.packed import NOTHING
from journey_engine.decide.scope import Moment
from journey_engine.decide.state import (
    OPEN_MAX,
    PENDING_MAX,
    CustomerState,
    Instance,
)
from journey_engine.decide.verdict import Decision
from journey_engine.define.identity import LINKED
from journey_engine.define.plan import Plan
from journey_engine.errors import CandidateOutcome, EndReason, InputOutcome


def is_asked(state: CustomerState, message: IdentityHanded) -> bool:
    """Whether the customer waits for this hand-over; not for one of a life that was erased."""
    asked = [] if state.identity is None else state.identity.asked
    if all(one.anonymous_id != message.visitor for one in asked):
        return False
    name = identity.asked_id(message.customer_id or "", message.visitor, state.life)
    return message.id == identity.handed_id(name)


def drop(plan: Plan, state: CustomerState, message: IdentityHanded, now: int) -> Decision:
    """What came before is ignored; what comes after an erasure ends there."""
    known = state.identity or NOBODY
    if message.state is None or message.visitor in known.aliases:
        return Decision(state, InputOutcome.IGNORED)
    handed = merge.renumbered(message.state, VISITOR + message.visitor)
    draft = Draft(plan, handed, message, now)
    erasure.end_all(draft, _moment(draft, message), message.origin)
    draft.out.state = state
    draft.out.outcome = InputOutcome.ERASED
    return draft.out


def take(plan: Plan, state: CustomerState, message: IdentityHanded, now: int) -> Draft:
    """The draft in which the customer has all that was the visitor's."""
    known = state.identity or NOBODY
    visitor = message.visitor
    left = [one for one in known.asked if one.anonymous_id != visitor]
    if message.state is None:
        draft = Draft(plan, state, message, now)
        draft.identity = replace(known, asked=left)
    else:
        both = merge.merged(plan, state, message.state, VISITOR + visitor, now)
        draft = Draft(plan, both.state, message, now)
        aliases = sorted([*known.aliases, visitor])
        draft.identity = replace(draft.identity or NOBODY, asked=left, aliases=aliases)
        _settle(draft, both, message)
    _release(draft, message)
    draft.fold()
    return draft


def _settle(draft: Draft, both: merge.Merged, message: IdentityHanded) -> None:
    draft.heavy = True
    for place in both.waiting:
        outcomes.settle(draft, place, CandidateOutcome.CANCELLED, ["double, identities merged"])
    for double in both.double:
        cancels.take_back(draft, double, message.origin)
    moment = _moment(draft, message)
    for loser, replaced in both.losers:
        _end(draft, moment, loser, message, replaced=replaced)
    draft.open = sorted(
        standing.still_open(draft), key=lambda one: (one.sent.at, one.sent.command_id)
    )


def _bound(draft: Draft) -> None:
    """No more candidates wait than may, those asked for first, no more commands are remembered
    of instances that completed, and features are within their bounds. Not while somebody is still
    asked: with whom the next one is a double, whose instance wins, or which entries lie in the
    window would be missing then (law 8).
    """
    draft.features = merge_profile.bounded(draft.plan, draft.features)
    if len(draft.open) > OPEN_MAX:
        draft.drop("open", len(draft.open) - OPEN_MAX)
        draft.open = draft.open[-OPEN_MAX:]
    over = sorted(draft.pending, key=merge.asked_at)[PENDING_MAX:]
    if not over:
        return
    draft.drop("pending", len(over))
    draft.pending = [place for place in draft.pending if place not in over]
    for place in over:
        outcomes.settle(draft, place, CandidateOutcome.CANCELLED, ["too many wait"])


def _withdraw(draft: Draft, message: IdentityHanded) -> None:
    """Take back what either had asked for, or sent, and the other withdrew consent of (rule K1)."""
    withdrawn = {
        profile.purpose_of(name)
        for name, written in draft.consent.items()
        if written.value is not True
    }
    if withdrawn:
        cancels.at_withdrawal(draft, message.origin, withdrawn)
        draft.fold()


def _moment(draft: Draft, message: IdentityHanded) -> Moment:
    """Now; no timer, but what led to the hand-over, is the cause of what happens."""
    moment = Moment(draft, draft.now)
    moment.origin = message.origin
    moment.due_at = None
    return moment


def _end(
    draft: Draft, moment: Moment, loser: Instance, message: IdentityHanded, *, replaced: bool
) -> None:
    """End an instance. What it sent is the winner's, where there is one; where one that ended beats
    it, all of it is taken back: that one has said what there was to say.
    """
    journey = draft.plan.run_by(loser.journey, loser.version)
    if journey is not None:
        live = Live(replace(loser, packed_sent=NOTHING) if replaced else loser)
        cancels.take_back_all(draft, live, message.origin)
        stages.end(draft, journey, moment, live, EndReason.MERGED, LINKED)


def _release(draft: Draft, message: IdentityHanded) -> None:
    """Where no other visitor is waited for, go by what is known of all: waits, consent, and the
    candidates that waited. Those that the merge itself set free are decided at once.
    """
    if draft.identity is None or not draft.identity.asked:
        _bound(draft)
    answered = identity.waits_until(draft) is None
    if answered:
        waits.identities_joined(draft, Moment(draft, draft.now))
        _withdraw(draft, message)
    moment = Moment(draft, draft.now)
    if answered:
        ready = [place for place in draft.pending if place.waits == identity.IDENTITY]
        draft.pending = [place for place in draft.pending if place.waits != identity.IDENTITY]
        for place in sorted(ready, key=waiting.order):
            waiting.release(draft, moment, replace(place, due=moment.at))
    pipeline.decide_all(draft, moment)
