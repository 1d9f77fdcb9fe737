"""When events make a pattern whole, and which of them it uses up (rule P1).

Theory of operation. A pattern remembers the events that fit one of its elements and are not used
up, in the order of arrival, none more than `within` older than the latest of them: so whatever
it remembers lies in one window. The event that arrives comes last. If it makes the pattern
whole, the latest events that do are used up; the others stay. Over the bound goes the oldest
event without which every match that is still possible with it stays possible.
"""

from journey_engine.decide.state import PATTERN_EVENTS_MAX, PatternState
from journey_engine.define.pattern_plan import PatternKind, PatternPlan
from journey_engine.define.plan import JourneyPlan

Taken = list[tuple[int, int]]
"""(occurred_at, bits) of events in the order of arrival, as in `PatternState`."""


def oldest(pattern: PatternPlan, taken: Taken, at: int) -> int:
    """Where the window begins that ends at the latest of the events and of `at`."""
    return max([when for when, _ in taken] + [at]) - pattern.within


def whole(pattern: PatternPlan, taken: Taken) -> list[int]:
    """The places in `taken` of the match that its last event completes; none if it does not."""
    last = len(taken) - 1
    if pattern.kind is PatternKind.TIMES:
        return [] if len(taken) < pattern.times else list(range(len(taken)))[-pattern.times :]
    if pattern.kind is PatternKind.ALL:
        cover = _cover(pattern, taken)
        return list(cover.values()) if len(cover) == len(pattern.elements) else []
    final = len(pattern.elements) - 1
    before = _chain(taken, final - 1, last) if _fits(taken, last, final) else []
    return [*before, last] if before else []


def progress(pattern: PatternPlan, taken: Taken) -> int:
    """How many of the events of a match are there."""
    if pattern.kind is PatternKind.TIMES:
        return len(taken)
    if pattern.kind is PatternKind.ALL:
        return len(_cover(pattern, taken))
    lengths = range(len(pattern.elements) - 1, 0, -1)
    return next((n for n in lengths if _chain(taken, n - 1, len(taken))), 0)


def size(pattern: PatternPlan) -> int:
    """How many events a match has."""
    return pattern.times if pattern.kind is PatternKind.TIMES else len(pattern.elements)


def useful(pattern: PatternPlan, taken: Taken) -> Taken:
    """What a match to come can use."""
    if pattern.kind is PatternKind.TIMES:
        return _latest(taken, pattern.times - 1)
    if pattern.kind is PatternKind.ALL:
        return taken
    early = (1 << (len(pattern.elements) - 1)) - 1
    return [(at, bits & early) for at, bits in taken if bits & early]


def _latest(taken: Taken, count: int) -> Taken:
    """So many, those that happened last, in the order of arrival."""
    kept = list(taken)
    while len(kept) > count:
        kept.remove(min(kept, key=_happened))
    return kept


def _happened(one: tuple[int, int]) -> int:
    return one[0]


def bounded(pattern: PatternPlan, taken: Taken) -> Taken:
    """The same within the bound."""
    while len(taken) > PATTERN_EVENTS_MAX:
        needed = _needed(pattern, taken)
        spare = next(place for place in range(len(taken)) if place not in needed)
        taken = [one for place, one in enumerate(taken) if place != spare]
    return taken


def lasting(journey: JourneyPlan, patterns: dict[str, PatternState]) -> dict[str, PatternState]:
    """Those that outlive a stage: the patterns that watch from the entry on."""
    ids = {
        transition.pattern.id
        for stage in journey.stages.values()
        for transition in stage.transitions
        if transition.pattern is not None and transition.pattern.since_entry
    }
    return {name: state for name, state in patterns.items() if name in ids}


def _fits(taken: Taken, place: int, element: int) -> bool:
    return taken[place][1] >> element & 1 == 1


def _chain(taken: Taken, element: int, before: int) -> list[int]:
    """The latest events before a place that fit the elements up to this, in order; or none."""
    places: list[int] = []
    while element >= 0:
        before -= 1
        while before >= 0 and not _fits(taken, before, element):
            before -= 1
        if before < 0:
            return []
        places.append(before)
        element -= 1
    return places


def _cover(pattern: PatternPlan, taken: Taken) -> dict[int, int]:
    """For as many elements as can be, an event of its own: by element, the latest events."""
    cover: dict[int, int] = {}
    for place in range(len(taken) - 1, -1, -1):
        _assign(pattern, taken, place, cover, set())
    return cover


def _assign(
    pattern: PatternPlan, taken: Taken, place: int, cover: dict[int, int], tried: set[int]
) -> bool:
    """Give the event an element, if others can make room for it (Kuhn's algorithm)."""
    for element in range(len(pattern.elements)):
        if not _fits(taken, place, element) or element in tried:
            continue
        tried.add(element)
        if element not in cover or _assign(pattern, taken, cover[element], cover, tried):
            cover[element] = place
            return True
    return False


def _needed(pattern: PatternPlan, taken: Taken) -> set[int]:
    """The events of the best match that can still come of each beginning."""
    if pattern.kind is PatternKind.ALL:
        return set(_cover(pattern, taken).values())
    elements = range(len(pattern.elements) - 1)
    return {place for element in elements for place in _chain(taken, element, len(taken))}
