"""When windowed features started of which nothing is kept yet (rule K3)."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journey_engine.decide import started
from journey_engine.decide.feature_state import FeatureState
from journey_engine.decide.merge_profile import joined
from journey_engine.decide.state import CustomerState
from journey_engine.define.plan import Plan
from journey_engine.define.profile_plan import FeatureOp, FeaturePlan
from tests.decide.plans import (
    DAY,
    HOUR,
    T0,
    Customer,
    clause,
    entries,
    expression,
    feature,
    journey,
    plan,
    stage,
)

MANY = [feature(FeatureOp.COUNT, "Rare", within=DAY + n) for n in range(97)]
VIEWS = feature(FeatureOp.COUNT, "View", within=HOUR)


def of(*features: FeaturePlan, when: Any = None) -> Plan:
    named = {f"f{number}": one for number, one in enumerate(features)}
    return plan(journey("a", stage("in"), entry=[clause("Go", when=when)], features=named))


def named(names: Iterable[str]) -> Plan:
    """A plan of features with these ids."""
    return of(*[FeaturePlan(name, FeatureOp.COUNT, "View", within=HOUR) for name in names])


def since(state: CustomerState, one: FeaturePlan) -> int | None:
    found = started.of(one.id, state.started, state.features)
    return None if found is None else found.since


def test_k3_all_start_with_the_first_input_and_take_six_bytes_each() -> None:
    customer = Customer(of(*MANY, VIEWS))
    customer.give("Go", 5)
    assert {since(customer.state, one) for one in (*MANY, VIEWS)} == {T0 + 5}
    assert customer.state.features == {}
    assert len(customer.state.started) == 8 + 10 + 98 * 6
    before = customer.state.started
    customer.give("Go", 6)
    assert customer.state.started is before
    customer.give("View", 7)
    assert list(customer.state.features) == [VIEWS.id]
    assert customer.state.features[VIEWS.id].since == T0 + 5
    assert len(customer.state.started) == 8 + 10 + 97 * 6
    assert started.since(customer.state.started, VIEWS.id) is None


def test_k3_those_of_a_later_plan_start_later_and_the_others_stay() -> None:
    customer = Customer(of(*MANY[:3]))
    customer.give("Go", 0)
    customer.plan = of(*MANY[2:5])
    customer.give("Go", 9)
    assert [since(customer.state, one) for one in MANY[:6]] == [
        *[T0] * 3,
        T0 + 9,
        T0 + 9,
        None,
    ]
    after = customer.state.started
    customer.plan = of(*MANY[:3])
    customer.give("Go", 11)
    assert customer.state.started[8:] == after[8:]


def test_k3_of_a_plan_without_windowed_features_nothing_is_kept() -> None:
    customer = Customer(of(feature(FeatureOp.COUNT, "View")))
    customer.give("View", 0)
    assert customer.state.started == b""


def test_k3_one_kept_since_before_goes_on_as_it_was() -> None:
    """States written before features that have started were kept apart."""
    customer = Customer(of(VIEWS, MANY[0]), CustomerState(features={VIEWS.id: FeatureState(T0)}))
    customer.give("View", HOUR)
    assert customer.state.features[VIEWS.id].since == T0
    assert since(customer.state, MANY[0]) == T0 + HOUR
    assert started.since(customer.state.started, VIEWS.id) is None


def test_k3_a_guard_reads_that_it_is_complete_before_it_has_a_value() -> None:
    full = expression(lambda scope: scope.features["f0.complete"] and scope.features["f0"] == 0)
    customer = Customer(of(VIEWS, when=full))
    assert entries(customer.give("Go", 0)) == ["GUARD_FALSE"]
    assert entries(customer.give("Go", HOUR)) == ["ENTERED"]


def test_k3_back_filled_history_takes_back_what_has_started() -> None:
    where = expression(lambda scope: scope.event["page"] == "home")
    home = feature(FeatureOp.COUNT, "View", within=HOUR, where=where)
    customer = Customer(of(home, MANY[0]))
    customer.give("Go", HOUR)
    customer.give("View", 0, page="cart", backfill=True)
    assert customer.state.features == {home.id: FeatureState(T0)}
    assert since(customer.state, MANY[0]) == T0 + HOUR


def test_an_id_that_lies_across_two_others_is_not_taken_for_one() -> None:
    one, other = "0011223344aa", "00bb44556677"
    across = (one + other)[10:22]
    aligned = started.begun(named([one, other]), b"", {}, 7)
    assert started.since(aligned, one) == started.since(aligned, other) == 7
    assert started.since(aligned, across) is None
    assert started.without(aligned, across) == aligned


def test_m2_the_earlier_of_two_counts_where_only_one_has_a_value() -> None:
    both = of(VIEWS, MANY[0])
    early, late = Customer(both), Customer(both)
    early.give("Go", 0)
    late.give("View", 9)
    for ours, theirs in ((early, late), (late, early)):
        found = joined(both, ours.state, theirs.state)
        assert found.features[VIEWS.id].since == T0
        assert len(found.features[VIEWS.id].entries) == 1
        assert since(found, MANY[0]) == T0
        assert started.since(found.started, VIEWS.id) is None
        assert found.started.startswith(both.windowed_mark)


@pytest.mark.parametrize("backwards", [False, True])
def test_m2_what_has_started_with_neither_starts_with_the_next_input(*, backwards: bool) -> None:
    small, large = of(VIEWS), of(VIEWS, MANY[0])
    one, other = Customer(small), Customer(small)
    one.give("Go", 0)
    other.give("Go", 5)
    states = (other.state, one.state) if backwards else (one.state, other.state)
    customer = Customer(large, joined(large, *states))
    assert since(customer.state, MANY[0]) is None
    customer.give("Go", 9)
    assert since(customer.state, MANY[0]) == T0 + 9
    assert since(customer.state, VIEWS) == T0


NAMES = [f"{number:012x}" for number in (0, 1, 256, 2**40, 2**48 - 1)]
TIMES = st.sampled_from([-1, 0, 1, T0])
STEPS = st.one_of(
    st.tuples(st.sets(st.sampled_from(NAMES), min_size=1), TIMES), st.sampled_from(NAMES)
)


@given(st.lists(STEPS, max_size=12), st.lists(STEPS, max_size=12))
def test_it_is_a_table_of_times_by_name(ours: list[Any], theirs: list[Any]) -> None:
    packed, tables = [], []
    for steps in (ours, theirs):
        table: dict[str, int] = {}
        data = b""
        for step in steps:
            if isinstance(step, str):
                data = started.without(data, step)
                table.pop(step, None)
            else:
                names, at = step
                data = started.begun(named(names), data, {}, at)
                table = {**dict.fromkeys(names, at), **table}
            assert {name: started.since(data, name) for name in NAMES} == {
                name: table.get(name) for name in NAMES
            }
        packed.append(data)
        tables.append(table)
    none, (one, other) = named([]), packed
    both = started.joined(none, one, other, NAMES[:1])
    assert both == started.joined(none, other, one, NAMES[:1])
    for name in NAMES[1:]:
        known = [table[name] for table in tables if name in table]
        assert started.since(both, name) == (min(known) if known else None)
    assert started.since(both, NAMES[0]) is None
