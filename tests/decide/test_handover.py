"""Rules M2, V1, V3 and W4: what visitors and customers were in when they turn out to be one."""

from dataclasses import replace
from typing import Any

import pytest

from journey_engine.define.action_plan import Action
from journey_engine.define.calendar_plan import AtPlan
from journey_engine.define.migration_plan import Fate, Move
from journey_engine.define.operation import Operation
from journey_engine.define.plan import JourneyPlan
from journey_engine.define.policy_plan import Policy
from tests.decide.contact import under
from tests.decide.people import People, with_identity
from tests.decide.plans import (
    HOUR,
    MINUTE,
    T0,
    after,
    at_time,
    clause,
    journey,
    plan,
    send,
    stage,
)


def waits(version: int, *sends: Action, **more: Any) -> JourneyPlan:
    waiting = stage("waiting", after(4 * HOUR, "end"), enter=sends)
    return journey("a", waiting, entry=[clause("Cart")], version=version, **more)


def test_who_is_asked_for_is_handed_over_as_migrated() -> None:
    first, move = waits(1), Move(Fate.MOVE, "waiting", enter=True)
    people = People(with_identity(plan(first)))
    people.give("a:v", "Cart", 0)
    second = waits(2, send("new"), migrate={1: {"waiting": move}})
    people.plan = with_identity(plan(second, kept=[first]))
    people.link(MINUTE)
    people.tick("c:anna", HOUR)

    assert [one.content for one in people.commands] == ["new-content"]


def test_who_was_in_a_stopped_journey_is_out_of_it_once() -> None:
    people = People(with_identity(plan(waits(1))))
    people.give("a:v", "Cart", 0)
    people.plan = replace(people.plan, operations={"a": Operation(stopped=True)})
    people.link(MINUTE)
    people.tick("c:anna", HOUR)

    assert people.ends == [("a:v", "STOPPED")]


def dated() -> People:
    """Tomorrow at nine in the customer's zone, which `Moved` tells."""
    wait = AtPlan(days=1, moves=True, time=9 * HOUR)
    waiting = journey("a", stage("waiting", at_time(wait, "end")), entry=[clause("Cart")])
    return People(with_identity(under(Policy(), waiting)))


def due(people: People) -> list[int]:
    instances = people.states["c:anna"].instances
    return [(timer.due - T0) // HOUR for one in instances for timer in one.timers]


@pytest.mark.parametrize(("one", "other"), [("a:v", "c:anna"), ("c:anna", "a:v")])
def test_w4_a_wait_goes_by_what_is_known_of_the_other_identity(one: str, other: str) -> None:
    people = dated()
    people.give(one, "Cart", 12 * HOUR)
    people.give(other, "Moved", 12 * HOUR, zone="America/Sao_Paulo")
    people.link(13 * HOUR)
    assert due(people) == [36]

    people.tick("c:anna", 36 * HOUR)
    assert people.ends == [("c:anna", "COMPLETED")]


def test_w4_a_wait_goes_by_another_identity_once_all_have_answered() -> None:
    people = dated()
    people.give("c:anna", "Cart", 12 * HOUR)
    people.give("a:u", "Moved", 12 * HOUR, zone="America/Sao_Paulo")
    people.give("a:v", "Moved", 12 * HOUR + 1, zone="Asia/Tokyo")
    people.held = True
    for visitor in "uv":
        people.link(13 * HOUR, visitor)
    first, *asked = people.waiting
    people.waiting = []
    people.take(first.target, first, 13 * HOUR)
    people.release(13 * HOUR)
    assert due(people) == [33]

    people.waiting = asked
    people.release(13 * HOUR)
    assert due(people) == [24]


def test_w4_a_wait_that_is_due_fires_whatever_another_identity_tells() -> None:
    people = dated()
    people.give("c:anna", "Cart", 12 * HOUR)
    people.give("a:v", "Moved", 12 * HOUR, zone="America/Sao_Paulo")
    people.held = True
    people.link(13 * HOUR)
    people.release(33 * HOUR)
    assert due(people) == [33]
