"""V1: live instances stay on the version that they entered, or migrate as the newer one says."""

from typing import Any

import pytest

from journey_engine.decide.decide import decide
from journey_engine.decide.explain import sentences
from journey_engine.decide.versions import fate
from journey_engine.define.migration_plan import Fate, Move
from journey_engine.define.plan import JourneyPlan, Plan
from tests.decide.plans import (
    DAY,
    HOUR,
    T0,
    Customer,
    after,
    clause,
    ends,
    event,
    journey,
    moves,
    on,
    plan,
    send,
    stage,
)


def first(*more: Any, **settings: Any) -> JourneyPlan:
    """Version 1: waits 4 h, then says `old`."""
    waiting = stage("waiting", after(4 * HOUR, "told"), on("Go", to="told"))
    told = stage("told", after(DAY, "end"), enter=[send("old")])
    return journey("a", waiting, told, *more, entry=[clause("C")], version=1, **settings)


def second(**settings: Any) -> JourneyPlan:
    """Version 2: waits 2 h and hears another event; `asked` is new."""
    waiting = stage("waiting", after(2 * HOUR, "asked"), on("Walk", to="asked"))
    asked = stage("asked", after(DAY, "end"), enter=[send("new")])
    return journey("a", waiting, asked, entry=[clause("C")], version=2, **settings)


def both(**settings: Any) -> Plan:
    return plan(second(**settings), kept=[first()])


def entered(before: Plan | None = None) -> Customer:
    customer = Customer(plan(first()) if before is None else before)
    customer.give("C", 0)
    return customer


def contents(customer: Customer) -> list[str]:
    return [one.content for one in customer.commands]


def test_v1_an_instance_runs_on_the_version_that_it_entered() -> None:
    customer = entered()
    customer.plan = both()
    assert not customer.give("Walk", HOUR).transitions
    (moved,) = customer.tick(4 * HOUR).transitions
    assert (moved.to_stage, moved.version, moved.occurred_at) == ("told", 1, T0 + 4 * HOUR)
    assert contents(customer) == ["old-content"]
    assert {one.journey.version for one in customer.commands} == {1}


def test_v1_only_the_newest_version_is_entered() -> None:
    customer = Customer(both())
    (into,) = customer.give("C", 0).transitions
    assert into.version == 2
    assert not customer.give("Go", 1).transitions
    assert customer.tick(2 * HOUR).transitions
    assert contents(customer) == ["new-content"]


def test_v1_who_lives_on_the_older_version_is_in_the_journey() -> None:
    customer = entered()
    customer.plan = both()
    assert customer.give("C", HOUR).entries == [("a", "ALREADY_IN")]
    assert len(customer.state.instances) == 1


def test_v1_an_event_that_only_the_older_version_reads_reaches_it() -> None:
    customer = entered()
    customer.plan = both()
    assert moves(customer.give("Go", HOUR)) == [("waiting", "told", "Go")]


def test_v1_goals_are_pinned_and_exits_are_those_of_the_newest() -> None:
    goals, exits = [clause("Buy", name="bought")], [clause("Leave", name="left")]
    old = first(goals=goals, exits=[clause("Old", name="never")])
    new = plan(second(exits=exits), kept=[old])
    for kind, expected in (("Buy", ("GOAL", "bought")), ("Leave", ("EXIT", "left"))):
        customer = entered(plan(old))
        customer.plan = new
        assert not customer.give("Old", HOUR).transitions
        assert ends(customer.give(kind, 2 * HOUR)) == [expected]


def test_v1_a_waiting_candidate_is_that_of_its_version() -> None:
    late = stage("in", after(DAY, "end"), enter=[send("x", delay=HOUR)])
    changed = stage("in", after(DAY, "end"), enter=[send("y", delay=HOUR)])
    old = journey("a", late, entry=[clause("C")], version=1)
    customer = entered(plan(old))
    new = journey("a", changed, entry=[clause("C")], version=2)
    dropped = Customer(plan(new), customer.state)
    customer.plan = plan(new, kept=[old])
    customer.tick(HOUR)
    assert contents(customer) == ["x-content"]
    dropped.tick(HOUR)
    assert dropped.outcomes == ["CANCELLED"]


def test_v1_a_version_that_is_not_kept_goes_on_as_the_newest() -> None:
    customer = entered()
    customer.plan = plan(second())
    assert moves(customer.give("Walk", HOUR)) == [("waiting", "asked", "Walk")]


def test_v1_a_plan_rolled_back_keeps_those_of_the_newer_version() -> None:
    customer = entered(both())
    customer.plan = plan(first(), kept=[second(migrate={1: {"waiting": Move(Fate.EXIT)}})])
    assert moves(customer.give("Walk", HOUR)) == [("waiting", "asked", "Walk")]
    other = entered()
    other.plan = customer.plan
    assert moves(other.give("Go", HOUR)) == [("waiting", "told", "Go")]


def migrating(**stages: Move) -> Plan:
    return both(migrate={1: stages})


@pytest.mark.parametrize("fate", list(Fate))
def test_v1_the_map_says_who_moves_finishes_and_leaves(fate: Fate) -> None:
    customer = entered()
    customer.plan = migrating(waiting=Move(fate, "waiting" if fate is Fate.MOVE else ""))
    decision = customer.give("Walk", HOUR)
    expected: dict[Fate, list[tuple[str | None, str | None, str]]] = {
        Fate.MOVE: [("waiting", "waiting", "migrate"), ("waiting", "asked", "Walk")],
        Fate.FINISH: [],
        Fate.EXIT: [("waiting", None, "migrate")],
    }
    assert moves(decision) == expected[fate]
    ended = [one.end for one in decision.transitions if one.end is not None]
    assert ended == (["MIGRATED"] if fate is Fate.EXIT else [])


def test_v1_a_wait_is_kept_or_set_anew_from_when_the_stage_was_entered() -> None:
    for recompute, due in ((False, 4 * HOUR), (True, 2 * HOUR)):
        customer = entered()
        customer.plan = migrating(waiting=Move(Fate.MOVE, "waiting", recompute))
        customer.give("C", HOUR)
        assert [timer.due for timer in customer.state.instances[0].timers] == [T0 + due]


def test_v1_who_is_past_the_new_wait_goes_on_at_once() -> None:
    customer = entered()
    customer.plan = migrating(waiting=Move(Fate.MOVE, "waiting", recompute=True))
    decision = customer.give("C", 3 * HOUR)
    assert moves(decision)[:2] == [
        ("waiting", "waiting", "migrate"),
        ("waiting", "asked", "after"),
    ]
    assert decision.transitions[1].occurred_at == T0 + 3 * HOUR


def test_v1_a_wait_that_is_spent_stays_spent_where_it_is_kept() -> None:
    nagging = stage("in", after(HOUR, do=[send("x")]), on("Go", to="end"))
    old = journey("a", nagging, entry=[clause("C")], version=1)
    for recompute, left in ((False, []), (True, [T0 + 3 * HOUR])):
        customer = entered(plan(old))
        customer.tick(2 * HOUR)
        move = {1: {"in": Move(Fate.MOVE, "in", recompute)}}
        customer.plan = plan(
            journey("a", nagging, entry=[clause("C")], version=2, migrate=move), kept=[old]
        )
        decision = customer.give("C", 3 * HOUR)
        assert decision.timers_fired == left


def test_v1_on_enter_runs_where_the_map_says_so() -> None:
    for enter, sent in ((False, []), (True, ["new-content"])):
        customer = entered()
        customer.plan = migrating(waiting=Move(Fate.MOVE, "asked", enter=enter))
        customer.give("C", HOUR)
        assert contents(customer) == sent
        (instance,) = customer.state.instances
        assert (instance.stage, instance.visits["asked"], instance.version) == ("asked", 1, 2)
        assert instance.stage_entered_at == T0


def test_v1_a_migration_comes_before_a_timer_too() -> None:
    customer = entered()
    customer.plan = migrating(waiting=Move(Fate.EXIT))
    assert ends(customer.tick(4 * HOUR)) == [("MIGRATED", None)]
    assert customer.tick(4 * HOUR).outcome == "IGNORED"


def test_v1_without_a_due_timer_only_what_is_to_be_done_is_done() -> None:
    customer = entered()
    customer.plan = migrating(waiting=Move(Fate.MOVE, "waiting"))
    assert moves(customer.tick(HOUR)) == [("waiting", "waiting", "migrate")]
    state = customer.state
    assert customer.tick(HOUR).state is state


def test_v1_migrations_follow_one_another() -> None:
    one = {"waiting": Move(Fate.MOVE, "asked"), "told": Move(Fate.EXIT)}
    two = {"asked": Move(Fate.MOVE, "third"), "waiting": Move(Fate.EXIT)}
    third = stage("third", on("Go", to="end"))
    newest = journey("a", third, entry=[clause("C")], version=3, migrate={2: two})
    customer = entered()
    customer.plan = plan(newest, kept=[first(), second(migrate={1: one})])
    assert moves(customer.give("C", HOUR)) == [
        ("waiting", "asked", "migrate"),
        ("asked", "third", "migrate"),
    ]
    assert [t.version for t in customer.decisions[-1].transitions] == [2, 3]


def test_v1_a_former_finish_gives_way_to_a_newer_map() -> None:
    two = second(migrate={1: {"waiting": Move(Fate.FINISH)}})
    newest = journey(
        "a", stage("x"), entry=[clause("C")], version=3, migrate={1: {"waiting": Move(Fate.EXIT)}}
    )
    customer = entered()
    customer.plan = plan(newest, kept=[first(), two])
    assert ends(customer.give("C", HOUR)) == [("MIGRATED", None)]


def test_v1_the_state_given_is_never_changed() -> None:
    state = entered().state
    before = repr(state)
    decide(migrating(waiting=Move(Fate.EXIT)), state, event("C", HOUR), T0 + HOUR)
    assert repr(state) == before


def test_v1_a_migration_is_told_in_sentences() -> None:
    told = []
    for move in (Move(Fate.MOVE, "asked"), Move(Fate.EXIT)):
        customer = entered()
        customer.plan = migrating(waiting=move)
        told += sentences(customer.give("C", HOUR), customer.plan)

    assert any("goes on in version 2" in line for line in told)
    assert any("the newer version does not take it over" in line for line in told)


def test_v1_what_becomes_of_whom_is_told_beforehand() -> None:
    migrated = migrating(waiting=Move(Fate.MOVE, "asked"), told=Move(Fate.EXIT))

    assert fate(migrated, "a", 1, "waiting") == "asked (2)"
    assert fate(migrated, "a", 1, "told") == "exit (2)"
    assert fate(migrated, "a", 2, "asked") == "stays"
    assert fate(both(), "a", 1, "told") == "stays"
    assert fate(plan(second()), "a", 1, "waiting") == "goes on in version 2"
    assert fate(plan(second()), "a", 1, "told") == "ends QUARANTINED: the stage is gone"
    assert fate(plan(second()), "b", 1, "told") == "lies dormant: the journey is gone"
