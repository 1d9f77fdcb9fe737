"""Journeys that each send one message when asked, for the tests of section C."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from journey_engine.decide.decision import SendDecision
from journey_engine.define.action_plan import Action
from journey_engine.define.calendar_plan import Zones
from journey_engine.define.expression import Expression
from journey_engine.define.plan import JourneyPlan, Plan
from journey_engine.define.policy_plan import (
    CapPlan,
    Period,
    Policy,
    PurposePlan,
    QuietWindow,
)
from journey_engine.define.profile_plan import ProfileReaders, TraitRule
from tests.decide.plans import (
    DAY,
    HOUR,
    Customer,
    after,
    clause,
    expression,
    journey,
    on,
    plan,
    send,
    stage,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ZONES = Zones("test", {name: ZoneInfo(name) for name in ("America/Sao_Paulo", "Asia/Tokyo")})
NIGHT = QuietWindow(22 * HOUR, 8 * HOUR)


def offer(name: str, *sends: Action, on_type: str = "", **more: Any) -> JourneyPlan:
    """A journey that sends on `Go`, or its own type, again and again."""
    kind = on_type or "Go"
    stages = more.pop("stages", ())
    transitions = more.pop("transitions", (on("Stop", to="end"), after(400 * DAY, to="end")))
    settings: dict[str, Any] = {"purpose": "marketing", **more}
    return journey(
        name,
        stage("in", on(kind, do=sends or [send(name)]), *transitions, enter=sends or [send(name)]),
        *stages,
        entry=[clause(kind)],
        goals=[clause("Order", name="ordered")],
        **settings,
    )


def cap(name: str, most: int, **more: Any) -> CapPlan:
    """A cap in which marketing counts; over a local day where nothing is said."""
    settings: dict[str, Any] = {"period": Period.DAY, "counted": frozenset({"marketing"})}
    return CapPlan(name, most, **{**settings, **more})


def rolling(name: str, most: int, length: int = 7 * DAY, **more: Any) -> CapPlan:
    return cap(name, most, period=Period.ROLLING, length=length, **more)


def marketing(*caps: CapPlan, **more: Any) -> Policy:
    """A policy for marketing alone; `quiet_hours`, `themes`, `within` go to the policy."""
    windows = more.pop("quiet_hours", ())
    themes: Iterable[tuple[str, str]] = more.pop("themes", ())
    within = more.pop("within", 7 * DAY)
    others: Mapping[str, PurposePlan] = more.pop("others", {})
    settings: dict[str, Any] = {"arbitrate": True, **more}
    conflicts: dict[str, frozenset[str]] = {}
    for one, other in themes:
        conflicts[one] = conflicts.get(one, frozenset()) | {other}
        conflicts[other] = conflicts.get(other, frozenset()) | {one}
    purposes = {"marketing": PurposePlan(obeys=caps, **settings), **others}
    return Policy(purposes, caps, tuple(windows), conflicts, within)


def number(value: Any) -> Expression:
    """A factor of a score."""
    return expression(lambda _: value, str(value), kind="double")


def under(policy: Policy, *journeys: JourneyPlan, **more: Any) -> Plan:
    """A plan under a policy; the customer's zone follows `Moved`."""
    profile = {
        "Moved": ProfileReaders(traits=(TraitRule("timezone", "zone"),)),
        "ExternalSend": ProfileReaders(sends=True),
        **more.pop("profile", {}),
    }
    made = plan(
        *journeys,
        profile=profile,
        traits={"timezone": None},
        consent=more.pop("consent", {"marketing": True, "service": True}),
        **more,
    )
    return replace(made, policy=policy, zones=ZONES)


def shown(customer: Customer) -> list[tuple[str, str]]:
    """Each candidate with its outcome, in the order decided."""
    return [(one.send_id, one.outcome.value) for one in customer.sends]


def last(customer: Customer, name: str = "") -> SendDecision:
    found: SendDecision = [one for one in customer.sends if name in ("", one.send_id)][-1]
    return found
