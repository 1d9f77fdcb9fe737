"""Rules A2 to A5, A7 and C7: other actions than sends, and what is answered to a command."""

from collections.abc import Iterable
from typing import Any

import pytest

from journey_engine.define.action_plan import Action, ActionKind, CancelOn
from journey_engine.define.plan import JourneyPlan, Plan, TransitionPlan
from tests.decide.plans import (
    DAY,
    HOUR,
    MINUTE,
    T0,
    Customer,
    clause,
    ends,
    journey,
    on,
    plan,
    read,
    send,
    stage,
)
from tests.decide.sending import HELD, PROFILE, consent

ANSWERS = (
    "RouteApplied",
    "Shown",
    "Dismissed",
    "TaskAccepted",
    "TaskDeclined",
    "TaskDone",
    "TaskUnacked",
    "TaskExpired",
    "MessageDelivered",
    "MessageBounced",
    "MessageFailed",
)


def action(kind: ActionKind, name: str, **more: Any) -> Action:
    return Action(name, f"{name}-content", ("desk",), kind, **more)


def task(name: str = "call", **more: Any) -> Action:
    return action(ActionKind.TASK, name, **{"team": "care", **more})


def show(name: str = "banner", **more: Any) -> Action:
    return action(ActionKind.SHOW, name, **{"slot": "top", **more})


def route(name: str = "agent") -> Action:
    reply_to = read("event", "call", "string")
    return action(ActionKind.ROUTE, name, reply_to=reply_to, falls_back=False)


def asking(
    *actions: Action, name: str = "j", also: Iterable[TransitionPlan] = (), **more: Any
) -> JourneyPlan:
    return journey(
        name,
        stage("in", on("Finish", to="end"), *also, enter=actions),
        entry=[clause("Start")],
        goals=[clause("Order", name="ordered")],
        **more,
    )


def answered(*journeys: JourneyPlan, **more: Any) -> Plan:
    """The plan, as the compiler makes it where these answers are published."""
    made = plan(*journeys, feedback=ANSWERS, **more)
    for name in ANSWERS:
        made.fields.setdefault(name, frozenset({"command_id", "permanent"}))  # type: ignore[attr-defined]  # a dict here
    made.__post_init__()
    return made


def kinds(customer: Customer) -> list[tuple[str, str]]:
    return [(one.action, one.send_id) for one in customer.commands]


def test_a4_a_task_says_who_by_when() -> None:
    customer = Customer(answered(asking(task(ack_within=HOUR, expires=DAY))))
    customer.give("Start", 0)
    (command,) = customer.commands
    assert (command.action, command.team, command.content) == ("TASK", "care", "call-content")
    assert (command.ack_by, command.due_at) == (T0 + HOUR, T0 + DAY)
    assert command.not_after == command.due_at


def test_a4_a_task_nobody_takes_on_is_unacked_once_and_expires_once() -> None:
    heard = [on("TaskUnacked", do=[send("sorry")]), on("TaskExpired", to="end")]
    customer = Customer(answered(asking(task(ack_within=HOUR, expires=DAY), also=heard)))
    customer.give("Start", 0)
    assert not customer.tick(HOUR - 1).commands
    assert [one.send_id for one in customer.tick(HOUR).commands] == ["sorry"]
    assert not customer.tick(2 * HOUR).commands
    assert ends(customer.tick(DAY)) == [("COMPLETED", None)]


@pytest.mark.parametrize(
    ("answer", "unacked", "expired"),
    [("TaskAccepted", 0, 1), ("TaskDone", 0, 0), ("TaskDeclined", 0, 0), (None, 1, 1)],
)
def test_a4_an_answer_stops_the_clock_that_it_answers(
    answer: str | None, unacked: int, expired: int
) -> None:
    heard = [on("TaskUnacked", do=[send("late")]), on("TaskExpired", do=[send("over")])]
    customer = Customer(answered(asking(task(ack_within=HOUR, expires=DAY), also=heard)))
    customer.give("Start", 0)
    if answer is not None:
        customer.give(answer, MINUTE, command_id=customer.commands[0].command_id)
    customer.tick(2 * DAY)
    sent = [one.send_id for one in customer.commands]
    assert (sent.count("late"), sent.count("over")) == (unacked, expired)


@pytest.mark.parametrize(("answer", "left"), [("TaskAccepted", 1), ("TaskDone", 0), ("Shown", 2)])
def test_a4_a_clock_that_was_answered_wakes_nobody(answer: str, left: int) -> None:
    customer = Customer(answered(asking(task(ack_within=HOUR, expires=DAY))))
    customer.give("Start", 0)
    customer.give(answer, MINUTE, command_id=customer.commands[0].command_id)
    assert len(customer.state.instances[0].timers) == left


def test_a4_the_deadline_of_a_task_survives_the_stage_that_asked_for_it() -> None:
    waiting = stage("waiting", on("TaskUnacked", to="end"))
    asks = stage("in", on("Go", to="waiting"), enter=[task(ack_within=HOUR)])
    customer = Customer(answered(journey("j", asks, waiting, entry=[clause("Start")])))
    customer.give("Start", 0)
    customer.give("Go", MINUTE)
    assert ends(customer.tick(HOUR)) == [("COMPLETED", None)]


def test_a4_a_task_that_replaces_another_takes_it_back() -> None:
    lead = task("lead", replaces="call")
    heard = [on("TaskUnacked", do=[lead])]
    customer = Customer(answered(asking(task(ack_within=HOUR), also=heard)))
    customer.give("Start", 0)
    customer.tick(HOUR)
    assert kinds(customer) == [("TASK", "call"), ("CANCEL", "call"), ("TASK", "lead")]
    assert customer.commands[1].cancels == customer.commands[0].command_id


@pytest.mark.parametrize("made", [task(), show()])
def test_a7_what_is_open_is_taken_back_by_a_goal(made: Action) -> None:
    customer = Customer(answered(asking(made)))
    customer.give("Start", 0)
    customer.give("Order", 30 * DAY)
    assert [one.action for one in customer.commands] == [made.kind.value, "CANCEL"]


@pytest.mark.parametrize(
    ("made", "answer"),
    [(task(), "TaskDone"), (task(), "TaskDeclined"), (show(), "Shown"), (show(), "Dismissed")],
)
def test_a7_what_was_answered_is_not(made: Action, answer: str) -> None:
    customer = Customer(answered(asking(made)))
    customer.give("Start", 0)
    customer.give(answer, 1, command_id=customer.commands[0].command_id)
    customer.give("Order", 2)
    assert [one.action for one in customer.commands] == [made.kind.value]


def test_a7_nor_what_expired() -> None:
    customer = Customer(answered(asking(show(expires=HOUR))))
    customer.give("Start", 0)
    customer.give("Order", HOUR + 1)
    assert kinds(customer) == [("SHOW", "banner")]


def test_a2_one_route_answers_a_contact_whoever_asks() -> None:
    first = asking(route(), name="a", priority=9)
    customer = Customer(answered(first, asking(route(), name="b")))
    customer.give("Start", 0, call="k1")
    assert [one.journey.name for one in customer.commands] == ["a"]
    assert customer.outcomes == ["SENT", "LOWER_PRIORITY"]
    assert customer.commands[0].reply_to == "k1"
    customer.give("Finish", 1)
    customer.give("Start", 2, call="k2")
    assert [one.reply_to for one in customer.commands] == ["k1", "k2"]


@pytest.mark.parametrize("over", ["end", None])
def test_a2_a_route_that_was_applied_stays_the_only_one(over: str | None) -> None:
    first = asking(route(), name="a", also=[on("RouteApplied", to=over)])
    other = journey("b", stage("in", enter=[route()]), entry=[clause("Later")])
    customer = Customer(answered(first, other))
    customer.give("Start", 0, call="k1")
    customer.give("RouteApplied", 1, command_id=customer.commands[0].command_id)
    customer.give("Later", 2, call="k1")
    assert customer.outcomes == ["SENT", "LOWER_PRIORITY"]


def test_a2_a_contact_without_a_name_is_no_contact() -> None:
    customer = Customer(answered(asking(route())))
    customer.give("Start", 0, call=None)
    assert customer.outcomes == ["GUARD_ERROR"]


def test_a2_a_route_asks_for_no_consent_and_no_address() -> None:
    customer = Customer(answered(asking(route(), purpose="marketing")))
    customer.give("Start", 0, call="k1")
    assert customer.outcomes == ["SENT"]


def test_a3_a_slot_holds_one_and_the_more_important_takes_it() -> None:
    low = asking(show("low"), name="low", priority=1)
    also = journey("high", stage("in", enter=[show("high")]), entry=[clause("Later")], priority=9)
    customer = Customer(answered(low, also))
    customer.give("Start", 0)
    customer.give("Later", 1)
    assert kinds(customer) == [("SHOW", "low"), ("CANCEL", "low"), ("SHOW", "high")]


def test_a3_an_equal_one_finds_the_slot_taken_until_it_was_seen() -> None:
    also = journey(
        "other",
        stage("in", on("Later", to="in"), enter=[show("other")]),
        entry=[clause("Later")],
    )
    customer = Customer(answered(asking(show("mine")), also))
    customer.give("Start", 0)
    customer.give("Later", 1)
    assert customer.outcomes == ["SENT", "LOWER_PRIORITY"]
    customer.give("Shown", 2, command_id=customer.commands[0].command_id)
    customer.give("Later", 3)
    assert kinds(customer) == [("SHOW", "mine"), ("SHOW", "other")]


def test_a5_nobody_stays_in_an_audience_for_want_of_consent() -> None:
    add = action(ActionKind.SYNC, "into", op="add")
    remove = action(ActionKind.SYNC, "out", op="remove")
    customer = Customer(answered(asking(add, remove, purpose="marketing")))
    customer.give("Start", 0)
    assert customer.outcomes == ["NO_CONSENT", "SENT"]
    assert [(one.send_id, one.op, one.content) for one in customer.commands] == [
        ("out", "remove", "out-content")
    ]


def bounced(customer: Customer, at: int, **more: Any) -> None:
    command = customer.commands[-1].command_id
    customer.give("MessageBounced", at, command_id=command, **{"permanent": True, **more})


def test_c7_a_bounce_goes_on_to_the_next_channel_until_there_is_none() -> None:
    customer = Customer(answered(asking(send("hi", "email", "push", "sms", expires=DAY))))
    customer.give("Start", 0)
    for minutes in (1, 2, 3):
        bounced(customer, minutes * MINUTE)
    assert [(one.channel, one.attempt) for one in customer.commands] == [
        ("email", 0),
        ("push", 1),
        ("sms", 2),
    ]
    assert len({one.command_id for one in customer.commands}) == 3
    again = ["BOUNCED", "FALLBACK", "SENT"]
    assert customer.outcomes == ["SENT", *again, *again, "BOUNCED"]


def test_c7_a_bounce_that_may_pass_or_that_comes_late_goes_nowhere() -> None:
    customer = Customer(answered(asking(send("hi", "email", "push", expires=HOUR))))
    customer.give("Start", 0)
    bounced(customer, 1, permanent=False)
    bounced(customer, HOUR)
    assert customer.outcomes == ["SENT", "BOUNCED"]


def test_c7_what_was_taken_back_goes_to_no_other_channel() -> None:
    hi = send("hi", "email", "push", cancel_on=CancelOn.NEVER)
    profile = {"Consent": PROFILE["Consent"]}
    customer = Customer(answered(asking(hi), profile=profile, channels=HELD))
    customer.give("Start", 0)
    [sent] = customer.commands
    consent(customer, 1, granted=False)
    customer.give("MessageFailed", 2, command_id=sent.command_id, permanent=True)
    assert kinds(customer) == [("SEND", "hi"), ("CANCEL", "hi")]


def test_c7_a_completed_instance_still_falls_back_with_what_it_remembered() -> None:
    hi = send("hi", "email", "push", expires=DAY, data={"total": read("instance", "total")})
    customer = Customer(
        answered(
            journey(
                "j",
                stage("in", on("Finish", to="end"), enter=[hi]),
                entry=[clause("Start", remember={"total": read("event", "total")})],
            )
        )
    )
    customer.give("Start", 0, total=7)
    customer.give("Finish", 1)
    bounced(customer, 2)
    assert [(one.channel, one.data) for one in customer.commands] == [
        ("email", {"total": 7}),
        ("push", {"total": 7}),
    ]
    assert len(customer.state.open) == 1


def test_c7_a_message_that_arrived_says_so_once() -> None:
    customer = Customer(answered(asking(send("hi"))))
    customer.give("Start", 0)
    command = customer.commands[0].command_id
    customer.give("MessageDelivered", 1, "d1", command_id=command)
    customer.give("MessageDelivered", 2, "d2", command_id=command)
    assert customer.outcomes == ["SENT", "DELIVERED"]
