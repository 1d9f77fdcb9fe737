"""Rule C5: purposes whose candidates are collected, and the best of them sent."""

from dataclasses import replace
from typing import Any

import pytest

from journey_engine.define.plan import ChannelPlan, Plan
from journey_engine.define.policy_plan import Collection, PurposePlan, Quiet
from journey_engine.define.profile_plan import ProfileReaders
from tests.decide.contact import NIGHT, cap, last, marketing, number, offer, shown, under
from tests.decide.plans import (
    DAY,
    HOUR,
    MINUTE,
    NEVER,
    T0,
    Customer,
    after,
    send,
)

TWICE = (10 * HOUR, 18 * HOUR)
EARLY = Collection(slots=(7 * HOUR,))
"""In the night."""


def offers(rule: Collection, *caps: Any, names: str = "abc", **more: Any) -> Plan:
    """Journeys of falling priority, each on its own event."""
    journeys = [
        offer(name, send(name, priority=90 - place, **more), on_type=f"Go{name}")
        for place, name in enumerate(names)
    ]
    return under(marketing(*caps, collection=rule), *journeys)


def test_c5_candidates_wait_for_the_slot_and_the_best_wins() -> None:
    customer = Customer(offers(Collection(slots=TWICE)))
    customer.give("Goc", 0)
    customer.give("Gob", HOUR)
    assert [(one.cause, one.until) for one in customer.sends] == [
        ("ARBITRATION", T0 + 10 * HOUR),
        ("ARBITRATION", T0 + 10 * HOUR),
    ]
    customer.tick(10 * HOUR)
    assert shown(customer)[2:] == [("b", "SENT"), ("c", "LOWER_PRIORITY")]
    assert (last(customer, "c").rank, last(customer, "c").rivals) == (2, ("b/b",))
    assert last(customer, "c").trace == ("slot: 1 of 1 taken",)
    customer.give("Goa", 11 * HOUR)
    assert last(customer).until == T0 + 18 * HOUR


def test_c5_the_slot_is_the_customers_time() -> None:
    customer = Customer(offers(Collection(slots=TWICE)))
    customer.give("Moved", 0, zone="America/Sao_Paulo")
    customer.give("Goa", 12 * HOUR)
    assert last(customer).until == T0 + 13 * HOUR


def test_c5_whoever_arises_at_the_slot_itself_is_in_it() -> None:
    late = send("late", priority=99)
    moves = (after(10 * HOUR, do=[late]), after(30 * DAY, to="end"))
    timed = offer("t", send("t", when=NEVER), on_type="Timed", transitions=moves)
    other = offer("a", on_type="Goa")
    made = under(marketing(collection=Collection(slots=TWICE)), timed, other)
    customer = Customer(made)
    customer.give("Timed", 0)
    customer.give("Goa", HOUR)
    customer.tick(10 * HOUR)
    assert shown(customer)[-2:] == [("late", "SENT"), ("a", "LOWER_PRIORITY")]


def test_c5_who_comes_to_a_slot_that_is_taken_loses() -> None:
    customer = Customer(offers(Collection(slots=TWICE)))
    customer.give("Gob", 0)
    customer.give("Goa", 10 * HOUR)
    assert shown(customer) == [("b", "DEFERRED"), ("b", "SENT"), ("a", "LOWER_PRIORITY")]
    assert last(customer).trace == ("slot: 1 of 1 taken",)


def test_c5_an_input_that_comes_after_its_slot_is_for_the_next() -> None:
    customer = Customer(offers(Collection(slots=TWICE)))
    customer.give("Gob", 0)
    customer.tick(10 * HOUR)
    customer.give("Goa", 10 * HOUR - MINUTE)
    assert last(customer).until == T0 + 18 * HOUR


def test_c5_the_life_that_channels_give_counts_too() -> None:
    first = offer("a", send("a", "push", "email"))
    made = {
        life: under(
            marketing(collection=Collection(slots=TWICE)),
            first,
            channels=[
                ChannelPlan("push", "p", expires=HOUR),
                ChannelPlan("email", "e", expires=life),
            ],
        )
        for life in (2 * HOUR, None)
    }
    outcomes = []
    for plan in made.values():
        customer = Customer(plan)
        customer.give("Go", 0)
        outcomes += customer.outcomes
    assert outcomes == ["EXPIRED", "DEFERRED"]


def test_c5_more_may_win_and_losers_may_go_on_to_the_next_slot() -> None:
    rule = Collection(winners=2, slots=TWICE, defer_losers=True)
    customer = Customer(offers(rule))
    for name in "abc":
        customer.give(f"Go{name}", 0)
    customer.tick(10 * HOUR)
    assert shown(customer)[3:] == [("a", "SENT"), ("b", "SENT"), ("c", "DEFERRED")]
    assert last(customer).until == T0 + 18 * HOUR
    customer.tick(18 * HOUR)
    assert shown(customer)[-1] == ("c", "SENT")


def test_c5_a_loser_that_would_be_too_late_has_lost() -> None:
    rule = Collection(slots=TWICE, defer_losers=True)
    customer = Customer(offers(rule, expires=11 * HOUR))
    customer.give("Goa", 0)
    customer.give("Gob", 0)
    customer.tick(10 * HOUR)
    assert shown(customer)[2:] == [("a", "SENT"), ("b", "LOWER_PRIORITY")]
    assert last(customer).trace[-1] == "the slot comes after expires"


def test_c5_a_slot_after_expires_is_too_late() -> None:
    customer = Customer(offers(Collection(slots=TWICE), expires=HOUR))
    customer.give("Goa", 0)
    assert customer.outcomes == ["EXPIRED"]


def test_c5_what_a_cap_forbids_leaves_its_place_in_the_slot() -> None:
    mail = cap("mail", 1, channels=frozenset({"email"}))
    first = offer("a", send("a", "email", priority=9), on_type="Goa")
    second = offer("b", send("b", "push", priority=1), on_type="Gob")
    made = under(marketing(mail, collection=Collection(slots=TWICE)), first, second)
    customer = Customer(made)
    customer.give("Goa", 1)
    customer.tick(10 * HOUR)
    customer.give("Goa", 11 * HOUR)
    customer.give("Gob", 12 * HOUR)
    customer.tick(18 * HOUR)
    assert shown(customer)[-2:] == [("a", "CAP_REACHED"), ("b", "SENT")]


def test_c5_a_collection_ends_a_while_after_its_first() -> None:
    customer = Customer(offers(Collection(collect=30 * MINUTE)))
    customer.give("Goc", 0)
    customer.give("Gob", 29 * MINUTE)
    assert [one.until for one in customer.sends] == [T0 + 30 * MINUTE] * 2
    customer.give("Goa", 30 * MINUTE)
    assert shown(customer)[2:] == [
        ("b", "SENT"),
        ("c", "LOWER_PRIORITY"),
        ("a", "LOWER_PRIORITY"),
    ]
    customer.give("Goa", 31 * MINUTE)
    assert last(customer).until == T0 + 61 * MINUTE


def test_c5_what_waits_for_something_else_ends_no_collection() -> None:
    late = offer("late", send("late", delay=10 * MINUTE), on_type="Golate")
    other = offer("other", send("other", delay=5 * MINUTE), on_type="Golate", purpose="service")
    made = under(
        marketing(collection=Collection(collect=30 * MINUTE), others={"service": PurposePlan()}),
        offer("a", on_type="Goa"),
        late,
        other,
    )
    customer = Customer(made)
    customer.give("Golate", 0)
    customer.give("Goa", MINUTE)
    assert last(customer, "a").until == T0 + 31 * MINUTE


def test_c7_who_falls_back_has_won_before() -> None:
    action = send("a", "email", "push", expires=DAY)
    made = under(
        marketing(collection=Collection(slots=TWICE)),
        offer("a", action),
        feedback=["MessageBounced"],
        profile={"MessageBounced": ProfileReaders()},
    )
    customer = Customer(made)
    customer.give("Go", 0)
    customer.tick(10 * HOUR)
    [sent] = customer.commands
    customer.give("MessageBounced", 11 * HOUR, command_id=sent.command_id, permanent=True)
    assert [one.channel for one in customer.commands] == ["email", "push"]


def test_c5_losers_of_a_collection_go_on_to_the_next() -> None:
    customer = Customer(offers(Collection(collect=HOUR, defer_losers=True)))
    customer.give("Goa", 0)
    customer.give("Gob", 0)
    customer.tick(HOUR)
    assert last(customer, "b").until == T0 + 2 * HOUR
    customer.tick(2 * HOUR)
    assert shown(customer)[-1] == ("b", "SENT")


def test_c1_quiet_hours_come_before_the_slot() -> None:
    rule = marketing(quiet=Quiet.DEFER, quiet_hours=(NIGHT,), collection=Collection(slots=TWICE))
    customer = Customer(under(rule, offer("a")))
    customer.give("Go", HOUR)
    customer.tick(10 * HOUR)
    assert [(one.outcome.value, one.cause) for one in customer.sends] == [
        ("DEFERRED", "QUIET_HOURS"),
        ("DEFERRED", "ARBITRATION"),
        ("SENT", None),
    ]


def test_c5_whose_channel_is_quiet_at_the_slot_is_decided_at_its_opening() -> None:
    rule = marketing(quiet=Quiet.DEFER, quiet_hours=(NIGHT,), collection=EARLY)
    customer = Customer(under(rule, offer("a", priority=1), offer("b", priority=2)))
    customer.give("Go", 9 * HOUR)
    customer.tick(31 * HOUR)
    assert [(one.cause, one.until) for one in customer.sends[2:]] == [
        ("QUIET_HOURS", T0 + 32 * HOUR)
    ] * 2
    customer.tick(32 * HOUR)
    assert shown(customer)[4:] == [("b", "SENT"), ("a", "LOWER_PRIORITY")]


def test_c5_who_waited_before_its_slot_still_goes_to_it() -> None:
    rule = Collection(slots=(7 * HOUR, 10 * HOUR))
    policy = marketing(quiet=Quiet.DEFER, quiet_hours=(NIGHT,), collection=rule)
    customer = Customer(under(policy, offer("a")))
    customer.give("Go", HOUR)
    customer.tick(8 * HOUR)
    assert (last(customer).cause, last(customer).until) == ("ARBITRATION", T0 + 10 * HOUR)


@pytest.mark.parametrize(("winners", "outcome"), [(1, "LOWER_PRIORITY"), (2, "SENT")])
def test_c5_who_is_decided_later_counts_in_its_slot(winners: int, outcome: str) -> None:
    night = replace(NIGHT, channels=frozenset({"push"}))
    rule = replace(EARLY, winners=winners)
    policy = marketing(quiet=Quiet.DEFER, quiet_hours=(night,), collection=rule)
    customer = Customer(under(policy, offer("mail"), offer("push", send("push", "push"))))
    customer.give("Go", 9 * HOUR)
    customer.tick(31 * HOUR)
    assert dict(shown(customer)) == {"mail": "SENT", "push": "DEFERRED"}
    customer.tick(32 * HOUR)
    assert last(customer, "push").outcome == outcome


def test_c5_who_loses_there_goes_on_to_the_next_slot() -> None:
    rule = replace(EARLY, defer_losers=True)
    policy = marketing(quiet=Quiet.DEFER, quiet_hours=(NIGHT,), collection=rule)
    customer = Customer(under(policy, offer("a", priority=1), offer("b", priority=2)))
    customer.give("Go", 9 * HOUR)
    for at in (31, 32, 55, 56):
        customer.tick(at * HOUR)
    assert [(one.send_id, one.decided_at) for one in customer.sends if one.outcome == "SENT"] == [
        ("b", T0 + 32 * HOUR),
        ("a", T0 + 56 * HOUR),
    ]


def test_c5_a_collection_that_ends_in_quiet_hours_is_decided_at_their_end() -> None:
    policy = marketing(
        quiet=Quiet.DEFER, quiet_hours=(NIGHT,), collection=Collection(collect=15 * HOUR)
    )
    customer = Customer(under(policy, offer("a")))
    customer.give("Go", 9 * HOUR)
    for at in (24, 32):
        customer.tick(at * HOUR)
    assert customer.outcomes == ["DEFERRED", "DEFERRED", "SENT"]


def test_silo_breaker_two_teams_hours_apart_and_the_more_valuable_wins() -> None:
    loan = send("loan", score=(("propensity", number(0.2)), ("value", number(500.0))))
    card = send("card", score=(("propensity", number(0.6)), ("value", number(80.0))))
    policy = marketing(cap("day", 1), collection=Collection(slots=TWICE))
    made = under(
        policy,
        offer("offer-card", card, on_type="Cards"),
        offer("offer-loan", loan, on_type="Loans"),
    )
    customer = Customer(made)
    customer.give("Cards", HOUR)
    customer.give("Loans", 6 * HOUR)
    customer.tick(10 * HOUR)
    assert shown(customer)[2:] == [("loan", "SENT"), ("card", "LOWER_PRIORITY")]
    lost = last(customer, "card")
    assert (lost.rank, lost.score, lost.rivals) == (2, 48.0, ("offer-loan/loan",))
    customer.give("Cards", 11 * HOUR)
    customer.tick(18 * HOUR)
    assert shown(customer)[-1] == ("card", "CAP_REACHED")
