"""What an operator decided of a journey: paused, closed, stopped (rule V3).

Theory of operation. The partition keeps the operators' records and gives them to the plan. Entries
and candidates ask them as they arise. What is already there (instances of a stopped journey,
candidates that a pause kept back) is brought in line before the customer's next input or timer, or
by the partition's sweep, whichever comes first.
"""

from typing import Final

from msgspec.structs import replace

from journey_engine.decide import actions, calendar, cancels, outcomes, stages, standing, waiting
from journey_engine.decide.case import Case
from journey_engine.decide.draft import Draft
from journey_engine.decide.scope import Moment
from journey_engine.decide.state import PAUSE_LOOK_MS, CustomerState, OpenSend, Pending
from journey_engine.define.action_plan import ActionKind, CancelOn
from journey_engine.define.plan import Plan
from journey_engine.errors import CandidateOutcome, DeferredCause, EndReason, EntryOutcome

_PAUSED: Final = DeferredCause.PAUSED.value
_STOP: Final = "stop"


def refusal(plan: Plan, journey: str) -> EntryOutcome | None:
    """Why nobody enters the journey now."""
    operation = plan.operations.get(journey)
    if operation is None:
        return None
    if operation.closed or operation.stopped:
        return EntryOutcome.CLOSED
    return EntryOutcome.PAUSED if operation.paused and not operation.admits else None


def keeps_back(draft: Draft, case: Case) -> bool:
    """Whether a pause keeps the candidate back; a contact that waits for its route does not wait
    that long.
    """
    place, action = case.candidate.place, case.candidate.action
    operation = draft.plan.operations.get(place.journey)
    if operation is None or not operation.paused:
        return False
    case.trace.append("the journey is paused")
    if action.kind is ActionKind.ROUTE:
        case.settle(draft, CandidateOutcome.PAUSED)
        return True
    until = case.clock + PAUSE_LOOK_MS
    if action.expires is not None:
        until = min(until, max(place.asked_at + action.expires, case.clock) + 1)
    waiting.defer(draft, case, until, DeferredCause.PAUSED)
    return True


def concern(plan: Plan, state: CustomerState) -> bool:
    """Whether something of the customer is to be brought in line."""
    return (
        any(_stopped(plan, one.journey) and one.journey in plan.by_name for one in state.instances)
        or any(_waits_no_more(plan, one) or _resumed(plan, one) for one in state.pending)
        or any(_is_taken_back(plan, one) for one in state.open)
    )


def bring(draft: Draft) -> None:
    """End what is stopped; let go on what is no longer paused. What a hold that ends so lets go are
    candidates of this instant.
    """
    moment = Moment(draft, draft.now)
    # First, so that a hold that ends lets nothing go that is stopped itself.
    _take_back_waiting(draft)
    for position, instance in enumerate(draft.instances):
        journey = draft.plan.run_by(instance.journey, instance.version)
        if journey is not None and _stopped(draft.plan, instance.journey):
            live = draft.touch(position)
            stages.end(draft, journey, moment, live, EndReason.STOPPED, _STOP)
    draft.fold()
    _take_back_open(draft)
    draft.pending = [
        _released(draft, place) if _resumed(draft.plan, place) else place for place in draft.pending
    ]


def _take_back_waiting(draft: Draft) -> None:
    kept = []
    for place in draft.pending:
        if _waits_no_more(draft.plan, place):
            outcomes.settle(draft, place, CandidateOutcome.CANCELLED, ["the journey is stopped"])
        else:
            kept.append(place)
    draft.pending = kept


def _take_back_open(draft: Draft) -> None:
    """What completed instances of a stopped journey have out."""
    gone = [one for one in draft.open if _is_taken_back(draft.plan, one)]
    for one in gone:
        if standing.is_out(one.sent, draft.now):
            cancels.take_back(draft, one, one.cause)
    if gone:
        draft.open = [one for one in draft.open if one not in gone]


def _stopped(plan: Plan, journey: str) -> bool:
    operation = plan.operations.get(journey)
    return operation is not None and operation.stopped


def _waits_no_more(plan: Plan, place: Pending) -> bool:
    """Whether a stop takes the candidate back: as any end, all but `cancel_on: never` (A7)."""
    if not _stopped(plan, place.journey):
        return False
    action = actions.find(plan.run_by(place.journey, place.version), place.action)
    return action is None or action.cancel_on is not CancelOn.NEVER


def _is_taken_back(plan: Plan, one: OpenSend) -> bool:
    return _stopped(plan, one.journey) and CancelOn(one.sent.cancel_on) is not CancelOn.NEVER


def _resumed(plan: Plan, place: Pending) -> bool:
    """Whether a pause kept the candidate back that is over, and it waits for longer than that."""
    operation = plan.operations.get(place.journey)
    return (
        operation is not None
        and place.waits == _PAUSED
        and not operation.paused
        and operation.resumed_at < place.due
    )


def _released(draft: Draft, place: Pending) -> Pending:
    """The candidate, to be asked anew: spread, so that not all are asked at once."""
    operation = draft.plan.operations[place.journey]
    customer, width = draft.customer_id or draft.anonymous_id or "", operation.over
    offset = calendar.offset_within(width, customer, place.journey) if width else 0
    due = min(place.due, max(draft.now, operation.resumed_at + offset))
    return replace(place, due=due, waits=DeferredCause.DELAY.value)
