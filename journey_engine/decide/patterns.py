"""Patterns of several events, on entries and on transitions (rule P1).

Theory of operation. Every event that a pattern reads is offered to it, whatever else the event
does, and is taken in order of arrival (rule T7). What an entry's pattern has taken lies, by key,
in the customer's memory of the journey; a transition's lies on the instance, and goes when the
stage is left, or with `since: entry` when the instance ends. A match is used up when it is
complete, whatever comes of it.

`not_followed_by` keeps a wait for each event that began one: it fires as a timer does, unless
an event that breaks it comes first. A late or back-filled event builds nothing; it still breaks
a wait in whose time it lies, as it still ends instances.
"""

from typing import Final

from msgspec.structs import replace

from journey_engine.decide import matching, stages
from journey_engine.decide.draft import Draft
from journey_engine.decide.learn import LONG
from journey_engine.decide.live import Live
from journey_engine.decide.memory import NO_MEMORY, keep, of_journey
from journey_engine.decide.scope import Answer, View, ask, key_of, selects
from journey_engine.decide.state import (
    CONTEXT_BYTES_MAX,
    PATTERN_KEYS_MAX,
    PATTERN_WAITS_MAX,
    Awaited,
    PatternState,
)
from journey_engine.decide.trace import Step
from journey_engine.define.expression import Expression, Value
from journey_engine.define.pattern_plan import Element, PatternKind, PatternPlan
from journey_engine.define.plan import Asked, Clause, JourneyPlan, StagePlan, TransitionPlan

NOTHING_SEEN: Final = PatternState()
_DROPPED: Final = "patterns"
_FEW: Final = 4
"""Keys of a pattern from which the state's size is looked at (law 6)."""
_BEGINS, _BREAKS = 0b01, 0b10
"""Bits of the elements of a `not_followed_by`."""
_SEVERITY: Final = (Answer.FALSE, Answer.WARMING, Answer.ERROR)


class Offer:
    """An event as one pattern sees it: the elements that it fits, for one key or instance."""

    __slots__ = ("answer", "bits", "clause", "journey", "key", "late", "pattern", "view", "when")

    def __init__(
        self,
        journey: JourneyPlan,
        pattern: PatternPlan,
        asked: Clause | TransitionPlan,
        view: View,
        *,
        late: bool,
    ) -> None:
        self.journey = journey
        self.pattern = pattern
        self.clause = asked.text
        self.when: Expression | None = asked.when
        self.view = view
        self.late = late
        self.bits = 0
        self.key = view.key
        self.answer = Answer.FALSE
        """What the guards of its elements said; `TRUE` where one holds."""


def at_entry(
    draft: Draft,
    journey: JourneyPlan,
    clause: Clause,
    pattern: PatternPlan,
    view: View,
    *,
    late: bool,
) -> tuple[Answer, str | None]:
    """Offer an event to an entry's pattern: whether it makes it whole, and for which key.

    `TRUE` also stands for an event that cannot count, as it is late or has no key.
    """
    offer = Offer(journey, pattern, clause, view, late=late)
    for place, element in enumerate(pattern.elements):
        if view.moment.name in element.types and _holds(draft, offer, element):
            key = "" if element.key is None else key_of(draft, journey.name, element.key, view)
            if not offer.bits:
                offer.key = key
            if key == offer.key:
                offer.bits |= 1 << place
    builds = offer.bits & _BEGINS or pattern.kind is not PatternKind.NOT_FOLLOWED_BY
    if offer.key is None and offer.bits:
        return Answer.TRUE if builds else Answer.FALSE, None
    if offer.key is None or not offer.bits:
        return offer.answer, None
    memory = draft.journeys.get(journey.name, NO_MEMORY)
    before = memory.patterns.get(pattern.id, {}).get(offer.key, NOTHING_SEEN)
    complete, state = _offered(draft, offer, before)
    if state is not before:
        _store(draft, journey, pattern, offer.key, state)
    answer = Answer.TRUE if complete or (late and builds) else Answer.FALSE
    return answer, offer.key if journey.keyed else None


def watch(
    draft: Draft, asked: Asked, position: int, stage: StagePlan, view: View, *, late: bool
) -> set[int]:
    """Offer an event to an instance's patterns: the transitions of its stage that are whole."""
    done: set[int] = set()
    for name, transition in asked.watched:
        pattern, here = transition.pattern, name == stage.name
        if pattern is None or not (here or pattern.since_entry):
            continue
        offer = Offer(asked.journey, pattern, transition, view, late=late)
        for place, element in enumerate(pattern.elements):
            if _means(draft, asked.journey, element, view) and _holds(draft, offer, element):
                offer.bits |= 1 << place
        if not offer.bits:
            continue
        before = draft.instances[position].patterns.get(pattern.id, NOTHING_SEEN)
        complete, state = _offered(draft, offer, before, completes=here)
        if state is not before:
            live = draft.touch(position)
            live.patterns = {**live.patterns, pattern.id: state}
        if complete:
            done.add(transition.index)
    return done


def reached(draft: Draft, asked: Asked, stage: StagePlan, view: View) -> bool:
    """Whether a pattern in force names the type and means this instance (rule I7)."""
    for name, transition in asked.watched:
        pattern = transition.pattern
        if pattern is not None and (name == stage.name or pattern.since_entry):
            for element in pattern.elements:
                if _means(draft, asked.journey, element, view):
                    return True
    return False


def entries_due(draft: Draft, due: int) -> list[tuple[str, str, str, Awaited]]:
    """Take the waits of entries that are due: (journey, key, pattern, wait), in order (T4)."""
    found = []
    for name, memory in sorted(draft.journeys.items()):
        patterns = {}
        for pattern, by_key in memory.patterns.items():
            kept = {}
            for key, state in by_key.items():
                found += [(name, key, pattern, one) for one in state.awaited if one.due == due]
                left = without(state, due)
                if left != NOTHING_SEEN:
                    kept[key] = left
            if kept:
                patterns[pattern] = kept
        if patterns != memory.patterns:
            draft.journeys = {**draft.journeys, name: replace(memory, patterns=patterns)}
    return sorted(found, key=_order)


def is_due(patterns: dict[str, PatternState], due: int) -> bool:
    """Whether one of an instance's waits is due then."""
    for state in patterns.values():
        for one in state.awaited:
            if one.due == due:
                return True
    return False


def spend(live: Live, due: int) -> dict[str, Awaited]:
    """Take an instance's waits that are due: of each pattern the first."""
    over: dict[str, Awaited] = {}
    kept: dict[str, PatternState] = {}
    for name, state in live.patterns.items():
        for one in state.awaited:
            if one.due == due:
                over.setdefault(name, one)
        left = without(state, due)
        if left != NOTHING_SEEN:
            kept[name] = left
    live.patterns = kept
    return over


def by_index(stage: StagePlan, over: dict[str, Awaited]) -> dict[int, Awaited]:
    """The waits whose transition stands in this stage, by its index."""
    return {
        transition.index: over[transition.pattern.id]
        for transition in stage.transitions
        if transition.pattern is not None and transition.pattern.id in over
    }


def without(state: PatternState, due: int) -> PatternState:
    """The state without the waits that are due."""
    return PatternState(state.taken, [one for one in state.awaited if one.due != due])


def _order(found: tuple[str, str, str, Awaited]) -> tuple[str, str]:
    return found[:2]


def _means(draft: Draft, journey: JourneyPlan, element: Element, view: View) -> bool:
    return view.moment.name in element.types and selects(draft, journey.name, element.key, view)


def _holds(draft: Draft, offer: Offer, element: Element) -> bool:
    answer = ask(draft, offer.journey.name, element.when, offer.view)
    if answer is Answer.TRUE or (
        offer.answer is not Answer.TRUE and _SEVERITY.index(answer) > _SEVERITY.index(offer.answer)
    ):
        offer.answer = answer
    return answer is Answer.TRUE


def _offered(
    draft: Draft, offer: Offer, state: PatternState, *, completes: bool = True
) -> tuple[bool, PatternState]:
    """Whether the event makes the pattern whole, and what is then remembered."""
    pattern, at = offer.pattern, offer.view.moment.at
    if pattern.kind is PatternKind.NOT_FOLLOWED_BY:
        return False, _awaiting(draft, offer, state)
    floor = matching.oldest(pattern, state.taken, at)
    if offer.late or at < floor:
        return False, state
    taken = [one for one in state.taken if one[0] >= floor]
    taken.append((at, offer.bits))
    match = matching.whole(pattern, taken) if completes else []
    complete = bool(match) and ask(draft, offer.journey.name, offer.when, offer.view) is Answer.TRUE
    if complete:
        taken = [one for place, one in enumerate(taken) if place not in match]
    useful = matching.useful(pattern, taken)
    left = matching.bounded(pattern, useful)
    if len(left) < len(useful):
        draft.drop(_DROPPED, len(useful) - len(left))
    there = len(match) if complete else matching.progress(pattern, left)
    _trace(draft, offer, "pattern", f"{there} of {matching.size(pattern)}")
    return complete, PatternState(left)


def _awaiting(draft: Draft, offer: Offer, state: PatternState) -> PatternState:
    """Break the waits that are open, then begin one, as the event says."""
    pattern, moment = offer.pattern, offer.view.moment
    awaited = state.awaited
    if offer.bits & _BREAKS and awaited:
        # What is due by the time of the event has fired (T4). One in order of arrival follows.
        left = [one for one in awaited if offer.late and moment.at < one.due - pattern.within]
        if len(left) < len(awaited):
            _trace(draft, offer, "broken", str(len(awaited) - len(left)))
            awaited = left
    if offer.bits & _BEGINS and not offer.late and moment.origin is not None:
        due = moment.at + pattern.within
        values = _remembered(draft, offer)
        awaited = _within_bounds(draft, [*awaited, Awaited(due, moment.origin, values)])
        _trace(draft, offer, "awaits", str(due))
    return state if awaited is state.awaited else PatternState(state.taken, awaited)


def _remembered(draft: Draft, offer: Offer) -> dict[str, Value]:
    """What the event that begins a wait tells, as it will be when the wait is over."""
    fields = offer.pattern.remember
    if not fields:
        return {}
    values = stages.values_of(draft, offer.journey.name, fields, offer.view)
    size = stages.length_of(values)
    draft.heavy = draft.heavy or size > LONG
    if size > CONTEXT_BYTES_MAX:
        draft.drop("context")
        return {}
    return values


def _within_bounds(draft: Draft, awaited: list[Awaited]) -> list[Awaited]:
    """The latest waits, as many as may be open, and what they remember no more than a context."""
    count, room = 0, CONTEXT_BYTES_MAX
    for one in reversed(awaited):
        room -= stages.length_of(one.values)
        if count == PATTERN_WAITS_MAX or room < 0:
            break
        count += 1
    if count < len(awaited):
        draft.drop(_DROPPED, len(awaited) - count)
    return awaited[len(awaited) - count :]


def _store(
    draft: Draft, journey: JourneyPlan, pattern: PatternPlan, key: str, state: PatternState
) -> None:
    """Write what an entry's pattern remembers of a key; what no event can use any more goes."""
    memory = of_journey(draft, journey.name)
    floor = memory.latest - journey.lateness - pattern.within
    by_key = {
        name: one
        for name, one in memory.patterns.get(pattern.id, {}).items()
        if name != key and _lasts(one, floor)
    }
    if state != NOTHING_SEEN:
        if len(by_key) == PATTERN_KEYS_MAX:
            del by_key[next(iter(by_key))]
            draft.drop(_DROPPED)
        by_key[key] = state
    draft.heavy = draft.heavy or len(by_key) > _FEW
    known = _ids(journey)
    patterns = {name: one for name, one in memory.patterns.items() if name in known}
    patterns[pattern.id] = by_key
    if not by_key:
        del patterns[pattern.id]
    keep(draft, journey.name, replace(memory, patterns=patterns))


def _lasts(state: PatternState, floor: int) -> bool:
    """Whether it waits, or took an event since `floor`: the last that arrived may be older."""
    for at, _ in state.taken:
        if at >= floor:
            return True
    return bool(state.awaited)


def _ids(journey: JourneyPlan) -> set[str]:
    return {
        clause.pattern.id
        for clauses in journey.entries.values()
        for clause in clauses
        if clause.pattern is not None
    }


def _trace(draft: Draft, offer: Offer, what: str, outcome: str) -> None:
    """Trace how far the pattern is, with what the event's guards read."""
    kind = offer.view.moment.name
    reads = {
        path: kind_read
        for element in offer.pattern.elements
        if element.when is not None and kind in element.types
        for path, kind_read in element.when.reads.items()
    }
    key = offer.key or None
    draft.out.trace.append(
        Step(what, offer.journey.name, key, offer.clause, outcome, reads, offer.view)
    )
