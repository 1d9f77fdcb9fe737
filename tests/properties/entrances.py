"""Entry clauses of the naive interpreter: their patterns, and whether they let in (P1, S7)."""

from typing import Any

from tests.properties.guards import Guards
from tests.properties.instances import Instances
from tests.properties.matching import Matching, Seen, over, waiting
from tests.properties.memory import Person, Step
from tests.properties.profile import names

Document = dict[str, Any]


class Entrances:
    def __init__(
        self,
        guards: Guards,
        instances: Instances,
        matching: Matching,
        journeys: dict[str, Document],
    ) -> None:
        self._guards = guards
        self._instances = instances
        self._matching = matching
        self._by_name = journeys

    def unfollowed(self, person: Person) -> list[tuple[int, Document, Document, Seen]]:
        """Rule P1, `not_followed_by` of entries: when each is over, of which clause and event."""
        found = []
        order = sorted(person.patterns.items(), key=lambda one: (one[0][0], one[0][2] or ""))
        for (name, place, _), who in order:
            journey = self._by_name[name]
            clause = journey["entry"][place]
            found += [
                (over(clause["pattern"], seen), journey, clause, seen)
                for seen in waiting(clause, who)
            ]
        return found

    def see(self, step: Step, journey: Document, *, late: bool) -> None:
        """Rule P1: the event is kept for the patterns of the journey's entries."""
        for place, clause in enumerate(journey["entry"]):
            if "pattern" in clause and step.event and step.event.type in names(clause["on"]):
                key = self._instances.key(step, journey, clause)
                if key is None and "key" in journey:
                    continue
                who = step.person.patterns.setdefault((journey["journey"], place, key), [])
                fits = self._matching.fits(step, clause, journey, None)
                self._matching.see(step, clause, who, fits, late=late)

    def asked(self, step: Step, journey: Document, place: int, *, late: bool) -> str | None:
        """Why a clause does not let in; None where it does."""
        clause = journey["entry"][place]
        if "pattern" in clause:
            key = self._instances.key(step, journey, clause)
            fits = self._matching.fits(step, clause, journey, None)
            if clause["pattern"]["kind"] == "not_followed_by" and 0 not in fits:
                fits = []
            if fits and (late or (key is None and "key" in journey)):
                return None
            who = step.person.patterns.get((journey["journey"], place, key), [])
            return None if self._matching.complete(step, clause, who) else "GUARD_FALSE"
        if "becomes" in clause:
            told = self._matching.becomes(step, clause, journey)
            if told is not None:
                return told
        fields = self._guards.fields(step, None)
        return self._guards.holds(step, clause.get("when"), journey, None, fields)
