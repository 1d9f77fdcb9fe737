"""Rule W1: waits."""

from journey_engine.decide.state import INSTANCE_TIMERS_MAX
from tests.decide.plans import (
    DAY,
    HOUR,
    MINUTE,
    NEVER,
    T0,
    Customer,
    after,
    clause,
    ends,
    journey,
    on,
    plan,
    read,
    send,
    stage,
)


def dues(customer: Customer) -> list[int]:
    return [timer.due - T0 for one in customer.state.instances for timer in one.timers]


def waiting(*transitions: object, **more: object) -> Customer:
    return Customer(
        plan(journey("a", stage("in", *transitions, **more), entry=[clause("Cart")]))  # type: ignore[arg-type]
    )


def test_i7_whatever_reaches_it_moves_the_time_to_abandon_it() -> None:
    made = journey("a", stage("in", on("Seen")), entry=[clause("Cart")], abandon=30 * DAY)
    customer = Customer(plan(made))
    customer.give("Cart", 0)
    assert dues(customer) == [30 * DAY]
    customer.give("Seen", DAY)
    assert dues(customer) == [31 * DAY]


def test_w1_after_counts_from_entering_the_stage() -> None:
    customer = waiting(after(4 * HOUR, "end"))
    customer.give("Cart", MINUTE)
    assert dues(customer) == [4 * HOUR + MINUTE]
    customer.tick(4 * HOUR + MINUTE - 1)
    assert customer.stages == ["in"]
    customer.tick(4 * HOUR + MINUTE)
    assert customer.stages == []


def test_w1_reset_on_restarts_it() -> None:
    customer = waiting(after(4 * HOUR, "end", reset_on=["View"]))
    customer.give("Cart", 0)
    customer.give("View", HOUR)
    assert dues(customer) == [5 * HOUR]


def test_w1_reset_on_leaves_other_waits() -> None:
    customer = waiting(after(4 * HOUR, "end", reset_on=["View"]), after(2 * HOUR, "end"))
    customer.give("Cart", 0)
    customer.give("View", HOUR)
    assert sorted(dues(customer)) == [2 * HOUR, 5 * HOUR]


def test_w1_a_reset_never_moves_a_wait_backwards() -> None:
    customer = waiting(after(4 * HOUR, "end", reset_on=["View"]))
    customer.give("Cart", 0)
    customer.give("View", HOUR)
    customer.give("View", HOUR - MINUTE)
    assert dues(customer) == [5 * HOUR]


def test_w1_a_reset_starts_a_spent_wait_again() -> None:
    customer = waiting(after(HOUR, "end", reset_on=["View"], when=NEVER))
    customer.give("Cart", 0)
    customer.tick(2 * HOUR)
    assert dues(customer) == []
    customer.give("View", 3 * HOUR)
    assert dues(customer) == [4 * HOUR]


def test_w1_a_reset_is_routed_by_key() -> None:
    cart = read("event", "cart")
    customer = Customer(
        plan(
            journey(
                "a",
                stage("in", after(HOUR, "end", reset_on=["View"], key=cart)),
                entry=[clause("Cart", key=cart)],
                keyed=True,
            )
        )
    )
    customer.give("Cart", 0, cart="a")
    customer.give("Cart", 0, cart="b")
    customer.give("View", MINUTE, cart="b")
    assert dues(customer) == [HOUR, HOUR + MINUTE]


def test_w1_a_reset_by_feedback_needs_no_key() -> None:
    cart = read("event", "cart")
    customer = Customer(
        plan(
            journey(
                "a",
                stage("in", after(HOUR, "end", reset_on=["Open"], key=cart), enter=[send("s")]),
                entry=[clause("Cart", key=cart)],
                keyed=True,
            ),
            feedback=["Open"],
        )
    )
    [command] = customer.give("Cart", 0, cart="a").commands
    customer.give("Open", MINUTE, command_id=command.command_id)
    assert dues(customer) == [HOUR + MINUTE]


def test_w1_since_counts_from_the_command() -> None:
    customer = Customer(
        plan(
            journey(
                "a",
                stage("in", on("Go", to="x"), enter=[send("hello")]),
                stage("x", after(2 * HOUR, "end", since="hello")),
                entry=[clause("Cart")],
            )
        )
    )
    customer.give("Cart", 0)
    customer.give("Go", HOUR)
    assert dues(customer) == [2 * HOUR]


def test_w1_since_a_command_of_this_stage_counts_from_when_it_is_written() -> None:
    customer = waiting(
        on("Go", do=[send("hello")]), after(2 * HOUR, "end", since="hello"), after(DAY, "end")
    )
    customer.give("Cart", 0)
    assert sorted(dues(customer)) == [2 * HOUR, DAY]
    customer.give("Go", HOUR)
    assert sorted(dues(customer)) == [3 * HOUR, DAY]


def test_w1_since_follows_a_delayed_send() -> None:
    customer = waiting(
        after(2 * HOUR, "end", since="hello"),
        enter=[send("other", delay=6 * HOUR), send("hello", delay=5 * HOUR)],
    )
    customer.give("Cart", 0)
    assert dues(customer) == [7 * HOUR]
    customer.tick(5 * HOUR + MINUTE)
    assert dues(customer) == [7 * HOUR + MINUTE]


def test_w1_since_a_delayed_send_of_an_earlier_stage() -> None:
    customer = Customer(
        plan(
            journey(
                "a",
                stage("in", on("Go", to="x"), enter=[send("hello", delay=5 * HOUR)]),
                stage("x", after(2 * HOUR, "end", since="hello")),
                entry=[clause("Cart")],
            )
        )
    )
    customer.give("Cart", 0)
    customer.give("Go", HOUR)
    assert dues(customer) == [7 * HOUR]


def test_w1_since_a_send_that_never_was_counts_from_the_stage() -> None:
    customer = waiting(after(2 * HOUR, "end", since="hello"), enter=[send("hello", when=NEVER)])
    customer.give("Cart", 0)
    assert dues(customer) == [2 * HOUR]


def test_w1_a_wait_that_lies_before_the_entry_is_due_at_the_entry() -> None:
    customer = Customer(
        plan(
            journey(
                "a",
                stage("in", on("Go", to="x"), enter=[send("hello")]),
                stage("x", after(HOUR, "end", since="hello")),
                entry=[clause("Cart")],
            )
        )
    )
    customer.give("Cart", 0)
    customer.give("Go", 5 * HOUR)
    assert dues(customer) == [5 * HOUR]
    [end] = customer.tick(5 * HOUR).transitions
    assert end.occurred_at == T0 + 5 * HOUR


def test_s3_waits_that_turn_in_one_instant_end_in_loop() -> None:
    customer = waiting(after(0, "in"))
    customer.give("Cart", 0)
    decision = customer.tick(1)
    assert ends(decision) == [("LOOP", None)]
    assert len(decision.transitions) == 33
    assert customer.stages == []


def test_w1_timers_of_an_instance_are_bounded() -> None:
    customer = waiting(*[after(HOUR + n, "end") for n in range(40)])
    decision = customer.give("Cart", 0)
    assert len(dues(customer)) == INSTANCE_TIMERS_MAX - 1
    assert decision.dropped == {"timers": 40 - INSTANCE_TIMERS_MAX + 1}


def test_law4_a_timer_of_a_stage_that_was_left_never_fires() -> None:
    customer = Customer(
        plan(
            journey(
                "a",
                stage("in", after(HOUR, "end"), on("Go", to="x")),
                stage("x"),
                entry=[clause("Cart")],
            )
        )
    )
    customer.give("Cart", 0)
    customer.give("Go", MINUTE)
    assert customer.tick(DAY).timers_fired == []
