"""Rule I6: exits that lead into another journey, at once and once."""

from dataclasses import replace
from typing import Any

import pytest

from journey_engine.decide.explain import sentences
from journey_engine.decide.verdict import Decision
from journey_engine.define.junction_plan import Branch, Choice
from journey_engine.define.plan import Clause, JourneyPlan, Plan, Reentry, ReentryMode, SwitchPlan
from tests.decide.carts import CART
from tests.decide.plans import (
    BROKEN,
    DAY,
    HOUR,
    T0,
    Customer,
    after,
    clause,
    ends,
    entries,
    expression,
    journey,
    on,
    plan,
    read,
    send,
    stage,
)

PRODUCT = read("instance", "product", kind="string")


def switch(kind: str, to: str, **more: Any) -> Clause:
    context = tuple(more.pop("context", {}).items())
    plan_ = SwitchPlan(to, more.pop("into", None), context)
    return replace(clause(kind, name=more.pop("name", to), **more), switch=plan_)


def onboarding(**more: Any) -> JourneyPlan:
    settings: dict[str, Any] = {
        "entry": [clause("Open", remember={"product": read("event", "product", kind="string")})],
        "exits": [switch("Upgrade", "upgrade", context={"product": PRODUCT})],
        "priority": 10,
    }
    waiting = stage("waiting", after(3 * DAY, to="end"), enter=[send("hello", delay=HOUR)])
    return journey("onboarding", waiting, **{**settings, **more})


def upgrade(**more: Any) -> JourneyPlan:
    settings: dict[str, Any] = {
        "entry": [clause("Ask", when=expression(lambda _: False))],
        "goals": [clause("Bought", name="bought")],
    }
    offered = stage("offered", after(DAY, to="end"), on("Upgrade", to="end"), enter=[send("offer")])
    return journey("upgrade", offered, **{**settings, **more})


def both(first: JourneyPlan | None = None, second: JourneyPlan | None = None) -> Plan:
    return plan(first or onboarding(), second or upgrade())


def told(decision: Decision) -> list[tuple[str, str | None, str | None, str | None]]:
    return [
        (one.journey, one.end and one.end.value, one.switch_to, one.refused and one.refused.value)
        for one in decision.transitions
    ]


def live(customer: Customer) -> list[tuple[str, dict[str, Any]]]:
    return [(one.journey, one.context) for one in customer.state.instances]


def test_i6_a_switch_is_one_step_and_takes_the_context_along() -> None:
    customer = Customer(both())
    customer.give("Open", 0, product="basic")
    decision = customer.give("Upgrade", 1)

    assert told(decision) == [
        ("onboarding", "SWITCHED", "upgrade", None),
        ("upgrade", None, None, None),
    ]
    assert ends(decision) == [("SWITCHED", "upgrade")]
    assert live(customer) == [("upgrade", {"product": "basic"})]
    assert customer.outcomes == ["DEFERRED", "CANCELLED", "SENT"]
    assert [timer.due - T0 for timer in customer.state.instances[0].timers] == [DAY + 1]
    assert "left for another journey (upgrade)" in " ".join(sentences(decision, customer.plan))


def test_s3_the_journey_just_entered_does_not_see_the_event() -> None:
    customer = Customer(both())
    customer.give("Open", 0)
    customer.give("Upgrade", 1)
    assert customer.stages == ["offered"]
    assert ends(customer.give("Upgrade", 2)) == [("COMPLETED", None)]


@pytest.mark.parametrize("mode", [ReentryMode.AFTER_END, ReentryMode.RESTART])
def test_s3_its_entry_clauses_do_not_take_the_event_again(mode: ReentryMode) -> None:
    second = upgrade(entry=[clause("Upgrade")], reentry=Reentry(mode))
    customer = Customer(both(second=second))
    customer.give("Open", 0)
    decision = customer.give("Upgrade", 1)

    assert decision.entries == [("upgrade", "ENTERED"), ("upgrade", "ALREADY_IN")]
    assert [one.entry_no for one in customer.state.instances] == [1]


def test_i6_a_refused_switch_leaves_the_exit_and_one_record_says_both() -> None:
    once = upgrade(reentry=Reentry(ReentryMode.ONCE))
    customer = Customer(both(second=once))
    customer.give("Open", 0)
    customer.give("Upgrade", 1)
    customer.give("Bought", 2)
    customer.give("Open", 3)
    decision = customer.give("Upgrade", 4)

    assert told(decision) == [("onboarding", "EXIT", "upgrade", "REENTRY_LIMIT")]
    assert decision.entries == [("upgrade", "REENTRY_LIMIT")]
    assert customer.state.instances == []
    assert "It was to switch to upgrade, which refused: REENTRY_LIMIT" in " ".join(
        sentences(decision, customer.plan)
    )


def test_i6_one_who_is_in_the_other_journey_already_is_refused_there() -> None:
    customer = Customer(both(second=upgrade(entry=[clause("Ask")])))
    customer.give("Ask", 0)
    customer.give("Open", 1)
    decision = customer.give("Upgrade", 2, product="x")
    # The other one completed by this very event, so it is free again.
    assert told(decision)[0] == ("onboarding", "SWITCHED", "upgrade", None)

    customer.give("Open", 3)
    quiet = plan(onboarding(exits=[switch("Quiet", "upgrade")]), upgrade())
    customer.plan = quiet
    assert told(customer.give("Quiet", 4)) == [("onboarding", "EXIT", "upgrade", "ALREADY_IN")]


def test_b3_a_goal_at_once_counts_and_the_switch_is_done() -> None:
    first = onboarding(goals=[clause("Upgrade", name="active")])
    customer = Customer(both(first))
    customer.give("Open", 0, product="basic")
    decision = customer.give("Upgrade", 1)

    assert ends(decision) == [("GOAL", "active+upgrade")]
    assert told(decision)[0] == ("onboarding", "GOAL", "upgrade", None)
    assert live(customer) == [("upgrade", {"product": "basic"})]


def test_t7_a_late_exit_ends_and_enters_nothing() -> None:
    customer = Customer(both(onboarding(updates=[clause("Tick")])))
    customer.give("Open", 0)
    customer.give("Tick", 10 * HOUR)
    assert told(customer.give("Upgrade", HOUR)) == [("onboarding", "EXIT", "upgrade", "LATE")]


def test_i6_of_several_that_switch_at_once_the_first_by_key_enters() -> None:
    first = journey(
        "carts",
        stage("in", after(DAY, to="end")),
        entry=[clause("Cart", key=CART)],
        exits=[switch("Upgrade", "upgrade", context={"cart": PRODUCT})],
        keyed=True,
    )
    customer = Customer(both(first, upgrade(reentry=Reentry(ReentryMode.RESTART))))
    for key in ("b", "a"):
        customer.give("Cart", 0, key, cart=key)
    decision = customer.give("Upgrade", 1)

    assert [one.key for one in decision.transitions] == ["a", "b", None]
    assert told(decision)[:2] == [
        ("carts", "SWITCHED", "upgrade", None),
        ("carts", "EXIT", "upgrade", "ALREADY_IN"),
    ]


def test_i6_the_key_of_the_journey_entered_is_the_exits() -> None:
    second = upgrade(entry=[clause("Ask", key=CART)], keyed=True)
    first = onboarding(exits=[switch("Upgrade", "upgrade", into=PRODUCT)])
    customer = Customer(both(first, second))
    customer.give("Open", 0, product="gold")
    customer.give("Upgrade", 1)
    assert [one.key for one in customer.state.instances] == ["gold"]

    customer = Customer(both(onboarding(exits=[switch("Upgrade", "upgrade", into=BROKEN)]), second))
    customer.give("Open", 0)
    decision = customer.give("Upgrade", 1)
    assert told(decision) == [("onboarding", "EXIT", "upgrade", "NO_KEY")]
    assert [name for name, _ in decision.guard_errors] == ["upgrade"]


def test_i6_two_journeys_may_change_places_each_entered_once() -> None:
    one = journey(
        "a", stage("in", after(DAY, to="end")), entry=[clause("A")], exits=[switch("Swap", "b")]
    )
    two = journey(
        "b", stage("in", after(DAY, to="end")), entry=[clause("B")], exits=[switch("Swap", "a")]
    )
    customer = Customer(plan(one, two))
    customer.give("A", 0)
    decision = customer.give("Swap", 1)
    assert [(i.journey, i.entry_no) for i in customer.state.instances] == [("b", 1)]
    assert len(decision.transitions) == 2

    customer.give("A", 2)
    decision = customer.give("Swap", 3)
    assert [(i.journey, i.entry_no) for i in customer.state.instances] == [("a", 3), ("b", 2)]
    assert told(decision)[:2] == [("a", "SWITCHED", "b", None), ("b", "SWITCHED", "a", None)]


def test_i6_a_journey_may_be_switched_to_that_it_ends_in_at_once() -> None:
    door = replace(stage("door"), junction=Choice((Branch("else", "end"),)))
    second = journey("upgrade", door, entry=[clause("Upgrade")])
    customer = Customer(both(second=second))
    customer.give("Open", 0)
    decision = customer.give("Upgrade", 1)

    assert ends(decision) == [("SWITCHED", "upgrade"), ("COMPLETED", None)]
    assert entries(decision) == ["ENTERED", "ALREADY_IN"]


def test_s4_the_journey_left_may_be_entered_again_by_the_same_event() -> None:
    customer = Customer(both(onboarding(entry=[clause("Open"), clause("Upgrade")])))
    customer.give("Open", 0)
    customer.give("Upgrade", 1)
    assert [one.journey for one in customer.state.instances] == ["onboarding", "upgrade"]
