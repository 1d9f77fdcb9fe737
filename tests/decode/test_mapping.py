"""Rows of foreign tables to events."""

from typing import Any

import pytest

from journey_engine.decode.log import LogEvent, Place, read_line
from journey_engine.decode.mapping import map_row, parse_mapping
from journey_engine.errors import DefinitionErrors
from journey_engine.schemas import Schemas

MAP = """\
event: what
time: {column: when, format: "%d.%m.%Y %H:%M", zone: Europe/Berlin}
fields:
  customer_id: "{user}"
  source: web-shop
  channel: {column: device, values: {pc: web, phone: app}}
events:
  bought:
    type: OrderPlaced
    fields: {order_id: "o-{user}-{event_id}", total: "{amount}", items: {column: skus}}
  called: {type: CallEnded, fields: {call_id: "1", resolved: {column: amount}, duration_s: 5}}
  looked: {type: PageViewed, fields: {page: home}}
"""
ROW = {
    "user": "u1",
    "what": "bought",
    "when": "01.07.2026 12:00",
    "device": "phone",
    "amount": "12.50",
    "skus": "p1, p2",
}
PLACE = Place("shop.csv", 2)


def mapped(schemas: Schemas, text: str = MAP, place: Place = PLACE, /, **changes: str) -> LogEvent:
    mapping = parse_mapping("shop.map.yaml", text, schemas)
    line = read_line(map_row(mapping, schemas, {**ROW, **changes}, place), schemas, place)
    assert isinstance(line, LogEvent)
    return line


def test_a_row_becomes_an_event(schemas: Schemas) -> None:
    line = mapped(schemas)
    event_id = line.fields["event_id"]
    assert line.type == "OrderPlaced"
    assert line.fields == {
        "event_id": event_id,
        "customer_id": "u1",
        "anonymous_id": None,
        "occurred_at": 1_782_900_000_000,
        "channel": "app",
        "source": "web-shop",
        "session_id": None,
        "backfill": False,
        "order_id": f"o-u1-{event_id}",
        "total": 12.5,
        "items": ["p1", "p2"],
        "cart_id": None,
    }


def test_ids_are_the_same_on_every_reading_and_differ_between_equal_rows(schemas: Schemas) -> None:
    first = mapped(schemas).fields["event_id"]
    assert first == mapped(schemas).fields["event_id"]
    other = Place("elsewhere.csv", 2)
    assert first == mapped(schemas, MAP, other).fields["event_id"]
    assert first != mapped(schemas, MAP, Place("shop.csv", 3)).fields["event_id"]
    assert first != mapped(schemas, amount="12.51").fields["event_id"]


def test_an_empty_cell_is_null_where_the_field_may_be(schemas: Schemas) -> None:
    assert mapped(schemas, amount="", skus="").fields["total"] is None
    assert mapped(schemas, amount="", skus="").fields["items"] == []


@pytest.mark.parametrize(("text", "value"), [("true", True), ("NO", False), ("1", True)])
def test_text_becomes_the_type_of_its_field(text: str, value: object, schemas: Schemas) -> None:
    fields = mapped(schemas, what="called", amount=text).fields
    assert (fields["resolved"], fields["duration_s"]) == (value, 5)


def test_whole_numbers_are_read_from_text_and_constants_kept(schemas: Schemas) -> None:
    text = MAP.replace("duration_s: 5", 'duration_s: "{amount}", resolved: true')
    text = text.replace(", resolved: {column: amount}", "")
    fields = mapped(schemas, text, PLACE, what="called", amount="7").fields
    assert (fields["resolved"], fields["duration_s"]) == (True, 7)


def test_a_table_with_ids_of_its_own_keeps_them(schemas: Schemas) -> None:
    text = MAP.replace("  source:", '  event_id: "{event_id}"\n  source:')
    assert mapped(schemas, text, PLACE, event_id="e7").fields["event_id"] == "e7"


@pytest.mark.parametrize("column", ["Customer ID", "customer-id", "Kundennr.", "#"])
def test_a_column_in_braces_may_have_any_name_without_braces(column: str, schemas: Schemas) -> None:
    text = MAP.replace("{user}", "{" + column + "}")
    assert mapped(schemas, text, PLACE, **{column: "u7"}).fields["customer_id"] == "u7"


def test_a_field_for_all_is_given_only_to_the_types_that_have_it(schemas: Schemas) -> None:
    text = MAP.replace("  source:", "  total: 1.0\n  source:")
    assert "total" not in mapped(schemas, text, what="looked").fields
    assert mapped(schemas, text).fields["total"] == 12.5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"what": "sold"}, "says nothing of what 'sold'"),
        ({"device": "fax"}, "says nothing of device 'fax'"),
        ({"when": "2026-07-01"}, "'2026-07-01' is not in the form"),
        ({"amount": "many"}, "'many' is no double"),
        ({"what": "called", "amount": "maybe"}, "'maybe' is no bool"),
    ],
)
def test_a_row_that_the_mapping_does_not_know_is_refused_with_its_place(
    changes: dict[str, str], message: str, schemas: Schemas
) -> None:
    with pytest.raises(DefinitionErrors, match=r"^shop.csv:2:1") as caught:
        mapped(schemas, MAP, PLACE, **changes)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("OrderPlaced", "OrderPlacd", 9, "no event type OrderPlacd"),
        ("total: ", "totl: ", 10, "OrderPlaced has no field totl"),
        ("  source:", "  sauce:", 5, "no event type named here has a field sauce"),
        ("Europe/Berlin", "Mars/Olympus", 2, "no time zone Mars/Olympus"),
        ("event: what", "event: [what]", 1, "valid string"),
        ("event: what", "events_: what", 1, "Field required"),
    ],
)
def test_a_mapping_that_names_what_is_not_there_is_refused_where_it_stands(
    old: str, new: str, line: int, message: str, schemas: Schemas
) -> None:
    with pytest.raises(DefinitionErrors) as caught:
        parse_mapping("shop.map.yaml", MAP.replace(old, new, 1), schemas)
    found = [(e.line, e.code) for e in caught.value.errors if message in e.message]
    assert found == [(line, "MAPPING")]


def test_a_missing_column_is_refused(schemas: Schemas) -> None:
    mapping = parse_mapping("shop.map.yaml", MAP, schemas)
    row: dict[str, Any] = {name: text for name, text in ROW.items() if name != "user"}
    with pytest.raises(DefinitionErrors, match="there is no column user"):
        map_row(mapping, schemas, row, PLACE)
