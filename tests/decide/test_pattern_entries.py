"""Rule P1 on entries: patterns of several events, and `becomes`."""

import pytest

from journey_engine.decide.due import next_due
from journey_engine.decide.state import PATTERN_KEYS_MAX, STATE_BYTES_MAX
from journey_engine.encode.state import encode_state
from tests.decide.pattern_journeys import customer
from tests.decide.plans import DAY, HOUR, MINUTE, T0, Customer, entries, moves

TWICE = "{on: PaymentFailed, times: 2, within: 30m, remember: {amount: event.amount}}"
LEFT = "{on: CartUpdated, not_followed_by: OrderPlaced, within: 1h}"


def failed(one: Customer, *minutes: int) -> list[int]:
    """Fail payments at these minutes; those at which an instance began."""
    began = []
    for minute in minutes:
        decision = one.give("PaymentFailed", minute * MINUTE, amount=float(minute))
        if "ENTERED" in entries(decision):
            began.append(minute)
    return began


def context(one: Customer) -> dict[str, object]:
    [instance] = one.state.instances
    return dict(instance.context)


def test_p1_times_enters_at_the_event_that_makes_it_whole_which_is_remembered() -> None:
    one = customer(TWICE)
    assert failed(one, 1, 20) == [20]
    assert context(one) == {"amount": 20.0}
    assert [entries(d) for d in one.decisions] == [["GUARD_FALSE"], ["ENTERED"]]


def test_p1_within_is_last_minus_first() -> None:
    assert failed(customer(TWICE), 0, 30) == [30]
    assert failed(customer(TWICE), 0, 31, 60) == [60]


def test_p1_others_may_lie_between() -> None:
    one = customer(TWICE)
    failed(one, 0)
    one.give("PaymentSucceeded", MINUTE)
    assert failed(one, 2) == [2]


def test_p1_a_match_uses_up_its_events() -> None:
    one = customer(TWICE, "{on: PaymentSucceeded, to: end}")
    assert failed(one, 0, 1) == [1]
    one.give("PaymentSucceeded", 2 * MINUTE)
    assert failed(one, 3, 4) == [4]


def test_p1_a_refused_match_is_used_up_too() -> None:
    one = customer(TWICE)
    failed(one, 0, 1, 2, 3)
    assert entries(one.decisions[3]) == ["ALREADY_IN"]
    one.give("PaymentSucceeded", 4 * MINUTE)
    assert failed(one, 5, 6) == [6]


def test_s4_a_match_that_an_end_completes_enters_in_that_step() -> None:
    one = customer("{on: PaymentSucceeded, times: 2, within: 1d}, {on: PaymentFailed}")
    one.give("PaymentSucceeded", 0)
    one.give("PaymentFailed", 1)
    decision = one.give("PaymentSucceeded", 2)
    assert moves(decision) == [
        ("first", None, "PaymentSucceeded"),
        (None, "first", "PaymentSucceeded"),
    ]


@pytest.mark.parametrize(
    ("kind", "told"), [("sequence", [0, 1, 1, 1, 2, 3]), ("all", [1, 2, 2, 2, 2, 3])]
)
def test_p1_the_trace_tells_how_much_of_a_match_is_there(kind: str, told: list[int]) -> None:
    one = customer(f"{{{kind}: [CartUpdated, OrderPlaced, PaymentFailed], within: 1d}}")
    given = ["OrderPlaced", "CartUpdated", *["CartUpdated"] * 2, "OrderPlaced", "PaymentFailed"]
    decisions = [one.give(name, at) for at, name in enumerate(given)]
    traces = [step.outcome for each in decisions for step in each.trace if step.what == "pattern"]
    assert traces == [f"{number} of 3" for number in told]


def test_p1_the_guard_of_times_is_asked_of_each_event() -> None:
    one = customer("{on: PaymentFailed, times: 2, within: 1h, when: 'event.amount > 10.0'}")
    assert failed(one, 5, 11, 6, 12) == [12]


def test_p1_a_guard_without_a_value_does_not_count_its_event() -> None:
    one = customer("{on: PaymentFailed, times: 2, within: 1h, when: 'event.amount > 10.0'}")
    failed(one, 11)
    decision = one.give("PaymentFailed", 12 * MINUTE, amount=None)
    assert entries(decision) == ["GUARD_ERROR"]
    assert len(decision.guard_errors) == 1
    assert failed(one, 13) == [13]


def test_p1_a_sequence_asks_each_event_its_own_guard() -> None:
    one = customer(
        "{sequence: [CartUpdated, {on: OrderPlaced, when: 'event.total > 9.0'}], within: 1d}"
    )
    one.give("OrderPlaced", 0, total=10.0)
    one.give("CartUpdated", 1)
    assert entries(one.give("OrderPlaced", 2, total=5.0)) == ["GUARD_FALSE"]
    assert entries(one.give("OrderPlaced", 3, total=10.0)) == ["ENTERED"]


def test_p1_the_guard_of_a_sequence_is_asked_of_the_event_that_completes_it() -> None:
    one = customer(
        "{sequence: [CartUpdated, OrderPlaced], within: 1d, when: 'event.total > 9.0',"
        " remember: {total: event.total}}"
    )
    one.give("CartUpdated", 0)
    assert entries(one.give("OrderPlaced", 1, total=5.0)) == ["GUARD_FALSE"]
    assert entries(one.give("OrderPlaced", 2, total=10.0)) == ["ENTERED"]
    assert context(one) == {"total": 10.0}


def test_p1_events_that_a_match_leaves_may_make_another() -> None:
    one = customer(
        "{sequence: [CartUpdated, OrderPlaced], within: 1d}", more="reentry: {mode: restart}"
    )
    given = ["CartUpdated", "CartUpdated", "OrderPlaced", "OrderPlaced", "OrderPlaced"]
    found = [entries(one.give(kind, at)) for at, kind in enumerate(given)]
    assert found[2:] == [["ENTERED"], ["ENTERED"], ["GUARD_FALSE"]]


def test_p1_all_comes_in_any_order_each_element_with_an_event_of_its_own() -> None:
    dear = "{on: CartUpdated, when: 'event.total > 9.0'}"
    one = customer(f"{{all: [{dear}, CartUpdated, OrderPlaced], within: 7d}}")
    one.give("OrderPlaced", 0)
    one.give("CartUpdated", 1, total=10.0)
    assert entries(one.give("OrderPlaced", 2)) == ["GUARD_FALSE"]
    # The first cart makes room: it is the one that can be the dear one.
    assert entries(one.give("CartUpdated", 3, total=1.0)) == ["ENTERED"]


def test_p1_nothing_followed_enters_as_a_timer_does() -> None:
    one = customer(
        "{on: CartUpdated, not_followed_by: OrderPlaced, within: 1h,"
        " remember: {total: event.total}}"
    )
    first = one.give("CartUpdated", 0, "cart", total=7.0)
    assert entries(first) == ["GUARD_FALSE"]
    assert next_due(one.state) == T0 + HOUR
    assert one.tick(HOUR - 1).transitions == []
    decision = one.tick(HOUR + 5)
    assert moves(decision) == [(None, "first", "not_followed_by")]
    [began] = decision.transitions
    assert (began.occurred_at, began.due_at, began.causation.event_id) == (
        T0 + HOUR,
        T0 + HOUR,
        "cart",
    )
    assert context(one) == {"total": 7.0}
    assert decision.timers_fired == [T0 + HOUR]
    assert next_due(one.state) == T0 + HOUR + 100 * DAY


def test_p1_what_follows_breaks_the_wait() -> None:
    one = customer(LEFT)
    one.give("CartUpdated", 0)
    one.give("OrderPlaced", MINUTE)
    assert next_due(one.state) is None
    assert one.state.journeys["pat"].patterns == {}


def test_t4_what_comes_at_the_very_end_of_the_wait_comes_too_late() -> None:
    one = customer(LEFT)
    one.give("CartUpdated", 0)
    assert moves(one.give("OrderPlaced", HOUR)) == [(None, "first", "not_followed_by")]


def test_p1_each_event_begins_a_wait_of_its_own() -> None:
    one = customer(LEFT, "{on: CartViewed, to: end}")
    one.give("CartUpdated", 0)
    one.give("CartUpdated", 30 * MINUTE)
    one.give("CartViewed", HOUR + 1)
    assert one.stages == []
    one.tick(2 * HOUR)
    assert one.stages == ["first"]


def test_p1_an_event_not_followed_by_another_of_its_kind() -> None:
    one = customer("{on: OrderPlaced, not_followed_by: OrderPlaced, within: 60d}")
    one.give("OrderPlaced", 0)
    one.give("OrderPlaced", 40 * DAY)
    assert one.tick(99 * DAY).transitions == []
    assert len(one.tick(100 * DAY).transitions) == 1


def test_i3_a_wait_that_is_over_may_be_refused() -> None:
    one = customer(f"{LEFT}, {{on: CartViewed}}")
    one.give("CartUpdated", 0)
    one.give("CartViewed", 1)
    assert entries(one.tick(HOUR)) == ["ALREADY_IN"]
    assert one.state.journeys["pat"].patterns == {}


def test_t7_late_and_backfilled_events_build_nothing() -> None:
    one = customer(TWICE)
    failed(one, 120)
    assert entries(one.give("PaymentFailed", 10 * MINUTE, amount=1.0)) == ["LATE"]
    assert entries(one.give("PaymentFailed", 121 * MINUTE, amount=1.0, backfill=True)) == ["LATE"]
    assert failed(one, 122) == [122]
    left = customer(LEFT)
    left.give("CartUpdated", 0, backfill=True)
    assert next_due(left.state) is None


def test_t7_a_late_event_breaks_a_wait_in_whose_time_it_lies() -> None:
    one = customer("{on: CartUpdated, not_followed_by: OrderPlaced, within: 2d}")
    one.give("CartUpdated", 0)
    one.give("CartUpdated", DAY)
    assert entries(one.give("OrderPlaced", 5 * HOUR, backfill=True)) == ["GUARD_FALSE"]
    assert next_due(one.state) == T0 + 3 * DAY


def test_t7_events_within_lateness_count_in_the_order_of_arrival() -> None:
    one = customer("{sequence: [CartUpdated, OrderPlaced], within: 1d}")
    one.give("OrderPlaced", 5 * MINUTE)
    one.give("CartUpdated", 0)
    assert entries(one.decisions[-1]) == ["GUARD_FALSE"]
    assert entries(one.give("OrderPlaced", 4 * MINUTE)) == ["ENTERED"]


def test_t6_a_repeat_does_not_count_twice() -> None:
    one = customer(TWICE)
    one.give("PaymentFailed", 0, "same", amount=1.0)
    one.give("PaymentFailed", 0, "same", amount=1.0)
    assert one.stages == []


def test_i1_a_pattern_is_counted_for_each_key() -> None:
    entry = "{sequence: [CartUpdated, {on: CheckoutStarted, key: event.cart_id}], within: 1d}"
    one = customer(entry, key="event.cart_id")
    one.give("CartUpdated", 0, cart_id="a")
    assert entries(one.give("CheckoutStarted", 1, cart_id="b")) == ["GUARD_FALSE"]
    assert entries(one.give("CheckoutStarted", 2, cart_id=None)) == ["NO_KEY"]
    one.give("CheckoutStarted", 3, cart_id="a")
    assert [x.key for x in one.state.instances] == ["a"]


def test_i1_waits_are_counted_for_each_key() -> None:
    one = customer(
        "{on: CartUpdated, not_followed_by: CheckoutStarted, within: 1h}", key="event.cart_id"
    )
    for at, cart in enumerate("ba"):
        one.give("CartUpdated", at, cart_id=cart)
    one.give("CartUpdated", 1, "third", cart_id="c")
    one.give("CheckoutStarted", 3, cart_id="c")
    one.give("CheckoutStarted", 4, cart_id=None)
    assert one.tick(2 * HOUR).timers_fired == [T0 + HOUR, T0 + HOUR + 1]
    assert [x.key for x in one.state.instances] == ["a", "b"]


def test_t7_a_key_is_remembered_by_its_latest_event_not_by_the_last_that_arrived() -> None:
    one = customer("{on: CartUpdated, times: 3, within: 30m}", key="event.cart_id")
    came = ((60, "a"), (40, "a"), (131, "b"), (72, "a"), (73, "a"))
    for minute, cart in came:
        decision = one.give("CartUpdated", minute * MINUTE, cart_id=cart)
    assert entries(decision) == ["ENTERED"]


def test_p1_keys_are_bounded_and_the_one_written_longest_ago_goes() -> None:
    one = customer("{on: CartUpdated, times: 2, within: 30d}", key="event.cart_id")
    for at in range(PATTERN_KEYS_MAX + 1):
        one.give("CartUpdated", at, cart_id=str(at))
    assert one.decisions[-1].dropped == {"patterns": 1}
    assert entries(one.give("CartUpdated", 100, cart_id="0")) == ["GUARD_FALSE"]
    assert entries(one.give("CartUpdated", 101, cart_id="5")) == ["ENTERED"]


def test_p1_keys_that_no_event_can_complete_any_more_are_forgotten() -> None:
    one = customer("{on: CartUpdated, times: 2, within: 30m}", key="event.cart_id")
    one.give("CartUpdated", 0, cart_id="a")
    one.give("CartUpdated", 3 * HOUR, cart_id="b")
    [by_key] = one.state.journeys["pat"].patterns.values()
    assert list(by_key) == ["b"]


def test_s4_a_pattern_also_sees_what_another_clause_enters_by() -> None:
    one = customer(
        "{on: CartUpdated}, {on: CartUpdated, times: 2, within: 1d}", "{on: OrderPlaced, to: end}"
    )
    assert entries(one.give("CartUpdated", 0)) == ["ENTERED"]
    assert entries(one.give("CartUpdated", 1)) == ["ALREADY_IN"]


def test_t9_a_type_that_only_a_pattern_reads_is_read() -> None:
    order = "{on: OrderPlaced, when: 'event.total > 1.0'}"
    plan = customer(f"{{on: CartUpdated, not_followed_by: {order}, within: 1h}}").plan
    assert plan.fields["OrderPlaced"] == {"total"}
    assert {"CartUpdated", "OrderPlaced"} <= plan.by_name["pat"].reads


def test_s3_what_entered_is_not_seen_again_by_the_stage() -> None:
    one = customer("{on: CartUpdated}", "{on: CartUpdated, times: 2, within: 1d, to: end}")
    one.give("CartUpdated", 0)
    one.give("CartUpdated", 1)
    assert one.stages == ["first"]


BECOMES = "{on: ProfileChanged, becomes: \"customer.first_name == 'Ann'\"}"


def test_a6_becomes_enters_when_it_was_false_before_this_input() -> None:
    one = customer(BECOMES, "{on: OrderPlaced, to: end}")
    assert entries(one.give("ProfileChanged", 0, first_name="Bob")) == ["GUARD_FALSE"]
    assert entries(one.give("ProfileChanged", 1, first_name="Ann")) == ["ENTERED"]
    one.give("OrderPlaced", 2, total=1.0)
    # The value is written again unchanged: nothing becomes true.
    assert entries(one.give("ProfileChanged", 3, first_name="Ann")) == ["GUARD_FALSE"]


def test_p1_what_was_unknown_before_was_not_true() -> None:
    one = customer(BECOMES)
    decision = one.give("ProfileChanged", 0, first_name="Ann")
    assert entries(decision) == ["ENTERED"]
    assert decision.guard_errors == []


def test_p1_becomes_reads_features_before_and_after() -> None:
    one = customer(
        "{on: OrderPlaced, becomes: 'features.spend_90d >= 100.0', when: 'event.total > 1.0'}",
        "{on: CartViewed, to: end}",
    )
    found = [entries(one.give("OrderPlaced", at, total=60.0)) for at in range(2)]
    one.give("CartViewed", 2)
    found.append(entries(one.give("OrderPlaced", 3, total=60.0)))
    assert found == [["GUARD_FALSE"], ["ENTERED"], ["GUARD_FALSE"]]


def test_p1_becomes_is_asked_after_when() -> None:
    one = customer(
        "{on: OrderPlaced, becomes: 'features.spend_90d >= 100.0', when: 'event.total > 200.0'}"
    )
    assert entries(one.give("OrderPlaced", 0, total=150.0)) == ["GUARD_FALSE"]
    assert entries(one.give("OrderPlaced", 1, total=250.0)) == ["GUARD_FALSE"]


@pytest.mark.parametrize("clause", [TWICE, LEFT])
def test_nothing_is_kept_for_a_journey_that_no_event_of_a_pattern_reached(clause: str) -> None:
    one = customer(clause)
    one.give("PaymentSucceeded", 0)
    assert one.state.journeys == {}


def test_i1_elements_of_other_keys_are_not_those_of_the_first_that_fits() -> None:
    other = "{on: OrderPlaced, key: event.order_id}"
    one = customer(f"{{all: [OrderPlaced, {other}], within: 1d}}", key="event.cart_id")
    one.give("OrderPlaced", 0, cart_id="a", order_id="b")
    assert entries(one.give("OrderPlaced", 1, cart_id="a", order_id="c")) == ["GUARD_FALSE"]
    assert entries(one.give("OrderPlaced", 2, cart_id="a", order_id="a")) == ["ENTERED"]


def test_p1_what_can_only_end_a_sequence_is_not_remembered() -> None:
    one = customer("{sequence: [CartUpdated, OrderPlaced], within: 1d}")
    one.give("OrderPlaced", 0, total=1.0)
    assert one.state.journeys["pat"].patterns == {}


def test_p1_what_a_pattern_saw_that_is_no_longer_defined_is_forgotten() -> None:
    one = customer("{on: CartUpdated, times: 3, within: 1d}")
    one.give("CartUpdated", 0)
    one.plan = customer("{on: CartUpdated, times: 2, within: 1d}").plan
    one.give("CartUpdated", 1)
    assert len(one.state.journeys["pat"].patterns) == 1


def test_p1_a_wait_of_a_pattern_that_is_no_longer_defined_is_spent() -> None:
    one = customer(LEFT)
    one.give("CartUpdated", 0)
    one.plan = customer(TWICE).plan
    decision = one.tick(HOUR)
    assert (decision.transitions, decision.timers_fired) == ([], [T0 + HOUR])
    assert next_due(one.state) is None


def test_law6_over_the_bound_goes_what_patterns_saw() -> None:
    wide = "remember: {" + ", ".join(f"n{n}: event.first_name" for n in range(30)) + "}"
    entry = "{on: ProfileChanged, key: event.first_name, not_followed_by: CartEmptied, within: 9d, "
    one = customer(f"{entry}{wide}}}, {entry}{wide}}}", key="event.cart_id")
    dropped = 0
    for at in range(80):
        decision = one.give("ProfileChanged", at, "e" * 200 + str(at), first_name=f"{at:030}")
        dropped = max(dropped, decision.dropped.get("patterns", 0))
        assert len(encode_state(one.state)) <= STATE_BYTES_MAX
    assert dropped > 1
