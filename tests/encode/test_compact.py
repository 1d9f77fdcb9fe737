"""Plain values in few bytes, and back."""

import contextlib
import math
import zlib
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from journey_engine.encode.compact import pack
from journey_engine.encode.expand import unpack

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
HEX = "0af7651916cd43dd8448eb211c80319c"
TRACE = st.builds(
    lambda a, b, c: f"00-{a:032x}-{b:016x}-{c:02x}",
    *(st.integers(0, 2**128 - 1), st.integers(0, 2**64 - 1), st.integers(0, 255)),
)
SCALAR = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.integers(-100, 100)
    | st.integers(1_700_000_000_000, 1_800_000_000_000)
    | st.floats(allow_nan=False)
    | st.integers(-(10**9), 10**9).map(lambda cents: cents / 100)
    | TEXT
    | st.uuids().map(str)
    | TRACE
    | st.binary(max_size=40)
)
ROWS = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(SCALAR, min_size=width, max_size=width), max_size=9)
)
VALUE = st.recursive(
    SCALAR | ROWS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(VALUE)
@example([[1, 1.0], [True, 1.0], [1, 1]])
@example([[0.0], [-0.0], [0.0]])
@example([[5, 9, None], [6, 10, None], [8, 12, None]])
@example([[], [], []])
@example([[[1]], [[True]], [[1.0]]])
@example(["X" * 36, HEX.upper()[:8] + "-0000-0000-0000-" + "0" * 12, "-" * 36, "0" * 55])
@example(bytes(range(14)) * 4)
@example(b"".join(bytes([n, 255]) + b"same after that" for n in range(70))[: 16 * 60])
@example(["a"] * 200 + [str(n) for n in range(200)] * 2)
def test_any_value_comes_back_with_its_types(value: Any) -> None:
    again = unpack(pack(value))
    assert repr(again) == repr(value)
    assert pack(again) == pack(value)


@pytest.mark.parametrize("odd", [math.inf, -math.inf, 0.1 + 0.2, 1e300, 5e-324, -0.0, 1e13])
def test_floats_that_are_no_hundredths(odd: float) -> None:
    assert repr(unpack(pack([odd]))) == repr([odd])
    assert math.isnan(unpack(pack(math.nan)))  # type: ignore[arg-type]


def test_times_at_a_steady_distance_take_next_to_nothing() -> None:
    times = [[1_767_225_600_000 + 3_600_000 * n, None] for n in range(64)]
    assert len(pack(times)) < 30


def test_a_uuid_takes_its_sixteen_bytes() -> None:
    ids = [str(UUID(int=n * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128)) for n in range(1, 40)]
    assert len(pack(ids)) < 39 * 18


def test_what_is_nested_too_deep_is_refused() -> None:
    value: Any = 1
    for _ in range(200):
        value = [value]
    with pytest.raises(ValueError, match="deep"):
        pack(value)


@given(st.binary(max_size=60))
@example(bytes([14, 255, 255, 127, 1, 0, 0]))
@example(bytes([160 + 1] * 5000))
@example(bytes([13, 1, 13, 0, 0]))
@example(b"\xff")
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    for each in (data, zlib.compress(data, 1, -15)):
        with contextlib.suppress(ValueError):
            unpack(each)


def test_bytes_left_over_are_an_error() -> None:
    with pytest.raises(ValueError, match="left over"):
        unpack(zlib.compress(bytes([0, 0]), 1, -15))
