"""A customer's state to bytes and back."""

import contextlib
import struct
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journey_engine.decide.due import next_due
from journey_engine.decide.event import Origin
from journey_engine.decide.feature_state import FeatureState
from journey_engine.decide.packed import pack
from journey_engine.decide.state import (
    Awaited,
    CustomerState,
    Instance,
    JourneyMemory,
    KeyMemory,
    MacroStage,
    PatternState,
    Pending,
    Sent,
    Timer,
    Written,
)
from journey_engine.encode.state import (
    COMPACT_FROM,
    StateError,
    decode_state,
    encode_state,
    header_due,
)

ORIGIN = Origin("e1", "interactions.web.v1", 0, 7)
SENT = Sent("id", "email", "marketing", 12, 13, "end", "nudged", 1, "x", "reminder")
FULL = CustomerState(
    life=1,
    seen=bytes(range(16)),
    traits={"tier": Written("gold", 5, "e1")},
    consent={"marketing/*": Written(value=True, at=5, event_id="e1")},
    reach={"email": Written(value=False, at=6, event_id="e2")},
    features={
        "f1": FeatureState.of(3, [(4, 1.5), (5, ["a", None])]),
        "f2": FeatureState(0, buckets=[(1, 2, 3.5, 1, 2.5)]),
    },
    macro=MacroStage("purchase", 9, 50),
    macro_history=[MacroStage("discovery", 1, 0)],
    instances=[
        Instance(
            "cart-rescue",
            3,
            "k1",
            1,
            10,
            "waiting",
            10,
            11,
            ORIGIN,
            context={"total": 60.0, "items": ["p1"]},
            visits={"waiting": 1},
            runs={"reminder": 2},
            timers=[Timer(500, 0), Timer(400, -1)],
            packed_sent=pack([SENT]),
        )
    ],
    journeys={"cart-rescue": JourneyMemory(11, 1, {"k1": KeyMemory([10], 20)})},
    pending=[
        Pending(450, "cart-rescue", 3, None, 1, "nudged", 1, 1, "reminder", 14, ORIGIN, {"a": 1})
    ],
)
GOLDEN = (
    "010100000000000001909c01c410000102030405060708090a0b0c0d0e0f81a47469657293a4676f6c6405a2"
    "653181ab6d61726b6574696e672f2a93c305a2653181a5656d61696c93c206a2653282a266319303929204cb"
    "3ff8000000000000920592a161c090a2663293009091950102cb400c00000000000001cb4004000000000000"
    "93a8707572636861736509329193a9646973636f766572790100919eab636172742d72657363756503a26b31"
    "010aa777616974696e670a0b95a26531b3696e746572616374696f6e732e7765622e76310007c082a5746f74"
    "616ccb404e000000000000a56974656d7391a2703181a777616974696e670181a872656d696e646572029292"
    "cd01f40092cd0190ff919aa26964a5656d61696ca96d61726b6574696e670c0da3656e64a66e756467656401"
    "a178a872656d696e64657281ab636172742d726573637565930b0181a26b3192910a14919ecd01c2ab636172"
    "742d72657363756503c001a66e75646765640101a872656d696e6465720e95a26531b3696e74657261637469"
    "6f6e732e7765622e76310007c081a16101000090"
)

COMPACT_GOLDEN = (
    "020100000000000001903d903152023114869390c0c375d5192f9080e8088203e3059c81ceb1d0cac262d98d"
    "98815d98ec026eef41b21be92c1c2d6c3c8ca507f00086c6f69bf7bfff7bef4d780708930a65d51ad477bc5d"
    "7f6fdfc7403325b5053a99cfa21610d977cc8b033d95994a26e76d8b5b6387988c0335b3e4d88d0c7c02e4a1"
    "6f9b6579c45e49d92a0107c83836b0dc141bd1605f4cb0df8a05582c75f818a4f2f4a6b0508f541ace5752e7"
    "8217efe08581ceba5aa6e15236814cfba20db575a0b6c5edce660c872ac9a40ec24ccd93b4b796e3deaacf4f"
    "90ab67d93c0b66ecfb1e98ca649c164016ce3c164e15b48c551249dd282dfda9716ea9a952cc8b0f202a8aa0"
    "fe7fdd59172a3289a09a2ca3898c04e0270df476743d149c2304c870638c8f7c3cdd74dcea5959b42f3ce4a3"
    "e2933ed7a64d245642e8de669c6cadf0c4a5b8718f60c3d1d5e59d8ff23c7769f3623c44b18fd01f"
)


def packed_anew(state: CustomerState) -> CustomerState:
    """The same with all that stays packed read and packed again, fields added since included."""
    replace = msgspec.structs.replace
    instances = [replace(one, packed_sent=pack(one.sent)) for one in state.instances]
    return replace(state, instances=instances)


def test_version_1_is_read_as_it_was_written_when_it_was_published() -> None:
    """Bytes of customers stored for years: this must never need a change."""
    assert packed_anew(decode_state(bytes.fromhex(GOLDEN))) == FULL


def test_version_1_is_written_as_it_was_published_but_for_fields_added_at_the_end() -> None:
    published, written = bytes.fromhex(GOLDEN), encode_state(FULL)
    assert written[:10] == published[:10]
    assert begins(msgspec.msgpack.decode(written[10:]), msgspec.msgpack.decode(published[10:]))


def test_version_2_is_read_as_it_was_written_when_it_was_published() -> None:
    assert packed_anew(decode_state(bytes.fromhex(COMPACT_GOLDEN))) == FULL


@pytest.mark.parametrize(("length", "version"), [(10, 1), (COMPACT_FROM, 2)])
def test_a_large_state_is_written_compact(length: int, version: int) -> None:
    state = msgspec.structs.replace(FULL, traits={"tier": Written("x" * length, 5, "e1")})
    data = encode_state(state)
    assert (data[0], header_due(data[:10])) == (version, 400)
    assert decode_state(data) == state
    assert encode_state(decode_state(data)) == data


def test_a_state_nested_too_deep_for_the_compact_form_is_written_plain() -> None:
    value: Any = "x" * COMPACT_FROM
    for _ in range(200):
        value = [value]
    state = msgspec.structs.replace(FULL, traits={"tier": Written(value, 5, "e1")})
    assert encode_state(state)[0] == 1
    assert decode_state(encode_state(state)) == state


def begins(written: Any, published: Any) -> bool:
    """Whether every array of the one has, first, the items of the other's."""
    if isinstance(published, list):
        return len(written) >= len(published) and all(map(begins, written, published))
    if isinstance(published, dict):
        return list(written) == list(published) and all(
            begins(written[name], published[name]) for name in published
        )
    return bool(written == published)


def test_a_state_of_fewer_fields_is_read_with_the_defaults_of_those_added_since() -> None:
    assert decode_state(struct.pack(">BBq", 1, 0, 0) + b"\x91\x05") == CustomerState(life=5)


def test_the_header_alone_says_when_the_next_timer_is_due() -> None:
    assert header_due(encode_state(FULL)[:10]) == 400
    assert header_due(encode_state(CustomerState())) is None


@pytest.mark.parametrize(
    "data",
    [b"", b"\x01\x00", struct.pack(">BBq", 1, 0, 0), struct.pack(">BBq", 1, 0, 0) + b"\x91\xa1a"],
)
def test_damaged_bytes_are_an_error_of_their_own(data: bytes) -> None:
    with pytest.raises(StateError):
        decode_state(data)


@pytest.mark.parametrize("version", [0, 3, 255])
def test_another_version_is_never_guessed_at(version: int) -> None:
    data = struct.pack(">BBq", version, 0, 0) + encode_state(FULL)[10:]
    with pytest.raises(StateError, match=f"version {version}"):
        decode_state(data)
    with pytest.raises(StateError, match=f"version {version}"):
        header_due(data)


TEXT = st.text(max_size=6)
TIME = st.integers(-(2**63), 2**63 - 1)
VALUE = st.recursive(
    st.none() | st.booleans() | TIME | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)
WRITTEN = st.dictionaries(TEXT, st.builds(Written, VALUE, TIME, TEXT), max_size=2)
PATTERNS = st.dictionaries(
    TEXT,
    st.builds(
        PatternState,
        st.lists(st.tuples(TIME, st.integers(1, 255)), max_size=2),
        st.lists(st.builds(Awaited, TIME, st.just(ORIGIN)), max_size=2),
    ),
    max_size=2,
)


STATES = st.builds(
    CustomerState,
    life=st.integers(0, 9),
    seen=st.binary(max_size=32),
    traits=WRITTEN,
    consent=WRITTEN,
    reach=WRITTEN,
    features=st.dictionaries(
        TEXT,
        st.builds(
            FeatureState,
            TIME,
            st.lists(st.tuples(TIME, VALUE), max_size=2).map(pack),
            st.lists(st.tuples(TIME, TIME, st.floats(allow_nan=False), VALUE, VALUE), max_size=2),
        ),
        max_size=2,
    ),
    instances=st.lists(
        st.builds(
            Instance,
            *[TEXT, TIME, st.none() | TEXT, TIME, TIME, TEXT, TIME, TIME, st.just(ORIGIN)],
            context=st.dictionaries(TEXT, VALUE, max_size=2),
            packed_sent=st.lists(st.just(SENT), max_size=20).map(pack),
            timers=st.lists(st.builds(Timer, TIME, st.integers(-1, 5)), max_size=3),
            patterns=PATTERNS,
        ),
        max_size=2,
    ),
    journeys=st.dictionaries(
        TEXT,
        st.builds(
            JourneyMemory, TIME, patterns=st.dictionaries(TEXT, PATTERNS, min_size=1, max_size=2)
        ),
        max_size=2,
    ),
)


@given(STATES)
def test_any_state_is_read_back_as_it_was_and_written_the_same_again(state: CustomerState) -> None:
    data = encode_state(state)
    back = decode_state(data)
    assert back == state
    assert encode_state(back) == data
    assert header_due(data) == next_due(state)


@given(st.binary(max_size=60), st.booleans())
def test_no_bytes_raise_anything_else(data: bytes, headed: bool) -> None:  # noqa: FBT001 - drawn
    with contextlib.suppress(StateError):
        decode_state(struct.pack(">BBq", 1, 0, 0) + data if headed else data)
