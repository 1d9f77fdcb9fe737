"""Rules I1, I2, I4, I7 and I8: instances, and K4: the customer's macro-stage."""

from typing import Any

import pytest

from journey_engine.decide.state import MACRO_HISTORY_MAX
from journey_engine.define.plan import Plan
from journey_engine.errors import EndReason
from tests.decide.carts import CART, carts, keys, single
from tests.decide.plans import (
    BROKEN,
    DAY,
    HOUR,
    MINUTE,
    NEVER,
    T0,
    Customer,
    after,
    check,
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
    when,
)


def test_i1_without_key_one_at_a_time() -> None:
    customer = Customer(single())
    customer.give("Cart", 0)
    assert entries(customer.give("Cart", 1)) == ["ALREADY_IN"]
    assert len(customer.state.instances) == 1


def test_i1_a_clause_reaches_the_instance_with_its_key_only() -> None:
    customer = Customer(carts())
    for name in ("b", "a"):
        customer.give("Cart", 0, cart=name)
    assert keys(customer) == ["a", "b"]
    assert [one.key for one in customer.give("Pay", 1, cart="b").transitions] == ["b"]
    assert ends(customer.give("Empty", 2, cart="a")) == [("EXIT", "emptied")]


def test_i1_scope_customer_reaches_all() -> None:
    customer = Customer(carts())
    for name in ("a", "b"):
        customer.give("Cart", 0, cart=name)
    assert len(ends(customer.give("Stop", 1))) == 2


@pytest.mark.parametrize("fields", [{"cart": None}, {"cart": ""}, {"cart": "x" * 2000}])
def test_i1_a_null_key_is_no_key(fields: dict[str, Any]) -> None:
    assert entries(Customer(carts()).give("Cart", 0, **fields)) == ["NO_KEY"]


def test_i1_a_key_that_fails_is_no_key_and_counted_once() -> None:
    customer = Customer(carts())
    decision = customer.give("Cart", 0)
    assert entries(decision) == ["NO_KEY"]
    assert len(decision.guard_errors) == 1
    customer.give("Cart", 1, cart="a")
    customer.give("Cart", 2, cart="b")
    decision = customer.give("Pay", 3)
    assert not decision.transitions
    assert len(decision.guard_errors) == 1


def test_i1_a_keyed_journey_whose_entry_has_no_key() -> None:
    broken = journey("a", stage("in"), entry=[clause("Cart")], keyed=True)
    assert entries(Customer(plan(broken)).give("Cart", 0)) == ["NO_KEY"]


@pytest.mark.parametrize(("value", "key"), [(7, "7"), (True, "true"), (False, "false")])
def test_i1_keys_are_texts(value: Any, key: str) -> None:
    customer = Customer(carts())
    customer.give("Cart", 0, cart=value)
    assert keys(customer) == [key]


def feedback() -> Plan:
    return plan(
        journey(
            "carts",
            stage(
                "in",
                on("Clicked", to="end", when=check("event", "send", "hello".__eq__), key=CART),
                enter=[send("hello")],
            ),
            entry=[clause("Cart", key=CART)],
            keyed=True,
        ),
        journey("clicks", stage("in"), entry=[clause("Clicked")]),
        feedback=["Clicked"],
    )


def test_i2_feedback_reaches_exactly_the_instance_that_issued_the_command() -> None:
    customer = Customer(feedback())
    customer.give("Cart", 0, cart="a")
    [command] = customer.give("Cart", 1, cart="b").commands
    decision = customer.give("Clicked", 2, command_id=command.command_id)
    assert [(one.journey, one.key) for one in decision.transitions] == [
        ("carts", "b"),
        ("clicks", None),
    ]


@pytest.mark.parametrize("command", ["nobody's", None])
def test_i2_feedback_to_no_live_command_reaches_nobody(command: str | None) -> None:
    customer = Customer(feedback())
    customer.give("Cart", 0, cart="a")
    decision = customer.give("Clicked", 2, command_id=command, cart="a")
    assert [one.journey for one in decision.transitions] == ["clicks"]


def test_i4_context_is_remembered_on_entry_update_and_transition() -> None:
    total = {"total": read("event", "total")}
    customer = Customer(
        plan(
            journey(
                "a",
                stage(
                    "in",
                    on("Go", to="x", remember={"went": expression(lambda s: s.instance["total"])}),
                ),
                stage("x"),
                entry=[clause("Cart", remember=total)],
                updates=[
                    clause("Cart", remember=total, when=check("event", "total", lambda v: v > 1)),
                    clause("Go", remember={"total": expression(lambda _: 99)}),
                ],
            )
        )
    )
    customer.give("Cart", 0, total=1)
    customer.give("Cart", 1, total=5)
    customer.give("Cart", 2, total=0)
    assert customer.state.instances[0].context == {"total": 5}
    customer.give("Go", 3)
    assert customer.state.instances[0].context == {"total": 99, "went": 5}


def test_i4_a_context_beyond_its_bounds_stays_as_it_was() -> None:
    customer = Customer(
        plan(
            journey(
                "a",
                stage("in"),
                entry=[clause("Cart", remember={"total": read("event", "total")})],
                updates=[clause("Cart", remember={"total": read("event", "total")})],
            )
        )
    )
    customer.give("Cart", 0, total="short")
    decision = customer.give("Cart", 1, total="x" * 2000)
    assert decision.dropped == {"context": 1}
    assert customer.state.instances[0].context == {"total": "short"}
    many = {f"f{number}": expression(lambda _: 1) for number in range(33)}
    wide = Customer(plan(journey("a", stage("in"), entry=[clause("Cart", remember=many)])))
    assert wide.give("Cart", 0).dropped == {"context": 1}


def test_i4_a_value_that_fails_leaves_its_field() -> None:
    customer = Customer(
        plan(
            journey(
                "a",
                stage("in"),
                entry=[clause("C", remember={"x": BROKEN, "y": expression(lambda _: 1)})],
            )
        )
    )
    decision = customer.give("C", 0)
    assert customer.state.instances[0].context == {"y": 1}
    assert decision.guard_errors == [("a", "broken: boom")]


def abandoned(**more: Any) -> Plan:
    return plan(
        journey(
            "a",
            stage("in", after(HOUR, "in"), on("Go", to="in", when=NEVER)),
            entry=[clause("Cart")],
            goals=[clause(name="rich", when=NEVER)],
            updates=[clause("Ping", when=NEVER)],
            **more,
        ),
        journey("b", stage("in"), entry=[clause("Other")]),
    )


def test_i7_abandon_counts_from_the_last_input_that_reached_the_instance() -> None:
    customer = Customer(abandoned(abandon=DAY))
    customer.give("Cart", 0)
    customer.give("Ping", 2 * HOUR)
    customer.give("Go", 3 * HOUR)
    customer.give("Other", 5 * HOUR)
    decision = customer.tick(2 * DAY)
    [end] = [one for one in decision.transitions if one.end is not None]
    assert (end.end, end.trigger) == (EndReason.ABANDONED, "abandon")
    assert end.occurred_at == T0 + DAY + 3 * HOUR
    assert customer.stages == ["in"]


def test_i7_an_older_input_does_not_bring_abandon_nearer() -> None:
    customer = Customer(abandoned(abandon=DAY))
    customer.give("Cart", HOUR)
    customer.give("Ping", 30 * MINUTE)
    assert customer.state.instances[0].reached_at == T0 + HOUR


def test_i7_the_plan_of_now_says_how_long() -> None:
    customer = Customer(abandoned(abandon=DAY))
    customer.give("Cart", 0)
    longer = Customer(abandoned(abandon=2 * DAY), customer.state)
    longer.tick(2 * DAY - 1)
    assert longer.stages == ["in"]
    longer.tick(2 * DAY)
    assert longer.stages == []
    never = Customer(abandoned(), customer.state)
    never.tick(10 * DAY)
    assert never.stages == ["in"]


def test_i7_a_longer_abandon_of_the_plan_of_now_is_waited_for() -> None:
    def plain(**more: Any) -> Plan:
        return plan(journey("a", stage("in"), entry=[clause("Cart")], **more))

    customer = Customer(plain(abandon=DAY))
    customer.give("Cart", 0)
    longer = Customer(plain(abandon=2 * DAY), customer.state)
    longer.tick(DAY)
    assert longer.stages == ["in"]
    assert ends(longer.tick(2 * DAY)) == [("ABANDONED", None)]
    never = Customer(plain(), customer.state)
    never.tick(10 * DAY)
    assert never.stages == ["in"]


def test_i1_an_instance_reached_by_one_clause_hears_others_only_by_key() -> None:
    keyed = journey(
        "a",
        stage("in", on("Go", to="end", key=CART), after(HOUR, "end", reset_on=["Go"], key=CART)),
        entry=[clause("Cart", key=CART)],
        updates=[clause("Go")],
        keyed=True,
    )
    customer = Customer(plan(keyed))
    customer.give("Cart", 0, cart="a")
    customer.give("Go", 1, cart="b")
    [instance] = customer.state.instances
    assert instance.reached_at == T0 + 1
    assert [timer.due for timer in instance.timers] == [T0 + HOUR]


def test_i8_what_a_guard_may_read() -> None:
    seen: dict[str, Any] = {}

    def note(scope: Any) -> bool:
        seen.update(
            now=scope.now,
            entered=scope.instance["entered_at"],
            stage_entered=scope.stage_entered_at,
            visits=(scope.visits("in"), scope.visits("x")),
            live=(scope.in_journey("a"), scope.in_journey("b")),
            may=scope.consent("service", "email"),
            reach=scope.reachable("email"),
            changed=scope.changed("name"),
        )
        return False

    customer = Customer(
        plan(
            journey(
                "a",
                stage("in", on("Go", to="x"), on("Look", to="end", when=expression(note))),
                stage("x", on("Go", to="in")),
                entry=[clause("Cart")],
            )
        )
    )
    for number, kind in enumerate(["Cart", "Go", "Go", "Look"]):
        customer.give(kind, number)
    assert seen == {
        "now": T0 + 3,
        "entered": T0,
        "stage_entered": T0 + 2,
        "visits": (2, 1),
        "live": (True, False),
        "may": True,
        "reach": True,
        "changed": False,
    }


def test_i8_at_entry_there_is_no_instance() -> None:
    guard = expression(
        lambda s: (
            not s.instance
            and s.visits("in") == 0
            and s.stage_entered_at == T0
            and not s.in_journey("a")
        )
    )
    customer = Customer(plan(journey("a", stage("in"), entry=[clause("C", when=guard)])))
    assert entries(customer.give("C", 0)) == ["ENTERED"]


def macro(name: str, priority: int, kind: str, *stages: str) -> Any:
    first, second = stages
    return journey(
        name,
        stage("in", on("Go", to="x"), macro=first),
        stage("x", on("Go", to="in"), macro=second),
        entry=[clause(kind)],
        priority=priority,
    )


def test_k4_the_macro_stage_is_that_of_the_latest_transition() -> None:
    customer = Customer(
        plan(macro("a", 0, "A", "awareness", "loyalty"), macro("b", 0, "B", "purchase", "purchase"))
    )
    customer.give("B", HOUR)
    customer.give("A", 30 * MINUTE)
    assert customer.state.macro is not None
    assert customer.state.macro.stage == "purchase"
    assert [one.stage for one in customer.state.macro_history] == ["purchase"]
    customer.give("Go", 2 * HOUR)
    assert customer.state.macro.at == T0 + 2 * HOUR


def test_k4_tie_by_priority() -> None:
    customer = Customer(
        plan(macro("a", 5, "A", "loyalty", "loyalty"), macro("b", 1, "A", "purchase", "purchase"))
    )
    customer.give("A", 0)
    assert customer.state.macro is not None
    assert customer.state.macro.stage == "loyalty"


def test_k4_the_history_is_bounded() -> None:
    customer = Customer(plan(macro("a", 0, "A", "awareness", "loyalty")))
    customer.give("A", 0)
    for number in range(MACRO_HISTORY_MAX + 4):
        customer.give("Go", number + 1)
    assert len(customer.state.macro_history) == MACRO_HISTORY_MAX
    assert customer.state.macro_history[-1] == customer.state.macro


def test_i8_a_bare_when_may_count_visits() -> None:
    twice = expression(lambda scope: scope.visits("in") >= 2)
    customer = Customer(
        plan(
            journey(
                "a",
                stage("in", when(twice, "end"), on("Go", to="in")),
                entry=[clause("C")],
            )
        )
    )
    customer.give("C", 0)
    customer.give("Go", 1)
    assert customer.stages == ["in"]
    customer.give("Go", 2)
    assert customer.stages == []
