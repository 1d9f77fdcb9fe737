"""Rules T: inputs and time."""

import pytest

from journey_engine.decide.decide import decide
from journey_engine.decide.event import TimersDue
from journey_engine.decide.state import EMPTY, SEEN_FOR_MS, SEEN_MAX
from journey_engine.define.plan import Plan
from journey_engine.define.profile_plan import FeatureOp, ProfileReaders, TraitRule
from journey_engine.errors import DeadLetterCode, InputOutcome
from tests.decide.plans import (
    DAY,
    HOUR,
    MINUTE,
    T0,
    Customer,
    after,
    clause,
    ends,
    entries,
    event,
    feature,
    journey,
    moves,
    on,
    plan,
    read,
    send,
    stage,
)


def silence() -> Plan:
    """A journey that waits, and another that reads the same type."""
    return plan(
        journey(
            "quiet",
            stage("waiting", after(4 * HOUR, "nudged", reset_on=["View"]), on("Click", to="end")),
            stage("nudged", on("Click", to="end"), enter=[send("nudge")]),
            entry=[clause("Cart")],
            goals=[clause("Order", name="ordered")],
        )
    )


def test_t1_no_input_changes_the_state_given_in() -> None:
    customer = Customer(silence())
    customer.give("Cart", 0)
    before = repr(customer.state)
    kept = customer.state
    customer.give("Click", HOUR)
    assert repr(kept) == before


def test_t1_timers_due_with_nothing_due_gives_the_same_state_back() -> None:
    customer = Customer(silence())
    customer.give("Cart", 0)
    before = customer.state
    decision = customer.tick(HOUR)
    assert decision.state is before
    assert decision.outcome is InputOutcome.IGNORED
    assert decide(silence(), EMPTY, TimersDue("bob", None, T0), T0).state is EMPTY


def test_t2_transitions_carry_the_event_s_time_and_the_clock_s() -> None:
    item = event("Cart", 0)
    decision = decide(silence(), EMPTY, item, T0 + HOUR)
    [entered] = decision.transitions
    assert (entered.occurred_at, entered.logged_at, entered.due_at) == (T0, T0 + HOUR, None)
    assert entered.causation == item.origin


def test_t2_a_timer_s_time_is_its_due_time() -> None:
    customer = Customer(silence())
    first = event("Cart", 0)
    customer.give("Cart", 0)
    decision = customer.tick(9 * HOUR)
    [moved] = decision.transitions
    due = T0 + 4 * HOUR
    assert (moved.occurred_at, moved.logged_at, moved.due_at) == (due, T0 + 9 * HOUR, due)
    assert moved.causation == first.origin
    assert decision.timers_fired == [due]
    assert customer.state.instances[0].stage_entered_at == due
    assert decision.commands[0].created_at == T0 + 9 * HOUR


def test_t4_timers_due_at_or_before_an_event_fire_first() -> None:
    customer = Customer(silence())
    customer.give("Cart", 0)
    decision = customer.give("Click", 4 * HOUR)
    assert moves(decision) == [("waiting", "nudged", "after"), ("nudged", None, "Click")]


def test_t4_timers_fire_by_due_then_journey_then_key() -> None:
    def waiting(name: str, wait: int) -> object:
        return journey(
            name,
            stage("waiting", after(wait, "end")),
            entry=[clause("Cart", key=read("event", "cart"))],
            keyed=True,
            priority=9 if name == "b" else 0,
        )

    customer = Customer(plan(waiting("b", HOUR), waiting("a", HOUR), waiting("c", MINUTE)))  # type: ignore[arg-type]
    customer.give("Cart", 0, cart="2")
    customer.give("Cart", 0, cart="1")
    fired = [(one.journey, one.key) for one in customer.tick(DAY).transitions]
    assert fired == [("c", "1"), ("c", "2"), ("a", "1"), ("a", "2"), ("b", "1"), ("b", "2")]


def test_t4_a_chain_of_timers_runs_in_its_own_time() -> None:
    customer = Customer(
        plan(
            journey(
                "chain",
                stage("one", after(HOUR, "two")),
                stage("two", after(HOUR, "three")),
                stage("three", after(HOUR, "end")),
                entry=[clause("Cart")],
            )
        )
    )
    customer.give("Cart", 0)
    times = [one.occurred_at - T0 for one in customer.tick(DAY).transitions]
    assert times == [HOUR, 2 * HOUR, 3 * HOUR]


def test_t6_a_repeat_has_no_effect_not_even_on_due_timers() -> None:
    customer = Customer(silence())
    customer.give("Cart", 0, "one")
    before = customer.state
    decision = decide(customer.plan, before, event("Cart", 0, "one"), T0 + 5 * HOUR)
    assert decision.outcome is InputOutcome.DUPLICATE
    assert decision.state is before
    assert not decision.transitions
    assert decision.rejected is None


def test_t6_the_same_id_with_another_body_is_a_conflict() -> None:
    customer = Customer(silence())
    customer.give("Cart", 0, "one", total=1)
    before = customer.state
    decision = customer.give("Cart", 0, "one", total=2)
    assert decision.rejected is not None
    assert decision.rejected.code is DeadLetterCode.CONFLICT
    assert customer.state is before


def test_t6_an_id_is_known_for_24_hours_after_it_was_read() -> None:
    customer = Customer(silence())
    customer.give("View", 0, "one")
    again = event("View", 0, "one")
    seen = decide(customer.plan, customer.state, again, T0 + SEEN_FOR_MS)
    assert seen.outcome is InputOutcome.DUPLICATE
    forgotten = decide(customer.plan, customer.state, again, T0 + SEEN_FOR_MS + 1000)
    assert forgotten.outcome is InputOutcome.APPLIED
    assert len(forgotten.state.seen) == 16
    assert "seen" not in forgotten.dropped


def test_t6_ids_dropped_early_are_counted() -> None:
    customer = Customer(silence())
    for number in range(SEEN_MAX):
        assert not customer.give("View", number).dropped
    assert customer.give("View", SEEN_MAX).dropped == {"seen": 1}
    assert len(customer.state.seen) == SEEN_MAX * 16
    assert customer.give("View", 0).outcome is InputOutcome.APPLIED
    assert customer.give("View", SEEN_MAX).outcome is InputOutcome.DUPLICATE


def test_t6_an_id_is_found_only_where_an_entry_begins() -> None:
    customer = Customer(silence())
    customer.give("View", 0, "one")
    shifted = b"12345678" + customer.state.seen[:8] + b"1234"[:0]
    state = EMPTY.__class__(seen=(shifted + b"\0" * 16)[:32])
    assert decide(customer.plan, state, event("View", 0, "one"), T0).outcome is InputOutcome.APPLIED


@pytest.mark.parametrize(
    ("behind", "outcome"), [(HOUR, InputOutcome.APPLIED), (HOUR + 1, InputOutcome.LATE)]
)
def test_t7_an_event_counts_fully_up_to_the_lateness(behind: int, outcome: InputOutcome) -> None:
    customer = Customer(silence())
    customer.give("View", 2 * HOUR)
    decision = customer.give("Cart", 2 * HOUR - behind)
    assert decision.outcome is outcome
    assert entries(decision) == (["ENTERED"] if outcome is InputOutcome.APPLIED else ["LATE"])


def test_t7_a_late_event_ends_but_neither_moves_nor_resets() -> None:
    customer = Customer(silence())
    customer.give("Cart", 0)
    customer.give("View", 3 * HOUR)
    timers = customer.state.instances[0].timers
    assert not customer.give("Click", HOUR).transitions
    customer.give("View", HOUR + 1)
    assert customer.state.instances[0].timers == timers
    assert ends(customer.give("Order", HOUR)) == [("GOAL", "ordered")]


def test_t7_what_was_read_before_the_entry_counts_after_it() -> None:
    customer = Customer(silence())
    customer.give("View", 2 * HOUR)
    customer.give("Cart", 2 * HOUR - MINUTE)
    assert customer.state.latest == {}
    assert customer.give("Click", HOUR - 1).outcome is InputOutcome.LATE
    assert ends(customer.give("Click", HOUR)) == [("COMPLETED", None)]


def test_t7_an_earlier_event_takes_nothing_back() -> None:
    customer = Customer(silence())
    customer.give("View", 3 * HOUR)
    customer.give("View", 2 * HOUR, "earlier")
    assert entries(customer.give("Cart", 2 * HOUR - 1)) == ["LATE"]


def test_t7_a_type_that_no_journey_reads_any_more_is_forgotten() -> None:
    customer = Customer(silence())
    customer.give("View", 0)
    later = plan(journey("carts", stage("in"), goals=[clause("Cart", "Click")]))
    for number, kind in enumerate(("Cart", "Click")):
        customer.state = decide(later, customer.state, event(kind, number), T0).state
    assert customer.state.latest == {"Cart": T0, "Click": T0 + 1}


def test_t7_what_one_journey_reads_makes_nothing_late_for_another() -> None:
    carts = journey("carts", stage("in"), entry=[clause("Cart")])
    views = journey("views", stage("in"), entry=[clause("Never")], goals=[clause("View")])
    customer = Customer(plan(carts, views))
    customer.give("View", 2 * HOUR)
    assert entries(customer.give("Cart", 0)) == ["ENTERED"]


def test_t7_lateness_is_that_of_each_journey() -> None:
    patient = journey("patient", stage("in"), entry=[clause("Cart")], lateness=DAY)
    strict = journey("strict", stage("in"), entry=[clause("Cart")], updates=[clause("View")])
    customer = Customer(plan(patient, strict))
    customer.give("Cart", 5 * HOUR, "one")
    state = customer.state
    decision = decide(customer.plan, state, event("Cart", 0), T0 + 5 * HOUR)
    assert decision.outcome is InputOutcome.APPLIED
    assert [(name, out.value) for name, out in decision.entries] == [
        ("patient", "ALREADY_IN"),
        ("strict", "LATE"),
    ]


def test_t7_backfill_is_late_whatever_its_age_and_makes_nothing_late() -> None:
    views = feature(FeatureOp.COUNT, "Cart")
    customer = Customer(
        plan(journey("cart", stage("in"), entry=[clause("Cart")], features={"views": views}))
    )
    decision = customer.give("Cart", DAY, backfill=True)
    assert decision.outcome is InputOutcome.BACKFILL
    assert entries(decision) == ["LATE"]
    assert customer.state.features[views.id].buckets[0][1] == 1
    assert entries(customer.give("Cart", 0)) == ["ENTERED"]


def test_t7_backfill_still_ends_an_instance() -> None:
    customer = Customer(silence())
    customer.give("Cart", 0)
    assert ends(customer.give("Order", HOUR, backfill=True)) == [("GOAL", "ordered")]


def test_t9_a_type_that_nobody_reads_leaves_the_very_same_state() -> None:
    customer = Customer(silence())
    customer.give("Cart", 0)
    before = customer.state
    decision = customer.give("Weather", DAY)
    assert decision.outcome is InputOutcome.IGNORED
    assert decision.state is before
    assert not decision.transitions


def test_t9_a_type_that_only_the_profile_reads_is_applied() -> None:
    profile = {"Profile": ProfileReaders(traits=(TraitRule("name", "name"),))}
    customer = Customer(plan(profile=profile, traits={"name": None}))
    assert customer.give("Profile", 0, name="Anna").outcome is InputOutcome.APPLIED
    assert customer.state.traits["name"].value == "Anna"
