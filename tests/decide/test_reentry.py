"""Rule I3: who may enter again, and when."""

from journey_engine.decide.state import (
    ENTRIES_MAX,
    KEYS_MAX,
    ONCE_MAX,
    CustomerState,
    JourneyMemory,
    KeyMemory,
)
from journey_engine.define.action_plan import CancelOn
from journey_engine.define.plan import Reentry, ReentryMode
from tests.decide.carts import CART, carts, single
from tests.decide.plans import (
    DAY,
    HOUR,
    MINUTE,
    T0,
    Customer,
    clause,
    ends,
    entries,
    journey,
    moves,
    on,
    plan,
    send,
    stage,
)


def test_i3_once_holds_for_life() -> None:
    customer = Customer(single(reentry=Reentry(ReentryMode.ONCE)))
    customer.give("Cart", 0)
    assert entries(customer.give("Cart", 1)) == ["ALREADY_IN"]
    customer.give("Pay", 2)
    assert entries(customer.give("Cart", 1000 * DAY)) == ["REENTRY_LIMIT"]


def test_i3_after_end_enters_again() -> None:
    customer = Customer(single())
    customer.give("Cart", 0)
    customer.give("Pay", 1)
    assert entries(customer.give("Cart", 2)) == ["ENTERED"]
    assert customer.state.instances[0].entry_no == 2


def test_i3_restart_ends_the_live_one() -> None:
    customer = Customer(single(reentry=Reentry(ReentryMode.RESTART)))
    customer.give("Cart", 0)
    decision = customer.give("Cart", 1)
    assert moves(decision) == [("in", None, "Cart"), (None, "in", "Cart")]
    assert ends(decision) == [("RESTARTED", None)]
    assert [one.entry_no for one in customer.state.instances] == [2]


def test_i3_a_restart_takes_back_what_the_same_input_asked_for() -> None:
    again = journey(
        "a",
        stage("in", on("Cart", to="x"), on("Go", to="end")),
        stage("x", enter=[send("hello"), send("stays", cancel_on=CancelOn.NEVER)]),
        entry=[clause("Cart")],
        reentry=Reentry(ReentryMode.RESTART),
    )
    customer = Customer(plan(again))
    customer.give("Cart", 0)
    customer.give("Cart", 1)
    assert [(one.send_id, one.outcome.value) for one in customer.sends] == [
        ("hello", "CANCELLED"),
        ("stays", "SENT"),
    ]
    assert customer.stages == ["in"]


def test_i3_cooldown_counts_from_the_end() -> None:
    customer = Customer(single(reentry=Reentry(cooldown=HOUR)))
    customer.give("Cart", 0)
    customer.give("Pay", MINUTE)
    assert entries(customer.give("Cart", MINUTE + HOUR - 1)) == ["COOLDOWN"]
    assert entries(customer.give("Cart", MINUTE + HOUR)) == ["ENTERED"]


def test_i3_limit_within_a_window() -> None:
    customer = Customer(single(reentry=Reentry(limit=2, within=DAY)))
    for at in (0, HOUR):
        assert entries(customer.give("Cart", at)) == ["ENTERED"]
        customer.give("Pay", at + 1)
    assert entries(customer.give("Cart", DAY - 1)) == ["REENTRY_LIMIT"]
    assert entries(customer.give("Cart", DAY)) == ["ENTERED"]


def test_i3_limit_without_window_is_for_life() -> None:
    customer = Customer(single(reentry=Reentry(limit=1)))
    customer.give("Cart", 0)
    customer.give("Pay", 1)
    assert entries(customer.give("Cart", 1000 * DAY)) == ["REENTRY_LIMIT"]


def test_i3_entry_times_remembered_are_bounded() -> None:
    customer = Customer(single(reentry=Reentry(limit=1000)))
    for number in range(ENTRIES_MAX + 5):
        customer.give("Cart", number * HOUR)
        customer.give("Pay", number * HOUR + 1)
    assert len(customer.state.journeys["one"].keys[""].entries) == ENTRIES_MAX


def test_i3_per_key_counts_each_key_apart() -> None:
    customer = Customer(carts(reentry=Reentry(cooldown=HOUR)))
    customer.give("Cart", 0, cart="a")
    customer.give("Pay", 1, cart="a")
    assert entries(customer.give("Cart", 2, cart="a")) == ["COOLDOWN"]
    assert entries(customer.give("Cart", 2, cart="b")) == ["ENTERED"]


def test_i3_per_customer_counts_all_keys_together() -> None:
    customer = Customer(carts(reentry=Reentry(cooldown=HOUR, per_customer=True)))
    customer.give("Cart", 0, cart="a")
    assert entries(customer.give("Cart", 1, cart="b")) == ["ALREADY_IN"]
    customer.give("Pay", 2, cart="a")
    assert entries(customer.give("Cart", 3, cart="b")) == ["COOLDOWN"]
    assert entries(customer.give("Cart", 2 + HOUR, cart="b")) == ["ENTERED"]


def test_i3_the_later_end_counts_whatever_the_order_of_arrival() -> None:
    again = journey(
        "a",
        stage("in"),
        entry=[clause("Cart")],
        goals=[clause("Order", name="ordered")],
        reentry=Reentry(cooldown=HOUR),
    )
    customer = Customer(plan(again))
    customer.give("Cart", 0)
    customer.give("Order", 4 * HOUR)
    customer.give("Cart", 5 * HOUR)
    assert ends(customer.give("Order", HOUR)) == [("GOAL", "ordered")]
    assert customer.state.journeys["a"].keys[""].ended_at == T0 + 4 * HOUR


def test_i3_max_live_bounds_keys() -> None:
    customer = Customer(carts(max_live=2))
    found = [entries(customer.give("Cart", n, cart=str(n)))[0] for n in range(3)]
    assert found == ["ENTERED", "ENTERED", "MAX_LIVE"]
    customer.give("Pay", 5, cart="0")
    assert entries(customer.give("Cart", 6, cart="2")) == ["ENTERED"]


def test_i3_max_live_does_not_count_what_this_input_ended() -> None:
    both = journey(
        "a",
        stage("in"),
        entry=[clause("Cart", key=CART)],
        exits=[clause("Cart", name="all")],
        keyed=True,
        max_live=1,
    )
    customer = Customer(plan(both))
    customer.give("Cart", 0, cart="a")
    assert entries(customer.give("Cart", 1, cart="b")) == ["ENTERED"]
    assert entries(customer.give("Cart", 2, cart="b")) == ["ENTERED"]


def test_i3_max_live_counts_no_other_journey() -> None:
    alone = [
        journey(name, stage("in"), entry=[clause("Cart", key=CART)], keyed=True, max_live=1)
        for name in "ab"
    ]
    customer = Customer(plan(*alone))
    assert entries(customer.give("Cart", 0, cart="x")) == ["ENTERED"] * 2
    assert entries(customer.give("Cart", 1, cart="y")) == ["MAX_LIVE"] * 2


def test_a3_once_by_key_holds_for_life_and_beyond_its_bound_nobody_new_enters() -> None:
    customer = Customer(carts(reentry=Reentry(ReentryMode.ONCE)))
    for number in range(ONCE_MAX):
        assert entries(customer.give("Cart", 2 * number, cart=str(number))) == ["ENTERED"]
        customer.give("Stop", 2 * number + 1)

    later = 4 * ONCE_MAX
    assert entries(customer.give("Cart", later, cart="new")) == ["STATE_LIMIT"]
    for number in (0, 1, ONCE_MAX - 1):
        assert entries(customer.give("Cart", later + number, cart=str(number))) == ["REENTRY_LIMIT"]
    assert customer.state.journeys["carts"].keys == {}
    assert len(customer.state.journeys["carts"].once) == 8 * ONCE_MAX


def test_i3_once_knows_the_keys_that_an_earlier_version_remembered() -> None:
    customer = Customer(carts(reentry=Reentry(ReentryMode.ONCE)))
    before = JourneyMemory(T0, 1, {"a": KeyMemory([T0], T0 + 1)})
    customer.state = CustomerState(journeys={"carts": before})
    assert entries(customer.give("Cart", 2, cart="a")) == ["REENTRY_LIMIT"]
    assert entries(customer.give("Cart", 2, cart="b")) == ["ENTERED"]


def test_i3_keys_that_can_no_longer_be_kept_out_are_forgotten_first() -> None:
    customer = Customer(carts(reentry=Reentry(cooldown=HOUR, limit=1, within=HOUR)))
    times = [T0 if number % 2 else T0 + 3 * HOUR for number in range(KEYS_MAX)]
    keys = {str(number): KeyMemory([at], at) for number, at in enumerate(times)}
    customer.state = CustomerState(journeys={"carts": JourneyMemory(T0, KEYS_MAX, keys)})
    decision = customer.give("Cart", 3 * HOUR + 1, cart="new")
    assert "keys" not in decision.dropped
    known = customer.state.journeys["carts"].keys
    assert len(known) == KEYS_MAX // 2 + 1
    assert "0" in known
    assert "1" not in known


def test_i3_keys_remembered_are_bounded_and_drops_counted() -> None:
    customer = Customer(carts(reentry=Reentry(cooldown=DAY)))
    for number in range(KEYS_MAX + 1):
        customer.give("Cart", 2 * number, cart=str(number))
        customer.give("Stop", 2 * number + 1)
    assert len(customer.state.journeys["carts"].keys) == KEYS_MAX
    assert customer.state.journeys["carts"].keys.keys() >= {"1", str(KEYS_MAX)}
    assert customer.decisions[-2].dropped["keys"] == 1


def test_i3_a_limit_for_life_is_not_forgotten_while_there_is_room() -> None:
    """Beyond the bound only the key written longest ago goes, and that is counted."""
    customer = Customer(carts(reentry=Reentry(limit=1)))
    keys = {str(number): KeyMemory([T0]) for number in range(KEYS_MAX)}
    customer.state = CustomerState(journeys={"carts": JourneyMemory(T0, KEYS_MAX, keys)})
    decision = customer.give("Cart", DAY, cart="new")
    assert (entries(decision), decision.dropped) == (["ENTERED"], {"keys": 1})
    assert entries(customer.give("Cart", DAY, cart="1")) == ["REENTRY_LIMIT"]
    assert entries(customer.give("Cart", DAY, cart="0")) == ["ENTERED"]
