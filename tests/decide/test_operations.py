"""V3: what operators decide of a journey: pause, resume, stop, close."""

import pytest

from journey_engine.decide import calendar, governing
from journey_engine.decide.governing_state import PartitionState
from journey_engine.define.action_plan import ActionKind
from journey_engine.define.operation import Operation
from journey_engine.define.plan import JourneyPlan, Plan
from tests.decide.plans import (
    DAY,
    HOUR,
    MINUTE,
    T0,
    Customer,
    after,
    clause,
    ends,
    expression,
    journey,
    moves,
    on,
    plan,
    send,
    stage,
)

PAUSED, CLOSED, STOPPED = Operation(paused=True), Operation(closed=True), Operation(stopped=True)


def nudging() -> JourneyPlan:
    waiting = stage("waiting", after(HOUR, "nudged"))
    nudged = stage("nudged", after(30 * DAY, "end"), on("Done", to="end"), enter=[send("n")])
    return journey("a", waiting, nudged, entry=[clause("C")])


def under(operation: Operation | None, *journeys: JourneyPlan) -> Plan:
    return plan(
        *(journeys or (nudging(),)), operations={} if operation is None else {"a": operation}
    )


def inside() -> Customer:
    customer = Customer(under(None))
    customer.give("C", 0)
    return customer


@pytest.mark.parametrize(
    ("operation", "outcome"),
    [
        (PAUSED, "PAUSED"),
        (Operation(paused=True, admits=True), "ENTERED"),
        (CLOSED, "CLOSED"),
        (STOPPED, "CLOSED"),
        (Operation(resumed_at=T0), "ENTERED"),
    ],
)
def test_v3_who_enters(operation: Operation, outcome: str) -> None:
    customer = Customer(under(operation))
    assert customer.give("C", 0).entries == [("a", outcome)]


def test_v3_in_a_pause_stages_move_and_sends_wait_until_it_is_over() -> None:
    customer = inside()
    customer.plan = under(PAUSED)
    assert moves(customer.tick(HOUR)) == [("waiting", "nudged", "after")]
    (waits,) = customer.sends
    assert (waits.outcome, waits.cause) == ("DEFERRED", "PAUSED")
    customer.tick(9 * DAY)
    customer.plan = under(Operation(resumed_at=T0 + 10 * DAY))
    customer.tick(10 * DAY)
    assert [one.created_at for one in customer.commands] == [T0 + 10 * DAY]
    assert customer.outcomes[-1] == "SENT"
    assert set(customer.outcomes[:-1]) == {"DEFERRED"}


def test_v3_what_expires_in_a_pause_is_not_sent_after_it() -> None:
    short = journey("a", stage("in", enter=[send("n", expires=HOUR)]), entry=[clause("C")])
    customer = Customer(under(Operation(paused=True, admits=True), short))
    customer.give("C", 0)
    customer.tick(2 * HOUR)
    assert customer.outcomes == ["DEFERRED", "EXPIRED"]


def test_v3_an_end_in_a_pause_takes_back_what_waits() -> None:
    customer = inside()
    customer.plan = under(PAUSED, journey("a", *nudging().stages.values(), exits=[clause("Out")]))
    customer.tick(HOUR)
    customer.give("Out", 2 * HOUR)
    assert customer.outcomes == ["DEFERRED", "CANCELLED"]


def test_v3_a_contact_does_not_wait_for_the_end_of_a_pause() -> None:
    answer = send(
        "r", kind=ActionKind.ROUTE, reply_to=expression(lambda _: "call-1", kind="string")
    )
    routed = journey("a", stage("in", enter=[answer]), entry=[clause("C")])
    customer = Customer(under(Operation(paused=True, admits=True), routed))
    customer.give("C", 0)
    assert customer.outcomes == ["PAUSED"]


def test_v3_what_waited_is_spread_over_a_time_and_asked_anew() -> None:
    customer = inside()
    customer.plan = under(PAUSED)
    customer.tick(HOUR)
    resumed = T0 + 2 * HOUR
    customer.plan = under(Operation(resumed_at=resumed, over=30 * MINUTE))
    customer.tick(2 * HOUR)
    (place,) = customer.state.pending
    assert place.due == resumed + calendar.offset_within(30 * MINUTE, "anna", "a")
    state = customer.state
    assert customer.tick(2 * HOUR).state is state
    customer.tick(2 * HOUR + 30 * MINUTE)
    assert customer.outcomes == ["DEFERRED", "SENT"]


def test_v3_who_is_in_a_closed_journey_finishes() -> None:
    customer = inside()
    customer.plan = under(CLOSED)
    customer.tick(HOUR)
    assert ends(customer.give("Done", 2 * HOUR)) == [("COMPLETED", None)]
    assert customer.outcomes == ["SENT"]
    assert customer.give("C", 3 * HOUR).entries == [("a", "CLOSED")]


def test_v3_everybody_is_out_of_a_stopped_journey_at_the_next_input() -> None:
    customer = inside()
    customer.plan = under(STOPPED)
    assert ends(customer.give("C", 2 * HOUR)) == [("STOPPED", None)]
    assert not customer.sends
    assert not customer.state.instances


def test_v3_a_stop_takes_back_what_waits_and_what_is_held() -> None:
    late = stage("in", on("Go", to="end"), enter=[send("n", delay=DAY)])
    customer = Customer(under(None, journey("a", late, entry=[clause("C")])))
    customer.give("C", 0)
    customer.give("Go", HOUR)
    assert not customer.state.instances
    customer.plan = under(STOPPED, journey("a", late, entry=[clause("C")]))
    customer.tick(2 * HOUR)
    assert customer.outcomes == ["DEFERRED", "CANCELLED"]
    assert not customer.state.pending


def test_v3_other_journeys_go_on() -> None:
    other = journey("b", stage("in", enter=[send("m")]), entry=[clause("C")])
    customer = Customer(under(STOPPED, nudging(), other))
    assert customer.give("C", 0).entries == [("a", "CLOSED"), ("b", "ENTERED")]
    assert [one.journey.name for one in customer.commands] == ["b"]


def test_v3_a_stopped_journey_that_left_the_plan_lies_dormant() -> None:
    customer = inside()
    customer.plan = under(STOPPED, journey("b", stage("in"), entry=[clause("C")]))
    assert not ends(customer.give("C", 1))
    assert customer.stages == ["waiting", "in"]


def test_v3_what_partitions_were_told_for_another_number_of_them() -> None:
    """One is behind with its sweep: wherever its customers go, a sweep begins anew."""
    paused, resumed = Operation(paused=True), Operation(resumed_at=T0)
    done = PartitionState({"a": paused})
    behind = PartitionState({"a": paused, "b": resumed}, "c:m", T0)

    assert governing.joined([done, done]) == done
    both = PartitionState({"a": paused, "b": resumed}, "", T0)
    assert governing.joined([done, behind]) == governing.joined([behind, done]) == both
