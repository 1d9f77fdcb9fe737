"""Event logs to the records that are produced."""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from journey_engine.decide.event import Event
from journey_engine.decode.decode import FUTURE_MS, Mark, Reader, Rejected, decode
from journey_engine.decode.log import LogEvent, LogRaw, Place, read_event, read_line, route
from journey_engine.decode.partition import partition_of
from journey_engine.decode.record import Record
from journey_engine.errors import DefinitionErrors
from journey_engine.schemas import SHARED_FIELDS, Schemas

PLACE = Place("events.jsonl", 3)
NOW = 1_772_359_200_000
ORDER = {
    "type": "OrderPlaced",
    "event_id": "e1",
    "customer_id": "c1",
    "occurred_at": "2026-03-01T10:00:00Z",
    "channel": "web",
    "source": "shop",
    "order_id": "o1",
}
TOPICS = {"web": "interactions.web.v1", "email": "interactions.email.v1"}


def event(schemas: Schemas, **changes: Any) -> LogEvent:
    line = read_line({**ORDER, **changes}, schemas, PLACE)
    assert isinstance(line, LogEvent)
    return line


def records(schemas: Schemas, *lines: LogEvent | LogRaw, **options: Any) -> list[Record]:
    return list(route(lines, schemas, TOPICS, 2, **options))


def test_a_line_gets_the_defaults_of_its_schema(schemas: Schemas) -> None:
    assert event(schemas) == LogEvent(
        "OrderPlaced",
        {
            "event_id": "e1",
            "customer_id": "c1",
            "anonymous_id": None,
            "occurred_at": NOW,
            "channel": "web",
            "source": "shop",
            "session_id": None,
            "backfill": False,
            "order_id": "o1",
            "total": None,
            "items": [],
            "cart_id": None,
        },
        None,
        PLACE,
    )


@pytest.mark.parametrize(
    "time",
    [
        NOW,
        "2026-03-01T10:00:00Z",
        "2026-03-01T11:00:00+01:00",
        "2026-03-01T10:00:00.000+00:00",
        datetime(2026, 3, 1, 10, tzinfo=UTC),
    ],
)
def test_times_are_milliseconds_or_iso_with_an_offset(time: object, schemas: Schemas) -> None:
    line = event(schemas, occurred_at=time, recorded_at=time)
    assert (line.fields["occurred_at"], line.recorded_at) == (NOW, NOW)


def test_whole_numbers_become_doubles(schemas: Schemas) -> None:
    total = event(schemas, total=12).fields["total"]
    assert (total, type(total)) == (12.0, float)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"type": "OrderPlacd"}, "no event type is called 'OrderPlacd'"),
        ({"type": None}, "no event type is called None"),
        ({"totl": 1.0}, "OrderPlaced has no field totl"),
        ({"total": "12"}, "field total is double, not '12'"),
        ({"total": True}, "field total is double, not True"),
        ({"items": "p1"}, "field items is list<string>, not 'p1'"),
        ({"items": [1]}, "field items is list<string>"),
        ({"items": None}, "field items is list<string>, not None"),
        ({"backfill": 1}, "field backfill is bool, not 1"),
        ({"order_id": 5}, "field order_id is string, not 5"),
        ({"occurred_at": "yesterday"}, "'yesterday' is no ISO 8601 time"),
        ({"occurred_at": "2026-03-01T10:00:00"}, "has no offset"),
        ({"occurred_at": 1.5}, "1.5 is no time"),
        ({"occurred_at": True}, "True is no time"),
        ({"occurred_at": None}, "None is no time"),
        ({"recorded_at": "soon"}, "'soon' is no ISO 8601 time"),
    ],
)
def test_a_wrong_line_is_refused_with_its_place(
    changes: Mapping[str, Any], message: str, schemas: Schemas
) -> None:
    with pytest.raises(DefinitionErrors, match=r"^events.jsonl:3:1: error\[LOG_LINE\]") as caught:
        read_line({**ORDER, **changes}, schemas, PLACE)
    assert message in str(caught.value)


@pytest.mark.parametrize("missing", ["event_id", "occurred_at", "source", "order_id"])
def test_a_missing_field_without_default_is_refused(missing: str, schemas: Schemas) -> None:
    line = {name: value for name, value in ORDER.items() if name != missing}
    with pytest.raises(DefinitionErrors, match=f"field {missing} is missing"):
        read_line(line, schemas, PLACE)


def test_enums_and_maps_are_checked_too() -> None:
    status = {"type": "enum", "name": "S", "symbols": ["A", "B"], "default": "A"}
    kinds: dict[str, object] = {
        "status": ["null", status],
        "tags": {"type": "map", "values": "string"},
    }
    fields: list[dict[str, Any]] = [
        *({"name": name, "type": kind, "doc": name} for name, kind in SHARED_FIELDS.items()),
        *({"name": name, "type": kind, "doc": name} for name, kind in kinds.items()),
    ]
    for field in fields:
        if isinstance(field["type"], list):
            field["default"] = None
    fields[7]["default"] = False
    top = {"type": "record", "name": "Tagged", "namespace": "journey.events", "fields": fields}
    tagged = Schemas.parse({"events/Tagged/1.avsc": json.dumps(top)})
    line = {n: v for n, v in ORDER.items() if n != "order_id"} | {"type": "Tagged"}
    good = read_event({**line, "status": "B", "tags": {"a": "b"}}, tagged, PLACE)
    assert (good.fields["status"], good.fields["tags"]) == ("B", {"a": "b"})
    with pytest.raises(DefinitionErrors, match="field status is string, not 'C'"):
        read_event({**line, "status": "C", "tags": {}}, tagged, PLACE)
    with pytest.raises(DefinitionErrors, match="field tags is map<string>"):
        read_event({**line, "tags": {"a": 1}}, tagged, PLACE)


@pytest.mark.parametrize("changes", [{"order_id": "\ud800"}, {"occurred_at": 2**70}])
def test_what_avro_cannot_hold_is_refused(changes: Mapping[str, Any], schemas: Schemas) -> None:
    line = event(schemas, **changes)
    with pytest.raises(DefinitionErrors, match="cannot be written"):
        records(schemas, line)


def test_a_raw_line_is_sent_as_it_is(schemas: Schemas) -> None:
    text = base64.b64encode(b"\xff\x00").decode()
    raw = {"raw": text, "key": "c1", "channel": "web", "recorded_at": NOW}
    (sent,) = records(schemas, read_line(raw, schemas, PLACE), marks=False)
    partition = partition_of(b"c1", 2)
    assert sent == Record("interactions.web.v1", partition, 0, NOW, b"c1", b"\xff\x00")


@pytest.mark.parametrize(
    "line",
    [
        {"raw": "?", "channel": "web"},
        {"raw": 5, "channel": "web"},
        {"raw": ""},
        {"raw": "", "channel": "web", "key": 5},
        {"raw": "", "channel": "web", "customer_id": "c1"},
    ],
)
def test_a_wrong_raw_line_is_refused(line: Mapping[str, Any], schemas: Schemas) -> None:
    with pytest.raises(DefinitionErrors):
        read_line(line, schemas, PLACE)


def test_a_raw_line_without_a_time_arrives_when_the_one_before_it_did(schemas: Schemas) -> None:
    raw = read_line({"raw": "", "channel": "web"}, schemas, PLACE)
    sent = records(schemas, raw, event(schemas), raw, marks=False)
    assert [(item.timestamp, item.key) for item in sent] == [(0, None), (NOW, b"c1"), (NOW, None)]


def test_what_is_routed_is_what_the_engine_reads(schemas: Schemas) -> None:
    reader = Reader(schemas, {"OrderPlaced": frozenset({"total", "order_id"})})
    sent = records(schemas, event(schemas, total=5.0), marks=False)[0]
    found = decode(sent, reader)
    assert isinstance(found, Event)
    assert found.fields == {"order_id": "o1", "total": 5.0}
    assert (found.occurred_at, found.recorded_at) == (NOW, NOW)


def test_topic_is_by_channel_and_partition_by_key(schemas: Schemas) -> None:
    lines = [
        event(schemas, customer_id=f"c{n}", channel="email" if n % 3 else "web") for n in range(30)
    ]
    sent = records(schemas, *lines, marks=False)
    assert [item.key for item in sent] == [f"c{n}".encode() for n in range(30)]
    for n, item in enumerate(sent):
        assert item.topic == TOPICS["email" if n % 3 else "web"]
        assert item.partition == partition_of(item.key, 2)
    for place in {(item.topic, item.partition) for item in sent}:
        offsets = [item.offset for item in sent if (item.topic, item.partition) == place]
        assert offsets == list(range(len(offsets)))


def test_the_key_is_the_customer_else_the_visitor_else_none(schemas: Schemas) -> None:
    sent = records(
        schemas,
        event(schemas, anonymous_id="a1"),
        event(schemas, customer_id=None, anonymous_id="a1"),
        event(schemas, customer_id=None),
        marks=False,
    )
    assert [item.key for item in sent] == [b"c1", b"a1", None]


def test_partitions_are_those_of_java_producers() -> None:
    """Kafka's own test vectors of murmur2 (UtilsTest), and the sign bit cleared."""
    vectors = {
        b"21": -973932308,
        b"foobar": -790332482,
        b"a-little-bit-long-string": -985981536,
        b"a-little-bit-longer-string": -1486304829,
        b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
        b"abc": 479470107,
    }
    for key, murmur in vectors.items():
        assert partition_of(key, 1_000_003) == (murmur & 0x7FFFFFFF) % 1_000_003
    assert partition_of(None, 4) == 0


def marks(sent: list[Record]) -> list[tuple[str, int, int]]:
    return [(item.topic, item.partition, item.offset) for item in sent if item.value is None]


def test_at_the_end_every_partition_of_every_topic_is_marked(schemas: Schemas) -> None:
    sent = records(schemas, event(schemas))
    partition = partition_of(b"c1", 2)
    assert marks(sent) == [
        ("interactions.email.v1", 0, 0),
        ("interactions.email.v1", 1, 0),
        ("interactions.web.v1", 0, int(partition == 0)),
        ("interactions.web.v1", 1, int(partition == 1)),
    ]
    reader = Reader(schemas, {})
    assert {decode(item, reader) for item in sent[1:]} == {Mark(NOW + 1)}


def test_a_log_of_nothing_but_broken_lines_is_marked_too(schemas: Schemas) -> None:
    sent = records(schemas, LogRaw(b"?", b"c1", "web", None, Place("log", 1)))
    assert decode(sent[-1], Reader(schemas, {})) == Mark(1)


def test_until_sets_the_last_mark(schemas: Schemas) -> None:
    sent = records(schemas, event(schemas), until=NOW + 5000)
    assert decode(sent[-1], Reader(schemas, {})) == Mark(NOW + 5000)
    assert len(records(schemas, until=5)) == 4
    early = records(schemas, event(schemas), until=NOW - 5000)
    assert decode(early[-1], Reader(schemas, {})) == Mark(NOW + 1)
    assert records(schemas) == []


def test_after_each_thousand_records_there_are_marks_with_the_latest_time(
    schemas: Schemas,
) -> None:
    lines = [event(schemas, event_id=f"e{n}", occurred_at=NOW + n) for n in range(2500)]
    sent = records(schemas, *lines)
    reader = Reader(schemas, {})
    times = [found.time for item in sent if isinstance(found := decode(item, reader), Mark)]
    assert times == [NOW + 999] * 4 + [NOW + 1999] * 4 + [NOW + 2500] * 4
    assert sent[1000].value is None
    assert records(schemas, *lines, marks=False) == [
        item._replace(offset=n) for n, item in enumerate(i for i in sent if i.value is not None)
    ]


def test_arrival_is_the_records_time_and_a_time_from_the_future_moves_no_mark(
    schemas: Schemas,
) -> None:
    ahead = event(schemas, occurred_at=NOW + FUTURE_MS + 1, recorded_at=NOW)
    sent = records(schemas, event(schemas), ahead)
    reader = Reader(schemas, {"OrderPlaced": frozenset()})
    assert isinstance(decode(sent[1], reader), Rejected)
    assert decode(sent[-1], reader) == Mark(NOW + 1)


def test_a_time_after_9999_moves_no_mark(schemas: Schemas) -> None:
    micros = event(schemas, occurred_at=NOW * 1000, recorded_at=NOW * 1000)
    sent = records(schemas, event(schemas), micros)
    assert decode(sent[-1], Reader(schemas, {})) == Mark(NOW + 1)


def test_a_channel_without_a_topic_is_refused(schemas: Schemas) -> None:
    with pytest.raises(DefinitionErrors, match="no input topic is declared for channel 'fax'"):
        records(schemas, event(schemas, channel="fax"))
