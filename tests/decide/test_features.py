"""Rules K2 and K3: features."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journey_engine.decide import features
from journey_engine.decide.feature_state import FEATURE_BUCKETS, FEATURE_EXACT_MAX, FeatureState
from journey_engine.decide.features import INT64_MAX, LATE_MS
from journey_engine.define.expression import Value, Warming
from journey_engine.define.profile_plan import FeatureOp, FeaturePlan
from tests.decide.plans import (
    BROKEN,
    DAY,
    HOUR,
    MINUTE,
    T0,
    Customer,
    check,
    clause,
    entries,
    event,
    expression,
    feature,
    journey,
    plan,
    stage,
)

OPS = list(FeatureOp)


def fold(one: FeaturePlan, *items: tuple[int, Value]) -> FeatureState:
    state = FeatureState(0)
    for at, item in items:
        state = features.add(one, state, at, item)
    return state


def values(at: int, within: int | None, *items: tuple[int, Value]) -> dict[str, Value]:
    found = {}
    for op in OPS:
        one = feature(op, "View", "price", within=within, keep=3)
        found[op.value] = features.value(one, fold(one, *items), at)
    return found


EMPTY_VALUES: dict[str, Value] = {
    "count": 0,
    "sum": 0,
    "min": None,
    "max": None,
    "first": None,
    "last": None,
    "recent": [],
    "distinct": 0,
}


@pytest.mark.parametrize("within", [None, HOUR])
def test_k2_empty(within: int | None) -> None:
    for op in OPS:
        one = feature(op, "View", "price", within=within)
        assert features.value(one, None, 0) == EMPTY_VALUES[op.value]
    assert values(10 * HOUR, HOUR, (HOUR, 1)) == EMPTY_VALUES


ITEMS = ((1, 5), (2, 3), (3, 9), (4, 3))
FOLDED = {
    "count": 4,
    "sum": 20,
    "min": 3,
    "max": 9,
    "first": 5,
    "last": 3,
    "recent": [3, 9, 3],
    "distinct": 3,
}


@pytest.mark.parametrize("within", [None, HOUR])
def test_k2_each_operation(within: int | None) -> None:
    assert values(5, within, *ITEMS) == FOLDED


@pytest.mark.parametrize("within", [None, HOUR])
def test_k2_out_of_order(within: int | None) -> None:
    assert values(5, within, *(ITEMS[n] for n in (2, 0, 3, 1))) == FOLDED


def test_k2_a_window_is_open_at_its_start_and_closed_at_its_end() -> None:
    found = values(HOUR + 2, HOUR, (1, 100), (2, 5), (3, 7), (HOUR + 2, 6), (HOUR + 3, 100))
    assert found == {
        "count": 2,
        "sum": 13,
        "min": 6,
        "max": 7,
        "first": 7,
        "last": 6,
        "recent": [7, 6],
        "distinct": 2,
    }


def test_k2_ties_in_time_stand_in_order_of_arrival() -> None:
    found = values(5, None, (1, "a"), (1, "b"))
    assert (found["first"], found["last"], found["recent"]) == ("a", "b", ["a", "b"])


def test_k2_a_late_event_still_finds_its_own_window() -> None:
    one = feature(FeatureOp.COUNT, "View", within=HOUR)
    state = fold(one, (0, None), (DAY, None))
    assert features.value(one, state, MINUTE) == 1
    state = features.add(one, state, LATE_MS + HOUR, None)
    assert len(state.entries) == 2


@pytest.mark.parametrize("op", [FeatureOp.COUNT, FeatureOp.SUM, FeatureOp.MIN, FeatureOp.MAX])
def test_k2_over_64_in_a_window_it_folds_into_32_buckets(op: FeatureOp) -> None:
    one = feature(op, "View", "price", within=64 * MINUTE)
    items = [(n * MINUTE // 2, n) for n in range(FEATURE_EXACT_MAX + 1)]
    exact = fold(one, *items[:-1])
    assert len(exact.entries) == FEATURE_EXACT_MAX
    assert not exact.buckets
    state = fold(one, *items)
    assert not state.entries
    assert len(state.buckets) <= FEATURE_BUCKETS
    at = items[-1][0]
    expected = {"count": 65, "sum": sum(range(65)), "min": 0, "max": 64}[op.value]
    assert features.value(one, state, at) == expected
    later = features.add(one, state, at + 63 * MINUTE, 1000)
    left = {"count": 2, "sum": 1064, "min": 64, "max": 1000}[op.value]
    assert features.value(one, later, at + 63 * MINUTE) == left
    assert len(later.buckets) <= FEATURE_BUCKETS


def test_k2_buckets_that_left_the_window_count_for_nothing() -> None:
    one = feature(FeatureOp.COUNT, "View", within=64 * MINUTE)
    state = fold(one, *[(n, None) for n in range(65)])
    assert features.value(one, state, 66 * MINUTE) == 0
    at = 2 * DAY + MINUTE
    state = features.add(one, state, at, None)
    assert features.value(one, state, at) == 1
    assert features.value(one, state, at + 64 * MINUTE - 1) == 1


def test_k2_over_64_entries_of_which_few_are_in_the_window_stay_exact() -> None:
    one = feature(FeatureOp.SUM, "View", "price", within=HOUR)
    state = fold(one, *[(n * 30 * MINUTE, 1) for n in range(80)])
    assert not state.buckets
    assert features.value(one, state, 79 * 30 * MINUTE) == 2


def test_k2_first_and_last_over_64() -> None:
    first = feature(FeatureOp.FIRST, "View", "price", within=64 * MINUTE)
    last = feature(FeatureOp.LAST, "View", "price", within=64 * MINUTE)
    items = [(n * MINUTE // 2, n) for n in range(100)]
    state = fold(first, *items)
    at = items[-1][0]
    assert features.value(first, state, at) == 0
    assert len(state.entries) <= FEATURE_EXACT_MAX
    shifted = features.value(first, state, at + 40 * MINUTE)
    assert isinstance(shifted, int)
    assert 2 * (at + 40 * MINUTE - 64 * MINUTE) // MINUTE <= shifted <= 60
    assert features.value(last, fold(last, *items), at) == 99


def test_k2_distinct_keeps_the_latest_of_each_value() -> None:
    one = feature(FeatureOp.DISTINCT, "View", "page", within=HOUR)
    state = fold(one, (0, "a"), (30 * MINUTE, "b"), (50 * MINUTE, "a"), (10 * MINUTE, "a"))
    assert features.value(one, state, HOUR + 20 * MINUTE) == 2
    assert features.value(one, state, HOUR + 31 * MINUTE) == 1
    wide = feature(FeatureOp.DISTINCT, "View", "page")
    assert features.value(wide, fold(wide, *[(n, n) for n in range(100)]), 100) == 64


@pytest.mark.parametrize(
    ("op", "kept"),
    [
        (FeatureOp.FIRST, [5, 3, 9, 3, 7, 1, 4, 9, 2]),
        (FeatureOp.MIN, [1, 4, 9, 2]),
        (FeatureOp.MAX, [9, 2]),
        (FeatureOp.LAST, [9, 2]),
        (FeatureOp.RECENT, [1, 4, 9, 2]),
        (FeatureOp.DISTINCT, [5, 3, 7, 1, 4, 9, 2]),
    ],
)
def test_k2_of_many_entries_only_what_may_yet_be_the_answer_is_kept(
    op: FeatureOp, kept: list[int]
) -> None:
    """All but the last are older than a day; a late event may still be older than the last."""
    prices = [5, 3, 9, 3, 7, 1, 4, 9, 2]
    state = fold(
        feature(op, "View", "price", within=60 * DAY, keep=3 if op is FeatureOp.RECENT else None),
        *[(T0 + day * 2 * DAY, price) for day, price in enumerate(prices)],
    )
    assert [price for _, price in state.entries] == kept


def test_k2_recent_keeps_so_many() -> None:
    one = feature(FeatureOp.RECENT, "View", "page", keep=2)
    state = fold(one, *[(n, n) for n in range(10)])
    assert features.value(one, state, 10) == [8, 9]
    assert len(state.entries) == 2
    all_ = feature(FeatureOp.RECENT, "View", "page", within=HOUR)
    assert features.value(all_, fold(all_, *[(n, n) for n in range(10)]), 10) == list(range(10))


def test_k2_several_fields_make_a_message_with_its_time() -> None:
    one = feature(FeatureOp.LAST, "Fail", "error", "code", members=True)
    customer = Customer(plan(journey("a", stage("in"), entry=[clause("X")], features={"f": one})))
    customer.give("Fail", 5, error="oops", code=None)
    found = features.value(one, customer.state.features[one.id], T0 + 10)
    message: Any = {"error": "oops", "code": None, "at": T0 + 5}
    assert found == message


def test_k2_a_sum_stays_within_64_bits() -> None:
    one = feature(FeatureOp.SUM, "View", "price")
    state = fold(one, (1, INT64_MAX), (2, INT64_MAX))
    assert features.value(one, state, 3) == INT64_MAX
    assert features.value(one, fold(one, (1, 0.5), (2, 1)), 3) == 1.5


def test_k2_values_of_different_kinds_never_fail() -> None:
    one = feature(FeatureOp.MIN, "View", "price", within=HOUR)
    assert features.value(one, fold(one, (1, 5), (2, "x")), 3) == 5


def test_k2_where_and_null_fields_do_not_count() -> None:
    big = check("event", "price", lambda price: (price or 0) > 5)
    one = feature(FeatureOp.SUM, "View", "price", where=big)
    counted = feature(FeatureOp.COUNT, "View", where=BROKEN)
    plain = feature(FeatureOp.MAX, "View", "price")
    customer = Customer(
        plan(
            journey(
                "a", stage("in"), entry=[clause("X")], features={"f": one, "g": counted, "h": plain}
            )
        )
    )
    decision = customer.give("View", 0, price=9)
    customer.give("View", 1, price=3)
    assert decision.guard_errors == [("customer", "broken: boom")]
    assert features.value(one, customer.state.features[one.id], T0) == 9
    assert counted.id not in customer.state.features
    before = customer.state.features
    customer.give("View", 2, price=None)
    assert customer.state.features[plain.id] == before[plain.id]


def test_k2_equal_definitions_share_one_store() -> None:
    one = feature(FeatureOp.COUNT, "View", within=HOUR)
    two = feature(FeatureOp.COUNT, "View", within=HOUR)
    customer = Customer(
        plan(
            journey("a", stage("in"), entry=[clause("X")], features={"mine": one}),
            journey("b", stage("in"), entry=[clause("X")], features={"yours": two}),
        )
    )
    customer.give("View", 0)
    assert len(customer.state.features) == 1
    assert len(customer.state.features[one.id].entries) == 1


def asked(one: FeaturePlan, guard: Any) -> Customer:
    return Customer(
        plan(
            journey("a", stage("in"), entry=[clause("X", when=guard)], features={"f": one}),
            journey("b", stage("in"), entry=[clause("Other")]),
        )
    )


def test_k3_complete_is_false_until_the_window_is_full() -> None:
    full = expression(lambda scope: scope.features["f.complete"])
    customer = asked(feature(FeatureOp.COUNT, "View", within=DAY), full)
    customer.give("Other", 0)
    assert entries(customer.give("X", DAY - 1)) == ["GUARD_FALSE"]
    assert entries(customer.give("X", DAY)) == ["ENTERED"]


def test_k3_without_a_window_it_is_never_complete() -> None:
    full = expression(lambda scope: scope.features["f.complete"])
    customer = asked(feature(FeatureOp.COUNT, "View"), full)
    customer.give("View", 0)
    assert entries(customer.give("X", 1000 * DAY)) == ["GUARD_FALSE"]


def test_k3_back_filling_makes_it_complete() -> None:
    full = expression(lambda scope: scope.features["f.complete"])
    customer = asked(feature(FeatureOp.COUNT, "View", within=DAY), full)
    customer.give("Other", DAY)
    customer.give("View", 0, backfill=True)
    assert entries(customer.give("X", DAY + 1)) == ["ENTERED"]


def test_k3_warm_up_refuses_guards_before_it_has_passed() -> None:
    guard = expression(lambda scope: scope.features["f"] == 0)
    customer = asked(feature(FeatureOp.COUNT, "View", within=DAY, warm_up=HOUR), guard)
    assert entries(customer.give("X", 0)) == ["WARMING"]
    assert entries(customer.give("X", HOUR - 1)) == ["WARMING"]
    assert entries(customer.give("X", HOUR)) == ["ENTERED"]
    with pytest.raises(Warming):
        features.value(feature(FeatureOp.COUNT, "View", warm_up=1), None, 0)


def test_k3_features_are_listed_with_their_completeness() -> None:
    seen: list[Any] = []

    def note(scope: Any) -> bool:
        seen.extend([sorted(scope.features), len(scope.features), "g" in scope.features])
        return False

    customer = asked(feature(FeatureOp.COUNT, "View"), expression(note))
    customer.give("X", 0)
    assert seen == [["f", "f.complete"], 2, False]


@given(
    st.lists(st.tuples(st.integers(0, 200), st.integers(-5, 5)), max_size=60),
    st.integers(1, 150),
    st.sampled_from(
        [FeatureOp.COUNT, FeatureOp.SUM, FeatureOp.MIN, FeatureOp.MAX, FeatureOp.DISTINCT]
    ),
)
def test_k2_exact_to_64_entries(items: list[tuple[int, int]], within: int, op: FeatureOp) -> None:
    one = feature(op, "View", "price", within=within)
    at = max((when for when, _ in items), default=0)
    inside = [item for when, item in items if at - within < when <= at]
    expected = {
        FeatureOp.COUNT: len(inside),
        FeatureOp.SUM: sum(inside),
        FeatureOp.MIN: min(inside, default=None),
        FeatureOp.MAX: max(inside, default=None),
        FeatureOp.DISTINCT: len(set(inside)),
    }[op]
    assert features.value(one, fold(one, *items), at) == expected


@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(1, 5)), min_size=70, max_size=200))
def test_k2_buckets_err_by_one_bucket_at_most(items: list[tuple[int, int]]) -> None:
    within = 3200
    one = feature(FeatureOp.COUNT, "View", within=within)
    items = sorted(items)
    at = items[-1][0]
    width = within // FEATURE_BUCKETS
    found = features.value(one, fold(one, *items), at)
    assert isinstance(found, int)
    low = sum(at - within + width <= when <= at for when, _ in items)
    high = sum(at - within < when <= at for when, _ in items)
    assert low <= found <= high
    assert event("View", at).occurred_at == T0 + at
