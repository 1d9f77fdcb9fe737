"""What guards read: one snapshot for a step (rules S2, I8), computed when it is asked for.

A `Moment` is what all of a step share, a `View` is the `Scope` of one guard in it. Both hold
only values that no later step changes in place, so an explanation can still read them.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Final

from journey_engine.decide import features, profile, started
from journey_engine.decide.account_state import NO_ACCOUNT
from journey_engine.decide.draft import Draft
from journey_engine.decide.event import Event, Origin
from journey_engine.decide.feature_state import FeatureState
from journey_engine.decide.state import VALUE_BYTES_MAX, Instance, Pending
from journey_engine.decide.trace import Step
from journey_engine.define.expression import EvaluationError, Expression, Scope, Value, Warming
from journey_engine.define.junction_plan import Branch
from journey_engine.define.plan import Clause, JourneyPlan, TransitionPlan
from journey_engine.define.profile_plan import FeaturePlan

NO_FIELDS: Final[Mapping[str, Value]] = {}
NO_FEATURES: Final[Mapping[str, FeaturePlan]] = {}
NO_VISITS: Final[dict[str, int]] = {}
NO_MILESTONES: Final[list[str]] = []
NO_TRAITS: Final[frozenset[str]] = frozenset()
_COMPLETE: Final = ".complete"


class Moment:
    """One input taken by a customer: an event, or the timers of one instant."""

    __slots__ = (
        "at",
        "changed",
        "consent",
        "customer",
        "due_at",
        "event",
        "features",
        "instances",
        "keys",
        "members",
        "name",
        "now",
        "origin",
        "plan",
        "reach",
        "send",
        "started",
        "traits",
    )

    def __init__(self, draft: Draft, at: int, event: Event | None = None) -> None:
        self.plan = draft.plan
        self.at = at
        """The event's `occurred_at`, or the timers' due time (rule T2)."""
        self.now = draft.now
        self.event: Mapping[str, Value] = NO_FIELDS if event is None else event.fields
        self.name = "" if event is None else event.type
        self.origin: Origin | None = None if event is None else event.origin
        self.due_at = at if event is None else None
        self.traits = draft.traits
        self.consent = draft.consent
        self.reach = draft.reach
        self.features = draft.features
        self.started = draft.started
        self.instances = draft.instances
        self.changed = NO_TRAITS
        self.customer: dict[str, Value] | None = None
        self.keys: dict[Expression, str | None] = {}
        self.send: str | None = None
        self.members: list[Value] | None = None
        """Of an account: its members (rule M3)."""
        if draft.account_id is not None:
            account = draft.account or NO_ACCOUNT
            self.members = [one.customer for one in account.members]

    def refresh(self, draft: Draft) -> None:
        """Take the customer's profile as the event left it (rule S2)."""
        self.traits = draft.traits
        self.consent = draft.consent
        self.reach = draft.reach
        self.features = draft.features
        self.started = draft.started
        self.customer = None

    def feature(self, name: str) -> FeatureState | None:
        """What is known of the feature of this id."""
        return started.of(name, self.started, self.features)

    def issued(self, send_id: str) -> None:
        """The event answers this send (rule I2)."""
        self.send = send_id
        self.event = {**self.event, "send": send_id}


class View:
    """The `Scope` of a guard: a moment, and the instance it is asked for, if any."""

    __slots__ = (
        "_context",
        "_declared",
        "_entered_at",
        "_instance",
        "_named",
        "_visits",
        "event",
        "key",
        "moment",
        "now",
        "reached",
        "stage_entered_at",
    )

    def __init__(
        self,
        moment: Moment,
        journey: JourneyPlan | None = None,
        instance: Instance | None = None,
    ) -> None:
        self.moment = moment
        self.event = moment.event
        self.now = moment.now
        self._declared = NO_FEATURES if journey is None else journey.features
        self._named: tuple[str, ...] = () if journey is None else journey.milestone_names
        self.reached: list[str] = NO_MILESTONES if instance is None else instance.milestones
        """The milestones reached."""
        self._instance: Mapping[str, Value] | None = None
        if instance is None:
            self._instance = NO_FIELDS
            self._visits = NO_VISITS
            self.key: str | None = None
            self._context: Mapping[str, Value] = NO_FIELDS
            self._entered_at = self.stage_entered_at = moment.at
        else:
            self._visits = instance.visits
            self.key = instance.key
            self._context = instance.context
            self._entered_at = instance.entered_at
            self.stage_entered_at = instance.stage_entered_at

    def within(
        self, context: Mapping[str, Value], entered_at: int, stage_entered_at: int
    ) -> "View":
        """Return the same view from a later place of the instance (rule S3)."""
        view = View(self.moment)
        view._declared = self._declared
        view._named = self._named
        view.reached = self.reached
        view.key = self.key
        view._visits = self._visits
        view._instance = None
        view._context = context
        view._entered_at = entered_at
        view.stage_entered_at = stage_entered_at
        return view

    @property
    def customer(self) -> Mapping[str, Value]:
        """Traits, null where unknown or no longer valid (rule K1)."""
        moment = self.moment
        if moment.customer is None:
            moment.customer = profile.traits_at(moment.plan, moment.traits, moment.at)
        return moment.customer

    @property
    def instance(self) -> Mapping[str, Value]:
        """Context by name, `entered_at`; of an account's also `members`; empty at entry."""
        if self._instance is None:
            self._instance = {**self._context, "entered_at": self._entered_at}
            if self.moment.members is not None:
                self._instance = {**self._instance, "members": self.moment.members}
        return self._instance

    @property
    def milestones(self) -> Mapping[str, Value]:
        """Whether each milestone is reached, and the names of the others (rule I5)."""
        values: dict[str, Value] = {name: name in self.reached for name in self._named}
        values["missing"] = [name for name in self._named if name not in self.reached]
        return values

    @property
    def features(self) -> "FeatureValues":
        """Feature values at the moment's time; `<name>.complete` beside them."""
        return FeatureValues(self._declared, self.moment)

    def consent(self, purpose: str, channel: str) -> bool:
        """Whether the purpose may use the channel (rule K1)."""
        return profile.may_use(self.moment.plan, self.moment.consent, purpose, channel)

    def reachable(self, channel: str) -> bool:
        """Whether an address is known for the channel (rule K1)."""
        return profile.is_reachable(self.moment.plan, self.moment.reach, channel)

    def changed(self, trait: str) -> bool:
        """Whether this input changed the trait."""
        return trait in self.moment.changed

    def in_journey(self, name: str) -> bool:
        """Whether an instance of the journey was live before the step."""
        return any(instance.journey == name for instance in self.moment.instances)

    def visits(self, stage: str) -> int:
        """How often this instance had entered the stage before the step."""
        return self._visits.get(stage, 0)


def candidate_view(
    moment: Moment, journey: JourneyPlan, instance: Instance | None, place: Pending
) -> View:
    """What a candidate's action reads now: its instance, or what its place kept of it."""
    view = View(moment, journey, instance)
    if instance is None:
        view = view.within(place.context, place.entered_at, place.stage_entered_at)
        view.reached = place.milestones
    return view


class FeatureValues(Mapping[str, Value]):
    """`features.<name>` at the moment's time, and `<name>.complete` beside each (K2, K3)."""

    __slots__ = ("_declared", "_moment")

    def __init__(self, declared: Mapping[str, FeaturePlan], moment: Moment) -> None:
        self._declared = declared
        self._moment = moment

    def __getitem__(self, name: str) -> Value:
        moment = self._moment
        plan = self._declared.get(name)
        if plan is not None:
            return features.value(plan, moment.feature(plan.id), moment.at)
        plan = self._declared[name.removesuffix(_COMPLETE)]
        return features.complete(plan, moment.feature(plan.id), moment.at)

    def __iter__(self) -> Iterator[str]:
        for name in self._declared:
            yield name
            yield name + _COMPLETE

    def __len__(self) -> int:
        return 2 * len(self._declared)


class Answer(StrEnum):
    """What a guard said."""

    TRUE = "true"
    FALSE = "false"
    ERROR = "error"
    WARMING = "warming"


def ask(draft: Draft, journey: str, guard: Expression | None, scope: Scope) -> Answer:
    """Evaluate a guard; one that has no value is counted and does not hold (rule S7)."""
    if guard is None:
        return Answer.TRUE
    try:
        return Answer.TRUE if guard.evaluate(scope) is True else Answer.FALSE
    except EvaluationError as error:
        draft.out.guard_errors.append((journey, f"{guard.text}: {error}"))
        return Answer.ERROR
    except Warming:
        return Answer.WARMING


def note(
    draft: Draft,
    what: str,
    journey: str,
    key: str | None,
    asked: Clause | TransitionPlan | Branch,
    outcome: str,
    scope: Scope,
) -> None:
    """Trace that a clause, a transition or a branch was asked, in this scope."""
    guard = asked.when
    if guard is None:
        step = Step(what, journey, key, asked.text, outcome)
    else:
        step = Step(what, journey, key, asked.text, outcome, guard.reads, scope)
    draft.out.trace.append(step)


def selects(draft: Draft, journey: str, key: Expression | None, view: View) -> bool:
    """Whether a clause means this instance: by key (I1), or because it is feedback to it (I2)."""
    if key is None or view.moment.send is not None:
        return True
    return key_of(draft, journey, key, view) == view.key


def key_of(draft: Draft, journey: str, expression: Expression, view: View) -> str | None:
    """The key that an event names (rule I1), None for none; computed once in a step."""
    keys = view.moment.keys
    if expression in keys:
        return keys[expression]
    try:
        key = key_text(expression.evaluate(view))
    except (EvaluationError, Warming) as error:
        draft.out.guard_errors.append((journey, f"{expression.text}: {error}"))
        key = None
    keys[expression] = key
    return key


def key_text(value: Value) -> str | None:
    """A key as text; none for null, for an empty text and for one too long to be a name."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = "" if value is None else str(value)
    return text if 0 < len(text) <= VALUE_BYTES_MAX else None
