"""Rule I5: milestones, reached once, in any order."""

from dataclasses import replace
from typing import Any

from journey_engine.decide.explain import sentences
from journey_engine.define.plan import Clause, JourneyPlan, Plan
from tests.decide.carts import CART
from tests.decide.plans import (
    DAY,
    HOUR,
    T0,
    Customer,
    after,
    check,
    clause,
    ends,
    expression,
    journey,
    moves,
    on,
    plan,
    send,
    stage,
    when,
)

PAID = check("milestones", "paid", bool)
ALL = expression(lambda scope: not scope.milestones["missing"], "milestones.missing == []")


def with_milestones(one: JourneyPlan, *clauses: Clause) -> JourneyPlan:
    """The journey with these milestones; a goal without `on` is asked after them, too."""
    clauses = tuple(sorted(clauses, key=lambda each: each.name))
    types = {kind for each in clauses for kind in each.types}
    goals = {each for found in one.goals.values() for each in found if not each.types}
    return replace(
        one,
        milestones={k: tuple(c for c in clauses if k in c.types) for k in sorted(types)},
        milestone_names=tuple(each.name for each in clauses),
        goals={**one.goals, **{k: (*one.goals.get(k, ()), *goals) for k in types - one.reads}},
        reads=one.reads | types,
    )


def onboarding(*transitions: Any, **more: Any) -> Plan:
    settings: dict[str, Any] = {
        "entry": [clause("Open")],
        "goals": [replace(clause(name="active"), when=ALL, types=frozenset())],
    }
    one = journey(
        "start",
        stage("waiting", *(transitions or (after(30 * DAY, to="end"),))),
        stage("next", on("Never", to="end")),
        **{**settings, **more},
    )
    amount = check("event", "amount", lambda value: value > 0)
    return plan(
        with_milestones(
            one, clause("Paid", name="paid", when=amount), clause("Signed", "Opened", name="signed")
        )
    )


def reached(customer: Customer) -> list[str]:
    return customer.state.instances[0].milestones


def test_i5_a_milestone_is_reached_once_recorded_and_the_instance_lives_on() -> None:
    customer = Customer(onboarding())
    customer.give("Open", 0)
    first = customer.give("Paid", 1, amount=5)
    again = customer.give("Paid", 2, amount=5)

    assert [(t.milestone, t.trigger, t.end) for t in first.transitions] == [("paid", "Paid", None)]
    assert moves(first) == [("waiting", "waiting", "Paid")]
    assert again.transitions == []
    assert reached(customer) == ["paid"]
    assert "start reached the milestone paid in stage waiting" in " ".join(
        sentences(first, customer.plan)
    )


def test_i5_a_guard_that_does_not_hold_reaches_nothing() -> None:
    customer = Customer(onboarding())
    customer.give("Open", 0)
    assert customer.give("Paid", 1, amount=0).transitions == []
    assert [len(customer.give("Paid", 2).guard_errors), reached(customer)] == [1, []]


def test_i5_a_goal_reads_the_milestones_that_this_very_event_reaches() -> None:
    for order in (("Paid", "Signed"), ("Signed", "Paid")):
        customer = Customer(onboarding())
        customer.give("Open", 0)
        customer.give(order[0], 1, amount=5)
        assert len(customer.state.instances) == 1
        last = customer.give(order[1], 2, amount=5)
        assert [t.milestone for t in last.transitions] == [
            {"Paid": "paid", "Signed": "signed"}[order[1]],
            None,
        ]
        assert ends(last) == [("GOAL", "active")]


def test_i5_missing_names_those_not_reached_in_order_of_name() -> None:
    missing = expression(lambda s: s.milestones["missing"], "missing", kind="list<string>")
    told = send("nudge", data={"missing": missing})
    customer = Customer(onboarding(on("Ask", do=[told]), on("Paid", do=[told])))
    customer.give("Open", 0)
    customer.give("Ask", 1)
    customer.give("Paid", 2, amount=5)
    assert [one.data["missing"] for one in customer.commands] == [["paid", "signed"], ["signed"]]


def test_i5_what_waits_reads_the_milestones_of_its_release() -> None:
    missing = expression(lambda s: s.milestones["missing"], "missing", kind="list<string>")
    late = send("nudge", data={"missing": missing}, delay=HOUR)
    customer = Customer(onboarding(on("Ask", do=[late]), on("Stop", to="end")))
    customer.give("Open", 0)
    customer.give("Ask", 1)
    customer.give("Paid", 2, amount=5)
    customer.tick(2 * HOUR)
    customer.give("Ask", 3 * HOUR)
    customer.give("Stop", 3 * HOUR + 1)
    customer.tick(5 * HOUR)
    assert [one.data["missing"] for one in customer.commands] == [["signed"], ["signed"]]


def test_i5_on_milestone_is_any_first_reach_in_document_order() -> None:
    customer = Customer(onboarding(on("Never", to="end"), on("milestone", to="next")))
    customer.give("Open", 0)
    assert moves(customer.give("Paid", 1, amount=0)) == []
    assert moves(customer.give("Paid", 2, amount=5)) == [
        ("waiting", "waiting", "Paid"),
        ("waiting", "next", "milestone"),
    ]

    customer = Customer(onboarding(on("Paid", to="end"), on("milestone", to="next")))
    customer.give("Open", 0)
    assert moves(customer.give("Paid", 2, amount=5))[-1] == ("waiting", None, "Paid")


def test_i5_a_bare_when_and_on_milestone_keep_their_order() -> None:
    customer = Customer(onboarding(when(PAID, to="end"), on("milestone", to="next")))
    customer.give("Open", 0)
    assert moves(customer.give("Paid", 1, amount=5))[-1] == ("waiting", None, "when")

    customer = Customer(onboarding(on("milestone", to="next"), when(PAID, to="end")))
    customer.give("Open", 0)
    assert moves(customer.give("Paid", 1, amount=5))[-1] == ("waiting", "next", "milestone")


def test_i5_reset_on_milestone_starts_the_wait_anew_on_a_first_reach_only() -> None:
    customer = Customer(onboarding(after(DAY, to="next", reset_on=["milestone"])))
    customer.give("Open", 0)
    customer.give("Paid", HOUR, amount=5)
    customer.give("Paid", 2 * HOUR, amount=5)
    assert [timer.due - T0 for timer in customer.state.instances[0].timers] == [DAY + HOUR]


def test_i7_a_milestone_keeps_the_instance_alive_until_it_is_reached() -> None:
    customer = Customer(onboarding(abandon=DAY))
    customer.give("Open", 0)
    customer.give("Paid", HOUR, amount=0)
    assert customer.state.instances[0].reached_at == T0 + HOUR
    customer.give("Paid", 2 * HOUR, amount=5)
    assert customer.state.instances[0].reached_at == T0 + 2 * HOUR
    customer.give("Paid", 3 * HOUR, amount=5)
    assert customer.state.instances[0].reached_at == T0 + 2 * HOUR
    assert ends(customer.tick(2 * HOUR + DAY)) == [("ABANDONED", None)]


def test_t7_a_late_event_reaches_a_milestone_and_the_goal_but_moves_nothing() -> None:
    customer = Customer(onboarding(on("milestone", to="next"), on("Tick", do=[send("x")])))
    customer.give("Open", 0)
    customer.give("Tick", 10 * HOUR)
    late = customer.give("Paid", HOUR, amount=5)
    assert (late.outcome.value, reached(customer), customer.stages) == (
        "LATE",
        ["paid"],
        ["waiting"],
    )
    assert ends(customer.give("Signed", 2 * HOUR)) == [("GOAL", "active")]


def test_s3_the_event_that_enters_reaches_no_milestone() -> None:
    customer = Customer(onboarding(entry=[clause("Paid")]))
    customer.give("Paid", 0, amount=5)
    assert reached(customer) == []


def test_i1_a_milestone_is_reached_by_the_instance_of_its_key() -> None:
    one = journey(
        "start",
        stage("in", on("milestone", to="out")),
        stage("out", on("Never", to="end")),
        entry=[clause("Open", key=CART)],
        keyed=True,
    )
    customer = Customer(plan(with_milestones(one, clause("Paid", name="paid", key=CART))))
    for key in ("a", "b"):
        customer.give("Open", 0, cart=key)
    customer.give("Paid", 1, cart="b")
    assert [(i.key, i.stage, i.milestones) for i in customer.state.instances] == [
        ("a", "in", []),
        ("b", "out", ["paid"]),
    ]
