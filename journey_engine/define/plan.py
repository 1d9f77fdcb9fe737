"""The plan: what definitions become once they are checked.

Immutable, indexed by stage and event type, hashed. Nothing here knows YAML, and no YAML name is
looked up at run time. Times are milliseconds. A `Scope` is what a guard may read (rule I8).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

Value = bool | int | float | str | None | list["Value"] | Mapping[str, "Value"]
"""What an expression yields. Timestamps and durations are int milliseconds. A mapping is the
message of a feature with several fields, of which an expression reads one.
"""

END = "end"
"""The target of a transition that ends the instance (rule S6)."""

ANY_CHANNEL = "*"


class EvaluationError(Exception):
    """An expression has no value for this input (rule S7); the message names the cause."""


class Warming(Exception):  # noqa: N818 - a state of the feature, not a fault
    """A feature was read before its `warm_up` has passed (rule K3)."""


class Scope(Protocol):
    """One snapshot of all that a guard may read (rules S2, I8).

    Mappings hold plain values; a missing key is an absent field, `None` a null.
    """

    @property
    def event(self) -> Mapping[str, Value]:
        """The input's fields; empty for a timer."""
        ...

    @property
    def customer(self) -> Mapping[str, Value]:
        """Traits, null where unknown or no longer valid."""
        ...

    @property
    def instance(self) -> Mapping[str, Value]:
        """Context by name, `entered_at`; empty at entry."""
        ...

    @property
    def features(self) -> Mapping[str, Value]:
        """Feature values at the input's time; `<name>.complete` beside them."""
        ...

    @property
    def stage_entered_at(self) -> int:
        """When the present stage was entered."""
        ...

    @property
    def now(self) -> int:
        """The partition's clock."""
        ...

    def consent(self, purpose: str, channel: str) -> bool:
        """Whether the purpose may use the channel."""
        ...

    def reachable(self, channel: str) -> bool:
        """Whether an address is known for the channel."""
        ...

    def changed(self, trait: str) -> bool:
        """Whether this input changed the trait."""
        ...

    def in_journey(self, name: str) -> bool:
        """Whether an instance of the journey is live."""
        ...

    def visits(self, stage: str) -> int:
        """How often this instance entered the stage."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Expression:
    """A checked CEL expression, compiled to a closure.

    `evaluate` raises `EvaluationError` where CEL yields an error, and `Warming` (rule K3); nothing
    else. `reads` are the paths read, such as `("event", "total")`. `kind` is the CEL type's name
    (`bool int double string timestamp duration null`, or a list of one: `list<string>`).
    """

    text: str
    kind: str
    reads: frozenset[tuple[str, str]]
    evaluate: Callable[[Scope], Value]


class FeatureOp(StrEnum):
    """How a feature folds its events (rule K2)."""

    COUNT = "count"
    SUM = "sum"
    MIN = "min"
    MAX = "max"
    FIRST = "first"
    LAST = "last"
    RECENT = "recent"
    DISTINCT = "distinct"


@dataclass(frozen=True, slots=True, eq=False)
class FeaturePlan:
    """A feature; `id` is a hash of its definition, so equal definitions share one store (K2).

    `fields` are the event fields kept: none for `count`, one for `Type.field`, several for
    `last: Type, fields: [...]` (then the feature has members, and `at`).
    """

    id: str
    op: FeatureOp
    event_type: str
    fields: tuple[str, ...] = ()
    members: bool = False
    where: Expression | None = None
    within: int | None = None
    keep: int | None = None
    warm_up: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class TraitRule:
    """One event type that writes a trait (rule K1)."""

    trait: str
    field: str


@dataclass(frozen=True, slots=True, eq=False)
class ConsentRule:
    """An event that sets or withdraws consent; `channel` None means any channel (rule K1)."""

    purpose: Expression
    channel: Expression | None
    granted: Expression | None
    """None in a `revoke` rule: always withdrawn."""
    when: Expression | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ReachRule:
    """An event that makes a channel reachable or not (rule K1)."""

    channel: str
    reachable: bool
    when: Expression | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ProfileReaders:
    """What of the customer's profile one event type writes, in the order of `customer.yaml`."""

    traits: tuple[TraitRule, ...] = ()
    consent: tuple[ConsentRule, ...] = ()
    reach: tuple[ReachRule, ...] = ()
    features: tuple[FeaturePlan, ...] = ()


class CancelOn(StrEnum):
    """When what a send left waiting or unsent is cancelled (rule A7)."""

    END = "end"
    LEAVE = "leave"
    NEVER = "never"


@dataclass(frozen=True, slots=True, eq=False)
class SendAction:
    """`send` (rule A1). Other actions take their place beside it in a later version."""

    id: str
    content: str
    channels: tuple[str, ...]
    when: Expression | None = None
    theme: str | None = None
    delay: int = 0
    expires: int | None = None
    priority: int | None = None
    data: tuple[tuple[str, Expression], ...] = ()
    cancel_on: CancelOn = CancelOn.END


Action = SendAction


@dataclass(frozen=True, slots=True, eq=False)
class Clause:
    """An event clause: entry, update, goal or exit (rules S1, I1, I4, I6).

    `types` are those that the author named; none for a goal without `on`.
    `key` is read from the event to find the instance; None where the journey has no key or the
    clause says `scope: customer` (`whole_customer`). `name` is the goal's name or the exit's
    reason label, empty otherwise. `text` is the clause as the author wrote it, for traces.
    """

    types: frozenset[str]
    when: Expression | None
    key: Expression | None
    whole_customer: bool
    name: str
    text: str
    remember: tuple[tuple[str, Expression], ...] = ()
    value: Expression | None = None


class Trigger(StrEnum):
    """What makes a transition be looked at (rules S6, W1)."""

    EVENT = "event"
    WHEN = "when"
    ALWAYS = "always"
    AFTER = "after"


@dataclass(frozen=True, slots=True, eq=False)
class TransitionPlan:
    """A transition; `index` is its place in the stage, in document order.

    `to` None acts and stays (S5). `key`/`whole_customer` as in `Clause`, for `EVENT` and for
    `reset_on`. `since` names the send from which `after` counts, None: from entering the stage.
    """

    index: int
    trigger: Trigger
    text: str
    to: str | None = None
    types: frozenset[str] = frozenset()
    when: Expression | None = None
    key: Expression | None = None
    whole_customer: bool = False
    after: int = 0
    since: str | None = None
    reset_on: frozenset[str] = frozenset()
    outcome: str | None = None
    actions: tuple[Action, ...] = ()
    remember: tuple[tuple[str, Expression], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class StagePlan:
    """A stage. The tuples below `transitions` are its views, each in document order."""

    name: str
    macro_stage: str
    transitions: tuple[TransitionPlan, ...]
    on_enter: tuple[Action, ...] = ()
    on_exit: tuple[Action, ...] = ()
    owner: str | None = None
    by_type: Mapping[str, tuple[TransitionPlan, ...]] = field(default_factory=dict)
    """For an event type: its `EVENT` transitions merged with `WHEN` and `ALWAYS` ones."""
    eventless: tuple[TransitionPlan, ...] = ()
    """`WHEN` and `ALWAYS`: for an input that reached the instance by another clause."""
    always: tuple[TransitionPlan, ...] = ()
    timers: tuple[TransitionPlan, ...] = ()
    resets: Mapping[str, tuple[TransitionPlan, ...]] = field(default_factory=dict)


class ReentryMode(StrEnum):
    """When a customer, or a key, may enter again (rule I3)."""

    ONCE = "once"
    AFTER_END = "after_end"
    RESTART = "restart"


@dataclass(frozen=True, slots=True)
class Reentry:
    """Rule I3; `cooldown` counts from the end of the last instance, `limit` entries `within`."""

    mode: ReentryMode = ReentryMode.AFTER_END
    cooldown: int = 0
    limit: int | None = None
    within: int | None = None
    per_customer: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class JourneyPlan:
    """One journey, ready to run."""

    name: str
    version: int
    purpose: str
    priority: int
    owner: str
    objective: str
    success: str
    start: str
    stages: Mapping[str, StagePlan]
    keyed: bool
    entries: Mapping[str, tuple[Clause, ...]]
    goals: Mapping[str, tuple[Clause, ...]]
    """By event type; a goal without `on` stands under every type that the journey reads."""
    exits: Mapping[str, tuple[Clause, ...]]
    updates: Mapping[str, tuple[Clause, ...]]
    reads: frozenset[str]
    """The event types of its clauses, transitions and resets."""
    reentry: Reentry = Reentry()
    max_live: int = 32
    abandon: int | None = None
    lateness: int = 3_600_000
    features: Mapping[str, FeaturePlan] = field(default_factory=dict)
    """What `features.<name>` means in this journey: the shared ones and its own."""


@dataclass(frozen=True, slots=True, eq=False)
class ChannelPlan:
    """A channel: `topic` takes its commands; `hold` is how long senders keep a SEND before it
    leaves, so that a CANCEL can still reach it (rule A7).
    """

    name: str
    topic: str
    hold: int = 0
    expires: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What one event type asks of a journey; `named` are the clauses for an instance that name
    the type themselves (rule I7).
    """

    journey: JourneyPlan
    entries: tuple[Clause, ...]
    goals: tuple[Clause, ...]
    exits: tuple[Clause, ...]
    updates: tuple[Clause, ...]
    named: tuple[Clause, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """All that one event type is read for: `asked` in the order of rule S1."""

    asked: tuple[Asked, ...]
    profile: ProfileReaders | None
    feedback: bool


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """All definitions together.

    `hash` is SHA-256 over the text of the definitions in canonical form and the schemas used.
    `fields` says for each event type that anybody reads which of its fields are read (T9): the
    shared fields that the engine itself needs are not among them.
    """

    hash: str
    journeys: tuple[JourneyPlan, ...]
    """By (-priority, name): the order of rule S1."""
    by_name: Mapping[str, JourneyPlan]
    by_type: Mapping[str, tuple[JourneyPlan, ...]]
    """For an event type: the journeys that read it, in the order of rule S1."""
    profile: Mapping[str, ProfileReaders]
    fields: Mapping[str, frozenset[str]]
    feedback: frozenset[str]
    """The event types with a `command_id` (rule I2)."""
    trait_valid: Mapping[str, int | None]
    """Every trait with its validity, None for ever."""
    consent_default: Mapping[str, bool]
    """Purposes that ask for consent; one that is not here needs none."""
    channels: Mapping[str, ChannelPlan]
    macro_stages: tuple[str, ...]
    readings: dict[str, Reading] = field(init=False, repr=False)
    """For each type of `fields`: the above, put together once for every event to come."""
    windowed: frozenset[str] = field(init=False, repr=False)
    """The features that start with the first input read, whatever its type (rule K3)."""

    def __post_init__(self) -> None:
        counted = [one for readers in self.profile.values() for one in readers.features]
        windowed = (x.id for x in counted if x.within is not None or x.warm_up is not None)
        object.__setattr__(self, "readings", {name: self._reading(name) for name in self.fields})
        object.__setattr__(self, "windowed", frozenset(windowed))

    def _reading(self, name: str) -> Reading:
        asked = tuple(_asked(journey, name) for journey in self.by_type.get(name, ()))
        return Reading(asked, self.profile.get(name), name in self.feedback)


def _asked(journey: JourneyPlan, name: str) -> Asked:
    goals, exits = journey.goals.get(name, ()), journey.exits.get(name, ())
    updates = journey.updates.get(name, ())
    named = tuple(clause for clause in (*goals, *exits, *updates) if clause.types)
    return Asked(journey, journey.entries.get(name, ()), goals, exits, updates, named)
