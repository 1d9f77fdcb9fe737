"""Patterns (rule P1) for the naive interpreter: every choice of events is tried."""

from dataclasses import dataclass
from itertools import product
from typing import Any

from tests.properties.guards import Guards
from tests.properties.memory import Happened, Running, Step, millis
from tests.properties.profile import names, past_without

Document = dict[str, Any]


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

    def see(
        self, step: Step, clause: Document, journey: Document, run: Running | None, who: list[Seen]
    ) -> None:
        """Note the event where it fits; `who` is the memory of this pattern for one key."""
        event = step.event
        assert event is not None
        fields = self._guards.fields(step, run)
        fits = [
            place
            for place, element in enumerate(clause["pattern"]["elements"])
            if event.type in names(element["on"])
            and self._guards.holds(step, element.get("when"), journey, run, fields) is None
        ]
        if clause["pattern"]["kind"] == "not_followed_by" and 1 in fits:
            for seen in who:
                seen.used = True
        if fits:
            who.append(Seen(event, step.at, fits))

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

    def becomes(self, step: Step, clause: Document, journey: Document) -> bool:
        """False on what was known before this input, true after it."""
        person, event = step.person, step.event
        assert event is not None
        fields, past = self._guards.fields(step, None), person.past
        after = self._guards.holds(step, clause["becomes"], journey, None, fields) is None
        person.past = past_without(person, event)
        before = self._guards.holds(step, clause["becomes"], journey, None, fields) is None
        person.past = past
        return after and not before


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
