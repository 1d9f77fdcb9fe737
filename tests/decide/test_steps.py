"""Rules S: one input, one step."""

from dataclasses import replace

import pytest

from journey_engine.define.profile_plan import FeatureOp, ProfileReaders, TraitRule
from tests.decide.plans import (
    BROKEN,
    DAY,
    HOUR,
    NEVER,
    T0,
    Customer,
    after,
    clause,
    ends,
    entries,
    expression,
    feature,
    journey,
    on,
    plan,
    read,
    send,
    stage,
)


def test_s1_guards_read_the_profile_and_features_after_this_event() -> None:
    views = feature(FeatureOp.COUNT, "View", within=DAY)
    profile = {"View": ProfileReaders(traits=(TraitRule("page", "page"),))}
    guard = expression(lambda s: s.features["views"] == 1 and s.customer["page"] == "home")
    customer = Customer(
        plan(
            journey(
                "a", stage("in"), entry=[clause("View", when=guard)], features={"views": views}
            ),
            profile=profile,
            traits={"page": None},
        )
    )
    assert entries(customer.give("View", 0, page="home")) == ["ENTERED"]


def test_s1_instances_move_by_priority_then_journey_then_key() -> None:
    def mover(name: str, priority: int) -> object:
        return journey(
            name,
            stage("in", on("Go", to="end")),
            entry=[clause("Cart", key=read("event", "cart"))],
            keyed=True,
            priority=priority,
        )

    customer = Customer(plan(mover("b", 0), mover("a", 0), mover("z", 9)))  # type: ignore[arg-type]
    customer.give("Cart", 0, cart="2")
    customer.give("Cart", 1, cart="1")
    order = [(one.journey, one.key) for one in customer.give("Go", 2).transitions]
    assert order == [("z", "1"), ("z", "2"), ("a", "1"), ("a", "2"), ("b", "1"), ("b", "2")]


def test_s1_the_first_transition_in_document_order_whose_guard_holds() -> None:
    customer = Customer(
        plan(
            journey(
                "a",
                stage("in", on("Go", to="x", when=NEVER), on("Go", to="y"), on("Go", to="x")),
                stage("x"),
                stage("y"),
                entry=[clause("Cart")],
            )
        )
    )
    customer.give("Cart", 0)
    customer.give("Go", 1)
    assert customer.stages == ["y"]


def test_s1_goal_and_exit_at_once_are_one_end_with_both_names() -> None:
    both = journey(
        "a",
        stage("in", on("Pay", to="end")),
        entry=[clause("Cart")],
        goals=[clause("Pay", name="refused", when=NEVER), clause("Pay", name="paid")],
        exits=[clause("Pay", name="closed")],
    )
    customer = Customer(plan(both))
    customer.give("Cart", 0)
    assert ends(customer.give("Pay", 1)) == [("GOAL", "paid+closed")]


def test_s1_an_exit_alone_ends_with_its_reason() -> None:
    customer = Customer(
        plan(journey("a", stage("in"), entry=[clause("Cart")], exits=[clause("No", name="left")]))
    )
    customer.give("Cart", 0)
    assert ends(customer.give("No", 1)) == [("EXIT", "left")]


def test_s2_the_order_of_journeys_does_not_change_who_moves() -> None:
    in_other = expression(lambda scope: scope.in_journey("first"))
    first = journey("first", stage("in", on("Go", to="end")), entry=[clause("Cart")], priority=9)
    last = journey(
        "last", stage("in", on("Go", to="x", when=in_other)), stage("x"), entry=[clause("Cart")]
    )
    customer = Customer(plan(first, last))
    customer.give("Cart", 0)
    customer.give("Go", 1)
    assert customer.stages == ["x"]


def test_s3_one_transition_for_an_input() -> None:
    customer = Customer(
        plan(
            journey(
                "a",
                stage("one", on("Go", to="two")),
                stage("two", on("Go", to="three")),
                stage("three"),
                entry=[clause("Go")],
            )
        )
    )
    customer.give("Go", 0)
    assert customer.stages == ["one"]
    customer.give("Go", 1)
    assert customer.stages == ["two"]


def test_s4_an_input_that_ended_an_instance_may_enter_again() -> None:
    again = journey(
        "a", stage("in"), entry=[clause("Order")], goals=[clause("Order", name="ordered")]
    )
    customer = Customer(plan(again))
    customer.give("Order", 0)
    decision = customer.give("Order", 1)
    assert ends(decision) == [("GOAL", "ordered")]
    assert entries(decision) == ["ENTERED"]
    assert customer.state.instances[0].entry_no == 2


def test_s4_the_first_matching_entry_clause_enters_once() -> None:
    clauses = [
        clause("Cart", when=NEVER, remember={"by": expression(lambda _: 0)}),
        clause("Cart", remember={"by": expression(lambda _: 1)}),
        clause("Cart", remember={"by": expression(lambda _: 2)}),
    ]
    customer = Customer(plan(journey("a", stage("in"), entry=clauses)))
    assert entries(customer.give("Cart", 0)) == ["GUARD_FALSE", "ENTERED"]
    assert customer.state.instances[0].context == {"by": 1}


def test_s5_to_the_same_stage_leaves_and_enters() -> None:
    customer = Customer(
        plan(
            journey(
                "a",
                stage(
                    "in",
                    on("Go", to="in", do=[send("moving")]),
                    after(HOUR, "end"),
                    enter=[send("hello")],
                    leave=[send("bye")],
                ),
                entry=[clause("Cart")],
            )
        )
    )
    customer.give("Cart", 0)
    decision = customer.give("Go", HOUR // 2)
    [instance] = customer.state.instances
    assert instance.visits == {"in": 2}
    assert [timer.due for timer in instance.timers] == [T0 + HOUR + HOUR // 2]
    assert [one.send_id for one in decision.commands] == ["bye", "moving", "hello"]
    assert len({one.command_id for one in customer.commands}) == 4


def test_s5_without_to_it_acts_and_stays() -> None:
    customer = Customer(
        plan(
            journey(
                "a",
                stage("in", on("Go", do=[send("ping")]), after(HOUR, "end")),
                entry=[clause("Cart")],
            )
        )
    )
    customer.give("Cart", 0)
    timers = customer.state.instances[0].timers
    for number in range(3):
        decision = customer.give("Go", number + 1)
        assert not decision.transitions
    assert customer.state.instances[0].timers == timers
    assert len({one.command_id for one in customer.commands}) == 3


def test_s5_reset_on_counts_only_if_no_transition_was_taken() -> None:
    customer = Customer(
        plan(
            journey(
                "a",
                stage("in", on("View", do=[send("ping")]), after(HOUR, "end", reset_on=["View"])),
                entry=[clause("Cart")],
            )
        )
    )
    customer.give("Cart", 0)
    customer.give("View", HOUR // 2)
    assert [timer.due for timer in customer.state.instances[0].timers] == [T0 + HOUR]


@pytest.mark.parametrize(("guard", "stays"), [(NEVER, "second"), (None, "first")])
def test_s5_of_timers_of_one_instant_the_first_that_holds(guard: object, stays: str) -> None:
    first = replace(after(HOUR, "first"), when=guard)  # type: ignore[arg-type]
    customer = Customer(
        plan(
            journey(
                "a",
                stage("in", first, after(HOUR, "second")),
                stage("first"),
                stage("second"),
                entry=[clause("Cart")],
            )
        )
    )
    customer.give("Cart", 0)
    customer.tick(HOUR)
    assert customer.stages == [stays]


def test_s5_a_stay_spends_the_other_timers_of_its_instant() -> None:
    customer = Customer(
        plan(
            journey(
                "a",
                stage("in", after(HOUR, do=[send("ping")]), after(HOUR, "end")),
                entry=[clause("Cart")],
            )
        )
    )
    customer.give("Cart", 0)
    customer.tick(HOUR)
    assert customer.outcomes == ["SENT"]
    assert customer.state.instances[0].timers == []


def test_s5_a_guard_false_at_its_time_spends_the_timer() -> None:
    customer = Customer(
        plan(journey("a", stage("in", after(HOUR, "end", when=NEVER)), entry=[clause("Cart")]))
    )
    customer.give("Cart", 0)
    assert customer.tick(HOUR).timers_fired == [T0 + HOUR]
    assert customer.state.instances[0].timers == []
    assert not customer.tick(DAY).timers_fired


def test_s7_a_guard_that_fails_is_false_and_counted() -> None:
    customer = Customer(
        plan(
            journey(
                "a",
                stage("in", on("Go", to="end", when=BROKEN), after(HOUR, "end", when=BROKEN)),
                entry=[clause("C")],
                goals=[clause("Go", name="won", when=BROKEN)],
                updates=[clause("Go", remember={"x": BROKEN})],
            )
        )
    )
    customer.give("C", 0)
    decision = customer.give("Go", 1)
    assert decision.guard_errors == [("a", "broken: boom")] * 3
    assert customer.tick(HOUR).guard_errors == [("a", "broken: boom")]
    assert customer.stages == ["in"]


def test_s7_a_guard_that_yields_no_truth_is_false() -> None:
    customer = Customer(
        plan(journey("a", stage("in"), entry=[clause("C", when=expression(lambda _: 1))]))
    )
    assert entries(customer.give("C", 0)) == ["GUARD_FALSE"]


def test_s7_an_entry_guard_that_fails_is_refused_as_such() -> None:
    customer = Customer(plan(journey("a", stage("in"), entry=[clause("C", when=BROKEN)])))
    assert entries(customer.give("C", 0)) == ["GUARD_ERROR"]


def test_s7_an_event_that_nobody_waits_for_is_no_error() -> None:
    customer = Customer(
        plan(journey("a", stage("in"), stage("out", on("Go", to="end")), entry=[clause("C")]))
    )
    customer.give("C", 0)
    assert customer.give("Go", 1).outcome.value == "APPLIED"
    assert customer.stages == ["in"]


def test_s8_a_goal_acts_in_the_middle_of_a_wait() -> None:
    customer = Customer(
        plan(
            journey(
                "a",
                stage("in", after(HOUR, "end")),
                entry=[clause("C")],
                goals=[clause("Order", name="ordered")],
                abandon=DAY,
            )
        )
    )
    customer.give("C", 0)
    customer.give("Order", 1)
    assert not customer.tick(30 * DAY).transitions
