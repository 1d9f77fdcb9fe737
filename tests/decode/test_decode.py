"""A record to an event, or the reason why not."""

import io
from collections.abc import Mapping
from typing import Any, cast
from zlib import crc32

import pytest
from aiokafka.structs import ConsumerRecord
from fastavro import parse_schema, schemaless_writer
from hypothesis import given
from hypothesis import strategies as st

from journey_engine.decide.event import Event, Origin
from journey_engine.decode.decode import (
    FUTURE_MS,
    ID_CHARS_MAX,
    LATEST_MS,
    Mark,
    NeedSchema,
    Reader,
    Rejected,
    Skipped,
    decode,
)
from journey_engine.decode.frame import frame
from journey_engine.decode.record import Record
from journey_engine.define.iso import iso_utc
from journey_engine.errors import DeadLetterCode
from tests.decode.orders import (
    NOW,
    ORDER,
    ORDER_SCHEMA,
    READER,
    SCHEMAS,
    body,
    catalogue,
    code,
    order,
    record,
)


def test_an_event_keeps_the_shared_fields_and_only_those_of_its_own_that_are_read() -> None:
    found = decode(order(), READER)
    assert isinstance(found, Event)
    assert found == Event(
        type="OrderPlaced",
        event_id="e1",
        customer_id="c1",
        anonymous_id=None,
        occurred_at=NOW,
        channel="web",
        source="shop",
        fields={"channel": "web", "total": 12.5, "items": ["p1", "p2"]},
        digest=found.digest,
        recorded_at=NOW,
        origin=Origin("e1", "interactions.web.v1", 2, 7),
        backfill=False,
    )
    assert len(found.digest) == 4


def test_the_record_of_the_client_is_read_as_it_is() -> None:
    item = order()
    sizes = {"timestamp_type": 0, "checksum": None}
    sizes |= {"serialized_key_size": 2, "serialized_value_size": len(item.value or b"")}
    assert decode(cast("Record", ConsumerRecord(**item._asdict(), **sizes)), READER) == decode(
        item, READER
    )


TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    ("headers", "trace"),
    [
        ({"traceparent": TRACE}, TRACE),
        ({"ce_traceparent": TRACE}, TRACE),
        ({"ce_traceparent": TRACE.replace("01", "00"), "traceparent": TRACE}, TRACE),
        ({"traceparent": "nonsense", "ce_traceparent": TRACE}, TRACE),
        ({"traceparent": TRACE.upper()}, None),
        ({"traceparent": TRACE + "-more"}, None),
        ({"traceparent": "ff" + TRACE[2:]}, None),
        ({"traceparent": TRACE[:3] + "0" * 32 + TRACE[35:]}, None),
        ({"traceparent": TRACE[:36] + "0" * 16 + TRACE[52:]}, None),
        ({"traceparent": "é" * 55, "tracestate": TRACE}, None),
    ],
)
def test_the_trace_of_a_record_is_kept_where_it_is_one(
    headers: Mapping[str, str], trace: str | None
) -> None:
    sent = tuple((name, text.encode()) for name, text in headers.items())
    found = decode(order()._replace(headers=(("traceparent", None), *sent)), READER)
    assert isinstance(found, Event)
    assert found.origin == Origin("e1", "interactions.web.v1", 2, 7, trace)


def test_times_are_plain_milliseconds() -> None:
    reader = Reader(SCHEMAS, {"OrderPlaced": frozenset({"occurred_at"})})
    found = decode(order(occurred_at=NOW - 1), reader)
    assert isinstance(found, Event)
    assert found.fields == {"occurred_at": NOW - 1}


@pytest.mark.parametrize("occurred_at", [0, NOW - 1, NOW])
@pytest.mark.parametrize(
    ("key", "ids"),
    [
        (b"c1", {}),
        (b"c1", {"anonymous_id": "device"}),
        (b"device", {"customer_id": None, "anonymous_id": "device"}),
        (b"c" * 200, {"customer_id": "c" * 200, "event_id": "é" * 100}),
    ],
)
def test_t6_the_digest_is_that_of_the_body_without_the_time(
    key: bytes, ids: Mapping[str, str | None], occurred_at: int
) -> None:
    found = decode(order(key, **ids, occurred_at=occurred_at), READER)
    assert isinstance(found, Event)
    fields = [f for f in ORDER_SCHEMA.parsed["fields"] if f["name"] != "occurred_at"]
    out = io.BytesIO()
    timeless: Any = {**ORDER_SCHEMA.parsed, "fields": fields}
    schemaless_writer(out, parse_schema(timeless), {**ORDER, **ids})
    assert found.digest == crc32(out.getvalue()).to_bytes(4, "big")


def test_t6_the_digest_is_found_however_long_the_numbers_are_written() -> None:
    value = order().value or b""
    wordy = value.replace(b"\x04e1\x02\x04c1\x00", b"\x84\x00e1\x82\x00\x84\x00c1\x80\x00")
    found = decode(record(wordy), READER)
    assert isinstance(found, Event)
    assert len(wordy) == len(value) + 4
    time = body({**ORDER, "occurred_at": NOW})[8:14]
    rest = wordy[10:].replace(time, b"")
    assert found.digest == crc32(rest).to_bytes(4, "big")


def test_t6_another_body_has_another_digest() -> None:
    digests = [
        event.digest
        for item in (order(), order(), order(order_id="o2"))
        if isinstance(event := decode(item, READER), Event)
    ]
    assert digests[0] == digests[1] != digests[2]


def test_an_anonymous_event_is_keyed_by_its_visitor() -> None:
    found = decode(order(b"a1", customer_id=None, anonymous_id="a1"), READER)
    assert isinstance(found, Event)
    assert (found.customer_id, found.anonymous_id) == (None, "a1")


def test_the_customer_comes_before_the_visitor_as_key() -> None:
    assert isinstance(decode(order(b"c1", anonymous_id="a1"), READER), Event)
    assert code(order(b"a1", anonymous_id="a1")) == DeadLetterCode.INVALID


def test_a_type_that_nobody_reads_is_passed_over_without_a_look_at_its_body() -> None:
    nobody = Reader(SCHEMAS, {})
    damaged = record(frame(ORDER_SCHEMA.fingerprint, b"\xff"), key=None)
    assert decode(damaged, nobody) == Skipped("OrderPlaced")


def test_a_mark_carries_its_time() -> None:
    assert decode(record(None, None, headers=(("journey-mark", b"1710"),)), READER) == Mark(1710)


@pytest.mark.parametrize(
    "content", [None, b"", b"-1", b"soon", b"1" * 5000, b"%d" % (LATEST_MS + 1), b"\xd9\xa1"]
)
def test_a_mark_without_a_time_is_invalid(content: bytes | None) -> None:
    item = record(None, None, headers=(("journey-mark", content),))
    assert code(item) == DeadLetterCode.INVALID


def test_no_value_and_no_mark_is_invalid() -> None:
    assert code(record(None, headers=(("other", b"1"),))) == DeadLetterCode.INVALID


def test_a_value_over_the_limit_is_too_large_and_one_at_it_is_not() -> None:
    size = len(order().value or b"")
    assert isinstance(decode(order(), Reader(SCHEMAS, READER.fields, size)), Event)
    tight = Reader(SCHEMAS, READER.fields, size - 1)
    assert code(order(), tight) == DeadLetterCode.TOO_LARGE


@pytest.mark.parametrize("value", [b"", b"\x00", b"\x00\x00\x00\x01", b"\xc3\x01\x00", b'{"a": 1}'])
def test_a_value_without_a_frame_is_a_decode_error(value: bytes) -> None:
    assert code(record(value)) == DeadLetterCode.DECODE_ERROR


def test_an_unknown_fingerprint_is_schema_unknown() -> None:
    assert code(record(frame(b"\x00" * 8, body()))) == DeadLetterCode.SCHEMA_UNKNOWN


def test_every_body_cut_short_is_a_decode_error() -> None:
    whole = body()
    for length in range(len(whole)):
        item = record(frame(ORDER_SCHEMA.fingerprint, whole[:length]))
        assert code(item) == DeadLetterCode.DECODE_ERROR


def test_the_same_damage_is_told_in_the_same_words() -> None:
    cut = record(frame(ORDER_SCHEMA.fingerprint, body()[:-1]))
    assert decode(cut, READER) == decode(cut, READER)
    assert isinstance(found := decode(cut, READER), Rejected)
    assert "cut short" in found.message


@pytest.mark.parametrize("left", [b"\x00", b"\x00" * 100])
def test_bytes_left_over_are_a_decode_error(left: bytes) -> None:
    item = record(frame(ORDER_SCHEMA.fingerprint, body() + left))
    assert code(item) == DeadLetterCode.DECODE_ERROR


@pytest.mark.parametrize("damaged", ["shop", "s1", "o1", "p2"])
def test_text_that_is_not_utf8_is_a_decode_error_also_in_a_field_nobody_reads(
    damaged: str,
) -> None:
    text = damaged.encode()
    value = body().replace(
        b"%c" % (2 * len(text)) + text, b"%c" % (2 * len(text)) + b"\xff\xfe" * (len(text) // 2)
    )
    assert code(record(frame(ORDER_SCHEMA.fingerprint, value))) == DeadLetterCode.DECODE_ERROR


def test_a_body_of_another_type_is_a_decode_error() -> None:
    wrong = parse_schema(
        {
            **ORDER_SCHEMA.parsed,
            "name": "Other",
            "fields": [
                {**f, "type": "string"} if f["name"] == "total" else f
                for f in ORDER_SCHEMA.parsed["fields"]
            ],
        }
    )
    out = io.BytesIO()
    schemaless_writer(out, wrong, {**ORDER, "total": "twelve and a half"})
    item = record(frame(ORDER_SCHEMA.fingerprint, out.getvalue()))
    assert code(item) == DeadLetterCode.DECODE_ERROR


@pytest.mark.parametrize("length", [-1, -(2**40), 2**40, 2**62])
def test_a_length_that_no_body_has_is_a_decode_error(length: int) -> None:
    out = io.BytesIO()
    schemaless_writer(out, {"type": "long"}, length)
    item = record(frame(ORDER_SCHEMA.fingerprint, out.getvalue() + body()))
    assert code(item) == DeadLetterCode.DECODE_ERROR


@pytest.mark.parametrize("key", [None, b""])
def test_no_key_and_no_id_is_no_customer(key: bytes | None) -> None:
    assert code(order(key, customer_id=None)) == DeadLetterCode.NO_CUSTOMER


@pytest.mark.parametrize(
    ("key", "changes"),
    [
        (None, {}),
        (b"", {}),
        (b"c2", {}),
        (b"\xff", {}),
        (b"c1", {"customer_id": None}),
        (b"", {"customer_id": ""}),
        (b"a1", {"customer_id": "", "anonymous_id": "a1"}),
        (b"c1", {"event_id": ""}),
        (b"c1", {"source": ""}),
        (b"c1", {"occurred_at": -1}),
    ],
)
def test_key_ids_and_time_that_break_the_contract_are_invalid(
    key: bytes | None, changes: dict[str, Any]
) -> None:
    assert code(order(key, **changes)) == DeadLetterCode.INVALID


@pytest.mark.parametrize("name", ["event_id", "source", "customer_id", "anonymous_id"])
def test_an_id_longer_than_states_may_keep_is_invalid(name: str) -> None:
    def named(length: int) -> Record:
        text = "é" * length
        others = {"customer_id": None} if name == "anonymous_id" else {}
        return order(
            text.encode() if name in ("customer_id", "anonymous_id") else b"c1",
            **{**others, name: text},
        )

    assert isinstance(decode(named(ID_CHARS_MAX), READER), Event)
    assert code(named(ID_CHARS_MAX + 1)) == DeadLetterCode.INVALID


@pytest.mark.parametrize("late", [LATEST_MS + 1, NOW * 1000, 2**63 - 1])
def test_a_time_that_no_output_could_say_is_invalid(late: int) -> None:
    """As where a producer's times, the record's too, are microseconds."""
    at_the_end = order(occurred_at=LATEST_MS)._replace(timestamp=LATEST_MS)
    assert isinstance(decode(at_the_end, READER), Event)
    assert iso_utc(LATEST_MS) == "9999-12-31T23:59:59.999Z"
    assert code(order(occurred_at=late)._replace(timestamp=late)) == DeadLetterCode.INVALID


def test_t8_more_than_five_minutes_ahead_of_its_record_is_future() -> None:
    assert isinstance(decode(order(occurred_at=NOW + FUTURE_MS), READER), Event)
    assert code(order(occurred_at=NOW + FUTURE_MS + 1)) == DeadLetterCode.FUTURE


def test_an_older_version_is_brought_to_the_newest_one() -> None:
    added = {"name": "coupon", "type": "string", "default": "none", "doc": "coupon"}
    two = catalogue(added)
    older = next(s for s in two.by_fingerprint.values() if s.version == 1)
    reader = Reader(two, {"OrderPlaced": frozenset({"coupon", "total"})})
    found = decode(record(frame(older.fingerprint, body(ORDER, older))), reader)
    assert isinstance(found, Event)
    assert found.fields == {"total": 12.5, "coupon": "none"}
    cut = record(frame(older.fingerprint, body(ORDER, older)[:-1]))
    assert code(cut, reader) == DeadLetterCode.DECODE_ERROR
    left = record(frame(older.fingerprint, body(ORDER, older) + b"\x00"))
    assert code(left, reader) == DeadLetterCode.DECODE_ERROR


BYTES = st.binary(max_size=80)
FRAMED = st.one_of(
    BYTES,
    BYTES.map(lambda rest: frame(ORDER_SCHEMA.fingerprint, rest)),
    st.tuples(st.integers(0, 40), BYTES).map(
        lambda cut: frame(ORDER_SCHEMA.fingerprint, body()[: cut[0]] + cut[1] + body()[cut[0] :])
    ),
)


@given(
    value=st.none() | FRAMED,
    key=st.none() | BYTES,
    headers=st.lists(
        st.tuples(st.sampled_from(["journey-mark", "__value_schema_id", "x"]), BYTES), max_size=2
    ),
    timestamp=st.integers(-1, 2**63 - 1),
)
def test_no_bytes_make_it_raise(
    value: bytes | None, key: bytes | None, headers: list[tuple[str, bytes]], timestamp: int
) -> None:
    item = Record("t", 0, 0, timestamp, key, value, tuple(headers))
    assert isinstance(decode(item, READER), Event | Skipped | Mark | NeedSchema | Rejected)


TEXT = st.text(min_size=1, max_size=8)


@given(
    event_id=TEXT,
    customer_id=st.none() | TEXT,
    anonymous_id=TEXT,
    ago=st.integers(-FUTURE_MS, NOW),
    total=st.none() | st.floats(allow_nan=False),
    items=st.lists(TEXT, max_size=4),
    backfill=st.booleans(),
)
def test_what_a_publisher_writes_is_read_as_it_was(**changes: Any) -> None:
    changes["occurred_at"] = NOW - changes.pop("ago")
    key = changes["customer_id"] or changes["anonymous_id"]
    found = decode(order(key.encode(), **changes), READER)
    assert isinstance(found, Event)
    for name in ("event_id", "customer_id", "anonymous_id", "occurred_at", "backfill"):
        assert getattr(found, name) == changes[name]
    assert found.fields == {
        "channel": "web",
        "total": changes["total"],
        "items": changes["items"],
    }
