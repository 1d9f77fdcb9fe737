"""An account's journey asks its members for a send (rule M3): what each side says of it.

Theory of operation. An action with `to` is decided where its customers are. The account evaluates
what only it can read, which goes along as the event of the candidate, and asks each member; what
it asked for is remembered until something came of it that cannot be taken back. The member's
partition makes a candidate of it (`asked`) and tells what becomes of it. An end, or a leave, of the
account's instance withdraws what it asked for; the member knows whether there is anything to take
back.
"""

from msgspec.structs import replace

from journey_engine.decide import actions, ids, standing
from journey_engine.decide.account_state import ASKED_MAX, NO_ACCOUNT, Account, Asked
from journey_engine.decide.draft import Candidate, Draft
from journey_engine.decide.event import Origin
from journey_engine.decide.live import Live
from journey_engine.decide.message import (
    ACCOUNT,
    CUSTOMER,
    SendAsked,
    SendSettled,
    SendWithdrawn,
)
from journey_engine.decide.state import OpenSend, Pending, Sent
from journey_engine.define.action_plan import (
    REPLY_TO,
    Action,
    CancelOn,
    Recipients,
    datum,
    factor,
)
from journey_engine.define.expression import EvaluationError, Expression, Value, Warming
from journey_engine.errors import CandidateOutcome


def ask(draft: Draft, candidate: Candidate, to: Recipients) -> tuple[CandidateOutcome, str] | None:
    """Ask the members; why nobody could be asked, None where somebody was."""
    people = _people(draft, candidate, to)
    if not people:
        return CandidateOutcome.UNREACHABLE, "nobody of the account is meant"
    values = _values(draft, candidate)
    if values is None:
        return CandidateOutcome.GUARD_ERROR, "data error"
    place = replace(candidate.place, event=values)
    room = ASKED_MAX - len(_kept(draft, len(people)).asked)
    if room < len(people):
        draft.drop("asked", len(people) - room)
    for customer in people[:room]:
        _ask(draft, customer, place)
    return None if room else (CandidateOutcome.CANCELLED, "too many were asked")


def _people(draft: Draft, candidate: Candidate, to: Recipients) -> list[str]:
    known = draft.account or NO_ACCOUNT
    if to.customer is not None:
        try:
            customer = to.customer.evaluate(candidate.scope)
        except (EvaluationError, Warming):
            return []
        return [customer] if isinstance(customer, str) else []
    return [one.customer for one in known.members if to.role is None or one.role == to.role]


def _values(draft: Draft, candidate: Candidate) -> dict[str, Value] | None:
    """What the action's expressions give here; a factor without a value counts 1, as ever."""
    action, values = candidate.action, {}
    needed = [(datum(name), one) for name, one in action.data]
    if action.reply_to is not None:
        needed.append((REPLY_TO, action.reply_to))
    for name, expression in needed:
        try:
            values[name] = expression.evaluate(candidate.scope)
        except (EvaluationError, Warming) as error:
            text = f"{name} of {action.id}: {error}"
            draft.out.guard_errors.append((candidate.journey.name, text))
            return None
    for name, expression in action.score:
        value = _factor(expression, candidate)
        if value is not None:
            values[factor(name)] = value
    return values


def _factor(expression: Expression, candidate: Candidate) -> Value:
    try:
        return expression.evaluate(candidate.scope)
    except (EvaluationError, Warming):
        return None


def _kept(draft: Draft, more: int) -> Account:
    """The account; without what was asked for and can be taken back no more, if there would be no
    room for so many more.
    """
    known = draft.account or NO_ACCOUNT
    if len(known.asked) + more > ASKED_MAX:
        live = {(one.journey, one.entry_no) for one in draft.lives()}
        asked = [one for one in known.asked if one.waits or (one.journey, one.entry_no) in live]
        draft.account = known = Account(known.members, asked)
    return known


def _ask(draft: Draft, customer: str, place: Pending) -> None:
    known = draft.account or NO_ACCOUNT
    command = ids.command_id(draft.state.life, draft.key, place)
    name = ids.message_id(command, f"{customer}/asked")
    draft.tell(
        SendAsked(
            CUSTOMER + customer, name, draft.clock, place.cause, draft.account_id or "", place
        )
    )
    one = Asked(
        name,
        customer,
        place.journey,
        place.entry_no,
        place.action,
        place.stage,
        place.visit,
        draft.now,
    )
    draft.account = Account(known.members, [*known.asked, one])


def withdraw(draft: Draft, live: Live, cause: Origin, left: tuple[str, int] | None) -> None:
    """The instance ends (`left` None), or leaves that stage at that visit (rule A7)."""
    known = draft.account
    if known is None or not known.asked:
        return
    journey = draft.plan.run_by(live.journey, live.version)
    kept = []
    for one in known.asked:
        mine = (one.journey, one.entry_no) == (live.journey, live.entry_no)
        if mine and _applies(actions.find(journey, one.action), one, left):
            name, target = ids.message_id(one.id, "withdrawn"), CUSTOMER + one.customer
            draft.tell(SendWithdrawn(target, name, draft.clock, cause, one.id))
        else:
            kept.append(one)
    if len(kept) != len(known.asked):
        draft.account = Account(known.members, kept)


def _applies(action: Action | None, one: Asked, left: tuple[str, int] | None) -> bool:
    if action is None:  # of a former version: as what says nothing of it (rule V1)
        return left is None
    if left is None:
        return action.cancel_on is not CancelOn.NEVER
    return action.cancel_on is CancelOn.LEAVE and (one.stage, one.visit) == left


def tell(draft: Draft, place: Pending, outcome: CandidateOutcome, sent: Sent | None = None) -> None:
    """Tell the account what became of what its journey asked for, if it did."""
    asker = place.asker
    if asker is None or draft.customer_id is None:
        return
    until = place.due if outcome is CandidateOutcome.DEFERRED else None
    name = ids.message_id(asker.id, f"{outcome}/{place.attempt}/{draft.now}")
    target = ACCOUNT + asker.account
    draft.tell(
        SendSettled(
            target,
            name,
            draft.clock,
            place.cause,
            asker.id,
            draft.customer_id,
            outcome.value,
            until,
            sent,
        )
    )


def tell_taken_back(draft: Draft, one: OpenSend, cause: Origin) -> None:
    """Tell the account that the member takes back what had been sent for its journey."""
    asker, outcome = one.asker, CandidateOutcome.CANCELLED
    if asker is None or draft.customer_id is None:
        return
    name = ids.message_id(asker.id, f"{outcome}/{one.sent.attempt}/{draft.now}")
    target, back = ACCOUNT + asker.account, standing.taken_back(one.sent)
    draft.tell(
        SendSettled(
            target,
            name,
            draft.clock,
            cause,
            asker.id,
            draft.customer_id,
            outcome.value,
            None,
            back,
        )
    )
