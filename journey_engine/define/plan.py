"""The plan: what definitions become once they are checked.

Immutable, indexed by stage and event type, hashed. Nothing here knows YAML, and no YAML name is
looked up at run time. Times are milliseconds.
"""

import datetime as dt
import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from journey_engine.define.action_plan import Action
from journey_engine.define.calendar_plan import NO_ZONES, AtPlan, Zones
from journey_engine.define.expression import Expression
from journey_engine.define.identity import ERASED, LINKED
from journey_engine.define.junction_plan import Junction, drawn_by_account
from journey_engine.define.migration_plan import Move
from journey_engine.define.operation import Operation
from journey_engine.define.pattern_plan import PatternPlan
from journey_engine.define.policy_plan import NO_POLICY, Capacity, Hold, Policy
from journey_engine.define.profile_plan import FeaturePlan, MembershipRule, ProfileReaders
from journey_engine.define.reading_plan import Reading

END = "end"
"""The target of a transition that ends the instance (rule S6)."""
MILESTONE = "milestone"
"""In `on` and `reset_on`: the first reach of any milestone (rule I5)."""
ANY_CHANNEL = "*"
TIMEZONE = "timezone"
"""The trait that names a customer's zone (rule W5)."""


@dataclass(frozen=True, slots=True, eq=False)
class SwitchPlan:
    """Where an exit leads (rule I6): the journey, the key there, what is remembered there."""

    to: str
    key: Expression | None = None
    context: tuple[tuple[str, Expression], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Clause:
    """An event clause: entry, update, milestone, goal or exit (rules S1, I1, I4, I5, I6).

    `types` are those that the author named; none for a goal without `on`.
    `key` is read from the event to find the instance; None where the journey has no key or the
    clause says `scope: customer` (`whole_customer`). `name` is the goal's or milestone's name or
    the exit's reason label, empty otherwise. `text` is the clause as its author wrote it, for
    traces.
    """

    types: frozenset[str]
    when: Expression | None
    key: Expression | None
    whole_customer: bool
    name: str
    text: str
    remember: tuple[tuple[str, Expression], ...] = ()
    value: Expression | None = None
    pattern: PatternPlan | None = None
    """Of an entry (rule P1): `types` are then those of all elements, whose keys count instead of
    `key`; `when` is asked of the event that completes it.
    """
    becomes: Expression | None = None
    """Of an entry: false before this input, true after it."""
    switch: SwitchPlan | None = None


class Trigger(StrEnum):
    """What makes a transition be looked at (rules S6, W1)."""

    EVENT = "event"
    WHEN = "when"
    ALWAYS = "always"
    AFTER = "after"
    AT = "at"
    NOT_FOLLOWED_BY = "not_followed_by"
    SUPPRESSED = "suppressed"
    """A send of the stage ended without a command (rule C9)."""


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
    at: AtPlan | None = None
    """Of an `AT` transition."""
    pattern: PatternPlan | None = None
    """As in `Clause`, for `EVENT`; a `NOT_FOLLOWED_BY` has no `types`: a timer takes it."""


@dataclass(frozen=True, slots=True, eq=False)
class StagePlan:
    """A stage. The tuples below `transitions` are its views, each in document order."""

    name: str
    macro_stage: str
    transitions: tuple[TransitionPlan, ...]
    on_enter: tuple[Action, ...] = ()
    on_exit: tuple[Action, ...] = ()
    owner: str | None = None
    rank: int = 0
    """How far along it is: the instance in the higher one wins a merge (rule M2)."""
    by_type: dict[str, tuple[TransitionPlan, ...]] = field(default_factory=dict)
    """For an event type: its `EVENT` transitions merged with `WHEN` and `ALWAYS` ones."""
    eventless: tuple[TransitionPlan, ...] = ()
    """`WHEN` and `ALWAYS`: for an input that reached the instance by another clause."""
    always: tuple[TransitionPlan, ...] = ()
    timers: tuple[TransitionPlan, ...] = ()
    resets: dict[str, tuple[TransitionPlan, ...]] = field(default_factory=dict)
    junction: Junction | None = None
    """Set where the stage is passed at once; then it has no transitions (rules J1, J2)."""

    @property
    def actions(self) -> list[Action]:
        """Its own and those of its transitions, in document order."""
        done = [action for transition in self.transitions for action in transition.actions]
        return [*self.on_enter, *done, *self.on_exit]


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
    stages: dict[str, StagePlan]
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
    milestones: Mapping[str, tuple[Clause, ...]] = field(default_factory=dict)
    """By event type, in the order of their names (rule I5)."""
    milestone_names: tuple[str, ...] = ()
    """All of them, sorted."""
    holds: Hold | None = None
    """What it keeps back of other journeys (rule C8)."""
    of_account: bool = False
    """Whether its subject is an account (rule M3)."""
    migrate: Mapping[int, Mapping[str, Move]] = field(default_factory=dict)
    """By older version and its stage: what becomes of the instances there (rule V1)."""


def every_action(journey: JourneyPlan) -> list[Action]:
    """The actions of all its stages, in document order."""
    return [action for stage in journey.stages.values() for action in stage.actions]


@dataclass(frozen=True, slots=True, eq=False)
class ChannelPlan:
    """A channel: `topic` takes its commands; `hold` is how long senders keep a SEND before it
    leaves, so that a CANCEL can still reach it (rule A7).
    """

    name: str
    topic: str
    hold: int = 0
    expires: int | None = None
    capacity: Capacity | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What one event type asks of a journey; `named` are the clauses for an instance that name
    the type themselves (rule I7). `watched` are the transitions with a pattern that reads the
    type, each with the name of its stage.
    """

    journey: JourneyPlan
    entries: tuple[Clause, ...]
    goals: tuple[Clause, ...]
    exits: tuple[Clause, ...]
    updates: tuple[Clause, ...]
    named: tuple[Clause, ...]
    milestones: tuple[Clause, ...]
    watched: tuple[tuple[str, TransitionPlan], ...] = ()
    kept: Mapping[int, "Asked"] = field(default_factory=dict)
    """The same of the versions that are kept: an instance is asked by the one that it entered."""


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
    kept: Mapping[tuple[str, int], JourneyPlan] = field(default_factory=dict)
    """Further versions, by name and number, on which instances may live (rule V1): nobody enters
    them.
    """
    operations: Mapping[str, Operation] = field(default_factory=dict)
    """What operators decided of journeys, in the partition that runs the plan (rule V3)."""
    prefers: bool = False
    """Whether some action asks for the preferred channel: answers are then counted (rule C7)."""
    zones: Zones = NO_ZONES
    zone: dt.tzinfo = dt.UTC
    """Of the policies: for customers whose own zone is not known (rule W5)."""
    policy: Policy = NO_POLICY
    migrations: Mapping[tuple[str, int], tuple[JourneyPlan, ...]] = field(init=False, repr=False)
    """Of a version, by name and number: the newer ones that say what becomes of it, oldest first,
    none newer than the one that is entered.
    """
    governs: bool = field(init=False, repr=False)
    """Whether customers may have to be brought in line with newer versions, or with operators."""
    holds: Mapping[str, Hold] = field(init=False, repr=False)
    """By journey (rule C8)."""
    proof_key: bytes = field(default=b"", repr=False)
    """Keys the proof of an erasure (rule M4); the operator's, and no part of `hash`."""
    memberships: Mapping[str, MembershipRule] = field(default_factory=dict)
    """By event type: those that tell to which account a customer belongs (rule M3)."""
    accounts: "Plan | None" = None
    """By what an account's state is decided (rule M3); `fields` are the types that it gets a copy
    of. In `by_name` of a customer's plan these journeys stand as what members are asked for.
    """
    of_accounts: bool = False
    readings: dict[str, Reading] = field(init=False, repr=False)
    """For each type of `fields`: the above, put together once for every event to come."""
    windowed: tuple[str, ...] = field(init=False, repr=False)
    """The features (ids) that start with the first input read, whatever its type (rule K3)."""
    windowed_mark: bytes = field(init=False, repr=False)
    """8 bytes that tell these features from those of another plan; none where there are none."""
    dated_by_traits: frozenset[str] = field(init=False, repr=False)
    """The traits on which the time of a wait on the calendar depends (rule W4)."""
    by_account: frozenset[str] = field(init=False, repr=False)
    """The experiments whose unit is the account (rule J2)."""
    awaits: bool = field(init=False, repr=False)
    """Whether an entry has a pattern: then something may be due of who has entered nothing."""
    dated_by_features: bool = field(init=False, repr=False)
    """Whether the time of a wait on the calendar depends on features."""

    def __post_init__(self) -> None:
        counted = [one for readers in self.profile.values() for one in readers.features]
        windowed = {x.id for x in counted if x.within is not None or x.warm_up is not None}
        object.__setattr__(self, "readings", {name: self._reading(name) for name in self.fields})
        object.__setattr__(self, "windowed", tuple(sorted(windowed)))
        object.__setattr__(self, "windowed_mark", _mark(windowed))
        every = [*self.journeys, *self.kept.values()]
        stages = [stage for one in every for stage in one.stages.values()]
        dated = [wait.at for stage in stages for wait in stage.timers if wait.at is not None]
        traits = {name for at in dated for name in at.reads("customer")}
        traits |= {TIMEZONE for at in dated if at.zone is None}
        object.__setattr__(self, "dated_by_traits", frozenset(traits))
        object.__setattr__(self, "dated_by_features", any(at.reads("features") for at in dated))
        clauses = [one for each in every for some in each.entries.values() for one in some]
        object.__setattr__(self, "awaits", any(one.pattern is not None for one in clauses))
        held = {one.name: one.holds for one in self.journeys if one.holds is not None}
        object.__setattr__(self, "holds", held)
        object.__setattr__(self, "by_account", drawn_by_account(one.junction for one in stages))
        object.__setattr__(self, "migrations", self._migrations())
        object.__setattr__(self, "governs", bool(self.migrations or self.operations))

    @property
    def exchanges(self) -> bool:
        """Whether partitions may have something to say to each other (rules C6, M1, M3)."""
        limited = any(channel.capacity for channel in self.channels.values())
        return limited or LINKED in self.fields or self.accounts is not None

    def _migrations(self) -> dict[tuple[str, int], tuple[JourneyPlan, ...]]:
        found: dict[tuple[str, int], tuple[JourneyPlan, ...]] = {}
        for one in sorted([*self.journeys, *self.kept.values()], key=lambda one: one.version):
            if one.version <= self.by_name[one.name].version:
                for version in one.migrate:
                    place = (one.name, version)
                    found[place] = (*found.get(place, ()), one)
        return found

    def run_by(self, name: str, version: int) -> JourneyPlan | None:
        """The journey as it is for those who entered it in that version: the newest where that one
        is not kept, None where there is none (rule V1).
        """
        if self.kept:
            kept = self.kept.get((name, version))
            if kept is not None:
                return kept
        return self.by_name.get(name)

    def _reading(self, name: str) -> Reading:
        asked = tuple(self._asked(journey, name) for journey in self.by_type.get(name, ()))
        profile, answers = self.profile.get(name), name in self.feedback
        mine = "" if self.of_accounts else name
        links, erases = mine == LINKED, mine == ERASED
        joins = self.memberships.get(name)
        shared = self.accounts is not None and name in self.accounts.fields
        return Reading(asked, profile, answers, links, erases, joins, shared)

    def _asked(self, journey: JourneyPlan, name: str) -> Asked:
        exits = journey.exits.get(name, ())
        versions = [one for one in self.kept.values() if one.name == journey.name]
        kept = {one.version: _asked(one, name, (), exits, {}) for one in versions}
        return _asked(journey, name, journey.entries.get(name, ()), exits, kept)


def _mark(features: Collection[str]) -> bytes:
    return hashlib.sha256("".join(sorted(features)).encode()).digest()[:8] if features else b""


def _asked(
    journey: JourneyPlan,
    name: str,
    entries: tuple[Clause, ...],
    exits: tuple[Clause, ...],
    kept: dict[int, Asked],
) -> Asked:
    """What a version is asked; exits are those of the newest for all (rule V1)."""
    goals = journey.goals.get(name, ())
    updates = journey.updates.get(name, ())
    named = tuple(clause for clause in (*goals, *exits, *updates) if clause.types)
    watched = tuple(
        (stage.name, transition)
        for stage in journey.stages.values()
        for transition in stage.transitions
        if transition.pattern is not None and name in transition.pattern.types
    )
    milestones = journey.milestones.get(name, ())
    return Asked(journey, entries, goals, exits, updates, named, milestones, watched, kept)
