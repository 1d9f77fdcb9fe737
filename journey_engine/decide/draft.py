"""The working copy of a customer's state within one decision.

Pieces are shared with the state given in until something replaces them; nothing is changed in
place. What one step touches (an instance as a `Live`, a candidate) is folded back at its end.
"""

from typing import TYPE_CHECKING, Final

from msgspec.structs import astuple, replace

from journey_engine.decide.account_state import Account, Asked, Membership
from journey_engine.decide.feature_state import FeatureState
from journey_engine.decide.identity_state import Identity
from journey_engine.decide.keys import state_key
from journey_engine.decide.live import Live
from journey_engine.decide.message import Input, Message
from journey_engine.decide.state import (
    Contact,
    CustomerState,
    Exposure,
    Instance,
    JourneyMemory,
    MacroStage,
    OpenSend,
    Pending,
    Written,
)
from journey_engine.decide.verdict import Decision
from journey_engine.define.action_plan import Action
from journey_engine.define.expression import Scope
from journey_engine.define.plan import Clause, JourneyPlan, Plan, SwitchPlan
from journey_engine.errors import InputOutcome

if TYPE_CHECKING:
    from journey_engine.decide.event import Origin

_fields: Final = astuple
"""All at once: to ask a struct for each of them takes much longer."""
_state: Final = CustomerState


class Leaving:
    """An instance that ended by an exit into another journey (rule I6). `record` is the place of
    its end in `Decision.transitions`.
    """

    __slots__ = ("exit", "instance", "journey", "late", "reached", "record", "switch")

    def __init__(
        self,
        journey: JourneyPlan,
        instance: Instance,
        reached: list[str],
        exit_: Clause,
        switch: SwitchPlan,
        *,
        record: int,
        late: bool,
    ) -> None:
        self.journey = journey
        self.instance = instance
        self.reached = reached
        self.exit = exit_
        self.switch = switch
        self.record = record
        self.late = late


class Candidate:
    """An action that was asked for and has no final outcome yet (section C)."""

    __slots__ = ("action", "fresh", "journey", "place", "scope")

    def __init__(
        self,
        journey: JourneyPlan,
        action: Action,
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
        "account",
        "account_id",
        "anonymous_id",
        "assigned",
        "candidates",
        "clock",
        "consent",
        "contact",
        "customer_id",
        "engagement",
        "entered",
        "features",
        "granted",
        "heavy",
        "identity",
        "instances",
        "journeys",
        "latest",
        "leaving",
        "life",
        "macro",
        "macro_history",
        "membership",
        "now",
        "open",
        "origin",
        "out",
        "pending",
        "plan",
        "reach",
        "seen",
        "started",
        "state",
        "touched",
        "traits",
    )
    seen: bytes
    traits: dict[str, Written]
    consent: dict[str, Written]
    reach: dict[str, Written]
    features: dict[str, FeatureState]
    macro: MacroStage | None
    macro_history: list[MacroStage]
    instances: list[Instance]
    journeys: dict[str, JourneyMemory]
    pending: list[Pending]
    open: list[OpenSend]
    engagement: dict[str, list[tuple[int, int, int, int, int]]]
    assigned: list[Exposure]
    contact: Contact
    identity: Identity | None
    membership: Membership | None
    account: Account | None
    latest: dict[str, int]
    started: bytes

    def __init__(self, plan: Plan, state: CustomerState, item: Input, now: int) -> None:
        self.plan = plan
        self.state = state
        self.clock = now  # the partition's (rule T2)
        self.now = now
        """The clock; for timers that an event overtakes, when they were due."""
        self.account_id = item.account_id
        """Set where the state is an account's; then it is neither a customer's nor a visitor's."""
        mine = self.account_id is None
        self.customer_id = item.customer_id if mine else None
        self.anonymous_id = item.anonymous_id if mine else None
        self.origin: Origin | None = item.origin
        """Where the event lay that is decided, or that led to the message; None for timers."""
        self.out = Decision(state, InputOutcome.APPLIED)
        (
            self.life,
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
            self.engagement,
            self.assigned,
            self.contact,
            self.identity,
            self.membership,
            self.account,
            self.latest,
            self.started,
        ) = _fields(state)
        self.touched: dict[int, Live] = {}
        self.entered: list[Live] = []
        self.candidates: list[Candidate] = []
        self.leaving: list[Leaving] = []
        self.granted = ""  # the channel whose room the candidate being decided has (rule C6)
        self.heavy = False
        """Something long was written: the size must be looked at (law 6)."""

    @property
    def key(self) -> str:
        """The state's key."""
        return state_key(self.customer_id, self.anonymous_id, self.account_id)

    @property
    def who(self) -> str:
        """The id of the customer, else of the visitor, else of the account."""
        return self.customer_id or self.anonymous_id or self.account_id or ""

    def touch(self, place: int) -> Live:
        """The instance at `place` of `instances`, to be changed."""
        live = self.touched.get(place)
        if live is None:
            live = self.touched[place] = Live(self.instances[place])
        return live

    def find(self, place: Pending | Asked) -> Live | None:
        """The instance that a send came from, to be changed; None where it has ended."""
        for live in self.entered:
            if live.journey == place.journey and live.entry_no == place.entry_no:
                return live if live.ended is None else None
        for position, instance in enumerate(self.instances):
            if instance.journey == place.journey and instance.entry_no == place.entry_no:
                live = self.touch(position)
                return live if live.ended is None else None
        return None

    def instance_of(self, place: Pending | Asked) -> Instance | None:
        """The instance that a waiting send came from, as the step found it."""
        for instance in self.instances:
            if instance.journey == place.journey and instance.entry_no == place.entry_no:
                return instance
        return None

    def lives(self) -> list[Instance | Live]:
        """The instances that are live at this point of the step."""
        found: list[Instance | Live] = []
        for position, instance in enumerate(self.instances):
            live = self.touched.get(position)
            if live is None:
                found.append(instance)
            elif live.ended is None:
                found.append(live)
        found.extend(live for live in self.entered if live.ended is None)
        return found

    def drop(self, what: str, count: int = 1) -> None:
        """Count what went over a bound and was forgotten."""
        self.out.dropped = {**self.out.dropped, what: self.out.dropped.get(what, 0) + count}

    def tell(self, message: Message) -> None:
        """Send a message to another partition; it tells the clock there of this one's."""
        if self.now != self.clock:
            message = replace(message, at=self.clock)
        self.out.messages.append(message)

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
        return _state(
            self.life,
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
            self.engagement,
            self.assigned,
            self.contact,
            self.identity,
            self.membership,
            self.account,
            self.latest,
            self.started,
        )


def _order(instance: Instance) -> tuple[str, str]:
    return (instance.journey, instance.key or "")
