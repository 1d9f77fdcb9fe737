"""Rules A and C for what exists: sends, their ids, delay, expiry."""

import uuid
from dataclasses import replace
from typing import Any

import pytest

from journey_engine.decide import ids
from journey_engine.decide.decide import decide
from journey_engine.decide.event import changed
from journey_engine.decide.state import PENDING_MAX, SENT_MAX
from journey_engine.define.expression import Warming
from journey_engine.define.plan import ChannelPlan
from tests.decide.plans import (
    BROKEN,
    DAY,
    HOUR,
    MINUTE,
    NEVER,
    T0,
    Customer,
    after,
    always,
    check,
    clause,
    event,
    expression,
    journey,
    on,
    plan,
    read,
    send,
    stage,
)
from tests.decide.sending import HELD, PROFILE, consent, sending


def test_a1_a_command_says_what_the_channel_needs() -> None:
    data = {
        "total": read("event", "total"),
        "at": read("event", "at", "timestamp"),
        "none": expression(lambda _: None, kind="timestamp"),
    }
    one = send("hello", "email", theme="cart", expires=DAY, data=data)
    item = event("Cart", 0, total=7, at=T0 + 1)
    decision = decide(sending(one, priority=3), Customer(sending()).state, item, T0 + 5)
    [command] = decision.commands
    [record] = decision.sends
    assert (command.action, command.channel, command.content) == ("SEND", "email", "hello-content")
    assert command.data == {"total": 7, "at": "2026-01-01T00:00:00.001Z", "none": None}
    assert (command.theme, command.purpose, command.priority) == ("cart", "service", 3)
    assert (command.created_at, command.not_before) == (T0 + 5, T0 + 5)
    assert command.not_after == T0 + 5 + DAY
    assert (command.journey.name, command.journey.stage, command.journey.entry_no) == ("a", "in", 1)
    assert command.causation == item.origin
    assert (record.command_id, record.decision_id) == (command.command_id, command.decision_id)
    assert record.trace == ("email chosen",)
    assert (
        decide(sending(send("x", priority=9)), Customer(sending()).state, item, T0)
        .commands[0]
        .priority
        == 9
    )


def test_a_command_is_linked_to_its_cause_where_a_timer_decided_it() -> None:
    moved = plan(
        journey(
            "a",
            stage("in", after(HOUR, to="x"), enter=[send("now"), send("later", delay=MINUTE)]),
            stage("x", enter=[send("then")]),
            entry=[clause("Cart")],
            goals=[clause("Order", name="ordered")],
        ),
        channels=HELD,
    )
    customer = Customer(moved)
    customer.give("Cart", 0, "e1")
    customer.tick(MINUTE)
    customer.tick(HOUR)
    customer.give("Order", HOUR + MINUTE, "e2")
    seen = [(c.action, c.send_id, c.causation.event_id, c.linked) for c in customer.commands]
    assert seen == [
        ("SEND", "now", "e1", False),
        ("SEND", "later", "e1", True),
        ("SEND", "then", "e1", True),
        ("CANCEL", "then", "e2", False),
    ]


def test_a_timer_that_an_event_lets_fire_is_no_decision_of_that_event() -> None:
    customer = Customer(sending(send("later", delay=MINUTE)))
    customer.give("Cart", 0, "e1")
    customer.give("Order", HOUR, "e2")
    assert [(c.causation.event_id, c.linked) for c in customer.commands] == [("e1", True)]


def test_a1_the_first_channel_with_consent_and_reach() -> None:
    customer = Customer(sending(send("hello", "email", "push", "sms")))
    consent(customer, 0, granted=False)
    customer.give("Cart", 1)
    [record] = customer.sends
    assert customer.commands[0].channel == "push"
    assert record.channels_tried == ("email", "push")
    assert record.trace == ("email no consent", "push chosen")


def test_a1_no_consent_on_any_channel() -> None:
    customer = Customer(sending(send("hello", "email", "push"), purpose="marketing"))
    customer.give("Cart", 0)
    assert customer.outcomes == ["NO_CONSENT"]
    assert not customer.commands
    assert customer.stages == ["in"]


def test_a1_consent_without_reach() -> None:
    customer = Customer(sending(send("hello", "push", "email"), purpose="marketing"))
    consent(customer, 0, granted=True, purpose="marketing")
    customer.give("Bounced", 1)
    customer.give("Cart", 2)
    assert customer.outcomes == ["UNREACHABLE"]


def warming(_: Any) -> Any:
    raise Warming


@pytest.mark.parametrize(
    ("guard", "outcome"),
    [(NEVER, "GUARD_FALSE"), (BROKEN, "GUARD_ERROR"), (expression(warming), "GUARD_FALSE")],
)
def test_c1_when_is_asked_first(guard: Any, outcome: str) -> None:
    customer = Customer(sending(send("hello", when=guard)))
    customer.give("Cart", 0)
    assert customer.outcomes == [outcome]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (BROKEN, "boom"),
        (expression(warming), ""),
        (expression(lambda _: 10**18, kind="timestamp"), "no calendar has the time"),
    ],
)
def test_a1_data_without_a_value_is_a_guard_error(value: Any, why: str) -> None:
    customer = Customer(sending(send("hello", data={"x": value})))
    decision = customer.give("Cart", 0)
    assert customer.outcomes == ["GUARD_ERROR"]
    assert [text for _, text in decision.guard_errors] == [f"data of hello: {why}"]
    assert not decision.commands


def test_a1_actions_read_the_context_as_it_is_after_the_move() -> None:
    one = send("hello", data={"total": read("instance", "total")})
    moving = journey(
        "a",
        stage("in", on("Go", to="x", remember={"total": read("event", "total")})),
        stage("x", enter=[one]),
        entry=[clause("Cart")],
    )
    customer = Customer(plan(moving))
    customer.give("Cart", 0)
    assert customer.give("Go", 1, total=5).commands[0].data == {"total": 5}


def test_a6_the_same_decision_has_the_same_id() -> None:
    commands = []
    for clock in (T0, T0 + DAY):
        item = event("Cart", 0)
        commands += decide(sending(send("hello")), Customer(sending()).state, item, clock).commands
    assert commands[0].command_id == commands[1].command_id
    name = "0/c:anna/a//1/1/hello/0"
    expected = uuid.uuid5(uuid.UUID(bytes=ids.NAMESPACE), name)
    assert commands[0].command_id == str(expected)


def test_a6_ids_tell_visits_runs_and_entries_apart() -> None:
    looping = journey(
        "a",
        stage(
            "in",
            on("Go", to="in"),
            on("Ping", do=[send("ping")]),
            on("Pay", to="end"),
            enter=[send("hello")],
        ),
        entry=[clause("Cart")],
    )
    customer = Customer(plan(looping))
    for number, kind in enumerate(["Cart", "Ping", "Ping", "Go", "Ping", "Pay", "Cart", "Ping"]):
        customer.give(kind, number)
    found = [command.command_id for command in customer.commands]
    assert len(found) == len(set(found)) == 7
    second = uuid.uuid5(uuid.UUID(bytes=ids.NAMESPACE), "0/c:anna/a//1/1/ping#2/0")
    assert found[2] == str(second)


def test_a6_ids_from_outside_with_a_slash_do_not_meet() -> None:
    def named(customer: str, key: str) -> str:
        keyed = journey(
            "j",
            stage("in", enter=[send("s")]),
            entry=[clause("Cart", key=read("event", "k"))],
            keyed=True,
        )
        item = replace_id(event("Cart", 0, k=key), customer)
        return decide(plan(keyed), Customer(plan()).state, item, T0).commands[0].command_id

    assert named("a", "j/k") != named("a/j", "k")
    assert named("a%2Fj", "k") != named("a/j", "k")


def replace_id(item: Any, customer: str) -> Any:
    return changed(item, customer_id=customer)


def test_a1_delay_waits_then_everything_is_asked_anew() -> None:
    big = check("instance", "total", lambda total: total > 1)
    one = send("hello", delay=HOUR, data={"total": read("instance", "total")}, when=big)
    waiting = journey(
        "a",
        stage("in", enter=[one]),
        entry=[clause("Cart", remember={"total": read("event", "total")})],
        updates=[clause("Cart", remember={"total": read("event", "total")})],
    )
    customer = Customer(plan(waiting))
    customer.give("Cart", 0, total=7)
    customer.give("Cart", 1, total=9)
    [record] = customer.sends
    assert record.outcome.value == "DEFERRED"
    assert (record.cause, record.until) == ("DELAY", T0 + HOUR)
    decision = customer.tick(HOUR)
    assert customer.outcomes == ["DEFERRED", "SENT"]
    assert decision.commands[0].data == {"total": 9}
    assert decision.timers_fired == [T0 + HOUR]
    assert not customer.state.pending
    assert customer.state.instances[0].sent[0].at == T0 + HOUR


def test_a1_when_false_before_a_delay_is_final() -> None:
    customer = Customer(sending(send("hello", delay=HOUR, when=NEVER)))
    customer.give("Cart", 0)
    assert customer.outcomes == ["GUARD_FALSE"]


def test_a1_a_delayed_send_outlives_an_instance_that_completed_at_once() -> None:
    passing = journey(
        "a",
        stage("in", always("end"), enter=[send("hello", delay=HOUR)]),
        entry=[clause("Cart")],
    )
    waiting = journey("b", stage("in"), entry=[clause("Cart")])
    customer = Customer(plan(waiting, passing))
    customer.give("Cart", 0)
    customer.tick(HOUR)
    assert customer.outcomes == ["DEFERRED", "SENT"]


def test_c2_consent_of_the_release_counts() -> None:
    customer = Customer(sending(send("hello", delay=HOUR), purpose="marketing"))
    customer.give("Cart", 0)
    consent(customer, 1, granted=True, purpose="marketing")
    customer.tick(HOUR)
    assert customer.outcomes == ["DEFERRED", "SENT"]


def test_c2_a_release_after_expires_is_expired() -> None:
    customer = Customer(sending(send("hello", delay=HOUR, expires=2 * HOUR)))
    customer.give("Cart", 0)
    late = Customer(customer.plan, customer.state)
    customer.tick(HOUR)
    assert customer.outcomes == ["DEFERRED", "SENT"]
    late.tick(2 * HOUR + 1)
    assert late.outcomes == ["EXPIRED"]
    last = Customer(sending(send("hello", delay=HOUR, expires=HOUR)))
    last.give("Cart", 0)
    last.tick(HOUR)
    assert last.outcomes == ["DEFERRED", "SENT"]


def test_a1_the_channel_s_expiry_where_the_send_has_none() -> None:
    channel = ChannelPlan("email", "commands.email.v1", expires=2 * HOUR)
    customer = Customer(sending(send("hello", delay=HOUR), channels=[channel]))
    customer.give("Cart", 0)
    late = Customer(customer.plan, customer.state)
    assert customer.tick(HOUR).commands[0].not_after == T0 + 2 * HOUR
    late.tick(3 * HOUR)
    assert late.outcomes == ["EXPIRED"]


def test_a1_a_hold_beyond_expires_leaves_no_time() -> None:
    customer = Customer(sending(send("hello", expires=MINUTE), channels=HELD))
    customer.give("Cart", 0)
    assert customer.outcomes == ["EXPIRED"]


def test_a1_a_channel_the_plan_does_not_describe_has_no_hold() -> None:
    customer = Customer(replace(sending(send("hello", "pigeon")), channels={}))
    [command] = customer.give("Cart", 0).commands
    assert (command.channel, command.not_after) == ("pigeon", None)


def test_law6_waiting_candidates_are_bounded() -> None:
    customer = Customer(sending(*[send(f"s{n}", delay=HOUR) for n in range(PENDING_MAX + 1)]))
    decision = customer.give("Cart", 0)
    assert decision.dropped == {"pending": 1}
    assert customer.outcomes.count("DEFERRED") == PENDING_MAX
    assert customer.outcomes[-1] == "CANCELLED"


def test_law6_sends_remembered_are_bounded() -> None:
    customer = Customer(sending(*[send(f"s{n}") for n in range(SENT_MAX + 1)]))
    decision = customer.give("Cart", 0)
    assert decision.dropped == {"sent": 1}
    assert "s0" not in {sent.send_id for sent in customer.state.instances[0].sent}


@pytest.mark.parametrize("gone", ["action", "journey", "stage"])
def test_law7_a_candidate_ends_also_where_the_plan_no_longer_has_it(gone: str) -> None:
    customer = Customer(sending(send("hello", delay=HOUR)))
    customer.give("Cart", 0)
    customer.plan = {
        "action": sending(),
        "journey": plan(journey("b", stage("in"), entry=[clause("Order")]), profile=PROFILE),
        "stage": plan(
            journey("a", stage("new", enter=[send("hello", delay=HOUR)]), entry=[clause("Cart")])
        ),
    }[gone]
    consent(customer, 1, granted=False, purpose="marketing")
    customer.tick(HOUR)
    assert customer.outcomes == ["DEFERRED", "SENT" if gone == "stage" else "CANCELLED"]


def test_c_candidates_of_one_instant_are_decided_after_all_its_transitions() -> None:
    first = journey(
        "a", stage("in", after(HOUR, "x")), stage("x", enter=[send("one")]), entry=[clause("Cart")]
    )
    last = journey("b", stage("in", after(HOUR, "end")), entry=[clause("Cart")])
    customer = Customer(plan(first, last))
    customer.give("Cart", 0)
    decision = customer.tick(HOUR)
    assert len(decision.transitions) == 2
    assert decision.sends[0].decision_id
    assert customer.stages == ["x"]
