"""The decision.

The rules of this file, and of this package:

1. `decide` is a function of its arguments. Nothing here reads a clock, a random number, the
   network, a file or the environment, logs, or keeps between calls anything but what a pure
   function gave (`calendar`).
2. The state given in is never changed. What changes is replaced in a `Draft`; where nothing
   changed, the very same state comes back.
3. It is total: whatever a customer, a producer or an author does ends in an outcome with a
   name. What raises is a fault of ours.
4. The order of things is the document's and language.md's, never that of a dictionary or of
   arrival.

Theory of operation. An input is first held against those seen before (T6); a repeat has no
effect at all. Then the customer's timers that are due fire, instant by instant (T4). Then the
event is learnt: traits, consent, reachability, features. A `Moment` is the snapshot of what is
then known, and all guards of the step read it (S2). Live instances are asked in the order of
priority, journey and key, then entry clauses; what was asked to be sent is decided last, when
every instance stands where it stands (S1). An instance whose journey is gone from the plan lies
dormant until the journey is back; one whose stage is gone ends `QUARANTINED`.
"""

from journey_engine.decide import (
    answers,
    dedupe,
    erasure,
    handover,
    identity,
    size,
    step,
    timers,
    versions,
)
from journey_engine.decide.draft import Draft
from journey_engine.decide.due import UNKNOWN, earliest, next_due
from journey_engine.decide.event import Event, TimersDue, changed
from journey_engine.decide.message import (
    AccountEvent,
    Forwarded,
    IdentityHanded,
    Input,
    Message,
)
from journey_engine.decide.scope import Moment
from journey_engine.decide.state import CustomerState
from journey_engine.decide.trace import Step
from journey_engine.decide.verdict import Decision
from journey_engine.define.plan import Plan
from journey_engine.errors import DeadLetterCode, InputOutcome, RecordError


def decide(
    plan: Plan, state: CustomerState, item: Input, now: int, due: int | None = UNKNOWN
) -> Decision:
    """Decide what an input does to a customer; never raises for data.

    `now` is the partition's clock (rule T2), in milliseconds. `due` is `next_due(state)`, where the
    caller knows it.
    """
    if due == UNKNOWN:
        due = next_due(state)
    if isinstance(item, Event):
        return _happened(plan, state, item, now, due)
    if isinstance(item, TimersDue):
        return _tick(plan, state, item, now, due)
    return _told(plan, state, item, now, due)


def _happened(plan: Plan, state: CustomerState, item: Event, now: int, due: int | None) -> Decision:
    reading = plan.readings.get(item.type)
    if reading is None:
        return Decision(state, InputOutcome.IGNORED)
    draft = Draft(plan, state, item, now)
    gone = None if draft.identity is None else identity.gone(draft.identity, item)
    if gone is not None:
        return identity.passed_on(state, item, gone, now)
    sight, seen, early = dedupe.look(draft.seen, item, now)
    if sight is not dedupe.NEW:
        return _refused(state, item, sight)
    if reading.erases:
        erasure.erase(draft, Moment(draft, item.occurred_at, item), item.origin)
        return draft.out
    draft.seen = seen
    if early:
        draft.drop("seen", early)
    if plan.governs and versions.concern(plan, state):
        versions.bring(draft)
        due = item.occurred_at
    if due is not None and due <= item.occurred_at:
        timers.fire(draft, item.occurred_at)
        due = UNKNOWN
    if reading.links:
        identity.link(draft, item)
        due = UNKNOWN
    instances, pending = draft.instances, draft.pending
    draft.out.outcome = step.take(draft, item, reading)
    if plan.awaits or draft.instances is not instances or draft.pending is not pending:
        due = UNKNOWN
    return _finished(draft, due)


def _tick(plan: Plan, state: CustomerState, item: TimersDue, now: int, due: int | None) -> Decision:
    brought = plan.governs and versions.concern(plan, state)
    if not brought and (due is None or due > item.up_to):
        return Decision(state, InputOutcome.IGNORED)
    draft = Draft(plan, state, item, now)
    if brought:
        versions.bring(draft)
    timers.fire(draft, item.up_to)
    return _finished(draft)


def _told(plan: Plan, state: CustomerState, item: Message, now: int, due: int | None) -> Decision:
    if isinstance(item, Forwarded):
        return _happened(plan, state, changed(item.event, customer_id=item.customer_id), now, due)
    if isinstance(item, AccountEvent):
        return _happened(plan, state, item.event, now, due)
    if isinstance(item, IdentityHanded):
        if not handover.is_asked(state, item):
            return handover.drop(plan, state, item, now)
        return _finished(handover.take(plan, state, item, now))
    draft = Draft(plan, state, item, now)
    if plan.governs and versions.concern(plan, state):
        versions.bring(draft)
    draft.out.outcome = answers.take(draft, item)
    if draft.out.state is not state:
        return draft.out  # a new beginning: nothing of the draft is left
    return _finished(draft)


def _finished(draft: Draft, due: int | None = UNKNOWN) -> Decision:
    """`due` is when something is due next, where nothing changed that."""
    state = draft.next_state()
    out = draft.out
    out.state = size.bounded(draft, state)
    if out.state is state:
        if due == UNKNOWN:
            due = earliest(draft.instances, draft.pending, draft.journeys)
        out.due = due
    return out


def _refused(state: CustomerState, event: Event, sight: dedupe.Sight) -> Decision:
    decision = Decision(state, InputOutcome.DUPLICATE)
    decision.trace.append(Step(sight.value))
    if sight is dedupe.Sight.CONFLICT:
        decision.rejected = RecordError(
            DeadLetterCode.CONFLICT,
            f"event {event.event_id} of {event.source} came before with another body",
        )
    return decision
