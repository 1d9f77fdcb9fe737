"""Rules A7 and K1: what an end, a leaving or a withdrawal takes back."""

import uuid
from typing import Any

import pytest

from journey_engine.decide.state import OPEN_MAX
from journey_engine.define.action_plan import Action, ActionKind, CancelOn
from tests.decide.plans import (
    DAY,
    HOUR,
    MINUTE,
    T0,
    Customer,
    always,
    clause,
    ends,
    journey,
    on,
    plan,
    read,
    send,
    stage,
)
from tests.decide.sending import HELD, PROFILE, consent, sending


def sync(name: str, **more: Any) -> Action:
    return Action(name, f"{name}-audience", ("email",), ActionKind.SYNC, **more)


@pytest.mark.parametrize("ending", ["Order", "Leave"])
def test_a7_a_goal_takes_back_what_waits(ending: str) -> None:
    customer = Customer(
        sending(
            send("hello", delay=HOUR),
            send("leaver", delay=HOUR, cancel_on=CancelOn.LEAVE),
            send("stays", delay=HOUR, cancel_on=CancelOn.NEVER),
        )
    )
    customer.give("Cart", 0)
    customer.give(ending, 1)
    customer.tick(HOUR)
    final = {one.send_id: one.outcome.value for one in customer.sends}
    kept = "CANCELLED" if ending == "Order" else "SENT"
    assert final == {"hello": kept, "leaver": "CANCELLED", "stays": "SENT"}
    assert not customer.state.pending


def test_a7_completing_takes_nothing_back() -> None:
    customer = Customer(sending(send("hello", delay=HOUR)))
    customer.give("Cart", 0)
    assert ends(customer.give("Finish", 1)) == [("COMPLETED", None)]
    customer.tick(HOUR)
    assert customer.outcomes == ["DEFERRED", "SENT"]
    assert not customer.state.open


def test_a7_only_its_own_instance_s_sends_are_taken_back() -> None:
    cart = read("event", "cart")
    keyed = journey(
        "a",
        stage("in", on("Ping", do=[send("now")], key=cart), enter=[send("hello", delay=HOUR)]),
        entry=[clause("Cart", key=cart)],
        goals=[clause("Order", name="ordered", key=cart)],
        keyed=True,
    )
    customer = Customer(plan(keyed))
    customer.give("Cart", 0, cart="a")
    customer.give("Cart", 1, cart="b")
    customer.give("Order", 2, cart="a")
    assert [one.key for one in customer.state.pending] == ["b"]


def test_a7_an_end_cancels_a_held_command_once() -> None:
    customer = Customer(sending(send("hello"), channels=HELD))
    [command] = customer.give("Cart", 0).commands
    assert command.not_before == T0 + 10 * MINUTE
    [cancel] = customer.give("Order", MINUTE).commands
    assert (cancel.action, cancel.cancels, cancel.channel) == (
        "CANCEL",
        command.command_id,
        "email",
    )
    assert cancel.command_id == str(uuid.uuid5(uuid.UUID(command.command_id), "cancel"))
    assert (cancel.send_id, cancel.content) == ("hello", "hello-content")
    assert cancel.decision_id == command.decision_id
    assert customer.outcomes == ["SENT"]


def test_a7_after_the_hold_nothing_is_cancelled() -> None:
    customer = Customer(sending(send("hello"), channels=HELD))
    customer.give("Cart", 0)
    assert not customer.give("Order", 10 * MINUTE).commands


@pytest.mark.parametrize(
    ("cancel_on", "leave", "order"),
    [(CancelOn.END, 0, 1), (CancelOn.LEAVE, 1, 0), (CancelOn.NEVER, 0, 0)],
)
def test_a7_cancel_on(cancel_on: CancelOn, leave: int, order: int) -> None:
    customer = Customer(sending(send("hello", cancel_on=cancel_on), channels=HELD))
    customer.give("Cart", 0)
    assert len(customer.give("Leave", 1).commands) == leave
    assert len(customer.give("Order", 2).commands) == order


def test_a7_leaving_in_the_same_step_takes_back_its_candidates() -> None:
    passing = journey(
        "a",
        stage("in", always("x"), enter=[send("hello", cancel_on=CancelOn.LEAVE), send("other")]),
        stage("x", enter=[send("third", cancel_on=CancelOn.LEAVE)]),
        entry=[clause("Cart")],
    )
    customer = Customer(plan(passing))
    customer.give("Cart", 0)
    final = {one.send_id: one.outcome.value for one in customer.sends}
    assert final == {"hello": "CANCELLED", "other": "SENT", "third": "SENT"}


def test_a7_what_leaving_sends_is_not_taken_back_by_leaving() -> None:
    parting = send("parting", cancel_on=CancelOn.LEAVE)
    farewell = send("farewell", cancel_on=CancelOn.LEAVE)
    left = journey(
        "a",
        stage("in", on("Leave", to="x", do=(farewell,)), leave=[parting]),
        stage("x"),
        entry=[clause("Cart")],
    )
    customer = Customer(plan(left))
    customer.give("Cart", 0)
    customer.give("Leave", 1)
    final = {one.send_id: one.outcome.value for one in customer.sends}
    assert final == {"parting": "SENT", "farewell": "SENT"}


def test_k1_a_withdrawal_takes_back_what_waits_and_what_is_held() -> None:
    customer = Customer(
        sending(send("held", cancel_on=CancelOn.NEVER), send("waits", delay=HOUR), channels=HELD)
    )
    customer.give("Cart", 0)
    decision = consent(customer, 1, granted=False)
    assert [one.action for one in decision.commands] == ["CANCEL"]
    assert [(one.send_id, one.outcome.value) for one in decision.sends] == [("waits", "CANCELLED")]
    assert not customer.give("Order", 2).commands


def test_k1_a_withdrawal_leaves_what_has_another_channel_or_purpose() -> None:
    customer = Customer(
        sending(send("waits", "email", "push", delay=HOUR), send("held", "push"), channels=HELD)
    )
    customer.give("Cart", 0)
    consent(customer, 1, granted=False)
    decision = consent(customer, 2, granted=False, purpose="marketing", channel="push")
    assert not decision.commands
    assert len(customer.state.pending) == 1
    customer.tick(HOUR)
    assert customer.commands[-1].channel == "push"


def test_k1_a_withdrawal_of_the_channel_leaves_what_has_another() -> None:
    customer = Customer(
        sending(send("both", "email", "push", delay=HOUR), send("mail", delay=HOUR), channels=HELD)
    )
    customer.give("Cart", 0)
    decision = consent(customer, 1, granted=False)
    assert [one.send_id for one in decision.sends] == ["mail"]
    assert [one.action for one in customer.state.pending] == ["both"]


@pytest.mark.parametrize(("op", "outcome"), [("add", "CANCELLED"), ("remove", "SENT")])
def test_k1_a_withdrawal_takes_nobody_s_way_out_of_an_audience(op: str, outcome: str) -> None:
    waits = sync("waits", op=op, delay=HOUR)
    customer = Customer(sending(sync("now", op=op), waits, channels=HELD))
    customer.give("Cart", 0)
    cancels = consent(customer, 1, granted=False).commands
    customer.tick(HOUR)
    assert len(cancels) == (op == "add")
    assert customer.outcomes[-1] == outcome


def test_k1_a_withdrawal_reaches_held_commands_of_completed_instances() -> None:
    customer = Customer(sending(send("hello"), send("two", "push"), channels=HELD))
    customer.give("Cart", 0)
    customer.give("Finish", 1)
    assert [one.sent.send_id for one in customer.state.open] == ["hello"]
    decision = consent(customer, 2, granted=False)
    assert [one.action for one in decision.commands] == ["CANCEL"]
    assert not customer.state.open
    assert not consent(customer, 3, granted=False).commands


def test_k1_a_held_command_released_after_its_instance_completed() -> None:
    customer = Customer(sending(send("hello", delay=HOUR), channels=HELD))
    customer.give("Cart", 0)
    customer.give("Finish", 1)
    customer.tick(HOUR)
    assert [one.sent.send_id for one in customer.state.open] == ["hello"]
    assert len(consent(customer, HOUR + 1, granted=False).commands) == 1


def test_a7_held_commands_remembered_are_bounded() -> None:
    customer = Customer(sending(send("hello"), channels=HELD))
    for number in range(OPEN_MAX + 1):
        customer.give("Cart", 2 * number)
        decision = customer.give("Finish", 2 * number + 1)
    assert decision.dropped == {"open": 1}
    assert len(customer.state.open) == OPEN_MAX
    customer.give("Cart", DAY)
    customer.give("Finish", DAY + 1)
    assert len(customer.state.open) == 1


def test_law7_a_goal_takes_back_what_the_plan_no_longer_has() -> None:
    customer = Customer(sending(send("hello", delay=HOUR)))
    customer.give("Cart", 0)
    customer.plan = sending()
    customer.give("Order", 1)
    assert customer.outcomes == ["DEFERRED", "CANCELLED"]


def test_v1_a_held_command_of_a_journey_that_is_gone_can_be_withdrawn() -> None:
    customer = Customer(sending(send("hello"), channels=HELD))
    customer.give("Cart", 0)
    customer.plan = plan(profile=PROFILE)
    [cancel] = consent(customer, 1, granted=False).commands
    assert cancel.priority == 0
