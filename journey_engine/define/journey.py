"""One journey: its document to its plan."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from journey_engine.define.accounts import check_subject
from journey_engine.define.actions import Actions
from journey_engine.define.calendars import Waits, check_waits
from journey_engine.define.checks import check_journey
from journey_engine.define.company import Company
from journey_engine.define.contact_checks import check_contacts
from journey_engine.define.context import infer_context
from journey_engine.define.document import (
    EntryForm,
    ExitForm,
    GoalForm,
    JourneyDocument,
    MilestoneForm,
    UpdateForm,
    event_types,
)
from journey_engine.define.expression import Expression
from journey_engine.define.expressions import Expressions, Names
from journey_engine.define.features import Feature, compile_features
from journey_engine.define.guards import Declared
from journey_engine.define.junctions import Junctions
from journey_engine.define.names import check_names
from journey_engine.define.patterns import Patterns, asked_when_whole
from journey_engine.define.place import Place, suggestion
from journey_engine.define.plan import Clause, JourneyPlan, every_action
from journey_engine.define.policies import compile_holds
from journey_engine.define.policy_checks import check_policies
from journey_engine.define.policy_plan import Hold
from journey_engine.define.profile import known_types
from journey_engine.define.profile_plan import FeaturePlan
from journey_engine.define.routing import Route, Routing
from journey_engine.define.stages import Parts, Stages, clause_text
from journey_engine.define.switches import Switches
from journey_engine.define.versions import file_stem, moves

_NUMBERS: Final = frozenset({"int", "double"})


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What a journey's expressions may name, on entry and in a live instance."""

    features: Mapping[str, Feature]
    entry: Names
    live: Names


def know_journey(
    document: JourneyDocument,
    place: Place,
    company: Company,
    expressions: Expressions,
    sends: frozenset[str] | None,
    *,
    kept: bool = False,
) -> Known:
    """What the journey's expressions may name; `company` is told, for those that switch to it.
    `sends` are the ids that `event.send` can have, None where that is not known.
    """
    features = _features(document, place, company, expressions, kept=kept)
    entry = _entry_names(document, company, features)
    own = replace(
        entry.declared,
        live=True,
        stages=frozenset(document.stages),
        sends=sends,
        milestones=frozenset(document.milestones),
    )
    live = infer_context(document, place, (entry, replace(entry, declared=own)), expressions)
    company.destinations.names[document.journey] = live
    return Known(features, entry, live)


def compile_journey(
    document: JourneyDocument,
    place: Place,
    company: Company,
    expressions: Expressions,
    known: Known,
    *,
    kept: bool = False,
) -> JourneyPlan:
    """The plan of a journey, or of a version of it that is kept; it is whole only if no error was
    reported.
    """
    stem = file_stem(document.journey, document.version if kept else None)
    check_names(document, place, company, stem)
    journey = _Journey(document, place, company, expressions, known)
    plan = journey.compile({name: feature.plan for name, feature in known.features.items()})
    if not kept:
        check_journey(document, place)
        stuck = {action.id for action in every_action(plan) if not action.falls_back}
        check_policies(document, place, company, event_types(document), stuck)
        check_contacts(document, place, company.policy)
        check_waits(document, place, company.calendars)
    check_subject(document, place, company)
    return plan


def _features(
    document: JourneyDocument,
    place: Place,
    company: Company,
    expressions: Expressions,
    *,
    kept: bool,
) -> dict[str, Feature]:
    """The journey's own and the shared ones. A kept version means its own by a name that was given
    to a shared one since.
    """
    at = place.at("features")
    own = compile_features(document.features, at, expressions)
    company.profile.add_features(own, of_account=document.of_account)
    for name in document.features if not kept else ():
        if name in company.profile.features:
            message = f"customer.yaml has a feature `{name}` already"
            at.at(name).key_error("REPEATED_FEATURE", message, "give this one another name")
    return own if document.of_account else {**company.profile.features, **own}


def _entry_names(
    document: JourneyDocument, company: Company, features: Mapping[str, Feature]
) -> Names:
    broken = {f"features.{name}" for name in document.features if name not in features}
    of_account = document.of_account
    alike = company.of_accounts if of_account else company.journeys - company.of_accounts
    declared = Declared(
        traits={} if of_account else company.profile.traits,
        features={name: feature.type for name, feature in features.items()},
        journeys=alike,
        of_account=of_account,
        live=False,
        purposes=company.purposes,
        channels=frozenset(company.channels),
    )
    return Names(declared, frozenset(broken) | company.profile.broken)


class _Journey:
    """Compiles the clauses and stages."""

    def __init__(
        self,
        document: JourneyDocument,
        place: Place,
        company: Company,
        expressions: Expressions,
        known: Known,
    ) -> None:
        self._document = document
        self._place = place
        self._expressions = expressions
        self._entry, self._live = known.entry, known.live
        self._holds = _holds(document, place.at("holds"), company)
        types = [name for name in event_types(document) if name in expressions.schemas.events]
        self._routing = Routing(document.key, place, types, expressions)
        self._actions = Actions(company, self._live, expressions, document)
        self._patterns = Patterns(expressions, self._routing)
        junctions = Junctions(list(document.stages), self._live, expressions, company.locked)
        self._switches = Switches(company.destinations, self._live, expressions)
        arrivals = company.destinations.arrivals.get(document.journey, frozenset())
        waits = Waits(company.calendars, self._live, expressions)
        parts = Parts(self._routing, self._actions, junctions, waits, arrivals)
        self._stages = Stages(document, self._live, expressions, parts)

    def compile(self, features: Mapping[str, FeaturePlan]) -> JourneyPlan:
        """The plan, with what `features.<name>` means in this journey."""
        document, place = self._document, self._place
        entries = [
            self._entry_clause(form, place.at("entry", index), index)
            for index, form in enumerate(document.entry)
        ]
        updates = [
            self._clause(form, place.at("updates", index))
            for index, form in enumerate(document.updates)
        ]
        exits = [
            self._exit(form, place.at("exits", index)) for index, form in enumerate(document.exits)
        ]
        milestones = [
            replace(self._clause(form, place.at("milestones", name)), name=name)
            for name, form in sorted(document.milestones.items())
        ]
        stages = {
            name: self._stages.compile(name, form, place.at("stages", name))
            for name, form in document.stages.items()
        }
        self._check_since()
        self._actions.check_replaced()
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
            reentry=document.reentry.meant(),
            max_live=document.max_live,
            abandon=document.abandon.after if document.abandon else None,
            lateness=document.lateness,
            features=features,
            milestones=_by_type(_own_types(milestones)),
            milestone_names=tuple(sorted(document.milestones)),
            holds=self._holds,
            of_account=document.of_account,
            migrate=moves(document),
        )

    def _entry_clause(self, form: EntryForm, place: Place, index: int) -> Clause:
        if form.kind is not None:
            return self._pattern_clause(form, place, index)
        types = known_types(self._expressions, form.on or [], place)
        route = self._routing.entry(place, types, form.key)
        clause = self._built(form.when, place, types, route, self._entry)
        becomes = None
        if form.becomes is not None and types:
            at = place.at("becomes")
            becomes = self._expressions.compile(at, form.becomes, self._entry, types, "bool")
        remember = self._remember(form.remember, place, types, self._entry)
        return replace(clause, remember=remember, becomes=becomes)

    def _pattern_clause(self, form: EntryForm, place: Place, index: int) -> Clause:
        told = self._published(form.tells)
        remember = self._remember(form.remember, place, told, self._entry)
        where = ("entry", index)
        pattern = self._patterns.compile(form, place, self._entry, where, remember)
        leads = self._published(form.leads)
        clause = self._built(asked_when_whole(form), place, leads, Route(), self._entry)
        types = frozenset(self._published(form.types))
        return replace(clause, types=types, remember=remember, pattern=pattern)

    def _published(self, types: Iterable[str]) -> list[str]:
        return [name for name in types if name in self._expressions.schemas.events]

    def _clause(
        self, form: UpdateForm | ExitForm | GoalForm | MilestoneForm, place: Place
    ) -> Clause:
        types = known_types(self._expressions, form.on or [], place)
        route = self._routing.clause(place, types, form.key, form.scope)
        clause = self._built(form.when, place, types, route, self._live)
        if isinstance(form, UpdateForm):
            return replace(clause, remember=self._remember(form.remember, place, types, self._live))
        return clause

    def _exit(self, form: ExitForm, place: Place) -> Clause:
        # With a switch, `key` is the one in the other journey.
        finding = form if form.switch_to is None else form.model_copy(update={"key": None})
        clause = self._clause(finding, place)
        switch = self._switches.compile(form, place, sorted(clause.types)) if clause.types else None
        return replace(clause, name=form.reason or form.switch_to or "", switch=switch)

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
            place.key_error("KEY_WITHOUT_EVENT", "it reads no event", "drop `key` and `scope`")
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
            message = f"the value of a goal is a number, this is a {value.kind}"
            at.error("GOAL_VALUE_KIND", message, "name a field of type int or double")
        return value

    def _check_since(self) -> None:
        for name, stage in self._document.stages.items():
            for index, transition in enumerate(stage.transitions):
                named = transition.since if transition.kind is None else None
                if named is not None and named not in self._actions.kinds:
                    at = self._place.at("stages", name, "transitions", index, "since")
                    hint = suggestion(named, self._actions.kinds)
                    at.error("UNKNOWN_SEND", f"the journey has no send `{named}`", hint)


def _holds(document: JourneyDocument, place: Place, company: Company) -> Hold | None:
    form = document.holds
    if form is None:
        return None
    for index, name in enumerate(form.purposes or ()):
        if name not in company.purposes:
            hint = suggestion(name, company.purposes)
            at = place.at("purposes", index)
            at.error("UNKNOWN_PURPOSE", f"policies.yaml knows no purpose `{name}`", hint)
    for index, name in enumerate(form.journeys or ()):
        at = place.at("journeys", index)
        if name == document.journey:
            message = "a journey does not hold itself"
            at.error("HOLDS_ITSELF", message, "it keeps back the messages of others")
        elif name not in company.journeys:
            hint = suggestion(name, company.journeys)
            at.error("UNKNOWN_JOURNEY", f"there is no journey `{name}`", hint)
    return compile_holds(form, place, company.policy)


def _own_types(clauses: Iterable[Clause]) -> list[tuple[str, Clause]]:
    return [(name, clause) for clause in clauses for name in sorted(clause.types)]


def _by_type(clauses: Sequence[tuple[str, Clause]]) -> dict[str, tuple[Clause, ...]]:
    types = sorted({name for name, _ in clauses})
    return {name: tuple(each for under, each in clauses if under == name) for name in types}
