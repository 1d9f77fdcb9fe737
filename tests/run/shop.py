"""A small shop for the tests of the shell: its plan by hand, its events, its log."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from journey_engine.decode.decode import Reader
from journey_engine.decode.log import LogLine, Place, read_line
from journey_engine.define.action_plan import Action
from journey_engine.define.plan import (
    END,
    ChannelPlan,
    Clause,
    JourneyPlan,
    Plan,
    StagePlan,
    TransitionPlan,
    Trigger,
)
from journey_engine.run.wiring import Wiring
from journey_engine.schemas import Schemas

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
START = 1_790_000_000_000
INPUTS = ("interactions.app.v1", "interactions.email.v1", "interactions.web.v1")
INBOX = "shop-inbox"
CHANNEL_TOPICS = {"app": INPUTS[0], "email": INPUTS[1], "web": INPUTS[2]}

_ROOT = Path(__file__).parents[2] / "schemas"
SCHEMAS = Schemas.parse(
    {
        str(path.relative_to(_ROOT)): path.read_text(encoding="utf-8")
        for path in _ROOT.rglob("*.avsc")
    }
)


def clause(*types: str, name: str = "") -> Clause:
    return Clause(frozenset(types), None, None, whole_customer=False, name=name, text=types[0])


def after(index: int, wait: int, to: str, resets: Iterable[str] = ()) -> TransitionPlan:
    return TransitionPlan(
        index, Trigger.AFTER, f"after {wait}", to=to, after=wait, reset_on=frozenset(resets)
    )


def stage(name: str, *timers: TransitionPlan, sends: tuple[Action, ...] = ()) -> StagePlan:
    resets = {
        each: tuple(timer for timer in timers if each in timer.reset_on)
        for timer in timers
        for each in timer.reset_on
    }
    return StagePlan(name, name, timers, on_enter=sends, timers=timers, resets=resets)


def journey(
    name: str, entry: str, goal: str, stages: tuple[StagePlan, ...], priority: int
) -> JourneyPlan:
    reset = {each for one in stages for each in one.resets}
    return JourneyPlan(
        name=name,
        version=1,
        purpose="service",
        priority=priority,
        owner="shop",
        objective="test",
        success="done",
        start=stages[0].name,
        stages={one.name: one for one in stages},
        keyed=False,
        entries={entry: (clause(entry),)},
        goals={goal: (clause(goal, name="done"),)},
        exits={},
        updates={},
        reads=frozenset({entry, goal, *reset}),
    )


CART = journey(
    "cart",
    "CartUpdated",
    "OrderPlaced",
    (
        stage("waiting", after(0, 4 * HOUR, "reminded", resets=["CartUpdated"])),
        stage(
            "reminded",
            after(0, DAY, END),
            sends=(Action("remind", "cart", ("email", "push")),),
        ),
    ),
    priority=2,
)
PAYMENT = journey(
    "payment",
    "PaymentFailed",
    "PaymentSucceeded",
    (
        stage(
            "watch",
            after(0, 2 * HOUR, "later"),
            sends=(Action("help", "help", ("push",), delay=30 * MINUTE),),
        ),
        stage("later", after(0, 3 * DAY, END), sends=(Action("sorry", "sorry", ("email",)),)),
    ),
    priority=1,
)
READ = ("CartUpdated", "OrderPlaced", "PaymentFailed", "PaymentSucceeded")


def plan() -> Plan:
    journeys = (CART, PAYMENT)
    return Plan(
        hash="shop-1",
        journeys=journeys,
        by_name={each.name: each for each in journeys},
        by_type={kind: tuple(j for j in journeys if kind in j.reads) for kind in READ},
        profile={},
        fields={kind: frozenset() for kind in READ},
        feedback=frozenset(),
        trait_valid={},
        consent_default={"service": True},
        channels={
            "email": ChannelPlan("email", "commands.email.v1", hold=10 * MINUTE),
            "push": ChannelPlan("push", "commands.push.v1"),
        },
        macro_stages=("waiting", "reminded", "watch", "later"),
    )


def wiring(partitions: int = 1, inbox: str | None = INBOX) -> Wiring:
    made = plan()
    return Wiring(made, Reader(SCHEMAS, made.fields), INPUTS, inbox, partitions)


EXTRA: Mapping[str, Mapping[str, Any]] = {
    "CartUpdated": {"cart_id": "k"},
    "OrderPlaced": {"order_id": "o"},
    "PaymentFailed": {},
    "PaymentSucceeded": {},
    "PageViewed": {"page": "/"},
    "IdentityLinked": {},
    "CustomerErased": {},
}


def line(
    kind: str,
    customer: str | None,
    at: int,
    *,
    event_id: str,
    channel: str = "web",
    recorded_at: int | None = None,
    extra: Mapping[str, Any] | None = None,
) -> LogLine:
    return read_line(
        {
            "type": kind,
            "event_id": event_id,
            "customer_id": customer,
            "occurred_at": START + at,
            "recorded_at": START + (at if recorded_at is None else recorded_at),
            "channel": channel,
            "source": channel,
            **(EXTRA[kind] if extra is None else extra),
        },
        SCHEMAS,
        Place("test", 1),
    )
