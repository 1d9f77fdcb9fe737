"""The stages of a journey: transitions, waits, actions, and their views by event type."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from journey_engine.define.actions import Actions
from journey_engine.define.calendars import Waits
from journey_engine.define.document import JourneyDocument, StageForm, TransitionForm
from journey_engine.define.expression import Expression
from journey_engine.define.expressions import Expressions, Names
from journey_engine.define.junction_plan import Junction
from journey_engine.define.junctions import Junctions
from journey_engine.define.pattern_plan import PatternKind
from journey_engine.define.patterns import Patterns, asked_when_whole
from journey_engine.define.place import Place, suggestion
from journey_engine.define.plan import END, MILESTONE, StagePlan, TransitionPlan, Trigger
from journey_engine.define.profile import known_types
from journey_engine.define.routing import Route, Routing
from journey_engine.define.ways import Ways

_WAITS = frozenset({Trigger.AFTER, Trigger.AT})


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """What compiles the parts of stages; `arrivals` are the event types by which other journeys
    lead into this one.
    """

    routing: Routing
    actions: Actions
    junctions: Junctions
    waits: Waits
    arrivals: frozenset[str]


class Stages:
    """Compiles the stages of one journey."""

    def __init__(
        self,
        document: JourneyDocument,
        names: Names,
        expressions: Expressions,
        parts: Parts,
    ) -> None:
        self._document = document
        self._names = names
        self._expressions = expressions
        self._routing = parts.routing
        self._actions = parts.actions
        self._junctions = parts.junctions
        self._ways = Ways(document, parts.arrivals)
        self._published = expressions.schemas.events
        self._waits = parts.waits
        self._patterns = Patterns(expressions, parts.routing)

    def compile(self, name: str, form: StageForm, place: Place) -> StagePlan:
        """The stage at `place`."""
        transitions = tuple(
            self._transition((name, index), transition, place.at("transitions", index))
            for index, transition in enumerate(form.transitions)
        )
        self._check_following(form, place)
        known = [each for each in self._ways.events(name) if each in self._published]
        return StagePlan(
            name=name,
            macro_stage=form.macro_stage,
            transitions=transitions,
            on_enter=self._actions.compile(form.on_enter, place.at("on_enter"), known),
            on_exit=self._actions.compile(form.on_exit, place.at("on_exit"), ()),
            owner=form.owner,
            rank=list(self._document.stages).index(name) if form.rank is None else form.rank,
            by_type=_views(transitions, lambda each: each.types, _eventless),
            eventless=tuple(each for each in transitions if _eventless(each)),
            always=tuple(each for each in transitions if each.trigger is Trigger.ALWAYS),
            timers=tuple(each for each in transitions if each.trigger in _WAITS),
            resets=_views(transitions, lambda each: each.reset_on, lambda _: False),
            junction=self._junction(form, place, known),
        )

    def _junction(self, form: StageForm, place: Place, types: Sequence[str]) -> Junction | None:
        if form.split is not None:
            return self._junctions.split(form.split, place.at("split"))
        if form.choose is not None:
            return self._junctions.choice(form.choose, place.at("choose"), types)
        return None

    def _transition(
        self, where: tuple[str, int], form: TransitionForm, place: Place
    ) -> TransitionPlan:
        beside = {MILESTONE} if self._document.milestones else set[str]()
        plain = form.on or [] if form.kind is None else []
        on = known_types(self._expressions, plain, place, "on", beside)
        resets = known_types(self._expressions, form.reset_on or [], place, "reset_on", beside)
        leads = self._known(form.leads)
        self._check_target(form, place)
        route = self._route(form, place, [name for name in on or resets if name not in beside])
        told = self._known(form.tells)
        at = place.at("remember")
        remember = self._expressions.compile_all(form.remember, at, self._names, told)
        pattern = self._patterns.compile(form, place, self._names, where, remember)
        trigger = _trigger(form)
        waits = trigger is Trigger.NOT_FOLLOWED_BY
        types = frozenset(on) if pattern is None else pattern.types
        return TransitionPlan(
            index=where[1],
            trigger=trigger,
            text=clause_text(place),
            to=form.to,
            types=frozenset() if waits else types,
            when=self._guard(form, place, leads),
            key=route.key,
            whole_customer=route.whole_customer,
            after=form.after or 0,
            since=form.since if form.kind is None else None,
            reset_on=frozenset(resets),
            outcome=form.outcome,
            actions=self._actions.compile(form.do, place.at("do"), leads),
            remember=() if waits else remember,
            at=None if form.at is None else self._waits.compile(form.at, place.at("at")),
            pattern=pattern,
        )

    def _known(self, types: Iterable[str]) -> list[str]:
        return [name for name in self._document.leading(types) if name in self._published]

    def _route(self, form: TransitionForm, place: Place, types: Sequence[str]) -> Route:
        if types:
            return self._routing.clause(place, types, form.key, form.scope)
        if (form.key or form.scope) and MILESTONE in (form.on or form.reset_on or ()):
            message = "a milestone finds its instance itself"
            place.error("KEY_WITHOUT_EVENT", message, "drop `key` and `scope`")
        return Route()

    def _check_following(self, form: StageForm, place: Place) -> None:
        """A send on the way out of a stage has no stage to lead on from (rule C9)."""
        leaving = [(form.on_exit, place.at("on_exit"))]
        for index, transition in enumerate(form.transitions):
            if transition.to is not None:
                leaving.append((transition.do, place.at("transitions", index, "do")))
        for actions, at in leaving:
            for index, action in enumerate(actions):
                if action.send is not None and action.send.on_suppressed:
                    where = at.at(index, "send", "on_suppressed")
                    message = "the instance leaves the stage before the send is decided"
                    hint = "send it in `on_enter` of the stage that it goes to"
                    where.key_error("ON_SUPPRESSED_LEAVING", message, hint)

    def _guard(self, form: TransitionForm, place: Place, types: Sequence[str]) -> Expression | None:
        when = asked_when_whole(form)
        if when is None:
            return None
        return self._expressions.compile(place.at("when"), when, self._names, types, "bool")

    def _check_target(self, form: TransitionForm, place: Place) -> None:
        if form.to is not None and form.to != END and form.to not in self._document.stages:
            hint = suggestion(form.to, [*self._document.stages, END])
            place.at("to").error("UNKNOWN_STAGE", f"there is no stage `{form.to}`", hint)


def clause_text(place: Place) -> str:
    """A transition or clause as the author wrote it, in one line."""
    parts = [
        f"{key} {_plain(place.at(key).node.value, _JOINED.get(key, ' | '))}"
        for key in _SHOWN
        if key in place.node.children
    ]
    return ", ".join(parts)


_SHOWN: Final = (
    *("on", "times", "sequence", "all", "not_followed_by", "within", "after", "at", "since"),
    *("always", "reset_on", "key", "scope", "when", "becomes", "switch_to"),
)
_JOINED: Final = MappingProxyType({"sequence": " then ", "all": " and "})


def _plain(value: object, between: str = " | ") -> str:
    if isinstance(value, list):
        return between.join(_plain(item) for item in value)
    if isinstance(value, dict):
        kind = [_plain(value["on"])] if "on" in value else []
        return " ".join([*kind, *(f"{k} {_plain(v)}" for k, v in value.items() if k != "on")])
    return str(value).strip().lower() if isinstance(value, bool) else str(value).strip()


def _trigger(form: TransitionForm) -> Trigger:
    if form.kind is PatternKind.NOT_FOLLOWED_BY:
        return Trigger.NOT_FOLLOWED_BY
    if form.elements:
        return Trigger.EVENT
    if form.after is not None:
        return Trigger.AFTER
    if form.at is not None:
        return Trigger.AT
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
