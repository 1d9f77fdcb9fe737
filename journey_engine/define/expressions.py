"""Compiles the expressions of definitions and notes what they read of each event type."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from journey_engine.define.codes import WARNINGS
from journey_engine.define.expression import Expression
from journey_engine.define.guards import Declared, Environment, ExpressionError
from journey_engine.define.place import Place, suggestion
from journey_engine.define.plan import MILESTONE
from journey_engine.schemas import Field, Schemas


@dataclass(frozen=True, slots=True, eq=False)
class Names:
    """What an expression may name. `broken` are dotted names whose own definition is wrong: what
    reads them is not reported again.
    """

    declared: Declared
    broken: frozenset[str] = frozenset()

    def touches_broken(self, text: str) -> bool:
        """Whether the text reads a name whose definition is wrong."""
        return any(re.search(rf"\b{re.escape(name)}\b", text) for name in self.broken)


NOTHING = Names(Declared(live=False, event_alone=True))
"""For expressions that read nothing but the event."""


class Expressions:
    """All expressions of one compilation; `fields` collects the event fields that are read."""

    def __init__(self, schemas: Schemas) -> None:
        self.schemas = schemas
        self.fields: dict[str, set[str]] = {}
        self._environments: dict[tuple[int, tuple[str, ...]], Environment] = {}
        self._declared: list[Declared] = []

    def read_type(self, event_type: str) -> None:
        """Note that the type is read, even where none of its fields is."""
        self.fields.setdefault(event_type, set())

    def read_field(self, event_type: str, name: str) -> None:
        """Note that a field of the type is read."""
        self.fields.setdefault(event_type, set()).add(name)

    def compile(
        self,
        place: Place,
        text: str,
        names: Names,
        types: Iterable[str] = (),
        want: str | None = None,
    ) -> Expression | None:
        """The expression; None where it is wrong, which `place` was told."""
        chosen = tuple(sorted(types))
        if names.touches_broken(text):
            return None
        try:
            expression = self.attempt(text, names.declared, chosen, want)
        except ExpressionError as error:
            hint = error.hint
            if not chosen and "event" in error.message:
                hint = "no event leads here for certain: `remember` the value where it comes in"
            place.error_within(_offset(text, error), error.code, error.message, hint)
            return None
        self._note(expression, chosen)
        self._remark(place, expression, names.declared, chosen, want)
        return expression

    def compile_all(
        self, texts: Mapping[str, str], place: Place, names: Names, types: Iterable[str]
    ) -> tuple[tuple[str, Expression], ...]:
        """The expressions of a mapping such as `remember`, by name."""
        chosen = tuple(types)
        found = (
            (name, self.compile(place.at(name), text, names, chosen))
            for name, text in sorted(texts.items())
        )
        return tuple((name, expression) for name, expression in found if expression is not None)

    def attempt(
        self, text: str, declared: Declared, types: tuple[str, ...], want: str | None = None
    ) -> Expression:
        """The expression, not noted as read.

        Raises:
            ExpressionError: it is wrong.
        """
        known = (id(declared), types)
        if known not in self._environments:
            self._declared.append(declared)  # keeps its id from being given to another
            self._environments[known] = Environment(self.schemas, declared, types)
        return self._environments[known].compile(text, want=want)

    def _remark(
        self,
        place: Place,
        expression: Expression,
        declared: Declared,
        types: tuple[str, ...],
        want: str | None,
    ) -> None:
        if expression.tree is None:
            return
        for remark in self._environments[id(declared), types].remarks(expression.tree):
            if remark.code in WARNINGS:
                place.warn_within(remark.offset, remark.code, remark.message, remark.hint)
            elif want == "bool":
                place.error_within(remark.offset, remark.code, remark.message, remark.hint)

    def has_type(self, place: Place, event_type: str) -> bool:
        """Whether the type is published; if not, `place` is told."""
        if event_type in self.schemas.events:
            return True
        hint = suggestion(event_type, self.schemas.events)
        if event_type == MILESTONE:
            hint = "it stands at transitions and `reset_on` of a journey with milestones"
        place.error("UNKNOWN_EVENT", f"no schema for the event type `{event_type}`", hint)
        return False

    def field_of(self, place: Place, event_type: str, name: str) -> Field | None:
        """The field of the type, noted as read; None where there is none, as `place` was told."""
        if not self.has_type(place, event_type):
            return None
        fields = self.schemas.events[event_type].fields
        if name not in fields:
            message = f"`{event_type}` has no field `{name}`"
            place.error("UNKNOWN_FIELD", message, suggestion(name, fields))
            return None
        self.read_field(event_type, name)
        return fields[name]

    def frozen_fields(self) -> Mapping[str, frozenset[str]]:
        """What `Plan.fields` holds."""
        return {name: frozenset(fields) for name, fields in sorted(self.fields.items())}

    def _note(self, expression: Expression, types: tuple[str, ...]) -> None:
        for event_type in types:
            self.read_type(event_type)
            for root, name in expression.reads:
                # `event.send` is the engine's own (rule I2), no field of the record.
                if root == "event" and name in self.schemas.events[event_type].fields:
                    self.read_field(event_type, name)


def _offset(text: str, error: ExpressionError) -> int:
    lines = text.split("\n")
    return sum(len(line) + 1 for line in lines[: error.line - 1]) + error.column - 1
