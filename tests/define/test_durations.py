"""Durations as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journey_engine.define.durations import duration_text
from journey_engine.define.form import parse_duration


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (86_400_000, "1d"),
        (5_400_000, "90m"),
        (7_200_000, "2h"),
        (61_000, "61s"),
        (1_500, "1.5s"),
        (12_345_678_901, "12345678.901s"),
        (-3_600_000, "-1h"),
        (0, "0s"),
    ],
)
def test_a_duration_is_told_in_the_largest_unit(milliseconds: int, text: str) -> None:
    assert duration_text(milliseconds) == text


@given(st.integers(1, 1_000_000).map(lambda seconds: seconds * 1_000))
def test_whole_seconds_are_read_back(milliseconds: int) -> None:
    assert parse_duration(duration_text(milliseconds)) == milliseconds
