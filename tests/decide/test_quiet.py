"""Rules C1 (4), C2, C4: quiet hours by the customer's clock, and what waits for their end."""

from typing import Any

import pytest

from journey_engine.decide.decide import decide
from journey_engine.decide.state import PENDING_MAX
from journey_engine.define.plan import ChannelPlan
from journey_engine.define.policy_plan import Policy, Quiet, QuietWindow
from tests.decide.contact import NIGHT, cap, last, marketing, offer, shown, under
from tests.decide.plans import (
    DAY,
    HOUR,
    MINUTE,
    T0,
    Customer,
    after,
    check,
    clause,
    event,
    journey,
    read,
    send,
    stage,
)


def nightly(*windows: QuietWindow, quiet: Quiet = Quiet.DEFER, caps: Any = ()) -> Policy:
    return marketing(*caps, quiet=quiet, quiet_hours=windows or (NIGHT,))


@pytest.mark.parametrize(
    ("at", "until"),
    [
        (8 * HOUR - 1, 8 * HOUR),
        (8 * HOUR, None),
        (22 * HOUR - 1, None),
        (22 * HOUR, 32 * HOUR),
        (22 * HOUR + 30_000, 32 * HOUR),
        (0, 8 * HOUR),
    ],
)
def test_c4_from_start_to_before_end(at: int, until: int | None) -> None:
    customer = Customer(under(nightly(), offer("a")))
    customer.give("Go", at)
    if until is None:
        assert last(customer).outcome == "SENT"
        return
    assert (last(customer).outcome, last(customer).cause) == ("DEFERRED", "QUIET_HOURS")
    assert last(customer).until == T0 + until
    assert last(customer).trace == ("email quiet hours",)
    customer.tick(until)
    assert customer.outcomes == ["DEFERRED", "SENT"]
    assert customer.commands[0].created_at == T0 + until


def test_c4_the_clock_is_the_customers() -> None:
    customer = Customer(under(nightly(), offer("a")))
    customer.give("Moved", 0, zone="Asia/Tokyo")
    customer.give("Go", 12 * HOUR)
    customer.give("Go", 13 * HOUR)
    assert customer.outcomes == ["SENT", "DEFERRED"]
    assert last(customer).until == T0 + 23 * HOUR


def test_c4_a_night_belongs_to_the_day_on_which_it_begins() -> None:
    thursday = QuietWindow(22 * HOUR, 8 * HOUR, frozenset({3}))
    outcomes = []
    for at in (HOUR, 23 * HOUR, DAY + HOUR, DAY + 23 * HOUR):
        customer = Customer(under(nightly(thursday), offer("a")))
        customer.give("Go", at)
        outcomes += customer.outcomes
    assert outcomes == ["SENT", "DEFERRED", "DEFERRED", "SENT"]


def test_c4_a_purpose_may_skip_or_ignore() -> None:
    for quiet, outcome in ((Quiet.SKIP, "QUIET_HOURS"), (Quiet.IGNORE, "SENT")):
        customer = Customer(under(nightly(quiet=quiet), offer("a")))
        customer.give("Go", 0)
        assert customer.outcomes == [outcome]


def test_c4_windows_that_follow_on_one_another_are_one() -> None:
    lunch = QuietWindow(8 * HOUR, 9 * HOUR)
    customer = Customer(under(nightly(NIGHT, lunch), offer("a")))
    customer.give("Go", 0)
    assert last(customer).until == T0 + 9 * HOUR


def test_c4_where_it_is_always_quiet_nothing_is_ever_sent() -> None:
    halves = [QuietWindow(0, 12 * HOUR), QuietWindow(12 * HOUR, 0)]
    customer = Customer(under(nightly(*halves), offer("a")))
    customer.give("Go", 0)
    assert customer.outcomes == ["QUIET_HOURS"]


def test_c1_only_where_every_channel_is_quiet_does_it_wait_for_the_first_to_open() -> None:
    mail = QuietWindow(20 * HOUR, 9 * HOUR, channels=frozenset({"email"}))
    text = QuietWindow(0, 8 * HOUR, channels=frozenset({"sms"}), purposes=frozenset({"marketing"}))
    made = under(nightly(mail, text), offer("a", send("a", "email", "sms")))
    customer = Customer(made)
    customer.give("Go", 7 * HOUR)
    assert last(customer).until == T0 + 8 * HOUR
    customer.tick(8 * HOUR)
    assert [one.channel for one in customer.commands] == ["sms"]
    assert last(customer).trace == ("email quiet hours", "sms chosen")


def test_c1_a_wait_beyond_expires_is_refused_at_once() -> None:
    late = offer("a", send("a", expires=2 * HOUR))
    customer = Customer(under(nightly(), late))
    customer.give("Go", 5 * HOUR)
    customer.give("Go", 6 * HOUR)
    assert customer.outcomes == ["QUIET_HOURS", "DEFERRED"]
    assert customer.sends[0].trace == ("email quiet hours", "email opens after expires")


def test_c1_the_channels_own_expiry_counts_with_its_hold() -> None:
    channels = [ChannelPlan("email", "e", hold=10 * MINUTE, expires=2 * HOUR)]
    customer = Customer(under(nightly(), offer("a"), channels=channels))
    customer.give("Go", 6 * HOUR)
    customer.give("Go", 6 * HOUR + 10 * MINUTE)
    assert customer.outcomes == ["QUIET_HOURS", "DEFERRED"]


def test_c2_at_its_release_it_is_asked_everything_anew() -> None:
    wanted = check("customer", "timezone", lambda zone: zone != "Asia/Tokyo")
    customer = Customer(under(nightly(), offer("a", send("a", when=wanted))))
    customer.give("Go", 0)
    customer.give("Moved", HOUR, zone="Asia/Tokyo")
    customer.tick(8 * HOUR)
    assert customer.outcomes == ["DEFERRED", "GUARD_FALSE"]
    assert customer.state.pending == []


def test_c2_what_waits_counts_for_nothing() -> None:
    day = nightly(caps=(cap("day", 1),))
    customer = Customer(under(day, offer("a"), offer("b", on_type="Other")))
    customer.give("Go", 0)
    customer.give("Moved", HOUR, zone="Asia/Tokyo")
    customer.give("Other", 2 * HOUR)
    customer.tick(8 * HOUR)
    assert shown(customer) == [("a", "DEFERRED"), ("b", "SENT"), ("a", "CAP_REACHED")]


def test_c2_what_the_action_reads_of_its_event_waits_with_it() -> None:
    data = {"total": read("event", "total"), "at": read("instance", "entered_at")}
    customer = Customer(under(nightly(), offer("a", send("a", data=data))))
    customer.give("Go", 0, total=7, other=8)
    assert customer.state.pending[0].event == {"total": 7}
    customer.tick(8 * HOUR)
    assert customer.commands[0].data == {"total": 7, "at": T0}


def test_c2_what_is_too_long_to_be_remembered_does_not_wait_with_it() -> None:
    data = {"text": read("event", "text")}
    customer = Customer(under(nightly(), offer("a", send("a", data=data))))
    customer.give("Go", 0, text="x" * 2000)
    assert customer.decisions[0].dropped == {"event": 1}
    customer.tick(8 * HOUR)
    assert customer.outcomes == ["DEFERRED", "GUARD_ERROR"]


def test_c2_all_that_wait_remember_so_much_of_their_events() -> None:
    data = {"text": read("event", "text")}
    customer = Customer(under(nightly(), offer("a", send("a", data=data))))
    for at in range(20):
        customer.give("Go", at, text="x" * 1000)
    customer.tick(8 * HOUR)
    assert customer.outcomes.count("SENT") == 8
    assert customer.outcomes.count("GUARD_ERROR") == 12


def test_c2_a_goal_takes_back_what_waits() -> None:
    customer = Customer(under(nightly(), offer("a")))
    customer.give("Go", 0)
    customer.give("Order", HOUR)
    customer.tick(8 * HOUR)
    assert customer.outcomes == ["DEFERRED", "CANCELLED"]


def test_a7_reaching_the_end_takes_back_nothing_that_waits_for_quiet_hours() -> None:
    ending = journey(
        "a",
        stage("in", after(HOUR, to="end"), enter=[send("a")]),
        entry=[clause("Go")],
        purpose="marketing",
    )
    customer = Customer(under(nightly(), ending))
    customer.give("Go", 0)
    customer.tick(8 * HOUR)
    assert (customer.outcomes, customer.stages) == (["DEFERRED", "SENT"], [])


def test_c2_no_more_wait_than_are_remembered() -> None:
    customer = Customer(under(nightly(), offer("a")))
    for at in range(PENDING_MAX + 1):
        customer.give("Go", at)
    assert last(customer).outcome == "CANCELLED"
    assert customer.decisions[-1].dropped["pending"] == 1


def test_c2_a_release_before_the_clock_has_come_so_far_is_decided_by_its_time() -> None:
    customer = Customer(under(nightly(), offer("a")))
    customer.give("Go", 0)
    decision = decide(customer.plan, customer.state, event("Stop", 9 * HOUR), T0 + HOUR)
    assert [one.outcome for one in decision.sends] == ["SENT"]
