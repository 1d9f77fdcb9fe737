"""Dead letters: nothing lost, nothing too large."""

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journey_engine.decode.record import Headers, Record
from journey_engine.define.topics import SPARE_BYTES
from journey_engine.encode.deadletter import (
    MESSAGE_BYTES_MAX,
    STACKTRACE_BYTES_MAX,
    Failure,
    encode_deadletter,
)
from journey_engine.encode.outgoing import OutKind, OutRecord
from journey_engine.errors import DeadLetterCode

LIMIT = 1024 * 1024
RECORD = Record("interactions.web.v1", 2, 7, 0, b"c1", b"\xffvalue", (("h", b"1"), ("h", None)))
FAILURE = Failure(DeadLetterCode.DECODE_ERROR, "2 bytes are left over", "decode", 1_710_325_274_001)


def size(out: OutRecord) -> int:
    headers = sum(len(name) + len(content or b"") for name, content in out.headers)
    return len(out.key or b"") + len(out.value or b"") + headers


def test_key_value_and_headers_stay_as_they_came_and_ours_follow() -> None:
    out = encode_deadletter(RECORD, FAILURE, record_bytes_max=LIMIT)
    assert (out.kind, out.key, out.value) == (OutKind.DEADLETTER, b"c1", b"\xffvalue")
    assert out.headers == (
        ("h", b"1"),
        ("h", None),
        ("__journey.errors.code", b"DECODE_ERROR"),
        ("__journey.errors.message", b"2 bytes are left over"),
        ("__journey.errors.topic", b"interactions.web.v1"),
        ("__journey.errors.partition", b"2"),
        ("__journey.errors.offset", b"7"),
        ("__journey.errors.stage", b"decode"),
        ("__journey.errors.at", b"2024-03-13T10:21:14.001Z"),
        ("__journey.errors.attempt", b"1"),
    )


def test_message_and_stack_trace_are_cut_at_a_character() -> None:
    failure = Failure(
        DeadLetterCode.INVALID, "ä" * 9000, "decide", 0, 3, "ValueError", "x" + "ä" * 9000
    )
    headers = dict(encode_deadletter(RECORD, failure, record_bytes_max=LIMIT).headers)
    message = "ä" * (MESSAGE_BYTES_MAX // 2)
    assert headers["__journey.errors.message"] == message.encode()
    trace = "x" + "ä" * (STACKTRACE_BYTES_MAX // 2 - 1)
    assert headers["__journey.errors.stacktrace"] == trace.encode()
    assert headers["__journey.errors.exception"] == b"ValueError"
    assert headers["__journey.errors.attempt"] == b"3"


def test_the_largest_input_fits_untouched_into_the_spare_room() -> None:
    value = b"x" * LIMIT
    failure = Failure(DeadLetterCode.INVALID, "m" * 9999, "s", 0, 1, "e" * 9999, "t" * 99999)
    record = RECORD._replace(value=value)
    out = encode_deadletter(record, failure, record_bytes_max=LIMIT + SPARE_BYTES)
    assert out.value == value
    assert out.headers[:2] == RECORD.headers


def test_a_value_that_does_not_fit_is_replaced_by_its_digest_length_and_position() -> None:
    value = b"x" * 5_000_000
    out = encode_deadletter(RECORD._replace(value=value), FAILURE, record_bytes_max=LIMIT)
    assert json.loads(out.value or b"") == {
        "sha256": hashlib.sha256(value).hexdigest(),
        "length": 5_000_000,
        "topic": "interactions.web.v1",
        "partition": 2,
        "offset": 7,
    }
    assert out.key == b"c1"
    assert out.headers[:2] == RECORD.headers
    assert out.headers[-1] == ("__journey.errors.replaced", b"value")


@pytest.mark.parametrize(
    ("key", "headers", "replaced"),
    [
        (b"c1", (("h", b"x" * LIMIT),), b"value,headers"),
        (b"k" * LIMIT, (("h", b"x"),), b"value,headers,key"),
    ],
)
def test_then_headers_and_key_give_way(key: bytes, headers: Headers, replaced: bytes) -> None:
    record = RECORD._replace(key=key, headers=headers)
    out = encode_deadletter(record, FAILURE, record_bytes_max=LIMIT)
    assert out.headers[-1] == ("__journey.errors.replaced", replaced)
    assert size(out) <= LIMIT


LARGE = st.integers(0, 200_000).map(lambda n: b"x" * n)


@given(
    key=st.none() | LARGE,
    value=st.none() | LARGE,
    headers=st.lists(st.tuples(st.text(max_size=4), LARGE), max_size=2).map(tuple),
    message=st.text(max_size=4000),
)
def test_a_dead_letter_always_fits(
    key: bytes | None, value: bytes | None, headers: Headers, message: str
) -> None:
    record = Record("t", 0, 1, 0, key, value, headers)
    failure = Failure(DeadLetterCode.TOO_LARGE, message, "decode", 0, 1, message, message * 9)
    limit = 64 * 1024
    assert size(encode_deadletter(record, failure, record_bytes_max=limit)) <= limit
