"""The step of an event (rules S1, S2).

Theory of operation. The event is learnt: traits, consent, reachability, features, and what it
answers to a command. A `Moment` is the snapshot of what is then known, and all guards of the step
read it. Live instances are asked in the order of priority, journey and key, then those enter that
switched from one journey to another, then entry clauses are asked;
what was asked to be sent is decided last, when every instance stands where it stands.
"""

from journey_engine.decide import (
    accounts,
    entries,
    feedback,
    memory,
    pipeline,
    switches,
    transitions,
    waits,
)
from journey_engine.decide.draft import Draft
from journey_engine.decide.event import Event
from journey_engine.decide.learn import learn
from journey_engine.decide.scope import Moment
from journey_engine.decide.state import Instance
from journey_engine.define.reading_plan import Reading
from journey_engine.errors import InputOutcome


def take(draft: Draft, event: Event, reading: Reading) -> InputOutcome:
    """The step of an event, with the candidates that it asked for (rule S1)."""
    if reading.joins is not None:
        accounts.join(draft, event, reading.joins)
    moment = Moment(draft, event.occurred_at, event)
    late = _run(draft, moment, event, reading)
    if draft.candidates:
        pipeline.decide_all(draft, moment)
    draft.fold()
    if reading.shared:
        accounts.share(draft, event)
    if event.backfill:
        return InputOutcome.BACKFILL
    return InputOutcome.LATE if late and False not in late else InputOutcome.APPLIED


def raise_event(draft: Draft, event: Event) -> None:
    """The step of an event that the engine raises itself (rule A4), within an instant: the instant
    decides the candidates.
    """
    reading = draft.plan.readings.get(event.type)
    if reading is not None:
        _run(draft, Moment(draft, event.occurred_at, event), event, reading)
        draft.fold()


def _run(draft: Draft, moment: Moment, event: Event, reading: Reading) -> tuple[bool, ...]:
    """Learn from the event, let instances and entries see it; for which journeys it is late."""
    # What `becomes` compares with: the same event over what was known before it.
    before = Moment(draft, event.occurred_at, event) if reading.compares else None
    learn(draft, moment, event, reading.profile)
    if draft.instances:
        waits.customer_changed(draft, moment)
    issuer = feedback.hear(draft, moment, event) if reading.feedback else feedback.NO_ISSUER
    late = memory.read(draft, reading, event)
    if draft.instances:
        _advance(draft, moment, reading, late, issuer)
    if draft.leaving:
        switches.carry_out(draft, moment, event.origin)
    for place in reading.entered:
        asked = reading.asked[place]
        entries.consider(draft, asked, moment, event.origin, before, late=late[place])
    return late


def _advance(
    draft: Draft,
    moment: Moment,
    reading: Reading,
    late: tuple[bool, ...],
    issuer: feedback.Issuer,
) -> None:
    """Let the event act on live instances, by priority, journey and key."""
    only, send_id = issuer
    if only >= 0:
        moment.issued(send_id)
    for place, position in _in_order(draft.instances, reading.places):
        if reading.feedback and position != only:
            continue
        asked = reading.asked[place]
        if asked.kept:
            asked = asked.kept.get(draft.instances[position].version, asked)
        transitions.advance(draft, asked, position, moment, late=late[place])


def _in_order(instances: list[Instance], places: dict[str, int]) -> list[tuple[int, int]]:
    """The instances that the event is read for: the places of the journey and of the instance."""
    found = []
    for position, instance in enumerate(instances):
        place = places.get(instance.journey)
        if place is not None:
            found.append((place, position))
    if len(found) > 1:
        found.sort()
    return found
