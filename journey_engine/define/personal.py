"""What of a plan holds personal values: fields marked `"pii": true` in their schema, and whatever
the definitions copy out of them.

By name, whatever the event type or the journey: a field that is personal in one type is hidden in
all. What an expression makes of a personal value is personal, too.
"""

from collections.abc import Iterator
from typing import NamedTuple

from journey_engine.define.expression import Expression
from journey_engine.define.plan import JourneyPlan, Plan
from journey_engine.schemas import Schemas


class Personal(NamedTuple):
    """`operands` as an author writes them (`event.comment`, `customer.first_name`, `instance.note`,
    `features.searches`); `features` by the id under which a state keeps them.
    """

    operands: frozenset[str] = frozenset()
    features: frozenset[str] = frozenset()

    def hides(self, root: str, name: str) -> bool:
        """Whether what lies there is personal; of a feature's member, whether the feature is."""
        return _operand(root, name) in self.operands


NOTHING_PERSONAL = Personal()


def personal(plan: Plan, schemas: Schemas) -> Personal:
    """What the plan holds of the fields that the schemas mark."""
    plans = [plan] if plan.accounts is None else [plan, plan.accounts]
    fields = {name: schemas.personal(name) for name in schemas.events}
    operands = {f"event.{each}" for names in fields.values() for each in names}
    features: set[str] = set()
    for one in plans:
        for event_type, readers in one.profile.items():
            marked = fields.get(event_type, frozenset())
            operands |= {f"customer.{r.trait}" for r in readers.traits if r.field in marked}
            features |= {each.id for each in readers.features if marked & set(each.fields)}
        for journey in _journeys(one):
            named = journey.features.items()
            operands |= {f"features.{name}" for name, each in named if each.id in features}
    pairs = [pair for one in plans for journey in _journeys(one) for pair in _remembered(journey)]
    return Personal(_spread(operands, pairs), frozenset(features))


def _operand(root: str, path: str) -> str:
    return f"{root}.{path.partition('.')[0]}"


def _journeys(plan: Plan) -> list[JourneyPlan]:
    return [*plan.journeys, *plan.kept.values()]


def _remembered(journey: JourneyPlan) -> Iterator[tuple[str, Expression]]:
    """What instances keep, by name; also of the journey into which an exit leads."""
    for clauses in (journey.entries, journey.updates, journey.goals, journey.exits):
        for each in (clause for found in clauses.values() for clause in found):
            yield from each.remember
            if each.switch is not None:
                yield from each.switch.context
    for stage in journey.stages.values():
        for way in stage.transitions:
            yield from way.remember
            if way.pattern is not None:
                yield from way.pattern.remember


def _spread(operands: set[str], remembered: list[tuple[str, Expression]]) -> frozenset[str]:
    """With what is remembered of the operands, and of what is remembered of them."""
    while True:
        more = {
            f"instance.{name}"
            for name, expression in remembered
            if any(
                f"{root}.{path.partition('.')[0]}" in operands for root, path in expression.reads
            )
        }
        if more <= operands:
            return frozenset(operands)
        operands |= more
