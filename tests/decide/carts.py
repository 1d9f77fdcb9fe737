"""Journeys with and without a key, for the tests of rules I."""

from typing import Any

from journey_engine.define.plan import Plan
from tests.decide.plans import (
    Customer,
    clause,
    journey,
    on,
    plan,
    read,
    stage,
)

CART = read("event", "cart")


def carts(**more: Any) -> Plan:
    return plan(
        journey(
            "carts",
            stage("in", on("Pay", to="end", key=CART), on("Stop", to="end")),
            entry=[clause("Cart", key=CART)],
            exits=[clause("Empty", name="emptied", key=CART)],
            keyed=True,
            **more,
        )
    )


def single(**more: Any) -> Plan:
    return plan(journey("one", stage("in", on("Pay", to="end")), entry=[clause("Cart")], **more))


def keys(customer: Customer) -> list[str | None]:
    return [one.key for one in customer.state.instances]
