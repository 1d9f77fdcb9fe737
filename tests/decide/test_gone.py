"""V1 so far: instances of stages and journeys that the plan no longer has."""

from journey_engine.decide.decide import decide
from tests.decide.plans import (
    HOUR,
    T0,
    Customer,
    after,
    clause,
    ends,
    event,
    journey,
    on,
    plan,
    stage,
)


def test_v1_an_instance_whose_stage_is_gone_ends_quarantined() -> None:
    old = journey("a", stage("old", after(HOUR, "end"), on("Go", to="end")), entry=[clause("C")])
    new = journey("a", stage("new", on("Go", to="end")), entry=[clause("C")])
    customer = Customer(plan(old))
    customer.give("C", 0)
    state = customer.state
    customer.plan = plan(new)
    assert ends(customer.give("Go", 1)) == [("QUARANTINED", None)]
    late = decide(plan(new), state, event("Go", 2 * HOUR), T0 + 2 * HOUR)
    assert ends(late) == [("QUARANTINED", None)]


def test_v1_an_instance_whose_journey_is_gone_lies_dormant() -> None:
    old = plan(
        journey("a", stage("in", after(HOUR, "end"), on("Go", to="end")), entry=[clause("C")])
    )
    customer = Customer(old)
    customer.give("C", 0)
    customer.plan = plan(journey("b", stage("in"), entry=[clause("Go")]))
    assert not customer.tick(HOUR).transitions
    assert not customer.state.instances[0].timers
    customer.give("Go", 2 * HOUR)
    assert customer.stages == ["in", "in"]
    customer.plan = old
    assert ends(customer.give("Go", 3 * HOUR)) == [("COMPLETED", None)]


def test_v1_a_stage_that_the_plan_does_not_have_ends_the_instance() -> None:
    lost = journey("a", stage("in", on("Go", to="nowhere")), entry=[clause("C")])
    customer = Customer(plan(lost, journey("b", stage("in"), entry=[clause("C")], start="gone")))
    assert ends(customer.give("C", 0)) == [("QUARANTINED", None)]
    assert ends(customer.give("Go", 1)) == [("QUARANTINED", None)]


def test_v1_a_timer_of_a_transition_that_is_none_any_more_is_spent() -> None:
    old = journey("a", stage("in", on("Go", to="end"), after(HOUR, "end")), entry=[clause("C")])
    customer = Customer(plan(old))
    customer.give("C", 0)
    for transitions in ([on("Go", to="end")], [on("Go", to="end"), on("Pay", to="end")]):
        fresh = plan(journey("a", stage("in", *transitions), entry=[clause("C")]))
        later = Customer(fresh, customer.state)
        assert not later.tick(HOUR).transitions
        assert later.stages == ["in"]
