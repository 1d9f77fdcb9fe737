"""Rules S3 and S6: `always` and a bare `when`."""

from journey_engine.decide.state import MICROSTEPS_MAX
from journey_engine.define.profile_plan import FeatureOp
from tests.decide.plans import (
    DAY,
    HOUR,
    NEVER,
    Customer,
    after,
    always,
    check,
    clause,
    ends,
    expression,
    feature,
    journey,
    moves,
    on,
    plan,
    read,
    send,
    stage,
    when,
)


def test_s3_always_is_taken_on_entering_and_reads_what_was_remembered() -> None:
    rich = check("instance", "total", lambda total: total > 5)
    customer = Customer(
        plan(
            journey(
                "a",
                stage("door", always("rich", when=rich), always("poor")),
                stage("rich"),
                stage("poor"),
                entry=[clause("Cart", remember={"total": read("event", "total")})],
            )
        )
    )
    assert moves(customer.give("Cart", 0, total=9)) == [
        (None, "door", "Cart"),
        ("door", "rich", "always"),
    ]


def test_s3_more_than_32_microsteps_quarantine_the_instance() -> None:
    customer = Customer(
        plan(
            journey(
                "a",
                stage("in", on("Go", to="x")),
                stage("x", always("y"), enter=[send("hello")]),
                stage("y", always("x")),
                entry=[clause("Cart")],
            ),
            journey("b", stage("in", on("Go", to="end")), entry=[clause("Cart")]),
        )
    )
    customer.give("Cart", 0)
    decision = customer.give("Go", 1)
    assert ends(decision) == [("LOOP", None), ("COMPLETED", None)]
    assert [one.trigger for one in decision.transitions].count("always") == MICROSTEPS_MAX + 1
    assert customer.stages == []
    assert set(customer.outcomes) == {"CANCELLED"}
    assert len(customer.outcomes) == 17


def test_s3_exactly_32_microsteps_are_allowed() -> None:
    stages = [stage(f"s{n}", always(f"s{n + 1}")) for n in range(MICROSTEPS_MAX)]
    customer = Customer(
        plan(journey("a", *stages, stage(f"s{MICROSTEPS_MAX}"), entry=[clause("Cart")]))
    )
    customer.give("Cart", 0)
    assert customer.stages == [f"s{MICROSTEPS_MAX}"]


def test_s3_a_stay_by_always_acts_once_on_entering() -> None:
    customer = Customer(
        plan(journey("a", stage("in", always(do=[send("hello")])), entry=[clause("Cart")]))
    )
    customer.give("Cart", 0)
    assert customer.outcomes == ["SENT"]
    assert customer.stages == ["in"]


def test_s6_a_bare_when_is_asked_after_inputs_that_reached_the_instance_only() -> None:
    seen = expression(lambda scope: scope.features["views"] >= 2)
    views = feature(FeatureOp.COUNT, "View", within=DAY)
    customer = Customer(
        plan(
            journey(
                "a",
                stage("in", when(seen, "end")),
                entry=[clause("Cart")],
                updates=[clause("Ping", when=NEVER)],
                features={"views": views},
            )
        )
    )
    customer.give("Cart", 0)
    customer.give("View", 1)
    customer.give("View", 2)
    assert customer.stages == ["in"]
    assert moves(customer.give("Ping", 3)) == [("in", None, "when")]


def test_s6_a_bare_when_is_not_asked_at_entry() -> None:
    customer = Customer(
        plan(
            journey("a", stage("in", when(expression(lambda _: True), "end")), entry=[clause("C")])
        )
    )
    customer.give("C", 0)
    assert customer.stages == ["in"]


def test_s6_to_end_completes_with_its_outcome() -> None:
    customer = Customer(
        plan(journey("a", stage("in", after(HOUR, "end", outcome="clicked")), entry=[clause("C")]))
    )
    customer.give("C", 0)
    assert ends(customer.tick(HOUR)) == [("COMPLETED", "clicked")]


def test_s6_eventless_transitions_stand_among_those_of_the_type_in_document_order() -> None:
    customer = Customer(
        plan(
            journey(
                "a",
                stage("in", when(expression(lambda _: True), "x"), on("Go", to="y")),
                stage("x"),
                stage("y"),
                entry=[clause("C")],
            )
        )
    )
    customer.give("C", 0)
    customer.give("Go", 1)
    assert customer.stages == ["x"]
