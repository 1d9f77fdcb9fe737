"""Timers that fire for an event which is past them, while the clock is far behind (T3, T4).

The clock stands still then, whatever fires: what waits from `now` must not wait for ever.
"""

from journey_engine.decide.decide import decide
from journey_engine.decide.due import next_due
from journey_engine.decide.event import Event, TimersDue
from journey_engine.decide.state import EMPTY, CustomerState
from journey_engine.decide.verdict import Decision
from journey_engine.define.plan import Plan
from journey_engine.define.policy_plan import Hold, Quiet, QuietWindow
from journey_engine.errors import CandidateOutcome
from tests.decide.contact import cap, marketing, offer, under
from tests.decide.people import linked, with_identity
from tests.decide.plans import (
    DAY,
    HOUR,
    MINUTE,
    T0,
    after,
    clause,
    event,
    journey,
    on,
    plan,
    send,
    stage,
)
from tests.decide.test_actions import answered, task

CAPPED = CandidateOutcome.CAP_REACHED


def overtaken(made: Plan, state: CustomerState, item: Event) -> Decision:
    """What comes of the event while the clock stands where it was at the start."""
    return decide(made, state, item, T0)


def test_t4_sends_that_wait_for_a_visitor_wait_no_longer_than_the_event() -> None:
    made = with_identity(plan(offer("a", purpose="service")))
    state = overtaken(made, EMPTY, linked(0)).state
    state = overtaken(made, state, event("Go", 1)).state
    assert [one.waits for one in state.pending] == ["IDENTITY"]
    decision = overtaken(made, state, event("Go", 5 * MINUTE))
    assert [one.outcome.value for one in decision.sends] == ["SENT", "DEFERRED"]


def test_a4_a_task_that_is_asked_for_again_and_again() -> None:
    again = (
        stage("in", after(HOUR, to="asked"), on("Finish", to="end")),
        stage("asked", on("TaskUnacked", to="asked"), enter=[task(ack_within=10 * MINUTE)]),
    )
    made = answered(journey("j", *again, entry=[clause("Start")]))
    state = overtaken(made, EMPTY, event("Start", 0)).state
    decision = overtaken(made, state, event("Finish", 2 * HOUR))
    tasks = [one.ack_by - T0 for one in decision.commands if one.ack_by is not None]
    assert tasks == [HOUR + minutes * MINUTE for minutes in range(10, 70 + 1, 10)]
    due = next_due(decision.state)
    assert due is not None
    assert due > T0 + 2 * HOUR


def test_a4_a_task_that_expires_again_and_again() -> None:
    asked = stage("asked", on("TaskExpired", to="asked"), enter=[task(expires=10 * MINUTE)])
    stages = stage("in", after(HOUR, to="asked"), on("Finish", to="end")), asked
    made = answered(journey("j", *stages, entry=[clause("Start")]))
    state = overtaken(made, EMPTY, event("Start", 0)).state
    decision = overtaken(made, state, event("Finish", 2 * HOUR))
    assert len([one for one in decision.commands if one.action == "TASK"]) == 7


def test_c4_quiet_hours_do_not_turn_time_back() -> None:
    """Quiet until 01:00; the cap is reached, so each round of the loop waits and fails."""
    window = QuietWindow(0, HOUR)
    policy = marketing(cap("none", 0), quiet_hours=[window], quiet=Quiet.DEFER)
    asks = send("a", on_suppressed={CAPPED: "in"})
    stages = (
        stage("in", after(2 * HOUR, to="asked"), on("Stop", to="end")),
        stage("asked", after(DAY, to="end"), enter=[asks]),
    )
    made = under(policy, journey("a", *stages, entry=[clause("Go")], purpose="marketing"))
    state = overtaken(made, EMPTY, event("Go", 0)).state
    decision = overtaken(made, state, event("Stop", 5 * HOUR))
    assert [one.outcome for one in decision.sends] == [CAPPED, CAPPED]


def test_c8_nor_do_holds() -> None:
    policy = marketing(cap("none", 0))
    hold = Hold(HOUR, drop=False, purposes=frozenset({"marketing"}))
    holder = offer("holder", purpose="service", holds=hold)
    asks = send("a", on_suppressed={CAPPED: "in"})
    stages = (
        stage("in", after(2 * HOUR, to="asked"), on("Stop2", to="end")),
        stage("asked", after(DAY, to="end"), enter=[asks]),
    )
    asking = journey("a", *stages, entry=[clause("Go")], purpose="marketing")
    made = under(policy, holder, asking)
    state = overtaken(made, EMPTY, event("Go", 0)).state
    decision = overtaken(made, state, event("Stop2", 5 * HOUR))
    assert [one.outcome for one in decision.sends] == [CAPPED, CAPPED]


def test_t4_a_chain_of_short_waits_ends_where_it_would_have_and_caps_see_one_instant() -> None:
    """A worker comes back after a day: as many waits are over as without that day, each at its own
    time, but all that they ask for is asked for now (T2).
    """
    turning = (after(MINUTE, to="out"), on("Stop", to="end"))
    out = stage("out", after(MINUTE, to="in"))
    made = under(marketing(cap("day", 1)), offer("a", transitions=turning, stages=[out]))
    begun = decide(made, EMPTY, event("Go", 0), T0).state
    now, state, ticked = T0 + DAY + HOUR, begun, []
    while (due := next_due(state)) is not None and due <= T0 + DAY:
        ticked.append(decide(made, state, TimersDue("anna", None, due), now))
        state = ticked[-1].state
    overtaking = decide(made, begun, event("Stop", DAY), now)

    moves = [one.due_at for decision in ticked for one in decision.transitions]
    assert moves == [T0 + MINUTE * number for number in range(1, 1441)]
    sends = [one.outcome.value for decision in ticked for one in decision.sends]
    assert sends == ["SENT", *["CAP_REACHED"] * 719]
    assert [one.due_at for one in overtaking.transitions][:-1] == moves
    assert [one.outcome.value for one in overtaking.sends] == sends
