"""A customer as busy as the bound on a usual state is meant for: five journeys, 12 features, 40
events and 3 messages a day, each message with its answers, for a season.
"""

import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from random import Random
from typing import NamedTuple
from zoneinfo import ZoneInfo

from journey_engine.decide.decide import decide
from journey_engine.decide.decision import Command
from journey_engine.decide.due import next_due
from journey_engine.decide.event import Event, Origin, TimersDue
from journey_engine.decide.state import CustomerState, Written
from journey_engine.define.calendar_plan import Zones
from journey_engine.define.expression import Value
from journey_engine.define.plan import JourneyPlan, Plan, Reentry
from journey_engine.define.policy_plan import CapPlan, Period, Policy, PurposePlan
from journey_engine.define.profile_plan import FeatureOp, FeaturePlan, ProfileReaders, TraitRule
from tests.decide.plans import (
    DAY,
    HOUR,
    T0,
    after,
    clause,
    feature,
    journey,
    on,
    plan,
    read,
    send,
    stage,
)

JOURNEYS = ("cart-rescue", "onboarding", "renewal", "price-drop", "win-back")
THEMES = ("discount", "upsell", "service-news")
TYPES = ("ProductViewed", "SearchDone", "CartUpdated", "OrderPlaced", "VideoWatched")
SHARES = (22, 8, 5, 1, 4)
EVENTS_A_DAY, SENDS_A_DAY = 40, 3
ANSWERS = ("MessageDelivered", "MessageOpened", "MessageClicked")
ZONE = "America/Sao_Paulo"
PROFILE: Mapping[str, Value] = {
    "timezone": ZONE,
    "language": "pt-BR",
    "tier": "gold",
    "first_name": "Mariana",
    "preferred_channel": "email",
}


class Given(NamedTuple):
    """An input of the customer's day."""

    kind: str
    at: int
    fields: Mapping[str, Value]


def the_plan(features: Iterable[FeaturePlan], *caps: CapPlan) -> Plan:
    """Five journeys of one purpose under `caps`, with themes and the preferred channel."""
    kept = {f"f{number}": one for number, one in enumerate(features)}
    journeys = [_journey(name, kept if place == 0 else {}) for place, name in enumerate(JOURNEYS)]
    traits = tuple(TraitRule(name, name) for name in PROFILE)
    made = plan(
        *journeys,
        profile={"ProfileChanged": ProfileReaders(traits=traits)},
        traits=dict.fromkeys(PROFILE),
        feedback=ANSWERS,
        consent={"marketing": True},
    )
    purposes = {"marketing": PurposePlan(obeys=caps, arbitrate=True)}
    conflicts = {"discount": frozenset({"upsell"}), "upsell": frozenset({"discount"})}
    policy = Policy(purposes, caps, (), conflicts, HOUR)
    return replace(made, policy=policy, prefers=True, zones=Zones("test", {ZONE: ZoneInfo(ZONE)}))


def cap(name: str, most: int, length: int = 0, **more: str) -> CapPlan:
    """A cap of a local day, or over a rolling `length`."""
    channels = frozenset(more.values()) or None
    period = Period.ROLLING if length else Period.DAY
    return CapPlan(
        name,
        most,
        period=period,
        length=length,
        counted=frozenset({"marketing"}),
        channels=channels,
    )


def _journey(name: str, features: Mapping[str, FeaturePlan]) -> JourneyPlan:
    """It sends when asked to, and remembers the product and the cart that it is about."""
    theme = THEMES[JOURNEYS.index(name) % len(THEMES)]
    message = send(
        f"{name}-offer", "email", "push", "sms", theme=theme, preferred=True, expires=3 * DAY
    )
    about = {"product_id": read("event", "product_id"), "total": read("event", "total")}
    watching = stage(
        "watching",
        on(f"Due.{name}", to="persuading"),
        after(120 * DAY, "end"),
        macro="purchase",
    )
    persuading = stage(
        "persuading",
        on(f"Due.{name}", do=[message]),
        on("MessageClicked", to="persuading"),
        after(30 * DAY, "watching", reset_on=["ProductViewed", "MessageOpened"]),
        macro="loyalty",
        enter=[message],
    )
    return journey(
        name,
        watching,
        persuading,
        entry=[clause("AccountOpened", remember=about)],
        updates=[clause("CartUpdated", remember=about)],
        features=features,
        purpose="marketing",
        abandon=60 * DAY,
        reentry=Reentry(cooldown=7 * DAY, limit=3, within=90 * DAY),
    )


class Busy:
    """The customer, driven day by day."""

    def __init__(self, plan: Plan, seed: int) -> None:
        self.plan = plan
        self.state: CustomerState = _known()
        self.sent = 0
        self.now = T0
        self._commands: list[Command] = []
        self.dropped: set[str] = set()
        self._chance = Random(seed)
        self._offset = 1_000_000
        self._give(Given("AccountOpened", 0, self._fields()))
        self._give(Given("ProfileChanged", 1000, PROFILE))

    def live(self, day: int) -> None:
        """One day: 40 events, 3 messages due, and what the customer does with them."""
        inputs = list(self._events(day)) + list(self._due(day))
        for each in sorted(inputs, key=lambda one: one.at):
            for command in self._give(each):
                for answer in self._answers(command, each.at):
                    self._give(answer)

    def _events(self, day: int) -> Iterator[Given]:
        kinds = self._chance.choices(TYPES, SHARES, k=EVENTS_A_DAY - SENDS_A_DAY)
        for kind in kinds:
            yield Given(kind, self._time(day), self._fields())

    def _due(self, day: int) -> Iterator[Given]:
        for number in range(SENDS_A_DAY):
            name = JOURNEYS[(day * SENDS_A_DAY + number) % len(JOURNEYS)]
            yield Given(f"Due.{name}", self._time(day), self._fields())

    def _answers(self, command: Command, at: int) -> Iterator[Given]:
        fields = {"command_id": command.command_id}
        for number, kind in enumerate(ANSWERS[: self._chance.choice((1, 1, 2, 2, 3))]):
            yield Given(kind, at + 1 + number * 20_000 + self._chance.randrange(10_000), fields)

    def _time(self, day: int) -> int:
        return day * DAY + 10 * HOUR + self._chance.randrange(14 * HOUR)

    def _fields(self) -> Mapping[str, Value]:
        chance = self._chance
        return {
            "product_id": f"sku-{chance.randrange(5_000):05d}",
            "category": chance.choice(("shoes", "sports", "books", "garden", "toys", "music")),
            "total": chance.randrange(1_000, 30_000) / 100,
            "quantity": chance.randrange(1, 9),
        }

    def _give(self, given: Given) -> list[Command]:
        self._offset += self._chance.randrange(1, 500)
        event_id = str(uuid.UUID(int=self._chance.getrandbits(128), version=4))
        trace = f"00-{self._chance.getrandbits(128):032x}-{self._chance.getrandbits(64):016x}-01"
        origin = Origin(event_id, "interactions.web.v1", 3, self._offset, trace)
        at = T0 + given.at
        digest = self._chance.randbytes(4)
        channel = "email" if given.kind in ANSWERS else "web"
        item = Event(
            *(given.kind, event_id, "anna", None, at, channel, "shop"),
            *(given.fields, digest, at, origin),
        )
        commands: list[Command] = []
        due = next_due(self.state)
        while due is not None and due < at:
            commands += self._take(TimersDue("anna", None, due), due)
            due = next_due(self.state)
        return commands + self._take(item, at)

    def _take(self, item: Event | TimersDue, now: int) -> list[Command]:
        decision = decide(self.plan, self.state, item, now)
        self.state = decision.state
        self.dropped.update(decision.dropped)
        sends = [one for one in decision.commands if one.action == "SEND"]
        self.sent += len(sends)
        self.now = max(self.now, now)
        self._commands += sends
        return sends

    def sent_since(self, name: str, at: int) -> int:
        """How many messages of a journey were sent after then."""
        return sum(one.journey.name == name and one.created_at > at for one in self._commands)


def _known() -> CustomerState:
    """Consent and reachability, as told before."""
    ids = Random(5)
    told = Written(value=True, at=T0, event_id=str(uuid.UUID(int=ids.getrandbits(128), version=4)))
    consent = {"marketing/*": told, "marketing/sms": told, "service/*": told}
    reach = {"email": told, "push": told, "sms": told}
    return CustomerState(consent=consent, reach=reach)


SELDOM: tuple[FeaturePlan, ...] = (
    feature(FeatureOp.COUNT, "ProductViewed", within=HOUR),
    feature(FeatureOp.COUNT, "ProductViewed", within=DAY),
    feature(FeatureOp.COUNT, "ProductViewed", within=7 * DAY),
    feature(FeatureOp.COUNT, "ProductViewed", within=90 * DAY),
    feature(FeatureOp.COUNT, "OrderPlaced", within=90 * DAY),
    feature(FeatureOp.SUM, "OrderPlaced", "total", within=90 * DAY),
    feature(FeatureOp.LAST, "CartUpdated", "total"),
    feature(FeatureOp.LAST, "SearchDone", "product_id", "category", members=True),
    feature(FeatureOp.RECENT, "ProductViewed", "product_id", keep=5),
    feature(FeatureOp.DISTINCT, "ProductViewed", "category", within=7 * DAY),
    feature(FeatureOp.MAX, "CartUpdated", "total", within=30 * DAY),
    feature(FeatureOp.MIN, "CartUpdated", "total", within=7 * DAY),
)
OFTEN: tuple[FeaturePlan, ...] = (
    feature(FeatureOp.COUNT, "SearchDone", within=DAY),
    feature(FeatureOp.COUNT, "ProductViewed", within=30 * DAY),
    feature(FeatureOp.COUNT, "VideoWatched", within=90 * DAY),
    feature(FeatureOp.COUNT, "CartUpdated", within=14 * DAY),
    feature(FeatureOp.SUM, "CartUpdated", "total", within=7 * DAY),
    feature(FeatureOp.SUM, "OrderPlaced", "total"),
    feature(FeatureOp.MAX, "ProductViewed", "total", within=90 * DAY),
    feature(FeatureOp.MIN, "ProductViewed", "total", within=DAY),
    feature(FeatureOp.FIRST, "OrderPlaced", "total", within=90 * DAY),
    feature(FeatureOp.LAST, "OrderPlaced", "total"),
    feature(FeatureOp.RECENT, "SearchDone", "category", keep=10, within=7 * DAY),
    feature(FeatureOp.DISTINCT, "ProductViewed", "category", within=30 * DAY),
)
