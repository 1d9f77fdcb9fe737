"""Rules V2 and V3: what a partition remembers of orders, and how far its sweep came."""

from journey_engine.decide.event import Origin
from journey_engine.decide.governing import activated, operated, sweep_on
from journey_engine.decide.governing_state import NOTHING_SAID, PartitionState
from journey_engine.decide.message import PARTITION, JourneyOperated, Order
from journey_engine.define.operation import Operation
from tests.decide.plans import HOUR, T0, journey, plan, stage

WHY = Origin("o", "definitions.v1", 0, 1)


def ordered(
    state: PartitionState, name: str, order: Order, *, admits: bool = False, over: int = 0
) -> PartitionState:
    told = JourneyOperated(PARTITION, "o", T0, WHY, name, order, admits, over)
    return operated(state, told, T0 + HOUR)


def test_v3_orders_add_up_journey_by_journey_until_it_goes_on() -> None:
    state = ordered(NOTHING_SAID, "cart", Order.PAUSE, admits=True)
    state = ordered(state, "order", Order.CLOSE)
    assert state.operations == {
        "cart": Operation(paused=True, admits=True),
        "order": Operation(closed=True),
    }
    state = ordered(ordered(state, "order", Order.PAUSE), "cart", Order.CLOSE)
    assert state.operations == {
        "cart": Operation(paused=True, admits=True, closed=True),
        "order": Operation(paused=True, closed=True),
    }
    assert (state.after, state.due) == (None, 0), "nobody is touched by these"
    state = ordered(state, "cart", Order.RESUME, over=HOUR)
    assert state.operations["cart"] == Operation(resumed_at=T0 + HOUR, over=HOUR)
    assert (state.after, state.due) == ("", T0 + HOUR), "a sweep begins"


def test_v3_a_stop_takes_the_place_of_what_was_said_and_sweeps() -> None:
    state = ordered(ordered(NOTHING_SAID, "cart", Order.CLOSE), "cart", Order.STOP)
    assert state.operations == {"cart": Operation(stopped=True)}
    assert (state.after, state.due) == ("", T0 + HOUR)


def test_v2_a_new_plan_sweeps_where_some_state_may_have_to_be_brought_in_line() -> None:
    plain = plan(journey("cart", stage("in")))
    assert activated(NOTHING_SAID, plain, T0) is NOTHING_SAID
    governed = plan(journey("cart", stage("in")), operations={"cart": Operation(stopped=True)})
    assert activated(NOTHING_SAID, governed, T0) == PartitionState(after="", due=T0)


def test_v3_a_sweep_goes_on_where_it_was_and_forgets_pauses_that_are_over() -> None:
    state = NOTHING_SAID
    for name, order in (
        ("paused", Order.PAUSE),
        ("closed", Order.CLOSE),
        ("stopped", Order.STOP),
        ("over", Order.RESUME),
    ):
        state = ordered(state, name, order)
    going = sweep_on(state, "c:anna")
    assert going == PartitionState(state.operations, "c:anna", state.due)
    done = sweep_on(going, None)
    assert sorted(done.operations) == ["closed", "paused", "stopped"]
    assert done.after is None
