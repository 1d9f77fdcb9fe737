"""Plans and events for the tests of decide, built in Python: no file, no compiler."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from journey_engine.decide.decide import decide
from journey_engine.decide.event import Event, Origin, TimersDue
from journey_engine.decide.state import EMPTY, CustomerState
from journey_engine.decide.verdict import Decision
from journey_engine.define.action_plan import Action
from journey_engine.define.calendar_plan import AtPlan
from journey_engine.define.expression import EvaluationError, Expression, Scope, Value
from journey_engine.define.operation import Operation
from journey_engine.define.plan import (
    ChannelPlan,
    Clause,
    JourneyPlan,
    Plan,
    StagePlan,
    TransitionPlan,
    Trigger,
)
from journey_engine.define.profile_plan import FeatureOp, FeaturePlan, ProfileReaders

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
T0 = 1_767_225_600_000
"""2026-01-01T00:00:00Z."""


def expression(
    evaluate: Callable[[Any], Any],
    text: str = "guard",
    *,
    reads: Mapping[tuple[str, str], str] | None = None,
    kind: str = "bool",
) -> Expression:
    return Expression(text, kind, reads or {}, evaluate)


def read(root: str, name: str, kind: str = "int") -> Expression:
    """`event.total`, as the compiler makes it: an absent field is an evaluation error."""

    def evaluate(scope: Scope) -> Value:
        values: Mapping[str, Value] = getattr(scope, root)
        if name not in values:
            raise EvaluationError(f"no such field {name}")
        return values[name]

    return expression(evaluate, f"{root}.{name}", reads={(root, name): kind}, kind=kind)


def check(root: str, name: str, holds: Callable[[Any], bool]) -> Expression:
    """A guard over one value."""
    value = read(root, name)
    return Expression(
        f"check({root}.{name})", "bool", value.reads, lambda scope: holds(value.evaluate(scope))
    )


NEVER = expression(lambda _: False, "false")


def failing(_: Scope) -> Value:
    raise EvaluationError("boom")


BROKEN = expression(failing, "broken")


def clause(*types: str, name: str = "", key: Expression | None = None, **more: Any) -> Clause:
    when = more.pop("when", None)
    remember = tuple(more.pop("remember", {}).items())
    text = " ".join(["on", *types, name]).strip()
    return Clause(frozenset(types), when, key, key is None, name, text, remember, **more)


def send(name: str, *channels: str, **more: Any) -> Action:
    data = tuple(more.pop("data", {}).items())
    return Action(name, f"{name}-content", channels or ("email",), data=data, **more)


def on(*types: str, to: str | None = None, **more: Any) -> TransitionPlan:
    return _transition(Trigger.EVENT, f"on {','.join(types)}", to, types=frozenset(types), **more)


def when(guard: Expression, to: str | None = None, **more: Any) -> TransitionPlan:
    return _transition(Trigger.WHEN, "when", to, when=guard, **more)


def always(to: str | None = None, **more: Any) -> TransitionPlan:
    return _transition(Trigger.ALWAYS, "always", to, **more)


def after(wait: int, to: str | None = None, **more: Any) -> TransitionPlan:
    more["reset_on"] = frozenset(more.get("reset_on", ()))
    return _transition(Trigger.AFTER, f"after {wait}", to, after=wait, **more)


def at_time(rule: AtPlan, to: str | None = None) -> TransitionPlan:
    return _transition(Trigger.AT, "at", to, at=rule)


def _transition(trigger: Trigger, text: str, to: str | None, **more: Any) -> TransitionPlan:
    remember = tuple(more.pop("remember", {}).items())
    actions = tuple(more.pop("do", ()))
    return TransitionPlan(0, trigger, text, to, actions=actions, remember=remember, **more)


def stage(
    name: str,
    *transitions: TransitionPlan,
    macro: str = "purchase",
    enter: Iterable[Action] = (),
    leave: Iterable[Action] = (),
) -> StagePlan:
    placed = tuple(replace(one, index=index) for index, one in enumerate(transitions))
    eventless = tuple(t for t in placed if t.trigger in (Trigger.WHEN, Trigger.ALWAYS))
    types = sorted({kind for t in placed for kind in t.types})
    resets = sorted({kind for t in placed for kind in t.reset_on})
    return StagePlan(
        name,
        macro,
        placed,
        tuple(enter),
        tuple(leave),
        by_type={
            kind: tuple(t for t in placed if kind in t.types or t in eventless) for kind in types
        },
        eventless=eventless,
        always=tuple(t for t in placed if t.trigger is Trigger.ALWAYS),
        timers=tuple(t for t in placed if t.trigger in (Trigger.AFTER, Trigger.AT)),
        resets={kind: tuple(t for t in placed if kind in t.reset_on) for kind in resets},
    )


def _by_type(clauses: Iterable[Clause], everything: Iterable[str]) -> dict[str, tuple[Clause, ...]]:
    listed = list(clauses)
    return {
        kind: found
        for kind in sorted(everything)
        if (found := tuple(one for one in listed if kind in one.types or not one.types))
    }


def journey(
    name: str,
    *stages: StagePlan,
    entry: Iterable[Clause] = (),
    goals: Iterable[Clause] = (),
    exits: Iterable[Clause] = (),
    updates: Iterable[Clause] = (),
    features: Mapping[str, FeaturePlan] | None = None,
    **more: Any,
) -> JourneyPlan:
    entry, goals, exits, updates = map(tuple, (entry, goals, exits, updates))
    clauses = [*entry, *goals, *exits, *updates]
    reads = {kind for one in clauses for kind in one.types}
    reads |= {kind for one in stages for t in one.transitions for kind in t.types | t.reset_on}
    settings: dict[str, Any] = {
        "version": 1,
        "purpose": "service",
        "priority": 0,
        "owner": "team",
        "objective": "test",
        "success": "done",
        "start": stages[0].name,
        "keyed": False,
    }
    return JourneyPlan(
        name=name,
        stages={one.name: one for one in stages},
        entries=_by_type(entry, reads),
        goals=_by_type(goals, reads),
        exits=_by_type(exits, reads),
        updates=_by_type(updates, reads),
        reads=frozenset(reads),
        features=features or {},
        **{**settings, **more},
    )


def plan(
    *journeys: JourneyPlan,
    profile: Mapping[str, ProfileReaders] | None = None,
    channels: Iterable[ChannelPlan] = (),
    traits: Mapping[str, int | None] | None = None,
    feedback: Iterable[str] = (),
    consent: Mapping[str, bool] | None = None,
    kept: Iterable[JourneyPlan] = (),
    operations: Mapping[str, Operation] | None = None,
) -> Plan:
    older = tuple(kept)
    ordered = tuple(sorted(journeys, key=lambda one: (-one.priority, one.name)))
    profile = dict(profile or {})
    for one in ordered:
        for feature in one.features.values():
            mine = profile.get(feature.event_type, ProfileReaders())
            if feature.id not in {known.id for known in mine.features}:
                profile[feature.event_type] = replace(mine, features=(*mine.features, feature))
    reads = {
        one.name: one.reads.union(*(each.reads for each in older if each.name == one.name))
        for one in ordered
    }
    types = sorted({kind for names in reads.values() for kind in names} | profile.keys())
    known = {one.name: one for one in channels}
    for name in ("email", "push", "sms"):
        known.setdefault(name, ChannelPlan(name, f"commands.{name}.v1"))
    return Plan(
        hash="plan",
        journeys=ordered,
        by_name={one.name: one for one in ordered},
        by_type={
            kind: found
            for kind in types
            if (found := tuple(one for one in ordered if kind in reads[one.name]))
        },
        profile=profile,
        fields={kind: frozenset() for kind in types},
        feedback=frozenset(feedback),
        trait_valid=traits or {},
        consent_default={"service": True, "marketing": False} if consent is None else consent,
        channels=known,
        macro_stages=("awareness", "purchase", "loyalty"),
        kept={(one.name, one.version): one for one in older},
        operations=operations or {},
    )


def feature(op: FeatureOp, kind: str, *fields: str, **more: Any) -> FeaturePlan:
    text = f"{op}{kind}{fields}{sorted((k, str(v)) for k, v in more.items())}"
    name = hashlib.sha256(text.encode()).hexdigest()[:12]
    return FeaturePlan(name, op, kind, fields, **more)


def event(kind: str, at: int, event_id: str = "", /, **fields: Any) -> Event:
    """An event of customer `anna`, `at` milliseconds after `T0`."""
    backfill = bool(fields.pop("backfill", False))
    name = event_id or f"{kind}-{at}-{sorted(fields.items())}"
    body = hashlib.sha256(f"{kind}{at}{sorted(fields.items())}".encode()).digest()[:4]
    return Event(
        kind,
        name,
        "anna",
        None,
        T0 + at,
        "web",
        "shop",
        fields,
        body,
        T0 + at,
        Origin(name, "interactions.web.v1", 0, at),
        backfill,
    )


class Customer:
    """One customer's state, driven input by input; keeps what came of each."""

    def __init__(self, plan: Plan, state: CustomerState = EMPTY) -> None:
        self.plan = plan
        self.state = state
        self.decisions: list[Decision] = []

    def give(self, kind: str, at: int, event_id: str = "", /, **fields: Any) -> Decision:
        """Give an event; the clock stands at its time, or never goes back."""
        item = event(kind, at, event_id, **fields)
        self.now = max(getattr(self, "now", 0), item.occurred_at)
        return self._decide(item)

    def tick(self, at: int) -> Decision:
        """Let the clock pass."""
        self.now = max(getattr(self, "now", 0), T0 + at)
        return self._decide(TimersDue("anna", None, T0 + at))

    def _decide(self, item: Event | TimersDue) -> Decision:
        decision = decide(self.plan, self.state, item, self.now)
        self.state = decision.state
        self.decisions.append(decision)
        return decision

    @property
    def stages(self) -> list[str]:
        return [one.stage for one in self.state.instances]

    @property
    def commands(self) -> list[Any]:
        return [one for decision in self.decisions for one in decision.commands]

    @property
    def sends(self) -> list[Any]:
        return [one for decision in self.decisions for one in decision.sends]

    @property
    def outcomes(self) -> list[str]:
        return [one.outcome.value for one in self.sends]


def moves(decision: Decision) -> list[tuple[str | None, str | None, str]]:
    return [(one.from_stage, one.to_stage, one.trigger) for one in decision.transitions]


def ends(decision: Decision) -> list[tuple[str, str | None]]:
    return [(one.end.value, one.label) for one in decision.transitions if one.end is not None]


def entries(decision: Decision) -> list[str]:
    return [outcome.value for _, outcome in decision.entries]
