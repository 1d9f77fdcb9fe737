"""Laws 3, 4, 6 and 7 where the clock is hours or days behind the events that it decides, as it is
while one topic has a backlog (T2, T3): windows and waits go by the event, caps and quiet hours by
the clock, and timers that an event overtakes by when they were due.
"""

from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from journey_engine.decide.decide import decide
from journey_engine.decide.due import next_due
from journey_engine.decide.event import TimersDue
from journey_engine.decide.state import EMPTY
from journey_engine.decide.verdict import Decision
from journey_engine.define.plan import ChannelPlan, Plan
from journey_engine.define.policy_plan import Collection, Hold, Quiet
from tests.decide.contact import NIGHT, marketing, offer, rolling, under
from tests.decide.plans import DAY, HOUR, MINUTE, T0, after, event, on, send, stage

MOST = 2


def _plan(**more: Any) -> Plan:
    rules = marketing(rolling("two", MOST, DAY), quiet_hours=[NIGHT], quiet=Quiet.DEFER, **more)
    waits = (after(HOUR, to="later"), on("Stop", to="end"))
    later = stage("later", after(2 * HOUR, to="in"), enter=[send("b", delay=30 * MINUTE)])
    one = offer("one", send("a"), transitions=waits, stages=[later])
    two = offer("two", send("c", expires=6 * HOUR), holds=Hold(DAY, drop=False, themes=frozenset()))
    return under(rules, one, two, channels=[ChannelPlan("email", "e", hold=10 * MINUTE)])


SLOTS = Collection(1, (10 * HOUR, 18 * HOUR), defer_losers=True)
PLANS = {"at once": _plan(), "in slots": _plan(collection=SLOTS)}
STEPS = st.lists(
    st.tuples(
        st.sampled_from([0, 1, MINUTE, HOUR, 7 * HOUR, DAY]),
        st.sampled_from(["Go", "Go", "Go", "Order", "Stop", "tick"]),
        st.sampled_from([0, 0, MINUTE, 5 * HOUR, 3 * DAY]),
    ),
    max_size=25,
)


def lived(plan: Plan, steps: list[tuple[int, str, int]]) -> list[tuple[int, Decision]]:
    """Each decision with its clock, which is so far behind what it decides; in the end all that
    waits comes to its time.
    """
    state, at, now = EMPTY, 0, T0
    made: list[tuple[int, Decision]] = []
    for wait, kind, lag in [*steps, (MINUTE, "Order", 0)]:
        at += wait
        now = max(now, T0 + at - lag)
        tick = TimersDue("anna", None, now)
        item = tick if kind == "tick" else event(kind, at, f"{kind}-{len(made)}")
        decision = decide(plan, state, item, now)
        state = decision.state
        made.append((now, decision))
        if kind == "tick":
            due = next_due(state)
            assert due is None or due > now
    while (due := next_due(state)) is not None:
        now = max(now, due)
        decision = decide(plan, state, TimersDue("anna", None, due), now)
        state = decision.state
        made.append((now, decision))
    return made


@given(st.sampled_from(sorted(PLANS)), STEPS)
@settings(max_examples=2 * settings().max_examples, deadline=None)
def test_law3_and_law7_hold_however_far_the_clock_is_behind(
    kind: str, steps: list[tuple[int, str, int]]
) -> None:
    made = lived(PLANS[kind], steps)
    commands = [(now, one) for now, decision in made for one in decision.commands]
    assert all(one.created_at >= now for now, one in commands), "the clock never goes back"

    back = {one.cancels for _, one in commands}
    kept = [one for _, one in commands if one.action == "SEND" and one.command_id not in back]
    times = sorted(one.created_at for one in kept)
    for first, last in zip(times, times[MOST:], strict=False):
        assert last - first >= DAY, "more than the cap in a window"

    outcomes = [one for _, decision in made for one in decision.sends]
    finals = Counter(one.command_id for one in outcomes if one.outcome != "DEFERRED")
    assert set(finals) == {one.command_id for one in outcomes}
    assert set(finals.values()) <= {1}
