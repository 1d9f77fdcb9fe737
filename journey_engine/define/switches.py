"""Exits that lead into another journey (rule I6)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from journey_engine.define.document import ExitForm, JourneyDocument
from journey_engine.define.expression import Expression
from journey_engine.define.expressions import NOTHING, Expressions, Names
from journey_engine.define.guards import ExpressionError
from journey_engine.define.place import Place, suggestion
from journey_engine.define.plan import SwitchPlan


@dataclass(frozen=True, slots=True, eq=False)
class Destinations:
    """What every journey is to those that switch to it: `keys` its key as written; `arrivals` the
    event types by which others lead into it; `names` what its instances know, when it is known.
    """

    keys: Mapping[str, str | None]
    arrivals: Mapping[str, frozenset[str]]
    names: dict[str, Names] = field(default_factory=dict)


def destinations(documents: Iterable[JourneyDocument]) -> Destinations:
    """Those of all journeys."""
    keys: dict[str, str | None] = {}
    arrivals: dict[str, frozenset[str]] = {}
    for document in documents:
        keys[document.journey] = document.key
        for form in document.exits:
            if form.switch_to is not None:
                before = arrivals.get(form.switch_to, frozenset())
                arrivals[form.switch_to] = before | frozenset(form.on)
    return Destinations(keys, arrivals)


class Switches:
    """Compiles the switches of one journey; `names` are those of its live instances."""

    def __init__(self, to: Destinations, names: Names, expressions: Expressions) -> None:
        self._to = to
        self._names = names
        self._expressions = expressions

    def compile(self, form: ExitForm, place: Place, types: Sequence[str]) -> SwitchPlan | None:
        """The switch of an exit; None where it has none, or is wrong, which was reported."""
        target = form.switch_to
        if target is None:
            return None
        if target not in self._to.keys:
            hint = suggestion(target, self._to.keys)
            place.at("switch_to").error("UNKNOWN_JOURNEY", f"there is no journey `{target}`", hint)
            return None
        at = place.at("with")
        context = self._expressions.compile_all(form.context, at, self._names, types)
        known = self._to.names[target]
        for name, expression in context:
            self._check(name, expression, known, at.at(name), target)
        for name in form.context:
            if name not in known.declared.context and f"instance.{name}" not in known.broken:
                message = f"`{target}` remembers no `{name}`"
                hint = suggestion(name, known.declared.context)
                at.at(name).key_error("SWITCH_CONTEXT", message, hint)
        return SwitchPlan(target, self._key(form, place, types), context)

    def _check(
        self, name: str, expression: Expression, known: Names, place: Place, target: str
    ) -> None:
        kind = known.declared.context.get(name, expression.kind)
        if expression.kind not in {kind, "null"}:
            message = f"`{name}` is a {expression.kind} here and a {kind} in `{target}`"
            place.error("CONTEXT_KIND", message, "a remembered field has one type")

    def _key(self, form: ExitForm, place: Place, types: Sequence[str]) -> Expression | None:
        """The key in the other journey: as the exit says, else as that journey reads it."""
        key = self._to.keys[str(form.switch_to)]
        at = place.at("key")
        if key is None:
            if form.key is not None:
                message = f"`{form.switch_to}` has no `key`, so nobody enters it with one"
                at.key_error("KEY_NOT_DECLARED", message, "leave `key` out")
            return None
        if form.key is not None:
            return self._expressions.compile(at, form.key, self._names, types, "string")
        try:
            self._expressions.attempt(key, NOTHING.declared, tuple(sorted(types)), "string")
        except ExpressionError:
            message = f"`{form.switch_to}` has a key, which {' and '.join(types)} does not give"
            place.at("switch_to").error("SWITCH_KEY", message, "name it: `key` beside `switch_to`")
            return None
        return self._expressions.compile(place, key, NOTHING, types, "string")
