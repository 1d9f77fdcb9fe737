"""Messages that come back when their instance, or their sender's name, is no longer what it was
(rules A7, C3, C7, M2, T7).
"""

from dataclasses import replace

import pytest

from journey_engine.define.action_plan import CancelOn
from journey_engine.define.plan import Plan
from tests.decide.contact import cap, marketing, offer, under
from tests.decide.people import People, with_identity
from tests.decide.plans import (
    DAY,
    HOUR,
    MINUTE,
    Customer,
    clause,
    journey,
    on,
    send,
    stage,
)
from tests.decide.test_actions import answered, asking, bounced


def published(made: Plan) -> Plan:
    """The plan, where channels tell of what came back."""
    fields = frozenset({"command_id", "permanent"})
    return replace(
        made,
        fields={**made.fields, "MessageBounced": fields},
        feedback=frozenset({"MessageBounced"}),
    )


TWO = send("hi", "email", "push", expires=7 * DAY)


def test_c7_after_a_goal_nothing_falls_back() -> None:
    """What would be taken back were it waiting, is not sent once more."""
    customer = Customer(answered(asking(TWO)))
    customer.give("Start", 0)
    customer.give("Order", 1)
    bounced(customer, 2)
    assert [one.channel for one in customer.commands] == ["email"]
    assert not customer.state.open


@pytest.mark.parametrize(("way", "channels"), [("Order", 2), ("Finish", 2)])
def test_c7_but_for_what_no_end_takes_back(way: str, channels: int) -> None:
    never = send("hi", "email", "push", expires=7 * DAY, cancel_on=CancelOn.NEVER)
    customer = Customer(answered(asking(never)))
    customer.give("Start", 0)
    customer.give(way, 1)
    bounced(customer, 2)
    assert len(customer.commands) == channels


@pytest.mark.parametrize("to", ["other", "end"])
def test_c7_nor_does_what_leaving_its_stage_takes_back(to: str) -> None:
    leaver = send("hi", "email", "push", expires=7 * DAY, cancel_on=CancelOn.LEAVE)
    stages = stage("in", on("Go", to=to), enter=[leaver]), stage("other", on("Back", to="end"))
    customer = Customer(answered(journey("j", *stages, entry=[clause("Start")])))
    customer.give("Start", 0)
    customer.give("Go", 1)
    bounced(customer, 2)
    assert [one.channel for one in customer.commands] == ["email"]


def test_t7_a_late_bounce_sends_nothing() -> None:
    customer = Customer(answered(asking(TWO, also=[on("Ping", do=[send("pong")])])))
    customer.give("Start", 0)
    customer.give("Ping", 3 * HOUR)
    command = customer.commands[0].command_id
    customer.give("MessageBounced", MINUTE, command_id=command, permanent=True)
    assert [one.send_id for one in customer.commands] == ["hi", "pong"]
    assert customer.outcomes == ["SENT", "SENT", "BOUNCED"]


@pytest.mark.parametrize("way", ["Order", "Stop"])
def test_c3_a_bounce_gives_back_what_counted_also_after_the_end(way: str) -> None:
    made = under(marketing(cap("week", 1)), offer("a"), offer("b", on_type="Other"))
    customer = Customer(published(made))
    customer.give("Go", 0)
    customer.give(way, 1)
    bounced(customer, 2)
    customer.give("Other", 3)
    assert customer.outcomes[-1] == "SENT"


def test_c3_an_answer_to_no_command_of_ours_is_none() -> None:
    customer = Customer(published(under(marketing(cap("week", 1)), offer("a"))))
    customer.give("Go", 0)
    for at, command in enumerate(("", "no id at all", "ü" * 40, "g" * 36)):
        customer.give("MessageBounced", at + 1, command_id=command, permanent=True)
    assert customer.outcomes == ["SENT"]


def test_m2_what_comes_back_is_told_by_the_name_under_which_it_was_sent() -> None:
    people = People(with_identity(answered(asking(TWO))))
    people.give("a:v", "Start", 0)
    people.link(MINUTE)
    (command,) = people.commands
    for place, kind in enumerate(("MessageDelivered", "MessageBounced")):
        people.give("c:anna", kind, HOUR + place, command_id=command.command_id, permanent=True)
    told = [(one.outcome.value, one.command_id == command.command_id) for one in people.sends]
    known = ["SENT", "DELIVERED", "BOUNCED", "FALLBACK"]
    assert told == [*((name, True) for name in known), ("SENT", False)]
    assert people.commands[-1].command_id != command.command_id
    assert people.commands[-1].attempt == 1
