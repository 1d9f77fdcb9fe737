"""The laws, for arbitrary sequences of inputs on a plan that uses everything that exists."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from journey_engine.decide.decide import decide
from journey_engine.decide.due import next_due
from journey_engine.decide.event import Event, TimersDue
from journey_engine.decide.explain import sentences
from journey_engine.decide.state import EMPTY, CustomerState
from journey_engine.define.action_plan import CancelOn
from journey_engine.define.plan import ChannelPlan, JourneyPlan, Plan, Reentry, ReentryMode
from journey_engine.define.profile_plan import (
    ConsentRule,
    FeatureOp,
    ProfileReaders,
    ReachRule,
    TraitRule,
)
from journey_engine.errors import InputOutcome
from tests.decide.plans import (
    BROKEN,
    DAY,
    HOUR,
    MINUTE,
    T0,
    after,
    always,
    check,
    clause,
    event,
    expression,
    feature,
    journey,
    on,
    plan,
    read,
    send,
    stage,
    when,
)
from tests.examples import examples

KEY = read("event", "key", "string")
VIEWS = feature(FeatureOp.COUNT, "B", within=HOUR)
SPENT = feature(FeatureOp.SUM, "A", "total", within=2 * HOUR, warm_up=30 * MINUTE)
PLAN = plan(
    journey(
        "keyed",
        stage(
            "in",
            on("B", to="x", key=KEY, when=check("event", "total", lambda total: total > 2)),
            after(HOUR, "x", reset_on=["A"], key=KEY),
            enter=[send("hello", "email", "push", delay=10 * MINUTE)],
        ),
        stage(
            "x",
            always("y", when=check("instance", "total", lambda total: total > 3)),
            on("C", to="in", key=KEY),
            after(2 * HOUR, "end", since="held"),
            enter=[send("held", cancel_on=CancelOn.LEAVE)],
            leave=[send("bye", "push")],
        ),
        stage("y", after(MINUTE, do=[send("again")]), after(3 * HOUR, "in")),
        entry=[clause("A", key=KEY, remember={"total": read("event", "total")})],
        goals=[clause("D", name="done", key=KEY)],
        updates=[clause("B", key=KEY, remember={"total": read("event", "total")})],
        keyed=True,
        reentry=Reentry(cooldown=MINUTE, limit=3, within=DAY),
        max_live=2,
        abandon=5 * HOUR,
        features={"spent": SPENT},
    ),
    journey(
        "plain",
        stage("in", when(expression(lambda s: s.features["views"] > 1), "out", do=[send("ping")])),
        stage(
            "out",
            on("B", do=[send("ping", delay=MINUTE)]),
            on("F", to="out"),
            always("in", when=BROKEN),
        ),
        entry=[clause("C", when=expression(lambda s: s.features["spent"] >= 0)), clause("B")],
        exits=[clause("D", name="left")],
        reentry=Reentry(ReentryMode.RESTART),
        priority=5,
        features={"views": VIEWS, "spent": SPENT},
        purpose="marketing",
    ),
    profile={
        "E": ProfileReaders(
            traits=(TraitRule("name", "key"),),
            consent=(
                ConsentRule(
                    expression(lambda _: "marketing"),
                    None,
                    check("event", "total", lambda t: t > 0),
                ),
            ),
            reach=(
                ReachRule("email", reachable=False, when=check("event", "total", lambda t: t == 4)),
            ),
        )
    },
    channels=[ChannelPlan("email", "c", hold=20 * MINUTE, expires=DAY)],
    traits={"name": HOUR},
    feedback=["F"],
)

TIMES = st.integers(0, 12 * 60).map(lambda minutes: minutes * MINUTE)
INPUTS = st.one_of(
    st.builds(
        lambda kind, at, key, total, backfill, number: event(
            kind,
            at,
            f"e{number}" if number else "",
            key=key,
            total=total,
            command_id=key,
            backfill=backfill,
        ),
        st.sampled_from("ABCDEFZ"),
        TIMES,
        st.sampled_from(["k1", "k2", None]),
        st.sampled_from([-1, 1, 3, 4]),
        st.sampled_from([False, False, False, True]),
        st.integers(0, 6),
    ),
    TIMES.map(lambda at: TimersDue("anna", None, T0 + at)),
)
Taken = Event | TimersDue
RUNS = st.lists(INPUTS, max_size=25)


def clock_of(item: Taken) -> int:
    return item.occurred_at if isinstance(item, Event) else item.up_to


def run(items: list[Taken]) -> tuple[CustomerState, list[Any]]:
    state, clock, decisions = EMPTY, 0, []
    for item in items:
        clock = max(clock, clock_of(item))
        decision = decide(PLAN, state, item, clock)
        decisions.append(decision)
        state = decision.state
    return state, decisions


@given(RUNS)
@examples(150)
def test_law6_every_input_yields_a_decision_and_none_changes_the_state_given_in(
    items: list[Taken],
) -> None:
    state, clock = EMPTY, 0
    for item in items:
        clock = max(clock, clock_of(item))
        before = msgspec.msgpack.encode(state)
        decision = decide(PLAN, state, item, clock)
        assert msgspec.msgpack.encode(state) == before
        assert sentences(decision, PLAN) is not None
        changed = msgspec.msgpack.encode(decision.state) != before
        assert changed == (decision.state is not state)
        state = decision.state
    keys = [(one.journey, one.key or "") for one in state.instances]
    assert keys == sorted(keys)


@given(RUNS)
def test_law1_the_same_inputs_give_the_same_decisions(items: list[Taken]) -> None:
    one, two = run(items), run(items)
    assert msgspec.msgpack.encode(one[0]) == msgspec.msgpack.encode(two[0])
    for left, right in zip(one[1], two[1], strict=True):
        assert left.commands == right.commands
        assert left.transitions == right.transitions
        assert left.sends == right.sends


@given(RUNS)
def test_law2_re_delivery_changes_nothing(items: list[Taken]) -> None:
    state, _ = run(items)
    clock = max(map(clock_of, items), default=0)
    for item in items:
        if isinstance(item, Event):
            decision = decide(PLAN, state, item, clock)
            assert decision.state is state
            assert decision.outcome in (InputOutcome.DUPLICATE, InputOutcome.IGNORED)
            assert not decision.commands + decision.transitions + decision.sends


@given(RUNS)
@examples(150)
def test_law4_a_timer_fires_once_and_never_early(items: list[Taken]) -> None:
    state, clock = EMPTY, 0
    for item in items:
        clock = max(clock, clock_of(item))
        decision = decide(PLAN, state, item, clock)
        assert all(due <= clock_of(item) for due in decision.timers_fired)
        assert decision.timers_fired == sorted(decision.timers_fired)
        state = decision.state
    up_to = clock + 2 * DAY
    state = decide(PLAN, state, TimersDue("anna", None, up_to), up_to).state
    assert decide(PLAN, state, TimersDue("anna", None, up_to), up_to).state is state


@given(RUNS)
def test_law4_ticks_may_come_in_any_steps(items: list[Taken]) -> None:
    state, _ = run(items)
    end = T0 + 2 * DAY
    whole = decide(PLAN, state, TimersDue("anna", None, end), end)
    moved = []
    while (due := next_due(state)) is not None and due <= end:
        decision = decide(PLAN, state, TimersDue("anna", None, due), end)
        moved += decision.transitions
        state = decision.state
    assert moved == whole.transitions
    assert msgspec.msgpack.encode(state) == msgspec.msgpack.encode(whole.state)


@given(RUNS)
@examples(150)
def test_law7_every_candidate_ends_in_exactly_one_final_outcome(
    items: list[Taken],
) -> None:
    end = TimersDue("anna", None, T0 + 30 * DAY)
    state, decisions = run([*items, end])
    sends = [one for decision in decisions for one in decision.sends]
    final = [one.command_id for one in sends if one.outcome.value != "DEFERRED"]
    assert len(final) == len(set(final))
    assert set(final) == {one.command_id for one in sends}
    assert not state.pending
    commands = [one for decision in decisions for one in decision.commands]
    assert len({one.command_id for one in commands}) == len(commands)
    sent = {one.command_id for one in sends if one.outcome.value == "SENT"}
    assert {one.command_id for one in commands if one.action == "SEND"} == sent
    assert {one.cancels for one in commands if one.action == "CANCEL"} <= sent


def with_more(*more: JourneyPlan) -> Plan:
    """The plan with further journeys."""
    return plan(
        *PLAN.journeys,
        *more,
        profile=PLAN.profile,
        channels=PLAN.channels.values(),
        traits=PLAN.trait_valid,
        feedback=PLAN.feedback,
    )


def last_state(by: Plan, items: list[Taken]) -> CustomerState:
    state, clock = EMPTY, 0
    for item in items:
        clock = max(clock, clock_of(item))
        state = decide(by, state, item, clock).state
    return state


@given(RUNS)
def test_law5_a_journey_that_no_input_touches_changes_nothing(
    items: list[Taken],
) -> None:
    more = with_more(journey("untouched", stage("in"), entry=[clause("Never")]))
    assert msgspec.msgpack.encode(last_state(more, items)) == msgspec.msgpack.encode(run(items)[0])


@given(RUNS)
@examples(60)
def test_law5_journeys_that_nobody_enters_are_not_remembered(items: list[Taken]) -> None:
    """Whatever they read: what is kept is of event types, not of each journey."""
    entry, goals = [clause("Never")], [clause("A", "C")]
    idle = [journey(f"idle-{n}", stage("in"), entry=entry, goals=goals) for n in range(5)]
    many = with_more(*idle)
    state, without = last_state(many, items), run(items)[0]
    assert state.latest.keys() <= {"A", "C", *without.latest}
    assert replace(state, latest={}) == replace(without, latest={})
