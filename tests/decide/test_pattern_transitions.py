"""Rule P1 on transitions: patterns of several events in a stage, or since the entry."""

from journey_engine.decide.due import next_due
from journey_engine.decide.state import PATTERN_EVENTS_MAX, PATTERN_WAITS_MAX
from tests.decide.pattern_journeys import customer
from tests.decide.plans import DAY, HOUR, MINUTE, T0, Customer, ends, moves

ENTRY = "{on: AppInstalled}"
SECOND = "  second: {{macro_stage: retention, transitions: [{0}]}}\n"


def entered(*transitions: str, stages: str = "", more: str = "") -> Customer:
    one = customer(ENTRY, *transitions, stages=stages, more=more)
    one.give("AppInstalled", 0)
    return one


def test_p1_times_moves_at_the_event_that_makes_it_whole() -> None:
    one = entered(
        "{on: PaymentFailed, times: 3, within: 30m, to: second, remember: {last: event.amount}}"
    )
    for minute in (1, 2):
        assert moves(one.give("PaymentFailed", minute * MINUTE, amount=1.0)) == []
    assert moves(one.give("PaymentFailed", 3 * MINUTE, amount=9.0)) == [
        ("first", "second", "PaymentFailed")
    ]
    assert one.state.instances[0].context == {"last": 9.0}
    assert one.state.instances[0].patterns == {}


def test_p1_the_first_in_document_order_is_taken() -> None:
    one = entered(
        "{on: PaymentFailed, when: 'event.amount > 9.0', to: end}",
        "{on: PaymentFailed, times: 2, within: 1h, to: second}",
        "{on: PaymentFailed, to: end}",
    )
    assert ends(one.give("PaymentFailed", 1, amount=1.0)) == [("COMPLETED", None)]
    one = entered(
        "{on: PaymentFailed, times: 2, within: 1h, to: second}",
        "{on: PaymentFailed, when: 'event.amount > 9.0', to: end}",
    )
    one.give("PaymentFailed", 1, amount=1.0)
    assert moves(one.give("PaymentFailed", 2, amount=10.0)) == [
        ("first", "second", "PaymentFailed")
    ]


def test_p1_each_pattern_of_a_stage_sees_the_event() -> None:
    one = entered(
        "{on: PaymentFailed, when: 'event.amount > 9.0', times: 2, within: 1h, to: end}",
        "{on: PaymentFailed, times: 2, within: 1h, to: second}",
    )
    one.give("PaymentFailed", 1, amount=1.0)
    one.give("PaymentFailed", 2, amount=1.0)
    assert one.stages == ["second"]


def test_p1_a_stay_before_it_does_not_hide_the_event() -> None:
    one = entered(
        "{on: PaymentFailed, when: 'event.amount > 9.0', remember: {high: event.amount}}",
        "{on: PaymentFailed, times: 2, within: 1h, to: second}",
    )
    one.give("PaymentFailed", 1, amount=10.0)
    one.give("PaymentFailed", 2, amount=1.0)
    assert one.stages == ["second"]


def test_p1_a_match_uses_up_its_events_where_the_instance_stays() -> None:
    action = "do: [{send: {id: sorry, content: x, channels: [push]}}]"
    one = entered(
        "{on: PaymentFailed, times: 2, within: 1h, " + action + "}", "{after: 100d, to: end}"
    )
    asked = [len(one.give("PaymentFailed", at, amount=1.0).sends) for at in range(1, 6)]
    assert asked == [0, 1, 0, 1, 0]


def test_b5_since_stage_does_not_see_what_came_before_the_stage() -> None:
    stages = SECOND.format("{on: PaymentFailed, times: 2, within: 1d, to: end}")
    one = entered("{on: CartUpdated, to: second}", stages=stages)
    one.give("PaymentFailed", 1, amount=1.0)
    one.give("CartUpdated", 2)
    one.give("PaymentFailed", 3, amount=1.0)
    assert one.stages == ["second"]
    one.give("PaymentFailed", 4, amount=1.0)
    assert one.stages == []


def test_b5_since_entry_sees_it_and_moves_at_an_event_in_the_stage() -> None:
    stages = SECOND.format("{on: PaymentFailed, times: 2, within: 1d, since: entry, to: end}")
    one = entered("{on: CartUpdated, to: second}", stages=stages)
    for at in (1, 2, 3):
        one.give("PaymentFailed", at, amount=1.0)
    one.give("CartUpdated", 4)
    assert one.stages == ["second"]
    assert len(one.state.instances[0].patterns) == 1
    assert ends(one.give("PaymentFailed", 5, amount=1.0)) == [("COMPLETED", None)]


def test_b5_since_entry_counts_the_event_that_leads_into_the_stage() -> None:
    stages = SECOND.format(
        "{sequence: [CartUpdated, OrderPlaced], within: 1d, since: entry, to: end}"
    )
    one = entered("{on: CartUpdated, to: second}", stages=stages)
    one.give("CartUpdated", 1)
    assert ends(one.give("OrderPlaced", 2)) == [("COMPLETED", None)]


def test_t7_before_its_stage_a_pattern_remembers_what_happened_last() -> None:
    stages = SECOND.format("{on: PaymentFailed, times: 3, within: 30m, since: entry, to: end}")
    one = entered("{on: CartUpdated, to: second}", stages=stages)
    for minute in (30, 40, 15):
        one.give("PaymentFailed", minute * MINUTE, amount=1.0)
    one.give("CartUpdated", 41 * MINUTE)
    decision = one.give("PaymentFailed", 50 * MINUTE, amount=1.0)
    assert ends(decision) == [("COMPLETED", None)]


def test_s5_the_same_stage_again_begins_the_pattern_anew() -> None:
    one = entered(
        "{on: PaymentFailed, times: 2, within: 1d, to: second}", "{on: CartUpdated, to: first}"
    )
    one.give("PaymentFailed", 1, amount=1.0)
    one.give("CartUpdated", 2)
    one.give("PaymentFailed", 3, amount=1.0)
    assert one.stages == ["first"]


def test_p1_nothing_followed_moves_with_what_was_told() -> None:
    one = entered(
        "{on: CartUpdated, not_followed_by: {on: OrderPlaced, when: 'event.total > 9.0'},"
        " within: 1h, to: second, remember: {total: event.total}}"
    )
    one.give("CartUpdated", MINUTE, "cart", total=5.0)
    one.give("OrderPlaced", 2 * MINUTE, total=1.0)
    assert next_due(one.state) == T0 + HOUR + MINUTE
    decision = one.tick(2 * HOUR)
    assert moves(decision) == [("first", "second", "not_followed_by")]
    assert decision.transitions[0].causation.event_id == "cart"
    assert one.state.instances[0].context == {"total": 5.0}


def test_p1_what_follows_breaks_all_open_waits() -> None:
    one = entered("{on: CartUpdated, not_followed_by: OrderPlaced, within: 1h, to: second}")
    one.give("CartUpdated", 1)
    one.give("CartUpdated", 2)
    one.give("OrderPlaced", 3)
    assert one.tick(DAY).timers_fired == []
    assert one.stages == ["first"]


def test_law4_a_wait_goes_with_its_stage_and_its_instance() -> None:
    wait = "{on: CartUpdated, not_followed_by: OrderPlaced, within: 1h, to: second}"
    for gone in ("CartViewed", "PaymentSucceeded"):
        one = entered(wait, "{on: CartViewed, to: second}")
        one.give("CartUpdated", 1)
        one.give(gone, 2)
        assert one.tick(DAY).timers_fired == []


def test_p1_a_wait_since_the_entry_is_spent_where_its_stage_is_not() -> None:
    stages = SECOND.format(
        "{on: CartUpdated, not_followed_by: OrderPlaced, within: 1h, since: entry, to: end}"
    )
    one = entered("{on: CartViewed, to: second}", stages=stages)
    one.give("CartUpdated", 1)
    assert one.tick(2 * HOUR).transitions == []
    one.give("CartUpdated", 3 * HOUR)
    one.give("CartViewed", 3 * HOUR + 1)
    assert ends(one.tick(4 * HOUR)) == [("COMPLETED", None)]


def test_s5_timers_of_one_instant_go_in_document_order() -> None:
    wait = "{on: CartUpdated, not_followed_by: OrderPlaced, within: 1h, to: end}"
    after = "{after: 2h, to: second}"
    for order, stage in (((wait, after), []), ((after, wait), ["second"])):
        one = entered(*order)
        one.give("CartUpdated", HOUR)
        one.tick(2 * HOUR)
        assert one.stages == stage


def test_t7_a_late_event_builds_nothing_but_breaks_a_wait_in_whose_time_it_lies() -> None:
    one = entered(
        "{on: CartUpdated, not_followed_by: OrderPlaced, within: 4h, to: second}",
        "{on: PaymentFailed, times: 2, within: 1d, to: second}",
    )
    one.give("CartUpdated", 2 * HOUR)
    one.give("CartUpdated", 5 * HOUR)
    one.give("PaymentFailed", 1, amount=1.0)
    assert len(one.state.instances[0].patterns) == 1
    one.give("OrderPlaced", 3 * HOUR)
    assert next_due(one.state) == T0 + 9 * HOUR


def test_i7_what_a_pattern_in_force_reads_reaches_the_instance() -> None:
    one = entered("{on: CartUpdated, times: 2, within: 1h, to: end}", more="abandon: {after: 10d}")
    one.give("CartUpdated", 9 * DAY)
    one.tick(12 * DAY)
    assert one.stages == ["first"]
    one.tick(19 * DAY)
    assert one.stages == []


def test_i1_each_event_of_a_pattern_reaches_its_key() -> None:
    begun = "{on: CheckoutStarted, key: event.cart_id}"
    transition = f"{{sequence: [CartUpdated, {begun}], within: 1d, to: second}}"
    one = customer("{on: CartViewed}", transition, key="event.cart_id")
    for cart in ("a", "b"):
        one.give("CartViewed", 0, cart_id=cart)
    one.give("CartUpdated", 1, cart_id="a")
    one.give("CheckoutStarted", 2, cart_id="b")
    one.give("CheckoutStarted", 3, cart_id="a")
    assert one.stages == ["second", "first"]


def test_i1_scope_customer_lets_any_event_of_the_customer_count() -> None:
    transition = "{all: [CartUpdated, ProductViewed], within: 1d, scope: customer, to: second}"
    one = customer("{on: CartViewed}", transition, key="event.cart_id")
    one.give("CartViewed", 0, cart_id="a")
    one.give("CartUpdated", 1, cart_id="b")
    one.give("ProductViewed", 2)
    assert one.stages == ["second"]


def test_s1_a_goal_comes_before_a_pattern() -> None:
    one = entered("{on: PaymentSucceeded, times: 2, within: 1d, to: second}")
    assert ends(one.give("PaymentSucceeded", 1)) == [("GOAL", "paid")]


def test_p1_events_are_bounded_and_what_a_match_needs_stays() -> None:
    one = entered("{sequence: [CartUpdated, ProductViewed, OrderPlaced], within: 90d, to: second}")
    one.give("CartUpdated", 1)
    dropped = [one.give("ProductViewed", 2 + at).dropped for at in range(PATTERN_EVENTS_MAX)]
    assert dropped[-1] == {"patterns": 1}
    [state] = one.state.instances[0].patterns.values()
    assert len(state.taken) == PATTERN_EVENTS_MAX
    one.give("OrderPlaced", 100)
    assert one.stages == ["second"]


def test_p1_waits_are_bounded_and_the_oldest_goes() -> None:
    one = entered("{on: CartUpdated, not_followed_by: OrderPlaced, within: 1d, to: second}")
    for at in range(PATTERN_WAITS_MAX + 1):
        decision = one.give("CartUpdated", 1 + at)
    assert decision.dropped == {"patterns": 1}
    assert next_due(one.state) == T0 + DAY + 2


def test_p1_what_waits_remember_is_bounded_together_as_a_context_is() -> None:
    one = entered(
        "{on: ProfileChanged, not_followed_by: OrderPlaced, within: 1d, to: second,"
        " remember: {name: event.first_name}}"
    )
    one.give("ProfileChanged", 1, first_name="a" * 600)
    assert one.give("ProfileChanged", 2, first_name="b" * 600).dropped == {"patterns": 1}
    assert one.give("ProfileChanged", 3, first_name="c" * 1024).dropped == {"context": 1}
    one.tick(DAY + 2)
    assert one.state.instances[0].context == {"name": "b" * 600}


def test_b7_a_pattern_tells_a_cart_that_was_left_alone() -> None:
    """Each change begins a wait anew where the change itself breaks those before."""
    one = entered(
        "{on: CartUpdated, not_followed_by: [CartUpdated, OrderPlaced], within: 2h, to: second}"
    )
    for minute in (1, 20, 40):
        one.give("CartUpdated", minute * MINUTE)
    assert one.tick(2 * HOUR + 39 * MINUTE).transitions == []
    assert len(one.tick(2 * HOUR + 40 * MINUTE).transitions) == 1
