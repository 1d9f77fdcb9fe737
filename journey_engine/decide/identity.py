"""Who somebody turns out to be (rule M1).

Theory of operation. `IdentityLinked` is keyed by customer: the customer's partition asks the
visitor's for all that is known there, and keeps the customer's sends back until the answer, or for
`IDENTITY_WAIT_MS`. The visitor's partition hands its state over, once, and keeps the name of the
customer instead: whatever still comes for the visitor goes on to them. Each step is an input of the
partition that takes it; a step that is repeated finds that it was done.

A visitor belongs to the customer who asked first. An answer that comes after the wait is merged all
the same.
"""

from typing import Final

from msgspec.structs import replace

from journey_engine.decide import ids, waiting
from journey_engine.decide.case import Case
from journey_engine.decide.draft import Candidate, Draft
from journey_engine.decide.event import Event
from journey_engine.decide.identity_state import (
    ALIASES_MAX,
    IDENTITY_WAIT_MS,
    NOBODY,
    Asked,
    Identity,
)
from journey_engine.decide.message import (
    CUSTOMER,
    VISITOR,
    Forwarded,
    IdentityAsked,
    IdentityHanded,
    Message,
)
from journey_engine.decide.standing import TAKEN_BACK
from journey_engine.decide.state import CustomerState
from journey_engine.decide.verdict import Decision
from journey_engine.define.action_plan import ActionKind
from journey_engine.errors import CandidateOutcome, DeferredCause, InputOutcome

IDENTITY: Final = DeferredCause.IDENTITY.value


def gone(known: Identity, event: Event) -> InputOutcome | None:
    """Why the event is not for this state: who it is about was erased since, or is a customer."""
    if known.erased is not None and event.occurred_at <= known.erased.at:
        return InputOutcome.ERASED
    return None if known.alias_of is None else InputOutcome.MERGED


def passed_on(state: CustomerState, event: Event, outcome: InputOutcome, now: int) -> Decision:
    """Nothing but that, and, for a visitor who is a customer, the event goes on to them."""
    known = state.identity
    if outcome is not InputOutcome.MERGED or known is None or known.alias_of is None:
        return Decision(state, outcome)
    name = f"{event.source}/{event.event_id}/{event.anonymous_id}/forwarded"
    target = CUSTOMER + known.alias_of
    forwarded = Forwarded(target, ids.named_id(name), now, event.origin, event)
    decision = Decision(state, outcome)
    decision.messages.append(forwarded)
    return decision


def link(draft: Draft, event: Event) -> None:
    """The visitor turned out to be this customer: ask what is known of them."""
    customer, visitor = event.customer_id, event.anonymous_id
    if not customer or not visitor:
        return
    known = draft.identity or NOBODY
    if visitor in known.aliases or any(one.anonymous_id == visitor for one in known.asked):
        return
    if len(known.aliases) + len(known.asked) >= ALIASES_MAX:
        draft.drop("aliases")
        return
    asked = [*known.asked, Asked(visitor, draft.now + IDENTITY_WAIT_MS)]
    asked.sort(key=_visitor)
    draft.identity = replace(known, asked=asked)
    name = asked_id(customer, visitor, draft.state.life)
    draft.tell(IdentityAsked(VISITOR + visitor, name, draft.now, event.origin, customer))


def asked_id(customer: str, visitor: str, life: int) -> str:
    """The id by which a customer asks in one of their lives."""
    return ids.named_id(f"{customer}/{visitor}/{life}/asked")


def handed_id(asked: str) -> str:
    """The id of the answer to who asked by this id."""
    return ids.message_id(asked, "handed")


def _visitor(asked: Asked) -> str:
    return asked.anonymous_id


def hand_over(draft: Draft, message: IdentityAsked) -> None:
    """Be the customer's alias from now on, with everything handed over."""
    visitor = draft.anonymous_id or ""
    known = draft.identity or NOBODY
    handed = None
    if known.alias_of is None:
        handed = draft.next_state()
        alias = Identity(known.erased, message.customer)
        draft.out.state = CustomerState(life=draft.state.life, identity=alias)
    target, name = CUSTOMER + message.customer, handed_id(message.id)
    draft.tell(IdentityHanded(target, name, draft.now, message.origin, visitor, handed))


def pass_on(draft: Draft, message: Message) -> bool:
    """Whether a message for a visitor was for the customer whom they turned out to be."""
    if draft.identity is None or draft.identity.alias_of is None:
        return False
    draft.tell(replace(message, target=CUSTOMER + draft.identity.alias_of))
    return True


def keeps_back(draft: Draft, case: Case) -> bool:
    """Whether the candidate waits for what is known of a visitor, or was sent under that identity.

    A ROUTE answers somebody who is there: it does not wait.
    """
    if draft.identity is None:
        return False
    if draft.identity.aliases and _was_sent(draft, case.candidate):
        case.trace.append("sent before the identities were merged")
        case.settle(draft, CandidateOutcome.CANCELLED)
        return True
    until = waits_until(draft)
    if until is None or case.candidate.action.kind is ActionKind.ROUTE:
        return False
    case.trace.append("a visitor is being merged")
    waiting.defer(draft, case, until, DeferredCause.IDENTITY)
    return True


def _was_sent(draft: Draft, candidate: Candidate) -> bool:
    """Whether the same message of the same instance went out under the other identity."""
    instance = draft.instance_of(candidate.place)
    if instance is None:
        return False
    one = candidate.place
    place = (one.action, one.stage, one.visit, one.run, one.attempt)
    return any(
        sent.not_before != TAKEN_BACK
        and (sent.send_id, sent.stage, sent.visit, sent.run, sent.attempt) == place
        for sent in instance.sent
    )


def waits_until(draft: Draft) -> int | None:
    """Until when the customer's sends wait; None: they do not."""
    if draft.identity is None or not draft.identity.asked:
        return None
    until = max(one.until for one in draft.identity.asked)
    return until if until > draft.now else None
