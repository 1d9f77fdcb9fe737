"""A count's entries are counted as they lie: never otherwise than read one by one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journey_engine.decide import counting, features
from journey_engine.decide.feature_state import FEATURE_EXACT_MAX, FeatureState
from journey_engine.define.profile_plan import FeatureOp
from tests.decide.plans import DAY, HOUR, MINUTE, feature

COUNT = feature(FeatureOp.COUNT, "View", within=HOUR)
TIMES = st.lists(st.integers(0, 60 * 60).map(lambda minute: minute * MINUTE), max_size=80)


def counted(times: list[int], shift: int) -> FeatureState:
    state = FeatureState(shift)
    for at in times:
        state = features.add(COUNT, state, at + shift, None)
    return state


@given(TIMES, st.integers(0, 60 * 60))
def test_k2_a_count_is_the_same_before_and_after_times_take_nine_bytes(
    times: list[int], minute: int
) -> None:
    shift = 40 * 365 * DAY
    early, late = counted(times, 0), counted(times, shift)
    assert [(at + shift, item) for at, item in early.entries] == late.entries
    for at in (minute * MINUTE, *times[:3]):
        assert features.value(COUNT, early, at) == features.value(COUNT, late, at + shift)


@pytest.mark.parametrize("first", [-DAY, 0, counting.FIRST_MS - HOUR])
def test_k2_entries_of_several_lengths_are_counted_as_well(first: int) -> None:
    times = [first, first + MINUTE, counting.FIRST_MS, counting.FIRST_MS + MINUTE]
    state = counted(times, 0)
    at = counting.FIRST_MS + MINUTE
    wanted = [one for one in times if at - HOUR < one <= at]
    assert features.value(COUNT, state, at) == len(wanted)


def test_k2_what_is_kept_of_a_count_stays_bounded() -> None:
    state = counted([n * MINUTE for n in range(4 * FEATURE_EXACT_MAX)], 40 * 365 * DAY)
    assert len(state.entries) <= FEATURE_EXACT_MAX
