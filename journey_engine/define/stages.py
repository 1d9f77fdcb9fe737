"""The stages of a journey: transitions, waits, actions, and their views by event type."""

from collections.abc import Callable, Iterable, Sequence

from journey_engine.define.actions import Actions
from journey_engine.define.document import JourneyDocument, StageForm, TransitionForm
from journey_engine.define.expressions import Expressions, Names
from journey_engine.define.place import Place, suggestion
from journey_engine.define.plan import END, Expression, StagePlan, TransitionPlan, Trigger
from journey_engine.define.profile import known_types
from journey_engine.define.routing import Route, Routing


class Stages:
    """Compiles the stages of one journey."""

    def __init__(
        self,
        document: JourneyDocument,
        names: Names,
        expressions: Expressions,
        routing: Routing,
        actions: Actions,
    ) -> None:
        self._document = document
        self._names = names
        self._expressions = expressions
        self._routing = routing
        self._actions = actions

    def compile(self, name: str, form: StageForm, place: Place) -> StagePlan:
        """The stage at `place`."""
        transitions = tuple(
            self._transition(index, transition, place.at("transitions", index))
            for index, transition in enumerate(form.transitions)
        )
        read = event_ways(self._document, name)
        known = [each for each in read if each in self._expressions.schemas.events]
        return StagePlan(
            name=name,
            macro_stage=form.macro_stage,
            transitions=transitions,
            on_enter=self._actions.compile(form.on_enter, place.at("on_enter"), known),
            on_exit=self._actions.compile(form.on_exit, place.at("on_exit"), ()),
            owner=form.owner,
            by_type=_views(transitions, lambda each: each.types, _eventless),
            eventless=tuple(each for each in transitions if _eventless(each)),
            always=tuple(each for each in transitions if each.trigger is Trigger.ALWAYS),
            timers=tuple(each for each in transitions if each.trigger is Trigger.AFTER),
            resets=_views(transitions, lambda each: each.reset_on, lambda _: False),
        )

    def _transition(self, index: int, form: TransitionForm, place: Place) -> TransitionPlan:
        on = known_types(self._expressions, form.on or [], place)
        resets = known_types(self._expressions, form.reset_on or [], place, "reset_on")
        self._check_target(form, place)
        route = Route()
        if on or resets:
            route = self._routing.clause(place, on or resets, form.key, form.scope)
        return TransitionPlan(
            index=index,
            trigger=_trigger(form),
            text=clause_text(place),
            to=form.to,
            types=frozenset(on),
            when=self._guard(form, place, on),
            key=route.key,
            whole_customer=route.whole_customer,
            after=form.after or 0,
            since=form.since,
            reset_on=frozenset(resets),
            outcome=form.outcome,
            actions=self._actions.compile(form.do, place.at("do"), on),
            remember=self._expressions.compile_all(
                form.remember, place.at("remember"), self._names, on
            ),
        )

    def _guard(self, form: TransitionForm, place: Place, types: Sequence[str]) -> Expression | None:
        if form.when is None:
            return None
        return self._expressions.compile(place.at("when"), form.when, self._names, types, "bool")

    def _check_target(self, form: TransitionForm, place: Place) -> None:
        if form.to is not None and form.to != END and form.to not in self._document.stages:
            hint = suggestion(form.to, [*self._document.stages, END])
            place.at("to").error("UNKNOWN_STAGE", f"there is no stage `{form.to}`", hint)


def event_ways(document: JourneyDocument, stage: str) -> tuple[str, ...]:
    """The event types that lead into the stage; none if any other way does (rule I4)."""
    types: set[str] = set()
    if stage == document.start:
        types.update(name for clause in document.entry for name in clause.on)
    for form in document.stages.values():
        for transition in form.transitions:
            if transition.to == stage:
                if transition.on is None:
                    return ()
                types.update(transition.on)
    return tuple(sorted(types))


def clause_text(place: Place) -> str:
    """A transition or clause as the author wrote it, in one line."""
    shown = ("on", "after", "since", "always", "reset_on", "key", "scope", "when")
    parts = [
        f"{key} {_plain(place.at(key).node.value)}" for key in shown if key in place.node.children
    ]
    return ", ".join(parts)


def _plain(value: object) -> str:
    if isinstance(value, list):
        return " | ".join(str(item) for item in value)
    return str(value).strip().lower() if isinstance(value, bool) else str(value).strip()


def _trigger(form: TransitionForm) -> Trigger:
    if form.on is not None:
        return Trigger.EVENT
    if form.after is not None:
        return Trigger.AFTER
    return Trigger.ALWAYS if form.always else Trigger.WHEN


def _eventless(transition: TransitionPlan) -> bool:
    return transition.trigger in {Trigger.WHEN, Trigger.ALWAYS}


def _views(
    transitions: Sequence[TransitionPlan],
    types_of: Callable[[TransitionPlan], Iterable[str]],
    for_all: Callable[[TransitionPlan], bool],
) -> dict[str, tuple[TransitionPlan, ...]]:
    types = sorted({name for each in transitions for name in types_of(each)})
    return {
        name: tuple(each for each in transitions if name in types_of(each) or for_all(each))
        for name in types
    }
