"""The working copy of a customer's state within one decision.

Pieces are shared with the state given in until something replaces them; nothing is changed in
place. What one step touches (an instance as a `Live`, a candidate) is folded back at its end.
"""

from journey_engine.decide.decision import Decision
from journey_engine.decide.event import Event, Input, Origin
from journey_engine.decide.state import (
    CustomerState,
    FeatureState,
    Instance,
    JourneyMemory,
    MacroStage,
    OpenSend,
    Pending,
    Sent,
    Timer,
    Written,
)
from journey_engine.define.plan import JourneyPlan, Plan, Scope, SendAction, Value
from journey_engine.errors import EndReason, InputOutcome


class Live:
    """An instance while a step works on it."""

    __slots__ = (
        "cause",
        "context",
        "ended",
        "entered_at",
        "entry_no",
        "journey",
        "key",
        "reached_at",
        "runs",
        "sent",
        "stage",
        "stage_entered_at",
        "timers",
        "version",
        "visits",
    )

    def __init__(self, instance: Instance) -> None:
        self.journey = instance.journey
        self.version = instance.version
        self.key = instance.key
        self.entry_no = instance.entry_no
        self.entered_at = instance.entered_at
        self.stage = instance.stage
        self.stage_entered_at = instance.stage_entered_at
        self.reached_at = instance.reached_at
        self.cause: Origin = instance.cause
        self.context: dict[str, Value] = instance.context
        self.visits: dict[str, int] = instance.visits
        self.runs: dict[str, int] = instance.runs
        self.timers: list[Timer] = instance.timers
        self.sent: list[Sent] = instance.sent
        self.ended: EndReason | None = None

    def frozen(self) -> Instance:
        """The instance as it is now."""
        return Instance(
            self.journey,
            self.version,
            self.key,
            self.entry_no,
            self.entered_at,
            self.stage,
            self.stage_entered_at,
            self.reached_at,
            self.cause,
            self.context,
            self.visits,
            self.runs,
            self.timers,
            self.sent,
        )


class Candidate:
    """A send that was asked for and has no final outcome yet (section C)."""

    __slots__ = ("action", "fresh", "journey", "place", "scope")

    def __init__(
        self,
        journey: JourneyPlan,
        action: SendAction,
        place: Pending,
        scope: Scope,
        *,
        fresh: bool,
    ) -> None:
        self.journey = journey
        self.action = action
        self.place = place
        self.scope = scope
        self.fresh = fresh


class Draft:
    """The next state in the making, and the decision in the making."""

    __slots__ = (
        "anonymous_id",
        "candidates",
        "consent",
        "customer_id",
        "entered",
        "features",
        "heavy",
        "instances",
        "journeys",
        "macro",
        "macro_history",
        "now",
        "open",
        "origin",
        "out",
        "pending",
        "plan",
        "reach",
        "seen",
        "state",
        "touched",
        "traits",
    )

    def __init__(self, plan: Plan, state: CustomerState, item: Input, now: int) -> None:
        self.plan = plan
        self.state = state
        self.now = now
        self.customer_id = item.customer_id
        self.anonymous_id = item.anonymous_id
        self.origin = item.origin if isinstance(item, Event) else None
        """Where the event that is decided lay; None for timers."""
        self.out = Decision(state, InputOutcome.APPLIED)
        self.seen = state.seen
        self.traits: dict[str, Written] = state.traits
        self.consent: dict[str, Written] = state.consent
        self.reach: dict[str, Written] = state.reach
        self.features: dict[str, FeatureState] = state.features
        self.macro: MacroStage | None = state.macro
        self.macro_history: list[MacroStage] = state.macro_history
        self.instances: list[Instance] = state.instances
        self.journeys: dict[str, JourneyMemory] = state.journeys
        self.pending: list[Pending] = state.pending
        self.open: list[OpenSend] = state.open
        self.touched: dict[int, Live] = {}
        self.entered: list[Live] = []
        self.candidates: list[Candidate] = []
        self.heavy = False
        """Something long was written: the size must be looked at (law 6)."""

    def touch(self, place: int) -> Live:
        """The instance at `place` of `instances`, to be changed."""
        live = self.touched.get(place)
        if live is None:
            live = self.touched[place] = Live(self.instances[place])
        return live

    def find(self, place: Pending) -> Live | None:
        """The instance that a send came from, to be changed; None where it has ended."""
        for live in self.entered:
            if live.journey == place.journey and live.entry_no == place.entry_no:
                return live if live.ended is None else None
        for position, instance in enumerate(self.instances):
            if instance.journey == place.journey and instance.entry_no == place.entry_no:
                live = self.touch(position)
                return live if live.ended is None else None
        return None

    def instance_of(self, place: Pending) -> Instance | None:
        """The instance that a waiting send came from, as the step found it."""
        for instance in self.instances:
            if instance.journey == place.journey and instance.entry_no == place.entry_no:
                return instance
        return None

    def drop(self, what: str, count: int = 1) -> None:
        """Count what went over a bound and was forgotten."""
        self.out.dropped = {**self.out.dropped, what: self.out.dropped.get(what, 0) + count}

    def fold(self) -> None:
        """End a step: what it touched goes back into `instances`, by journey and key (S1)."""
        if not self.touched and not self.entered:
            return
        kept = []
        for place, instance in enumerate(self.instances):
            live = self.touched.get(place)
            if live is None:
                kept.append(instance)
            elif live.ended is None:
                kept.append(live.frozen())
        fresh = [live.frozen() for live in self.entered if live.ended is None]
        if fresh:
            kept = sorted(kept + fresh, key=_order)
        self.instances = kept
        self.touched = {}
        self.entered = []

    def next_state(self) -> CustomerState:
        """The state after all steps."""
        return CustomerState(
            self.state.life,
            self.seen,
            self.traits,
            self.consent,
            self.reach,
            self.features,
            self.macro,
            self.macro_history,
            self.instances,
            self.journeys,
            self.pending,
            self.open,
        )


def _order(instance: Instance) -> tuple[str, str]:
    return (instance.journey, instance.key or "")
