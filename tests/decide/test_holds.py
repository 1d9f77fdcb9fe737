"""Rule C8: what a journey keeps back of others while it lives."""

from typing import Any

from journey_engine.define.action_plan import ActionKind
from journey_engine.define.plan import Plan
from journey_engine.define.policy_plan import Hold, PurposePlan, Quiet
from tests.decide.contact import NIGHT, last, marketing, offer, shown, under
from tests.decide.plans import (
    DAY,
    HOUR,
    T0,
    Customer,
    after,
    clause,
    journey,
    on,
    plan,
    read,
    send,
    stage,
)

MARKETING = frozenset({"marketing"})


def detractor(name: str = "care", at_most: int = 21 * DAY, **of: Any) -> Any:
    drop = of.pop("drop", False)
    return journey(
        name,
        stage("in", on("Solved", to="end"), after(60 * DAY, to="end"), enter=[send("sorry")]),
        entry=[clause("Complaint"), clause(f"Complaint-{name}")],
        goals=[clause("Praise", name="recovered")],
        purpose="marketing",
        priority=95,
        holds=Hold(at_most, drop, **(of or {"purposes": MARKETING})),
    )


def held(*journeys: Any, **more: Any) -> Plan:
    return under(marketing(), *journeys, **more)


def test_c8_others_are_held_from_the_entering_input_on_and_decided_at_its_end() -> None:
    customer = Customer(held(detractor(), offer("a", on_type="Complaint")))
    customer.give("Complaint", 0)
    assert sorted(shown(customer)) == [("a", "DEFERRED"), ("sorry", "SENT")]
    assert (last(customer, "a").cause, last(customer, "a").until) == ("HELD", T0 + 21 * DAY)
    assert last(customer, "a").trace == ("held by care",)
    decision = customer.give("Solved", DAY)
    assert [(one.send_id, one.outcome) for one in decision.sends] == [("a", "SENT")]
    assert customer.state.pending == []


def test_c8_a_goal_ends_it_too_and_in_the_very_input_that_ended_it_nothing_is_held() -> None:
    customer = Customer(held(detractor(), offer("a", on_type="Praise")))
    customer.give("Complaint", 0)
    customer.give("Praise", DAY)
    assert shown(customer)[-1] == ("a", "SENT")


def test_c8_it_lasts_at_most_so_long() -> None:
    customer = Customer(held(detractor(), offer("a")))
    customer.give("Complaint", 0)
    customer.give("Go", DAY)
    customer.tick(21 * DAY - 1)
    assert shown(customer)[-1] == ("a", "DEFERRED")
    customer.tick(21 * DAY)
    assert shown(customer)[-1] == ("a", "SENT")
    customer.give("Go", 22 * DAY)
    assert shown(customer)[-1] == ("a", "SENT")


def test_c8_held_by_two_it_waits_for_both() -> None:
    only: dict[str, Any] = {"journeys": frozenset({"a"})}
    other = detractor("other", at_most=30 * DAY, **only)
    customer = Customer(held(detractor(**only), other, offer("a")))
    customer.give("Complaint", 0)
    customer.give("Go", DAY)
    assert last(customer, "a").until == T0 + 30 * DAY
    customer.tick(21 * DAY)
    assert shown(customer)[-1] == ("a", "DEFERRED")
    customer.give("Praise", 22 * DAY)
    assert shown(customer)[-1] == ("a", "SENT")


def test_c8_held_again_where_another_hold_has_begun() -> None:
    customer = Customer(held(detractor(), detractor("other", at_most=50 * DAY), offer("a")))
    customer.give("Complaint-care", 0)
    customer.give("Go", HOUR)
    customer.give("Complaint-other", DAY)
    customer.tick(21 * DAY)
    assert last(customer, "a").until == T0 + 51 * DAY


def test_c8_drop_is_final_and_comes_before_defer() -> None:
    drops = detractor("other", drop=True, at_most=DAY)
    customer = Customer(held(detractor(), drops, offer("a")))
    customer.give("Complaint", 0)
    customer.give("Go", HOUR)
    assert (last(customer, "a").outcome, last(customer, "a").trace) == ("HELD", ("held by other",))


def test_c8_by_theme_or_by_journey() -> None:
    either: list[dict[str, Any]] = [{"themes": frozenset({"cart"})}, {"journeys": frozenset({"a"})}]
    for of in either:
        made = held(detractor(**of), offer("a", send("a", theme="cart")), offer("b"))
        customer = Customer(made)
        customer.give("Complaint", 0)
        customer.give("Go", HOUR)
        assert sorted(shown(customer)[1:]) == [("a", "DEFERRED"), ("b", "SENT")]


def test_c8_never_its_own_nor_what_is_transactional_nor_what_serves_somebody() -> None:
    policy = marketing(others={"contract": PurposePlan(transactional=True)})
    hold = detractor(purposes=frozenset({"marketing", "contract"}))
    bill = offer("bill", purpose="contract")
    answer = offer("answer", send("answer", kind=ActionKind.ROUTE))
    customer = Customer(under(policy, hold, bill, answer))
    customer.give("Complaint", 0)
    customer.give("Go", HOUR)
    assert sorted(shown(customer)) == [("answer", "SENT"), ("bill", "SENT"), ("sorry", "SENT")]


def test_c8_what_would_be_too_late_waits_no_longer() -> None:
    customer = Customer(held(detractor(), offer("a", send("a", expires=2 * DAY))))
    customer.give("Complaint", 0)
    customer.give("Go", DAY)
    assert last(customer, "a").until == T0 + 3 * DAY + 1
    customer.tick(3 * DAY + 1)
    assert shown(customer)[-1] == ("a", "EXPIRED")


def test_c8_what_is_released_is_decided_by_the_time_of_its_release() -> None:
    night = marketing(quiet=Quiet.DEFER, quiet_hours=(NIGHT,))
    customer = Customer(under(night, detractor(), offer("a")))
    customer.give("Complaint", 9 * HOUR)
    customer.give("Go", 10 * HOUR)
    customer.give("Solved", 23 * HOUR)
    assert (last(customer, "a").cause, last(customer, "a").until) == ("QUIET_HOURS", T0 + 32 * HOUR)


def test_c8_without_policies_too() -> None:
    made = plan(
        detractor(),
        offer("a", send("a", data={"total": read("event", "total")})),
        consent={},
    )
    customer = Customer(made)
    customer.give("Complaint", 0)
    customer.give("Go", HOUR, total=7)
    customer.give("Solved", 2 * HOUR)
    assert shown(customer)[-1] == ("a", "SENT")
    assert customer.commands[-1].data == {"total": 7}
