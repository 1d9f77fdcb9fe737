"""Rule P1 against a naive matcher, which tries every choice of the events that came."""

from collections.abc import Iterator
from itertools import combinations, permutations
from typing import NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.decide.pattern_journeys import customer
from tests.decide.plans import HOUR, MINUTE, T0, Customer, entries

WITHIN = 10
TYPES = {"A": "CartUpdated", "B": "OrderPlaced", "C": "ProductViewed", "D": "CartViewed"}
DEAR = "{on: CartUpdated, when: 'event.total > 5.0'}"
BEHIND = (0, 0, 0, 1, 3, 9, 14)
"""Minutes that an event comes late, all within the lateness of a journey."""
AGAIN = "reentry: {mode: restart}"
LETTERS = {"A": "CartUpdated", "a": DEAR, "B": "OrderPlaced", "C": "ProductViewed"}


class Came(NamedTuple):
    """An event: its letter, the minute in which it happened, whether it is a dear one."""

    letter: str
    minute: int
    dear: bool

    def fits(self, element: str) -> bool:
        """Whether it is one of `element`, a letter; `a` stands for a dear A."""
        return self.letter == element.upper() and (element != "a" or self.dear)


def logs(size: int) -> st.SearchStrategy[list[Came]]:
    """Events at growing times, some of which come a little late."""
    steps = st.tuples(
        st.sampled_from("AABBCD"), st.integers(0, 4), st.booleans(), st.sampled_from(BEHIND)
    )
    return st.lists(steps, max_size=size).map(_timed)


def _timed(steps: list[tuple[str, int, bool, int]]) -> list[Came]:
    clock, log = 60, []
    for letter, gap, dear, behind in steps:
        clock += gap
        log.append(Came(letter, clock - behind, dear))
    return log


def began(one: Customer, log: list[Came]) -> list[int]:
    """The places in the log of the events with which an instance began."""
    found = []
    for place, came in enumerate(log):
        kind, total = TYPES[came.letter], 9.0 if came.dear else 1.0
        decision = one.give(kind, came.minute * MINUTE, f"e{place}", total=total)
        if "ENTERED" in entries(decision):
            found.append(place)
    return found


def naive(kind: str, elements: str, log: list[Came]) -> list[int]:
    """The same by trying everything: `elements` has a letter for each event of a match."""
    unused: list[int] = []
    found = []
    for place, came in enumerate(log):
        useful = elements if kind == "all" else elements[:-1]
        if not any(came.fits(element) for element in elements):
            continue
        latest = max([came.minute, *(log[other].minute for other in unused)])
        if came.minute < latest - WITHIN:
            continue
        unused = [other for other in unused if log[other].minute >= latest - WITHIN]
        match = max(_matches(kind, elements, [*unused, place], log), default=None)
        if match is not None:
            found.append(place)
            unused = [other for other in unused if other not in match]
        elif any(came.fits(element) for element in useful):
            unused.append(place)
    return found


def _matches(
    kind: str, elements: str, places: list[int], log: list[Came]
) -> Iterator[tuple[int, ...]]:
    """Every match that ends with the last place, the latest event first."""
    *before, last = places
    for some in combinations(before, len(elements) - 1):
        chosen = (*some, last)
        orders = permutations(chosen) if kind == "all" else [chosen]
        for order in orders:
            if all(log[one].fits(element) for one, element in zip(order, elements, strict=True)):
                yield tuple(sorted(chosen, reverse=True))
                break


def clause(kind: str, elements: str) -> str:
    if kind == "times":
        return f"{{on: {LETTERS[elements[0]]}, times: {len(elements)}, within: {WITHIN}m}}"
    listed = ", ".join(LETTERS[element] for element in elements)
    return f"{{{kind}: [{listed}], within: {WITHIN}m}}"


CLAUSES = [
    *(("times", elements) for elements in ("AA", "AAA")),
    *(("sequence", elements) for elements in ("AB", "ABC", "AAB", "AaB", "aAB", "ABA", "AA")),
    *(("all", elements) for elements in ("AB", "ABC", "AaB", "aAC", "AA", "AaBC")),
]


@pytest.mark.parametrize(("kind", "elements"), CLAUSES)
def test_what_is_made_whole_is_what_any_choice_of_events_makes_whole(
    kind: str, elements: str
) -> None:
    plan = customer(clause(kind, elements), more=AGAIN).plan
    seen = 0

    @given(logs(16))
    @settings(max_examples=settings().max_examples // 2)
    def agree(log: list[Came]) -> None:
        nonlocal seen
        expected = naive(kind, elements, log)
        assert began(Customer(plan), log) == expected
        seen += len(expected)

    agree()
    assert seen


@pytest.mark.parametrize(("kind", "elements"), [("sequence", "aBAC"), ("all", "aABC")])
def test_the_bound_on_events_hides_no_first_match(kind: str, elements: str) -> None:
    """Far more events than are remembered, all of one window: the next match is still seen."""
    plan = customer(clause(kind, elements), more=AGAIN).plan

    @given(st.text("AABB", min_size=30, max_size=60), st.lists(st.integers(0, 59), max_size=3))
    @settings(max_examples=settings().max_examples // 4)
    @example("AB" * 30, [0])
    def agree(text: str, dear: list[int]) -> None:
        log = [Came(letter, 60, place in dear) for place, letter in enumerate(text)]
        log.append(Came("C", 60, dear=False))
        whole = _first(kind, elements, log)
        assert began(Customer(plan), log) == ([len(log) - 1] if whole else [])

    agree()


def _first(kind: str, elements: str, log: list[Came]) -> bool:
    """Whether all of the log together holds a match."""
    if kind == "all":
        cheap = [came for came in log if came.letter == "A"]
        return any(c.dear for c in cheap) and len(cheap) > 1 and any(c.letter == "B" for c in log)
    wanted = list(elements)
    for came in log:
        if wanted and came.fits(wanted[0]):
            wanted.pop(0)
    return not wanted


@pytest.mark.parametrize("breaks", ["B", "AB", "a"])
@given(log=logs(14))
def test_what_nothing_followed_enters_when_its_time_is_over(breaks: str, log: list[Came]) -> None:
    broken = ", ".join(TYPES[letter.upper()] for letter in breaks)
    follower = DEAR if breaks == "a" else f"[{broken}]"
    one = customer(
        f"{{on: CartUpdated, not_followed_by: {follower}, within: {WITHIN}m}}", more=AGAIN
    )
    began(one, log)
    one.tick(100 * HOUR)
    times = [
        (transition.occurred_at - T0) // MINUTE
        for decision in one.decisions
        for transition in decision.transitions
        if transition.from_stage is None
    ]
    assert times == _left_alone(breaks, log)


def _left_alone(breaks: str, log: list[Came]) -> list[int]:
    """When the waits are over that nothing broke: each is begun by an A of its own."""
    over = []
    open_: list[int] = []
    read = [came for came in log if came.letter in "AB"]
    for came in [*read, Came("D", 100_000, dear=False)]:
        # Two of one instant bring in one instance: it has just entered.
        over += sorted({due for due in open_ if due <= came.minute})
        open_ = [due for due in open_ if due > came.minute]
        if any(came.fits(element) for element in breaks):
            open_ = []
        if came.letter == "A":
            open_.append(came.minute + WITHIN)
    return over
