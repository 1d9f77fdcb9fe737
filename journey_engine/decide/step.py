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
from journey_engine.define.plan import Reading
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


def _run(draft: Draft, moment: Moment, event: Event, reading: Reading) -> list[bool]:
    """Learn from the event, let instances and entries see it; for which journeys it is late."""
    # What `becomes` compares with: the same event over what was known before it.
    before = Moment(draft, event.occurred_at, event) if reading.compares else None
    learn(draft, moment, event, reading.profile)
    if draft.instances:
        waits.customer_changed(draft, moment)
    issuer = feedback.hear(draft, moment, event) if reading.feedback else feedback.NO_ISSUER
    late = memory.read(draft, reading.asked, event)
    if draft.instances:
        _advance(draft, moment, reading, late, issuer)
    if draft.leaving:
        switches.carry_out(draft, moment, event.origin)
    for place, asked in enumerate(reading.asked):
        if asked.entries:
            entries.consider(draft, asked, moment, event.origin, before, late=late[place])
    return late


def _advance(
    draft: Draft, moment: Moment, reading: Reading, late: list[bool], issuer: feedback.Issuer
) -> None:
    """Let the event act on live instances, by priority, journey and key."""
    only, send_id = issuer
    if only >= 0:
        moment.issued(send_id)
    for place, asked in enumerate(reading.asked):
        name = asked.journey.name
        for position, instance in enumerate(draft.instances):
            if instance.journey == name and (not reading.feedback or position == only):
                mine = asked.kept.get(instance.version, asked) if asked.kept else asked
                transitions.advance(draft, mine, position, moment, late=late[place])
