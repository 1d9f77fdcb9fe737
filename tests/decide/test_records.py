"""What records say of whose they are, and ids that are the same in every release (rule A6)."""

import dataclasses
from typing import Any
from uuid import UUID, uuid5

from msgspec.structs import replace

from journey_engine.decide import ids
from journey_engine.decide.event import Origin
from journey_engine.decide.state import Pending
from tests.decide.people import People
from tests.decide.plans import (
    DAY,
    HOUR,
    T0,
    Customer,
    after,
    clause,
    journey,
    on,
    plan,
    read,
    send,
    stage,
)
from tests.decide.test_actions import answered, task


def test_transitions_and_commands_say_whose_they_are() -> None:
    key = read("event", "cart", "string")
    made = plan(
        journey(
            "j",
            stage("in", on("Go", to="out"), enter=[send("a"), send("b", delay=HOUR)]),
            stage("out", macro="loyalty"),
            entry=[clause("Start", key=key)],
            goals=[clause("Order", name="ordered")],
            keyed=True,
        )
    )
    for owner, said in (("c:anna", ("anna", None)), ("a:v", (None, "v"))):
        people = People(made)
        for at, kind in enumerate(("Start", "Go", "Order")):
            people.give(owner, kind, at, cart="k1")
        for _, decision in people.decisions:
            whose: list[Any] = [*decision.transitions, *decision.commands, *decision.sends]
            assert {(one.customer_id, one.anonymous_id) for one in whose} == {said}
            placed: list[Any] = [*decision.transitions, *decision.sends]
            placed += [one.journey for one in decision.commands]
            assert {one.key for one in placed} == {"k1"}
        stands = [one.macro_stage for _, each in people.decisions for one in each.transitions]
        assert stands == ["purchase", "loyalty", "loyalty"]


def test_a4_a_raised_event_reads_like_any_event() -> None:
    names = ["event_id", "customer_id", "anonymous_id", "occurred_at", "channel"]
    names += ["source", "session_id", "backfill", "command_id"]
    data = {name: read("event", name) for name in names}
    said = on("TaskUnacked", do=[send("sorry", "email", data=data)])
    made = answered(
        journey(
            "j",
            stage("in", said, after(DAY, to="end"), enter=[task(ack_within=HOUR)]),
            entry=[clause("Start")],
        )
    )
    known = frozenset({"command_id", *names})
    made = dataclasses.replace(made, fields={**made.fields, "TaskUnacked": known})
    customer = Customer(made)
    customer.give("Start", 0)
    customer.tick(HOUR)
    asked, sorry = customer.commands
    assert dict(sorry.data) == {
        "event_id": str(uuid5(UUID(asked.command_id), "TaskUnacked")),
        "customer_id": "anna",
        "anonymous_id": None,
        "occurred_at": T0 + HOUR,
        "channel": "desk",
        "source": "journey-engine",
        "session_id": None,
        "backfill": False,
        "command_id": asked.command_id,
    }


def test_a6_ids_are_the_same_in_every_release() -> None:
    cause = Origin("e", "interactions.web.v1", 0, 1)
    place = Pending(T0, "j", 1, "k/1%", 3, "in", 2, 1, "a", T0, cause)
    space = UUID(bytes=ids.NAMESPACE)
    first = ids.command_id(7, "an/na", place)
    assert first == str(uuid5(space, "7/an%2Fna/j/k%2F1%25/3/2/a/0"))
    other = replace(place, key=None, run=2, attempt=4)
    again = ids.command_id(7, "anna", other)
    assert again == str(uuid5(space, "7/anna/j//3/2/a#2/4"))
    assert ids.asked_by("acme/1", "an%na") == "acme%2F1/an%25na"
    assert ids.cancel_id(first) == str(uuid5(UUID(first), "cancel"))
    assert ids.decision_id(first, "SENT", 5) == str(uuid5(UUID(first), "SENT/5"))
