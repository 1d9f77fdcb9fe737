"""Who enters (rules I1, I3, S4, T7): the first entry clause that matches decides, once.

A clause matches when its guard holds. It is then refused, in this order: `LATE`, `NO_KEY`,
`ALREADY_IN`, `REENTRY_LIMIT` of a `once` used up, `COOLDOWN`, `REENTRY_LIMIT`, `MAX_LIVE`,
`STATE_LIMIT`. With `per: customer` all of re-entry counts for the customer: while one key is
in, another does not enter, and a restart ends whatever is in.
"""

from journey_engine.decide import memory, size, stages
from journey_engine.decide.draft import Draft, Live
from journey_engine.decide.event import Origin
from journey_engine.decide.scope import Answer, Moment, View, ask, key_of, note
from journey_engine.decide.state import Instance
from journey_engine.define.plan import Asked, Clause, JourneyPlan, ReentryMode
from journey_engine.errors import EndReason, EntryOutcome

_REFUSED = {
    Answer.FALSE: EntryOutcome.GUARD_FALSE,
    Answer.ERROR: EntryOutcome.GUARD_ERROR,
    Answer.WARMING: EntryOutcome.WARMING,
}


def consider(draft: Draft, asked: Asked, moment: Moment, origin: Origin, *, late: bool) -> None:
    """Ask the journey's entry clauses for the event."""
    journey = asked.journey
    view = View(moment, journey)
    for clause in asked.entries:
        answer = ask(draft, journey.name, clause.when, view)
        if answer is not Answer.TRUE:
            outcome = _REFUSED[answer]
        elif late:
            outcome = EntryOutcome.LATE
        else:
            outcome = _admit(draft, journey, clause, view, origin)
        draft.out.entries.append((journey.name, outcome))
        note(draft, "entry", journey.name, None, clause, outcome, view)
        if answer is Answer.TRUE:
            return


def _admit(
    draft: Draft, journey: JourneyPlan, clause: Clause, view: View, origin: Origin
) -> EntryOutcome:
    key = None
    if journey.keyed:
        key = None if clause.key is None else key_of(draft, journey.name, clause.key, view)
        if key is None:
            return EntryOutcome.NO_KEY
    inside = _inside(draft, journey, key)
    refusal = _refusal(draft, journey, key, inside, view.moment.at)
    if refusal is not None:
        return refusal
    for position in inside:
        live = draft.touch(position)
        stages.end(draft, journey, view.moment, live, EndReason.RESTARTED, view.moment.name)
    live = _entrant(draft, journey, key, view.moment.at, origin)
    draft.entered.append(live)
    stages.remember(draft, live, clause.remember, view)
    stages.enter(draft, journey, live, journey.start, view, view.moment.name, first=True)
    stages.settle_down(draft, journey, live, view)
    return EntryOutcome.ENTERED


def _inside(draft: Draft, journey: JourneyPlan, key: str | None) -> list[int]:
    """The places of the instances that an entry with this key finds in its way."""
    everyone = journey.reentry.per_customer
    return [
        position
        for position, instance in enumerate(draft.instances)
        if instance.journey == journey.name
        and (everyone or instance.key == key)
        and not _gone(draft, position)
    ]


def _gone(draft: Draft, position: int) -> bool:
    live = draft.touched.get(position)
    return live is not None and live.ended is not None


def _refusal(
    draft: Draft, journey: JourneyPlan, key: str | None, inside: list[int], at: int
) -> EntryOutcome | None:
    rule = journey.reentry
    if inside and rule.mode is not ReentryMode.RESTART:
        return EntryOutcome.ALREADY_IN
    known = memory.of_key(draft, journey, key)
    if rule.mode is ReentryMode.ONCE and known.entries:
        return EntryOutcome.REENTRY_LIMIT
    if known.ended_at is not None and at < known.ended_at + rule.cooldown:
        return EntryOutcome.COOLDOWN
    if rule.limit is not None:
        since = None if rule.within is None else at - rule.within
        if sum(since is None or entry > since for entry in known.entries) >= rule.limit:
            return EntryOutcome.REENTRY_LIMIT
    if not inside and _count(draft, journey) >= journey.max_live:
        return EntryOutcome.MAX_LIVE
    return EntryOutcome.STATE_LIMIT if size.full(draft) else None


def _count(draft: Draft, journey: JourneyPlan) -> int:
    return sum(
        instance.journey == journey.name and not _gone(draft, position)
        for position, instance in enumerate(draft.instances)
    )


def _entrant(draft: Draft, journey: JourneyPlan, key: str | None, at: int, origin: Origin) -> Live:
    number = memory.note_entry(draft, journey, key, at)
    return Live(
        Instance(journey.name, journey.version, key, number, at, journey.start, at, at, origin)
    )
