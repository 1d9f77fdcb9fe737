"""A journey that sends, for the tests of rules A, C and K1."""

from typing import Any

from journey_engine.define.plan import ChannelPlan, Plan
from journey_engine.define.profile_plan import ConsentRule, ProfileReaders, ReachRule
from tests.decide.plans import (
    MINUTE,
    Customer,
    clause,
    journey,
    on,
    plan,
    read,
    stage,
)

PROFILE = {
    "Consent": ProfileReaders(
        consent=(
            ConsentRule(
                read("event", "purpose"), read("event", "channel"), read("event", "granted")
            ),
        )
    ),
    "Bounced": ProfileReaders(reach=(ReachRule("email", reachable=False),)),
}
HELD = [ChannelPlan("email", "commands.email.v1", hold=10 * MINUTE)]


def sending(*sends: Any, channels: Any = (), transitions: Any = (), **more: Any) -> Plan:
    return plan(
        journey(
            "a",
            stage("in", on("Leave", to="x"), on("Finish", to="end"), *transitions, enter=sends),
            stage("x", on("Finish", to="end")),
            entry=[clause("Cart")],
            goals=[clause("Order", name="ordered")],
            **more,
        ),
        profile=PROFILE,
        channels=channels,
    )


def consent(
    customer: Customer, at: int, *, granted: bool, channel: str = "email", purpose: str = "service"
) -> Any:
    return customer.give("Consent", at, purpose=purpose, channel=channel, granted=granted)
