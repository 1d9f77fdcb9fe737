"""Patterns of several events: their form to their plan (rule P1)."""

import hashlib
import json
from collections.abc import Mapping, Sequence

from journey_engine.define.document import EntryForm, TransitionForm
from journey_engine.define.expression import Expression
from journey_engine.define.expressions import Expressions, Names
from journey_engine.define.pattern_form import ElementForm, PatternForm
from journey_engine.define.pattern_plan import Element, PatternKind, PatternPlan
from journey_engine.define.place import Place
from journey_engine.define.profile import known_types
from journey_engine.define.routing import Routing


class Patterns:
    """Compiles the patterns of one journey."""

    def __init__(self, expressions: Expressions, routing: Routing) -> None:
        self._expressions = expressions
        self._routing = routing

    def compile(
        self,
        form: EntryForm | TransitionForm,
        place: Place,
        names: Names,
        where: Sequence[str | int],
        remember: tuple[tuple[str, Expression], ...],
    ) -> PatternPlan | None:
        """The pattern of a clause; None where one event is enough.

        `where` says which clause of the journey it is; `remember` is the clause's.
        """
        kind = form.kind
        if kind is None or form.within is None:
            return None
        elements = [
            self._element(element, form, at, names)
            for element, at in zip(form.elements, _places(form, place), strict=True)
        ]
        waits = kind is PatternKind.NOT_FOLLOWED_BY
        since_entry = isinstance(form, TransitionForm) and form.since == "entry"
        return PatternPlan(
            id=_identity(form, where, since_entry=since_entry),
            kind=kind,
            elements=tuple(elements),
            within=form.within,
            times=form.times or 1,
            since_entry=since_entry,
            remember=remember if waits else (),
        )

    def _element(
        self, form: ElementForm, clause: EntryForm | TransitionForm, place: Place, names: Names
    ) -> Element:
        types = known_types(self._expressions, form.on, place)
        if isinstance(clause, TransitionForm):
            route = self._routing.clause(place, types, form.key, clause.scope)
        else:
            route = self._routing.entry(place, types, form.key)
        when = None
        if form.when is not None and types:
            at = place.at("when")
            when = self._expressions.compile(at, form.when, names, types, "bool")
        return Element(frozenset(types), when, route.key)


def asked_when_whole(form: PatternForm) -> str | None:
    """The guard that the completing event is asked; that of `on` is the element's own."""
    return form.when if form.kind is None or form.sequence or form.all else None


def _places(form: PatternForm, place: Place) -> list[Place]:
    """Where each of the form's elements is written."""
    listed = "sequence" if form.sequence is not None else "all"
    if form.sequence is not None or form.all is not None:
        return [place.at(listed, index) for index in range(len(form.elements))]
    return [place, place.at("not_followed_by")][: len(form.elements)]


def _identity(form: PatternForm, where: Sequence[str | int], *, since_entry: bool) -> str:
    # Clauses of one definition at two places do not share what they have seen.
    definition: Mapping[str, object] = form.model_dump(
        mode="json",
        include={"on", "times", "sequence", "all", "not_followed_by", "within", "when", "key"},
    )
    whole = [list(where), since_entry, definition]
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()[:8]
