"""Patterns (rule P1) for the naive interpreter: every choice of events is tried."""

from dataclasses import dataclass
from itertools import product
from typing import Any

from tests.properties.guards import Guards
from tests.properties.memory import Happened, Running, Step, millis
from tests.properties.profile import names, past_without

Document = dict[str, Any]
WAITS = 8
"""So many waits for what must follow are remembered, the latest."""


@dataclass
class Seen:
    """An event that fits some of a pattern's places."""

    event: Happened
    at: int
    places: list[int]
    used: bool = False


class Matching:
    def __init__(self, guards: Guards) -> None:
        self._guards = guards

    def fits(
        self, step: Step, clause: Document, journey: Document, run: Running | None
    ) -> list[int]:
        """The places of the pattern that the event may take."""
        event = step.event
        assert event is not None
        fields = self._guards.fields(step, run)
        return [
            place
            for place, element in enumerate(clause["pattern"]["elements"])
            if event.type in names(element["on"])
            and self._guards.holds(step, element.get("when"), journey, run, fields) is None
        ]

    def see(
        self, step: Step, clause: Document, who: list[Seen], fits: list[int], *, late: bool
    ) -> None:
        """Note the event where it fits; `who` is the memory of this pattern for one key. One that
        is late builds nothing, and breaks the waits in whose time it lies.
        """
        assert step.event is not None
        awaits = clause["pattern"]["kind"] == "not_followed_by"
        if awaits and 1 in fits:
            for seen in who:
                seen.used = seen.used or not late or seen.at <= step.at
        if fits and not late:
            who.append(Seen(step.event, step.at, fits))
        for seen in waiting(clause, who)[:-WAITS]:
            seen.used = True

    def complete(self, step: Step, clause: Document, who: list[Seen]) -> bool:
        """Whether this event makes the pattern whole; then it uses up its events."""
        pattern = clause["pattern"]
        if not who or who[-1].event is not step.event or pattern["kind"] == "not_followed_by":
            return False
        chosen = [each for each in self._choices(pattern, who) if _within(pattern, each)]
        if not chosen:
            return False
        for seen in max(chosen, key=lambda each: sorted(who.index(seen) for seen in each)):
            seen.used = True
        return True

    def _choices(self, pattern: Document, who: list[Seen]) -> list[tuple[Seen, ...]]:
        """One unused event for each place, this one among them; in their order, where it counts."""
        free = [seen for seen in who if not seen.used]
        ordered = pattern["kind"] != "all"
        found = []
        for choice in product(*(_fitting(free, e) for e in range(len(pattern["elements"])))):
            at = [who.index(seen) for seen in choice]
            if len(set(at)) == len(at) and who[-1] in choice and (not ordered or at == sorted(at)):
                found.append(choice)
        return found

    def becomes(self, step: Step, clause: Document, journey: Document) -> str | None:
        """None where it is true of what is known after this input, and was not before it."""
        person, event = step.person, step.event
        assert event is not None
        fields, past = self._guards.fields(step, None), person.past
        after = self._guards.holds(step, clause["becomes"], journey, None, fields)
        person.past = past_without(person, event)
        before = self._guards.holds(step, clause["becomes"], journey, None, fields) is None
        person.past = past
        return "GUARD_FALSE" if after is None and before else after


def over(pattern: Document, seen: Seen) -> int:
    """When an event has gone without what should have followed it."""
    return seen.at + millis(pattern["within"])


def waiting(clause: Document, who: list[Seen]) -> list[Seen]:
    """The events that something must still follow."""
    if clause["pattern"]["kind"] != "not_followed_by":
        return []
    return [seen for seen in who if 0 in seen.places and not seen.used]


def _fitting(free: list[Seen], place: int) -> list[Seen]:
    return [seen for seen in free if place in seen.places]


def _within(pattern: Document, choice: tuple[Seen, ...]) -> bool:
    times = [seen.at for seen in choice]
    return max(times) - min(times) <= millis(pattern["within"])


def routes(journey: Document, goals: list[Document]) -> Document:
    """By event type, the `key` or `scope` of the first clause on it, in the order of a file."""
    clauses = [*journey["entry"], *journey.get("updates", []), *journey.get("exits", [])]
    clauses += [clause for _, clause in sorted(journey.get("milestones", {}).items())]
    for stage in journey["stages"].values():
        clauses += stage.get("transitions", [])
    found: Document = {}
    for clause in [*clauses, *goals]:
        for type_ in [*names(clause.get("on", [])), *names(clause.get("reset_on", []))]:
            route = {word: clause[word] for word in ("key", "scope") if word in clause}
            found.setdefault(type_, route)
    return found
