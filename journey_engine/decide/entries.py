"""Who enters (rules I1, I3, S4, T7): the first entry clause that matches decides, once.

A clause matches when its guard holds. It is then refused, in this order: `LATE`, `NO_KEY`,
`ALREADY_IN`, `REENTRY_LIMIT` of a `once` used up, `COOLDOWN`, `REENTRY_LIMIT`, `MAX_LIVE`,
`STATE_LIMIT`. With `per: customer` all of re-entry counts for the customer: while one key is
in, another does not enter, and a restart ends whatever is in.
"""

from typing import Final

from journey_engine.decide import memory, operations, patterns, size, stages
from journey_engine.decide.draft import Draft
from journey_engine.decide.event import Origin
from journey_engine.decide.live import Live
from journey_engine.decide.scope import Answer, Moment, View, ask, key_of, note
from journey_engine.decide.state import Awaited, Instance
from journey_engine.decide.trace import Step
from journey_engine.define.expression import EvaluationError, Expression, Value, Warming
from journey_engine.define.plan import Asked, Clause, JourneyPlan, ReentryMode, Trigger
from journey_engine.errors import EndReason, EntryOutcome

NO_VALUES: Final[dict[str, Value]] = {}
_REFUSED: Final = {
    Answer.FALSE: EntryOutcome.GUARD_FALSE,
    Answer.ERROR: EntryOutcome.GUARD_ERROR,
    Answer.WARMING: EntryOutcome.WARMING,
}


def consider(
    draft: Draft,
    asked: Asked,
    moment: Moment,
    origin: Origin,
    before: Moment | None,
    *,
    late: bool,
) -> None:
    """Ask the journey's entry clauses for the event; `before` is what was known before it."""
    journey = asked.journey
    view = View(moment, journey)
    decided = False
    for clause in asked.entries:
        pattern = clause.pattern
        if pattern is not None:
            # Whatever became of the clauses before: a pattern sees every event that it reads.
            answer, key = patterns.at_entry(draft, journey, clause, pattern, view, late=late)
        elif not decided:
            answer, key = _asked(draft, journey, clause, view, before), None
        if decided:
            continue
        if answer is not Answer.TRUE:
            outcome = _REFUSED[answer]
        elif late:
            outcome = EntryOutcome.LATE
        else:
            if pattern is None and journey.keyed and clause.key is not None:
                key = key_of(draft, journey.name, clause.key, view)
            outcome = EntryOutcome.NO_KEY
            if key is not None or not journey.keyed:
                outcome = admit(draft, journey, key, clause.remember, view, origin)
        draft.out.entries.append((journey.name, outcome))
        note(draft, "entry", journey.name, None, clause, outcome, view)
        decided = answer is Answer.TRUE


def arise(
    draft: Draft, moment: Moment, name: str, key: str, pattern: str, awaited: Awaited
) -> None:
    """Nothing followed the event that began a wait: enter, unless re-entry refuses (rule P1)."""
    journey = draft.plan.by_name.get(name)
    clause = None if journey is None else _clause_of(journey, pattern)
    if journey is None or clause is None:
        return
    view = View(moment, journey)
    mine = key if journey.keyed else None
    outcome = admit(draft, journey, mine, (), view, awaited.cause, awaited.values)
    draft.out.entries.append((name, outcome))
    note(draft, "entry", name, mine, clause, outcome, view)


def _clause_of(journey: JourneyPlan, pattern: str) -> Clause | None:
    for clauses in journey.entries.values():
        for clause in clauses:
            if clause.pattern is not None and clause.pattern.id == pattern:
                return clause
    return None


def _asked(
    draft: Draft, journey: JourneyPlan, clause: Clause, view: View, before: Moment | None
) -> Answer:
    answer = ask(draft, journey.name, clause.when, view)
    if clause.becomes is None or before is None or answer is not Answer.TRUE:
        return answer
    answer = ask(draft, journey.name, clause.becomes, view)
    if answer is Answer.TRUE and _held(clause.becomes, View(before, journey)):
        answer = Answer.FALSE
    step = Step("becomes", journey.name, None, clause.text, answer, clause.becomes.reads, view)
    draft.out.trace.append(step)
    return answer


def _held(guard: Expression, view: View) -> bool:
    """Whether the guard held; without a value it did not (rule S7)."""
    try:
        return guard.evaluate(view) is True
    except (EvaluationError, Warming):
        return False


def admit(
    draft: Draft,
    journey: JourneyPlan,
    key: str | None,
    fields: tuple[tuple[str, Expression], ...],
    reading: View,
    origin: Origin,
    values: dict[str, Value] = NO_VALUES,
) -> EntryOutcome:
    """Enter, or say why not; `values`, and `fields` read in `reading`, become the context."""
    moment = reading.moment
    if draft.plan.operations:
        refused = operations.refusal(draft.plan, journey.name)
        if refused is not None:
            return refused
    if _just_entered(draft, journey, key):
        return EntryOutcome.ALREADY_IN
    inside = _inside(draft, journey, key)
    refusal = _refusal(draft, journey, key, inside, moment.at)
    if refusal is not None:
        return refusal
    trigger = moment.name or Trigger.NOT_FOLLOWED_BY.value
    for position in inside:
        live = draft.touch(position)
        stages.end(draft, journey, moment, live, EndReason.RESTARTED, trigger)
    live = _entrant(draft, journey, key, moment.at, origin)
    draft.entered.append(live)
    live.context = values
    stages.remember(draft, live, fields, reading)
    view = View(moment, journey)
    stages.enter(draft, journey, live, journey.start, view, trigger, first=True)
    stages.settle_down(draft, journey, live, view)
    return EntryOutcome.ENTERED


def _just_entered(draft: Draft, journey: JourneyPlan, key: str | None) -> bool:
    """Whether this instant brought one in already, by a switch or a wait that was over (S3)."""
    everyone = journey.reentry.per_customer
    return any(
        live.journey == journey.name and (everyone or live.key == key) for live in draft.entered
    )


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
    live = draft.touched.get(position) if draft.touched else None
    return live is not None and live.ended is not None


def _refusal(
    draft: Draft, journey: JourneyPlan, key: str | None, inside: list[int], at: int
) -> EntryOutcome | None:
    rule = journey.reentry
    if inside and rule.mode is not ReentryMode.RESTART:
        return EntryOutcome.ALREADY_IN
    if rule.mode is ReentryMode.ONCE:
        refusal = _used_up(draft, journey, key)
        if refusal is not None:
            return refusal
    known = memory.of_key(draft, journey, key)
    if rule.cooldown and known.ended_at is not None and at < known.ended_at + rule.cooldown:
        return EntryOutcome.COOLDOWN
    if rule.limit is not None:
        since = None if rule.within is None else at - rule.within
        if sum(since is None or entry > since for entry in known.entries) >= rule.limit:
            return EntryOutcome.REENTRY_LIMIT
    if not inside and _count(draft, journey) >= journey.max_live:
        return EntryOutcome.MAX_LIVE
    return EntryOutcome.STATE_LIMIT if size.full(draft) else None


def _used_up(draft: Draft, journey: JourneyPlan, key: str | None) -> EntryOutcome | None:
    """Why `once` refuses; whom it could not remember for life does not enter either."""
    if memory.entered_once(draft, journey, key):
        return EntryOutcome.REENTRY_LIMIT
    return EntryOutcome.STATE_LIMIT if memory.once_full(draft, journey) else None


def _count(draft: Draft, journey: JourneyPlan) -> int:
    before = sum(
        instance.journey == journey.name and not _gone(draft, position)
        for position, instance in enumerate(draft.instances)
    )
    return before + sum(
        live.journey == journey.name and live.ended is None for live in draft.entered
    )


def _entrant(draft: Draft, journey: JourneyPlan, key: str | None, at: int, origin: Origin) -> Live:
    number = memory.note_entry(draft, journey, key, at)
    return Live(
        Instance(journey.name, journey.version, key, number, at, journey.start, at, at, origin)
    )
