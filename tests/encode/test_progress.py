"""Position and ledger records: what a restart relies on."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journey_engine.encode.ledger import LedgerEntry, Run, Tick, decode_ledger, encode_ledger
from journey_engine.encode.position import Position, decode_position, encode_position

TEXT = st.text(max_size=6)
COUNT = st.integers(0, 2**63 - 1)


@given(
    st.builds(
        Position,
        st.dictionaries(TEXT, COUNT, max_size=4),
        TEXT,
        st.integers(-1, 2**63 - 1),
        COUNT,
        st.integers(-1, 2**63 - 1),
    )
)
def test_a_position_is_read_back(position: Position) -> None:
    assert decode_position(encode_position(position)) == position


@given(
    st.builds(
        LedgerEntry,
        TEXT,
        COUNT,
        st.lists(
            st.builds(Run, TEXT, COUNT, COUNT, st.none() | COUNT)
            | st.builds(Tick, COUNT, st.none() | COUNT),
            max_size=5,
        ),
    )
)
def test_a_ledger_entry_is_read_back_in_order(entry: LedgerEntry) -> None:
    assert decode_ledger(encode_ledger(entry)) == entry


def test_a_ledger_entry_of_many_short_runs_stays_small() -> None:
    """A backlog of less than one event a second on two channels: each record is its own run."""
    steps: list[Run | Tick] = [
        Run(f"interactions.{('app', 'web')[n % 2]}.v1", 10**9 + n, 10**9 + n, 1_790_000_000_000 + n)
        for n in range(20_000)
    ]
    assert len(encode_ledger(LedgerEntry("h", 1, steps))) < 4.1 * len(steps)


def test_a_ledger_entry_that_ends_in_the_middle_of_a_step_is_damaged() -> None:
    data = encode_ledger(LedgerEntry("h", 1, [Run("web", 1, 2, 3)]))
    assert data.endswith(b"\x94\x02\x01\x01\x03")
    for end in (b"\x93\x02\x01\x01", b"\x94\x04\x01\x01\x03"):
        with pytest.raises(ValueError, match="damaged"):
            decode_ledger(data[:-5] + end)


@pytest.mark.parametrize("data", [b"", b"\x02\x90", b"\x01", b"\x01\x90", b"\x01\xff"])
def test_another_version_or_damage_is_an_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"version|truncated|Expected|MessagePack"):
        decode_position(data)
    with pytest.raises(ValueError, match=r"version|truncated|Expected|MessagePack"):
        decode_ledger(data)


@given(st.binary(max_size=30))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    for decode in (decode_position, decode_ledger):
        with contextlib.suppress(ValueError):
            decode(b"\x01" + data)
