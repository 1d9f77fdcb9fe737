"""Decisions told in sentences."""

from typing import Any

from journey_engine.decide.decide import decide
from journey_engine.decide.explain import sentences
from journey_engine.decide.state import EMPTY
from journey_engine.define.plan import ChannelPlan, Plan
from journey_engine.define.profile_plan import FeatureOp
from tests.decide.contact import cap, marketing, number, offer, under
from tests.decide.pattern_journeys import customer as written
from tests.decide.plans import (
    BROKEN,
    DAY,
    HOUR,
    T0,
    Customer,
    after,
    always,
    check,
    clause,
    event,
    expression,
    feature,
    journey,
    on,
    plan,
    send,
    stage,
)


def shop() -> Plan:
    views = feature(FeatureOp.COUNT, "View", within=HOUR)
    warm = feature(FeatureOp.COUNT, "Other", warm_up=30 * DAY)
    reads = {
        ("event", "total"): "int",
        ("event", "note"): "string",
        ("event", "gone"): "string",
        ("event", "vip"): "bool",
        ("event", "nothing"): "timestamp",
        ("event", "seen_at"): "timestamp",
        ("event", "took"): "duration",
        ("event", "seen"): "list<timestamp>",
        ("features", "views"): "int",
        ("features", "warm"): "int",
    }
    return plan(
        journey(
            "cart",
            stage("in", after(HOUR, "nudged", reset_on=["View"]), on("Go", to="nudged")),
            stage(
                "nudged",
                always("in", when=check("instance", "entered_at", lambda at: at == 0)),
                enter=[send("hi", delay=HOUR), send("now")],
            ),
            entry=[clause("Cart", when=expression(lambda _: True, "true", reads=reads))],
            goals=[clause("Order", name="ordered")],
            exits=[clause("Empty", name="emptied", when=BROKEN)],
            features={"views": views, "warm": warm},
            abandon=DAY,
            objective="bring carts back",
        ),
        channels=[ChannelPlan("email", "commands.email.v1", hold=60_000)],
    )


def told(customer: Customer, decision: Any) -> str:
    return "\n".join(sentences(decision, customer.plan))


def test_an_entry_is_told_with_the_values_it_read() -> None:
    customer = Customer(shop())
    times = {"seen_at": T0, "took": 5_400_000, "seen": [T0, T0 + 1_000]}
    text = told(
        customer, customer.give("Cart", 0, total=7, note="hi", vip=True, nothing=None, **times)
    )
    assert "cart: entry 'on Cart' was asked: ENTERED (" in text
    for part in (
        "event.total = 7",
        "event.note = 'hi'",
        "event.gone = absent",
        "event.vip = true",
        "event.nothing = null",
        "event.seen_at = 2026-01-01T00:00:00+00:00",
        "event.took = 90m",
        "event.seen = [2026-01-01T00:00:00+00:00, 2026-01-01T00:00:01+00:00]",
        "features.views = 0",
        "features.warm = not watched for long enough",
    ):
        assert part in text
    assert "cart began in stage in, by Cart at 2026-01-01T00:00:00+00:00." in text
    assert "Its objective: bring carts back." in text


def test_moves_waits_and_commands_are_told() -> None:
    customer = Customer(shop())
    customer.give("Cart", 0)
    assert "cart: the wait of 'after 3600000' started again." in told(
        customer, customer.give("View", 1)
    )
    text = told(customer, customer.tick(2 * HOUR))
    assert "cart: the timer of 'after 3600000' fired: true." in text
    assert "cart: 'always' was asked on entering the stage: false" in text
    assert "cart went from in to nudged, by after at 2026-01-01T01:00:00+00:00." in text
    assert "cart: send hi waits for its delay until 2026-01-01T02:00:00+00:00 (delay)." in text
    assert "cart: send now: SENT (email chosen)." in text
    assert "Command SEND of now goes to email, held until 2026-01-01T02:01:00+00:00." in text


def test_ends_errors_and_refusals_are_told() -> None:
    customer = Customer(shop())
    customer.give("Cart", 0)
    assert "cart: entry 'on Cart' was asked: ALREADY_IN, an instance is live" in told(
        customer, customer.give("Cart", 1)
    )
    text = told(customer, customer.give("Empty", 2))
    assert "cart: exit 'on Empty emptied' was asked: error." in text
    assert "cart: a guard has no value: broken: boom." in text
    customer.give("Go", 3)
    text = told(customer, customer.give("Order", 4))
    assert "cart reached its goal (ordered) in stage nudged, by Order" in text
    assert "cart: send hi: CANCELLED, it was taken back before it was decided (taken back)." in text
    assert "Command CANCEL of now goes to email." in text


def test_an_abandon_is_told() -> None:
    customer = Customer(shop())
    customer.give("Cart", 0)
    text = told(customer, customer.tick(3 * DAY))
    assert "cart was abandoned in stage nudged, by abandon" in text
    assert "cart: no input reached the instance for as long as it may wait." in text


def test_inputs_without_effect_are_told() -> None:
    customer = Customer(shop())
    customer.give("Cart", 5 * HOUR, "one")
    assert (
        told(customer, customer.give("Cart", 5 * HOUR, "one"))
        == "The same input came before: it has no effect."
    )
    assert "dead letters" in told(customer, customer.give("Cart", 5 * HOUR, "one", total=1))
    assert (
        told(customer, customer.give("Nothing", 0))
        == "Nobody reads this input, or nothing was due: nothing happened."
    )
    assert "late for every journey" in told(customer, customer.give("Cart", 0))
    assert "back-filled history" in told(customer, customer.give("Cart", 1, backfill=True))


def test_drops_and_times_outside_the_calendar_are_told() -> None:
    many = {f"f{number}": expression(lambda _: 1) for number in range(40)}
    wide = plan(journey("a", stage("in"), entry=[clause("Cart", remember=many)]))
    decision = decide(wide, EMPTY, event("Cart", 10**17), T0)
    text = "\n".join(sentences(decision, plan()))
    assert "1 of context went over a bound." in text
    assert f"a began in stage in, by Cart at {T0 + 10**17}." in text


def test_a_keyed_instance_is_told_with_its_key() -> None:
    keyed = journey(
        "a",
        stage("in"),
        entry=[clause("Cart", key=expression(lambda _: "k1", "'k1'"))],
        updates=[clause("View")],
        keyed=True,
    )
    customer = Customer(plan(keyed))
    assert "a [k1] began in stage in" in told(customer, customer.give("Cart", 0))
    assert "a [k1]: update 'on View' was asked: true." in told(customer, customer.give("View", 1))


def test_how_far_a_pattern_is_is_told() -> None:
    twice = "{on: OrderPlaced, times: 2, within: 1h, when: 'event.total > 9.0'}"
    left = "{on: CartUpdated, not_followed_by: OrderPlaced, within: 1h}"
    customer = written(f"{twice}, {left}")
    assert (
        "pat: 'on CartUpdated, not_followed_by OrderPlaced, within 1h' waits until "
        "2026-01-01T01:00:00+00:00 for nothing to follow."
    ) in told(customer, customer.give("CartUpdated", 0))
    text = told(customer, customer.give("OrderPlaced", 1, total=10.0))
    shown = "on OrderPlaced, times 2, within 1h, when event.total > 9.0"
    assert f"pat: the pattern '{shown}' has 1 of 2 events (event.total = 10.0)." in text
    assert "something followed, 'on CartUpdated, not_followed_by OrderPlaced, within 1h'" in text
    text = told(customer, customer.give("OrderPlaced", 2, total=10.0))
    assert "has 2 of 2 events" in text
    assert f"pat: entry '{shown}' was asked: ENTERED" in text


def test_what_became_true_is_told_with_its_values() -> None:
    customer = written("{on: ProfileChanged, becomes: \"customer.first_name == 'Ann'\"}")
    text = told(customer, customer.give("ProfileChanged", 0, first_name="Ann"))
    assert "was asked what it became by this: true (customer.first_name = 'Ann')." in text
    text = told(customer, customer.give("ProfileChanged", 1, first_name="Ann"))
    assert "was asked what it became by this: false" in text


def test_a_candidate_is_told_with_its_rank_and_the_rule_that_refused_it() -> None:
    made = under(
        marketing(cap("day", 1)),
        offer("a", send("a", score=(("value", number(2.5)),))),
        offer("b"),
    )
    customer = Customer(made)
    text = "\n".join(sentences(customer.give("Go", 0), made))
    assert (
        "a: send a: SENT (score value 2.5; email cap day: 0 of 1; email chosen)."
        " Rank 1, score 2.5, among b/b." in text
    )
    assert (
        "b: send b: LOWER_PRIORITY, what ranks above it leaves no room (email cap day: 1 of 1)."
        " Rank 2, score 1, among a/a." in text
    )
