"""Rules K2 and M2: what two memories of a feature hold, made one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journey_engine.decide import features
from journey_engine.decide.feature_state import FEATURE_BUCKETS, FEATURE_EXACT_MAX
from journey_engine.define.profile_plan import FeatureOp
from tests.decide.plans import DAY, HOUR, MINUTE, feature
from tests.decide.test_features import OPS, fold

ITEMS = st.lists(st.tuples(st.integers(0, 100 * HOUR), st.integers(-5, 5)), max_size=30)


@given(ITEMS, ITEMS, st.sampled_from(OPS), st.sampled_from([None, HOUR, 30 * HOUR, 200 * HOUR]))
def test_m2_two_memories_made_one_are_as_if_there_had_been_one(
    ours: list[tuple[int, int]], theirs: list[tuple[int, int]], op: FeatureOp, within: int | None
) -> None:
    one = feature(op, "View", "price", within=within, keep=3)
    both = dict([*ours, *theirs])
    ours = [each for each in both.items() if each in ours]
    theirs = [each for each in both.items() if each not in ours]
    whole = fold(one, *both.items())
    for parts in ((ours, theirs), (theirs, ours)):
        joined = features.joined(one, [fold(one, *part) for part in parts])
        for at in (max(both, default=0), max(both, default=0) + HOUR // 2):
            assert features.value(one, joined, at) == features.value(one, whole, at)


@pytest.mark.parametrize("op", [FeatureOp.COUNT, FeatureOp.SUM, FeatureOp.MIN, FeatureOp.MAX])
@pytest.mark.parametrize("many", [2, FEATURE_EXACT_MAX + 6])
def test_m2_so_are_buckets_with_each_other_and_with_entries(op: FeatureOp, many: int) -> None:
    """Of 70 values the first are in buckets; the others are few, or in buckets as well."""
    one = feature(op, "View", "price", within=64 * DAY)
    ours = [(day * DAY // 2, day % 7 - 3) for day in range(FEATURE_EXACT_MAX + 6)]
    theirs = [(day * DAY // 2 + 1, day % 9 - 4) for day in range(many)]
    last = ours[-1][0] + 1
    states = [fold(one, *ours), fold(one, *theirs)]
    joined = features.joined(one, states)
    assert joined == features.joined(one, states[::-1])
    items = [item for _, item in [*ours, *theirs]]
    expected = {
        FeatureOp.COUNT: len(items),
        FeatureOp.SUM: sum(items),
        FeatureOp.MIN: min(items),
        FeatureOp.MAX: max(items),
    }[op]
    assert features.value(one, joined, last) == expected
    assert joined.since == 0


def test_m2_the_bounds_hold_for_what_is_made_one() -> None:
    most = FEATURE_EXACT_MAX
    apart = [[(n * HOUR + part, n) for n in range(most)] for part in (0, 1)]
    for op in OPS:
        one = feature(op, "View", "price", within=30 * DAY)
        joined = features.bounded(one, features.joined(one, [fold(one, *part) for part in apart]))
        assert len(joined.entries) <= most, op
        assert len(joined.buckets) <= FEATURE_BUCKETS, op
    newest = sorted([*apart[0], *apart[1]])[-most:]
    recent = feature(FeatureOp.RECENT, "View", "price", within=30 * DAY, keep=most)
    joined = features.joined(recent, [fold(recent, *part) for part in apart])
    assert joined.entries == newest


@pytest.mark.parametrize("op", OPS)
def test_m2_what_is_made_one_is_exact_with_up_to_64_in_the_window(op: FeatureOp) -> None:
    """The other entries only stay a day longer, for what comes late."""
    one = feature(op, "View", "price", within=HOUR, keep=3)
    parts = [
        [(n * MINUTE + who, n) for n in range(30)]
        + [(5 * HOUR + 2 * n * MINUTE + who, 3 * n + who) for n in range(20)]
        for who in range(3)
    ]
    whole = sorted([*parts[0], *parts[1], *parts[2]])
    ours, theirs, others = (fold(one, *part) for part in parts)
    some = features.joined(one, [ours, theirs])
    joined = features.bounded(one, features.joined(one, [some, others]))
    assert not joined.buckets
    assert joined == features.bounded(one, features.joined(one, [ours, theirs, others]))
    for at in (whole[-1][0], whole[-1][0] + 25 * MINUTE + 1):
        inside = [each for each in whole if at - HOUR < each[0]]
        assert features.value(one, joined, at) == features.value(one, fold(one, *inside), at)


def test_k2_buckets_that_left_the_window_are_forgotten() -> None:
    one = feature(FeatureOp.SUM, "View", "price", within=FEATURE_BUCKETS * HOUR)
    state = fold(one, *[(n * HOUR // 3, n) for n in range(1, 1_000)])
    last = 999 // 3
    assert [bucket[0] for bucket in state.buckets] == [*range(last - FEATURE_BUCKETS + 1, last + 1)]
