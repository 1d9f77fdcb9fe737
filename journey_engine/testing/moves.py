"""What may happen to a customer of a journey: the events that its guards tell apart."""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from journey_engine.define.expression import Expression, Value
from journey_engine.define.junction_plan import Branch, ways
from journey_engine.define.pattern_plan import Element
from journey_engine.define.plan import Clause, JourneyPlan, Plan
from journey_engine.define.solutions import solutions
from journey_engine.schemas import Schemas
from journey_engine.testing.parse import blank

VARIANTS_MAX: Final = 12
"""Most events of one type that are told apart."""
_KEYS: Final[Mapping[str, Value]] = {"string": "k1", "int": 1, "double": 1.0}

_AHEAD: Final[Mapping[str, Value]] = {"string": "2027-04-06", "timestamp": 1_807_005_600_000}
"""A date that a wait reads: more than a year after `search.START`."""
_BURST_MAX: Final = 32

Fields = Mapping[str, Value]


class Burst(NamedTuple):
    """Events of a type in a row, as many as a guard wants to have been counted."""

    event_type: str
    said: Fields
    times: int


class Moves:
    """By event type, the field values worth trying; what is not set is blank."""

    def __init__(self, plan: Plan, schemas: Schemas, journey: JourneyPlan) -> None:
        self._schemas = schemas
        self._journey = journey
        self._sends = [action.id for s in journey.stages.values() for action in s.actions]
        guards = list(guards_of(journey))
        wanted = [found for guard in guards for found in _wanted(guard)]
        read = {name for guard in guards for root, name in guard.reads if root == "features"}
        counted = {journey.features[name].event_type for name in read if name in journey.features}
        entered = [name for name in journey.entries if name in journey.reads]
        types = dict.fromkeys([*entered, *sorted(journey.reads), *sorted(counted)])
        self._dates = {operand for at in _dates_of(journey) for operand in at}
        self.by_type = {
            name: self._variants(name, wanted, feedback=name in plan.feedback) for name in types
        }
        self.bursts = [
            Burst(feature.event_type, self.by_type[feature.event_type][0], times)
            for name, times in _counts(wanted)
            if (feature := journey.features.get(name)) is not None
            and feature.event_type in self.by_type
        ]

    def fields(self, event_type: str, variant: Fields) -> dict[str, Value]:
        """The whole event, as a test's step has it."""
        return {**blank(self._schemas.events[event_type].fields), **variant}

    def _variants(
        self, event_type: str, wanted: list[dict[str, Value]], *, feedback: bool
    ) -> list[Fields]:
        declared = self._schemas.events[event_type].fields
        keys = {
            name: _KEYS[declared[name].kind]
            for name in _key_fields(self._journey, event_type)
            if name in declared and declared[name].kind in _KEYS
        }
        for name in self._of_event(event_type, dict.fromkeys(self._dates)):
            if name in declared and declared[name].kind in _AHEAD:
                keys[name] = _AHEAD[declared[name].kind]
        answers: list[Fields] = [{"send": send} for send in self._sends] if feedback else [{}]
        found: list[Fields] = []
        for solution in [{}, *wanted]:
            chosen = {
                n: v for n, v in self._of_event(event_type, solution).items() if n in declared
            }
            for answer in answers or [{}]:
                variant = {**keys, **chosen, **answer}
                if variant not in found:
                    found.append(variant)
        return found[:VARIANTS_MAX]

    def _of_event(self, event_type: str, solution: Mapping[str, Value]) -> dict[str, Value]:
        """What of the solution the event can say, itself or by what it lets be remembered."""
        said: dict[str, Value] = {}
        remembered = self._remembered(event_type)
        for operand, value in solution.items():
            root, _, name = operand.partition(".")
            if root == "event":
                said[name] = value
            elif root == "instance" and name in remembered:
                said[remembered[name]] = value
        return said

    def _remembered(self, event_type: str) -> dict[str, str]:
        """By context field, the field of the event that it is read from."""
        journey = self._journey
        clauses = [*journey.entries.get(event_type, ()), *journey.updates.get(event_type, ())]
        texts = [pair for clause in clauses for pair in clause.remember]
        return {
            name: expression.text.strip().removeprefix("event.")
            for name, expression in texts
            if expression.text.strip().startswith("event.")
        }


def known_first(journey: JourneyPlan) -> dict[str, Value]:
    """The traits that guards of the journey want, by name."""
    wanted = [found for guard in guards_of(journey) for found in _wanted(guard)]
    pairs = ((o.partition("."), value) for found in wanted for o, value in found.items())
    return {path[2]: value for path, value in pairs if path[0] == "customer" and value is not None}


def _wanted(guard: Expression) -> list[dict[str, Value]]:
    if guard.tree is None:
        return []
    return [*solutions(guard.tree), *solutions(guard.tree, holds=False)]


def guards_of(journey: JourneyPlan) -> Iterator[Expression]:
    """Every guard of the journey, and of what its features count."""
    for clause in _clauses(journey):
        if clause.when is not None:
            yield clause.when
    yield from (each.when for each in _elements(journey) if each.when is not None)
    for stage in journey.stages.values():
        asked = [each.when for each in stage.transitions]
        asked += [each.when for each in stage.actions]
        asked += [each.when for each in ways(stage.junction) if isinstance(each, Branch)]
        yield from (when for when in asked if when is not None)
    for feature in journey.features.values():
        if feature.where is not None:
            yield feature.where


def _elements(journey: JourneyPlan) -> Iterator[Element]:
    """The elements of the journey's patterns (rule P1)."""
    patterns = [clause.pattern for clause in _clauses(journey)]
    patterns += [each.pattern for stage in journey.stages.values() for each in stage.transitions]
    for pattern in patterns:
        if pattern is not None:
            yield from pattern.elements


def _clauses(journey: JourneyPlan) -> Iterator[Clause]:
    heard = (journey.entries, journey.goals, journey.exits, journey.updates, journey.milestones)
    for by_type in heard:
        for clauses in by_type.values():
            yield from clauses


def _dates_of(journey: JourneyPlan) -> Iterator[set[str]]:
    """What the waits on the calendar read their dates from."""
    for stage in journey.stages.values():
        for transition in stage.transitions:
            if transition.at is not None and transition.at.date is not None:
                yield {f"{root}.{name}" for root, name in transition.at.date.reads}


def _counts(wanted: list[dict[str, Value]]) -> list[tuple[str, int]]:
    """The features of which a guard wants a number, and the number."""
    found = [
        (operand.removeprefix("features."), value)
        for solution in wanted
        for operand, value in solution.items()
        if operand.startswith("features.") and isinstance(value, int)
    ]
    return list(dict.fromkeys((name, times) for name, times in found if 1 < times <= _BURST_MAX))


def _key_fields(journey: JourneyPlan, event_type: str) -> set[str]:
    """The fields of the event that a key reads."""
    transitions = [t for stage in journey.stages.values() for t in stage.transitions]
    keys = [clause.key for clause in _clauses(journey) if event_type in clause.types]
    keys += [t.key for t in transitions if event_type in t.types | t.reset_on]
    keys += [each.key for each in _elements(journey) if event_type in each.types]
    return {name for key in keys if key is not None for root, name in key.reads if root == "event"}
