"""One journey: its document to its plan."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Final

from journey_engine.define.actions import Actions
from journey_engine.define.checks import check_journey
from journey_engine.define.company import Company
from journey_engine.define.context import infer_context
from journey_engine.define.document import (
    EntryForm,
    ExitForm,
    GoalForm,
    JourneyDocument,
    ReentryForm,
    UpdateForm,
)
from journey_engine.define.expressions import Expressions, Names
from journey_engine.define.features import Feature, compile_features
from journey_engine.define.guards import Declared
from journey_engine.define.place import Place, suggestion
from journey_engine.define.plan import (
    END,
    Clause,
    Expression,
    FeaturePlan,
    JourneyPlan,
    Reentry,
    ReentryMode,
)
from journey_engine.define.profile import known_types
from journey_engine.define.routing import Route, Routing
from journey_engine.define.stages import Stages, clause_text

_NUMBERS: Final = frozenset({"int", "double"})


def compile_journey(
    document: JourneyDocument, place: Place, company: Company, expressions: Expressions
) -> JourneyPlan:
    """The plan of a journey; it is whole only if no error was reported."""
    _check_names(document, place, company)
    features = _features(document, place, company, expressions)
    entry = _entry_names(document, company, features)
    live = infer_context(document, place, entry, expressions)
    live = replace(live, declared=replace(live.declared, stages=frozenset(document.stages)))
    journey = _Journey(document, place, company, expressions, (entry, live))
    plan = journey.compile({name: feature.plan for name, feature in features.items()})
    check_journey(document, place)
    return plan


def _check_names(document: JourneyDocument, place: Place, company: Company) -> None:
    if PurePosixPath(place.file).stem != document.journey:
        message = f"the file of the journey `{document.journey}` must be called so"
        place.at("journey").error("FILE_NAME", message, f"name it {document.journey}.yaml")
    if document.success not in document.goals:
        message = f"`success` names no goal: `{document.success}`"
        place.at("success").error(
            "UNKNOWN_GOAL", message, suggestion(document.success, document.goals)
        )
    if document.purpose not in company.purposes:
        message = f"policies.yaml knows no purpose `{document.purpose}`"
        hint = suggestion(document.purpose, company.purposes)
        place.at("purpose").error("UNKNOWN_PURPOSE", message, hint)
    if document.start not in document.stages:
        message = f"there is no stage `{document.start}`"
        hint = suggestion(document.start, document.stages)
        place.at("start").error("UNKNOWN_STAGE", message, hint)
    for name, stage in document.stages.items():
        at = place.at("stages", name)
        if name == END:
            at.key_error("RESERVED_NAME", f"`{END}` is where every instance ends, no stage")
        if stage.macro_stage not in company.macro_stages:
            message = f"lifecycle.yaml knows no macro-stage `{stage.macro_stage}`"
            hint = suggestion(stage.macro_stage, company.macro_stages)
            at.at("macro_stage").error("UNKNOWN_MACRO_STAGE", message, hint)


def _features(
    document: JourneyDocument, place: Place, company: Company, expressions: Expressions
) -> dict[str, Feature]:
    at = place.at("features")
    own = compile_features(document.features, at, expressions)
    company.profile.add_features(own)
    for name in document.features:
        if name in company.profile.features:
            message = f"customer.yaml has a feature `{name}` already"
            at.at(name).key_error("REPEATED_FEATURE", message, "give this one another name")
    return {**own, **company.profile.features}


def _entry_names(
    document: JourneyDocument, company: Company, features: Mapping[str, Feature]
) -> Names:
    broken = {f"features.{name}" for name in document.features if name not in features}
    declared = Declared(
        traits=company.profile.traits,
        features={name: feature.type for name, feature in features.items()},
        journeys=company.journeys,
        purposes=company.purposes,
        channels=frozenset(company.channels),
    )
    return Names(declared, frozenset(broken) | company.profile.broken)


class _Journey:
    """Compiles the clauses and stages; `names` are those of entries and of live instances."""

    def __init__(
        self,
        document: JourneyDocument,
        place: Place,
        company: Company,
        expressions: Expressions,
        names: tuple[Names, Names],
    ) -> None:
        self._document = document
        self._place = place
        self._expressions = expressions
        self._entry, self._live = names
        types = [name for name in _types(document) if name in expressions.schemas.events]
        self._routing = Routing(document.key, place, types, expressions)
        self._actions = Actions(company, self._live, expressions)
        self._stages = Stages(document, self._live, expressions, self._routing, self._actions)

    def compile(self, features: Mapping[str, FeaturePlan]) -> JourneyPlan:
        """The plan, with what `features.<name>` means in this journey."""
        document, place = self._document, self._place
        entries = [
            self._entry_clause(form, place.at("entry", index))
            for index, form in enumerate(document.entry)
        ]
        updates = [
            self._clause(form, place.at("updates", index))
            for index, form in enumerate(document.updates)
        ]
        exits = [
            replace(self._clause(form, place.at("exits", index)), name=form.reason)
            for index, form in enumerate(document.exits)
        ]
        stages = {
            name: self._stages.compile(name, form, place.at("stages", name))
            for name, form in document.stages.items()
        }
        self._check_since()
        # Last, since a goal without `on` stands under every type that was routed before.
        goals = [each for name in self._goal_names() for each in self._goal(name)]
        return JourneyPlan(
            name=document.journey,
            version=document.version,
            purpose=document.purpose,
            priority=document.priority,
            owner=document.owner,
            objective=document.objective,
            success=document.success,
            start=document.start,
            stages=stages,
            keyed=document.key is not None,
            entries=_by_type(_own_types(entries)),
            goals=_by_type(goals),
            exits=_by_type(_own_types(exits)),
            updates=_by_type(_own_types(updates)),
            reads=frozenset(self._routing.by_type),
            reentry=_reentry(document.reentry),
            max_live=document.max_live,
            abandon=document.abandon.after if document.abandon else None,
            lateness=document.lateness,
            features=features,
        )

    def _entry_clause(self, form: EntryForm, place: Place) -> Clause:
        types = known_types(self._expressions, form.on, place)
        route = self._routing.entry(place, types, form.key)
        clause = self._built(form.when, place, types, route, self._entry)
        return replace(clause, remember=self._remember(form.remember, place, types, self._entry))

    def _clause(self, form: UpdateForm | ExitForm | GoalForm, place: Place) -> Clause:
        types = known_types(self._expressions, form.on or [], place)
        route = self._routing.clause(place, types, form.key, form.scope)
        clause = self._built(form.when, place, types, route, self._live)
        if isinstance(form, UpdateForm):
            return replace(clause, remember=self._remember(form.remember, place, types, self._live))
        return clause

    def _built(
        self, when: str | None, place: Place, types: Sequence[str], route: Route, names: Names
    ) -> Clause:
        guard = None
        # Where none of the types is published there is no event to read.
        if when is not None and (types or "on" not in place.node.children):
            guard = self._expressions.compile(place.at("when"), when, names, types, "bool")
        return Clause(
            types=frozenset(types),
            when=guard,
            key=route.key,
            whole_customer=route.whole_customer,
            name="",
            text=clause_text(place),
        )

    def _remember(
        self, remember: Mapping[str, str], place: Place, types: Sequence[str], names: Names
    ) -> tuple[tuple[str, Expression], ...]:
        return self._expressions.compile_all(remember, place.at("remember"), names, types)

    def _goal_names(self) -> list[str]:
        """The goal of success first, then by name: the order in which they are looked at."""
        success = self._document.success
        return sorted(self._document.goals, key=lambda name: (name != success, name))

    def _goal(self, name: str) -> list[tuple[str, Clause]]:
        """The goal, by each type under which it stands; without `on` it names none of them."""
        form, place = self._document.goals[name], self._place.at("goals", name)
        clause = replace(self._clause(form, place), name=name, value=self._value(form, place))
        if form.on is not None:
            return _own_types([clause])
        if form.key is not None or form.scope is not None:
            place.key_error("KEY_WITHOUT_EVENT", "`key` and `scope` go with `on`")
        return [
            (event_type, replace(clause, key=route.key, whole_customer=route.whole_customer))
            for event_type, route in sorted(self._routing.by_type.items())
        ]

    def _value(self, form: GoalForm, place: Place) -> Expression | None:
        types = [name for name in form.on or () if name in self._expressions.schemas.events]
        if form.value is None or bool(form.on) != bool(types):
            return None
        at = place.at("value")
        value = self._expressions.compile(at, form.value, self._live, types)
        if value is not None and value.kind not in _NUMBERS:
            at.error("GOAL_VALUE_KIND", f"the value of a goal is a number, this is a {value.kind}")
        return value

    def _check_since(self) -> None:
        for name, stage in self._document.stages.items():
            for index, transition in enumerate(stage.transitions):
                since = transition.since
                if since is not None and since not in self._actions.ids:
                    at = self._place.at("stages", name, "transitions", index, "since")
                    hint = suggestion(since, self._actions.ids)
                    at.error("UNKNOWN_SEND", f"the journey has no send `{since}`", hint)


def _own_types(clauses: Iterable[Clause]) -> list[tuple[str, Clause]]:
    return [(name, clause) for clause in clauses for name in sorted(clause.types)]


def _by_type(clauses: Sequence[tuple[str, Clause]]) -> dict[str, tuple[Clause, ...]]:
    types = sorted({name for name, _ in clauses})
    return {name: tuple(each for under, each in clauses if under == name) for name in types}


def _reentry(form: ReentryForm) -> Reentry:
    return Reentry(
        ReentryMode(form.mode),
        form.cooldown or 0,
        form.limit,
        form.within,
        per_customer=form.per == "customer",
    )


def _types(document: JourneyDocument) -> list[str]:
    """Every event type that a clause names, those of entries first."""
    transitions = [each for stage in document.stages.values() for each in stage.transitions]
    named = [
        *(clause.on for clause in document.entry),
        *(clause.on for clause in document.updates),
        *(clause.on for clause in document.exits),
        *(clause.on or () for clause in document.goals.values()),
        *(each.on or () for each in transitions),
        *(each.reset_on or () for each in transitions),
    ]
    return list(dict.fromkeys(name for types in named for name in types))
