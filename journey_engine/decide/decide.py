"""The decision.

The rules of this file, and of this package:

1. `decide` is a function of its arguments. Nothing here reads a clock, a random number, the
   network, a file or the environment, logs, or keeps anything between calls.
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

from journey_engine.decide import dedupe, entries, memory, sends, size, timers, transitions
from journey_engine.decide.decision import Decision, Step
from journey_engine.decide.draft import Draft
from journey_engine.decide.event import Event, Input, TimersDue
from journey_engine.decide.learn import learn
from journey_engine.decide.scope import Moment
from journey_engine.decide.state import CustomerState, next_due
from journey_engine.define.plan import Plan, Reading
from journey_engine.errors import DeadLetterCode, InputOutcome, RecordError

_COMMAND = "command_id"
"""The field by which feedback names its command (rule I2)."""


def decide(plan: Plan, state: CustomerState, item: Input, now: int) -> Decision:
    """Decide what an input does to a customer; never raises for data.

    `now` is the partition's clock (rule T2), in milliseconds.
    """
    if isinstance(item, TimersDue):
        return _tick(plan, state, item, now)
    reading = plan.readings.get(item.type)
    if reading is None:
        return Decision(state, InputOutcome.IGNORED)
    sight, seen, early = dedupe.look(state.seen, item, now)
    if sight is not dedupe.NEW:
        return _refused(state, item, sight)
    draft = Draft(plan, state, item, now)
    draft.seen = seen
    if early:
        draft.drop("seen", early)
    due = next_due(state)
    if due is not None and due <= item.occurred_at:
        timers.fire(draft, item.occurred_at)
    draft.out.outcome = _apply(draft, item, reading)
    return _finished(draft)


def _tick(plan: Plan, state: CustomerState, item: TimersDue, now: int) -> Decision:
    due = next_due(state)
    if due is None or due > item.up_to:
        return Decision(state, InputOutcome.IGNORED)
    draft = Draft(plan, state, item, now)
    timers.fire(draft, item.up_to)
    return _finished(draft)


def _finished(draft: Draft) -> Decision:
    draft.out.state = size.bounded(draft, draft.next_state())
    return draft.out


def _refused(state: CustomerState, event: Event, sight: dedupe.Sight) -> Decision:
    decision = Decision(state, InputOutcome.DUPLICATE, trace=[Step(sight.value)])
    if sight is dedupe.Sight.CONFLICT:
        decision.rejected = RecordError(
            DeadLetterCode.CONFLICT,
            f"event {event.event_id} of {event.source} came before with another body",
        )
    return decision


def _apply(draft: Draft, event: Event, reading: Reading) -> InputOutcome:
    """The step of an event (rule S1)."""
    moment = Moment(draft, event.occurred_at, event)
    learn(draft, moment, event, reading.profile)
    late = memory.read(draft, reading.asked, event)
    if draft.instances:
        _advance(draft, moment, event, reading, late)
    for place, asked in enumerate(reading.asked):
        if asked.entries:
            entries.consider(draft, asked, moment, event.origin, late=late[place])
    if draft.candidates:
        sends.decide_all(draft)
    draft.fold()
    if event.backfill:
        return InputOutcome.BACKFILL
    return InputOutcome.LATE if late and False not in late else InputOutcome.APPLIED


def _advance(
    draft: Draft, moment: Moment, event: Event, reading: Reading, late: list[bool]
) -> None:
    """Let the event act on live instances, by priority, journey and key."""
    feedback = reading.feedback
    issuer = _issuer(draft, moment, event) if feedback else -1
    for place, asked in enumerate(reading.asked):
        name = asked.journey.name
        for position, instance in enumerate(draft.instances):
            if instance.journey == name and (not feedback or position == issuer):
                transitions.advance(draft, asked, position, moment, late=late[place])


def _issuer(draft: Draft, moment: Moment, event: Event) -> int:
    """The place of the instance that issued the event's command, -1 for none (rule I2)."""
    command = event.fields.get(_COMMAND)
    if command is not None:
        for position, instance in enumerate(draft.instances):
            for sent in instance.sent:
                if sent.command_id == command:
                    moment.issued(sent.send_id)
                    return position
    return -1
