"""The catalogue of Avro schemas and what it refuses."""

import contextlib
import io
import json
from itertools import permutations
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journey_engine.errors import DefinitionErrors
from journey_engine.schemas import SHARED_FIELDS, Field, Schemas

SHARED: list[dict[str, Any]] = [
    {"name": name, "type": kind, "doc": f"The {name}."} for name, kind in SHARED_FIELDS.items()
]
SHARED[-1]["default"] = False
PATH = "schemas/events/OrderPlaced/1.avsc"


def event(*fields: dict[str, Any], shared: list[dict[str, Any]] = SHARED, **top: Any) -> str:
    record = {
        "type": "record",
        "name": "OrderPlaced",
        "namespace": "journey.events",
        "doc": "An order.",
        "fields": [*_nullable_default(shared), *fields],
        **top,
    }
    return json.dumps(record, indent=2)


def _nullable_default(fields: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**f, "default": None} if isinstance(f["type"], list) else f for f in fields]


def own(name: str = "total", kind: object = "double", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, "doc": "Mine.", **more}


def refused(files: dict[str, str]) -> list[tuple[str, str, int, int]]:
    with pytest.raises(DefinitionErrors) as caught:
        Schemas.parse(files)
    return [(e.code, e.file, e.line, e.column) for e in caught.value.errors]


def codes(files: dict[str, str]) -> list[str]:
    return [code for code, *_ in refused(files)]


def test_the_published_schemas_are_sound(schemas: Schemas) -> None:
    assert {
        "OrderPlaced",
        "CartUpdated",
        "PaymentFailed",
        "ConsentChanged",
    } <= schemas.events.keys()
    assert schemas.records.keys() == {"Command", "Transition", "SendDecision"}
    for schema in schemas.events.values():
        assert list(schema.fields)[: len(SHARED_FIELDS)] == list(SHARED_FIELDS)


def test_every_published_record_says_what_each_field_means_at_every_depth(
    schemas: Schemas,
) -> None:
    def undocumented(avro: Any) -> list[str]:
        if isinstance(avro, list):
            return [name for each in avro for name in undocumented(each)]
        if not isinstance(avro, dict):
            return []
        own = [f["name"] for f in avro.get("fields", []) if not f.get("doc")]
        return own + [name for f in avro.get("fields", []) for name in undocumented(f["type"])]

    assert [undocumented(schema) for schema, _ in schemas.records.values()] == [[], [], []]


def test_kinds_are_what_guards_see() -> None:
    status = {"type": "enum", "name": "S", "symbols": ["A", "B"], "default": "A"}
    text = event(
        own("b", "boolean"),
        own("i", "int"),
        own("l", ["null", "long"], default=None),
        own("f", "float"),
        own("t", {"type": "long", "logicalType": "timestamp-millis"}),
        own("e", status),
        own("a", {"type": "array", "items": "string"}),
        own("m", {"type": "map", "values": "string"}),
    )
    fields = Schemas.parse({PATH: text}).events["OrderPlaced"].fields
    assert [(f.name, f.kind, f.nullable) for f in list(fields.values())[8:]] == [
        ("b", "bool", False),
        ("i", "int", False),
        ("l", "int", True),
        ("f", "double", False),
        ("t", "timestamp", False),
        ("e", "string", False),
        ("a", "list<string>", False),
        ("m", "map<string>", False),
    ]
    assert fields["customer_id"] == Field(
        "customer_id", "string", nullable=True, doc="The customer_id."
    )


def test_a_fingerprint_is_that_of_the_avro_specification() -> None:
    """The canonical form and CRC-64-AVRO of this record, computed by another implementation."""

    def crc(text: bytes) -> bytes:
        empty = 0xC15D213AA4D7A795
        value = empty
        for byte in text:
            value ^= byte
            for _ in range(8):
                value = (value >> 1) ^ (empty & -(value & 1))
        return value.to_bytes(8, "little")

    fields = ",".join(
        json.dumps({"name": n, "type": "long" if n == "occurred_at" else t}, separators=(",", ":"))
        for n, t in SHARED_FIELDS.items()
    )
    canonical = f'{{"name":"journey.events.OrderPlaced","type":"record","fields":[{fields}]}}'
    parsed = Schemas.parse({PATH: event()})
    assert parsed.events["OrderPlaced"].fingerprint == crc(canonical.encode())
    assert parsed.by_fingerprint.keys() == {crc(canonical.encode())}


def test_the_newest_version_stands_for_its_type_and_all_can_be_found() -> None:
    files = {
        PATH: event(own()),
        "schemas/events/OrderPlaced/10.avsc": event(own(), own("note", "string", default="")),
        "schemas/events/OrderPlaced/9.avsc": event(own(), own("n", "int", default=0)),
    }
    files["schemas/events/OrderPlaced/10.avsc"] = event(
        own(), own("n", "double", default=0.0), own("note", "string", default="")
    )
    parsed = Schemas.parse(files)
    assert parsed.events["OrderPlaced"].version == 10
    assert sorted(s.version for s in parsed.by_fingerprint.values()) == [1, 9, 10]


def test_a_field_that_some_version_marks_is_personal_and_so_are_the_ids() -> None:
    newer = event(own(), own("note", ["null", "string"], default=None))
    marked = own("phone", ["null", "string"], default=None, pii=True)
    files = {PATH: event(own(), marked), PATH.replace("1.avsc", "2.avsc"): newer}
    assert Schemas.parse(files).personal("OrderPlaced") == {"customer_id", "anonymous_id", "phone"}


def test_two_versions_with_one_fingerprint_are_refused() -> None:
    second = "schemas/events/OrderPlaced/2.avsc"
    plain = event(own("at", "long"))
    timed = event(own("at", {"type": "long", "logicalType": "timestamp-millis"}))
    assert ("SCHEMA_FINGERPRINT", second, 1, 1) in refused({PATH: plain, second: timed})


@pytest.mark.parametrize(
    "newer",
    [
        event(own("total", "string")),
        event(own(), own("added", "string")),
    ],
)
def test_a_version_that_cannot_read_the_older_one_is_refused(newer: str) -> None:
    second = "schemas/events/OrderPlaced/2.avsc"
    assert refused({PATH: event(own()), second: newer}) == [("SCHEMA_INCOMPATIBLE", second, 1, 1)]


KINDS: dict[str, tuple[object, object]] = {
    "int": ("int", 1),
    "long": ("long", 1 << 40),
    "float": ("float", 1.5),
    "double": ("double", 1.5),
    "string": ("string", "x"),
    "bool": ("boolean", True),
    "enum": ({"type": "enum", "name": "E", "symbols": ["a", "b"], "default": "a"}, "b"),
    "fewer": ({"type": "enum", "name": "E", "symbols": ["a"], "default": "a"}, "a"),
    "renamed": ({"type": "enum", "name": "F", "symbols": ["a"], "default": "a"}, "a"),
    "list": ({"type": "array", "items": "string"}, ["x"]),
    "map": ({"type": "map", "values": "string"}, {"a": "x"}),
}
"""An Avro type and a value of it."""


@pytest.mark.parametrize(("then", "now"), list(permutations(KINDS, 2)))
def test_a_version_is_taken_exactly_if_avro_can_read_the_older_one_as_it(
    then: str, now: str
) -> None:
    (older, value), (newer, _) = KINDS[then], KINDS[now]
    files = {
        PATH: event(own("total", older)),
        "schemas/events/OrderPlaced/2.avsc": event(own("total", newer)),
    }
    written = io.BytesIO()
    fastavro.schemaless_writer(written, _alone(older), {"total": value})
    written.seek(0)
    try:
        fastavro.schemaless_reader(written, _alone(older), _alone(newer))
    except fastavro.read.SchemaResolutionError:
        assert codes(files) == ["SCHEMA_INCOMPATIBLE"]
    else:
        assert Schemas.parse(files).events["OrderPlaced"].version == 2


def _alone(kind: object) -> dict[str, Any]:
    return {"type": "record", "name": "R", "fields": [{"name": "total", "type": kind}]}


def test_a_nullable_field_may_not_become_mandatory() -> None:
    second = "schemas/events/OrderPlaced/2.avsc"
    older = event(own("total", ["null", "double"], default=None))
    assert codes({PATH: older, second: event(own())}) == ["SCHEMA_INCOMPATIBLE"]
    assert Schemas.parse({PATH: event(own()), second: older}).events["OrderPlaced"].version == 2


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"type": "record",\n  "name" "x"}', "SCHEMA_SYNTAX"),
        pytest.param("[" * 100_000, "SCHEMA_SYNTAX", id="very deep"),
        ('"string"', "SCHEMA_INVALID"),
        ("[1, 2]", "SCHEMA_INVALID"),
        ('{"type": "record", "name": "OrderPlaced"}', "SCHEMA_INVALID"),
        ('{"type": "record", "name": "OrderPlaced", "fields": 3}', "SCHEMA_INVALID"),
        (event(own(kind="strnig")), "SCHEMA_INVALID"),
        (event(name="Other"), "SCHEMA_NAME"),
        (event(namespace="other"), "SCHEMA_NAME"),
        (event(own("type", "string")), "SCHEMA_NAME"),
        (event(own("raw", "string")), "SCHEMA_NAME"),
        (event(own("recorded_at", "string")), "SCHEMA_NAME"),
        (event(own(doc="")), "SCHEMA_DOC"),
        (event(shared=SHARED[1:]), "SCHEMA_SHARED_FIELDS"),
        (event(shared=SHARED[:3]), "SCHEMA_SHARED_FIELDS"),
        (event(shared=[*SHARED[:7], {**SHARED[7], "default": True}]), "SCHEMA_SHARED_FIELDS"),
        (event(own(kind=["double", "null"], default=0.0)), "SCHEMA_NULLABLE"),
        (event(own(kind=["null", "double"])), "SCHEMA_NULLABLE"),
        (event(own(kind=["null", "double", "string"], default=None)), "SCHEMA_NULLABLE"),
        (event(own(kind="bytes")), "SCHEMA_TYPE"),
        (event(own(kind={"type": "long", "logicalType": "timestamp-micros"})), "SCHEMA_TYPE"),
        (event(own(kind={"type": "enum", "name": "E", "symbols": ["A"]})), "SCHEMA_TYPE"),
        (event(own(kind={"type": "array", "items": "int"})), "SCHEMA_TYPE"),
    ],
)
def test_what_an_event_schema_may_not_be(text: str, code: str) -> None:
    assert codes({PATH: text}) == [code]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("schemas/events/OrderPlaced/one.avsc", "SCHEMA_NAME"),
        ("schemas/events/OrderPlaced/0.avsc", "SCHEMA_NAME"),
        ("schemas/events/order_placed/1.avsc", "SCHEMA_NAME"),
    ],
)
def test_what_its_path_may_not_be(path: str, code: str) -> None:
    assert code in codes({path: event()})


def test_an_error_stands_where_the_field_does() -> None:
    text = event(own(doc=""))
    line = next(n for n, row in enumerate(text.splitlines(), 1) if '"total"' in row)
    assert refused({PATH: text}) == [
        ("SCHEMA_DOC", PATH, line, text.splitlines()[line - 1].index("total") + 1)
    ]
    assert refused({PATH: '{"type": "record",\n  "name" "x"}'}) == [("SCHEMA_SYNTAX", PATH, 2, 10)]


def test_all_errors_of_all_files_come_at_once() -> None:
    other = "schemas/events/CartUpdated/1.avsc"
    found = refused({PATH: event(own(doc=""), own("b", "bytes")), other: "{"})
    assert [(code, file) for code, file, *_ in found] == [
        ("SCHEMA_SYNTAX", other),
        ("SCHEMA_DOC", PATH),
        ("SCHEMA_TYPE", PATH),
    ]


def test_files_of_other_kinds_are_passed_over() -> None:
    assert Schemas.parse({"schemas/README.md": "# hi", PATH: event()}).events.keys() == {
        "OrderPlaced"
    }


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.sampled_from(["string"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "type", "doc", "default", "items", "fields", "symbols"]), inner
        )
    ),
    max_leaves=6,
)


@given(field=JSON, top=st.dictionaries(st.sampled_from(["name", "namespace", "fields"]), JSON))
def test_whatever_the_json_says_it_is_read_or_refused(field: Any, top: dict[str, Any]) -> None:
    text = json.dumps({**json.loads(event()), "fields": [*SHARED, field], **top})
    with contextlib.suppress(DefinitionErrors):
        Schemas.parse({PATH: text})


def command(*fields: dict[str, Any], name: str = "Command") -> str:
    return event(*fields, shared=[own("command_id", "string")], name=name, namespace="journey")


NEW = own("locale", ["null", "string"], default=None)


def test_what_the_engine_wrote_before_is_known_by_its_fingerprint() -> None:
    found = Schemas.parse({"Command.avsc": command(NEW), "former/Command/1.avsc": command()})
    [(fingerprint, (name, schema))] = found.former.items()
    assert name == "Command"
    assert [each["name"] for each in schema["fields"]] == ["command_id"]
    assert fingerprint != found.records["Command"][1]
    assert list(found.records) == ["Command"]


@pytest.mark.parametrize(
    ("path", "text", "code"),
    [
        ("former/Command/one.avsc", command(), "SCHEMA_NAME"),
        ("former/Command/1.avsc", command(name="Order"), "SCHEMA_NAME"),
        ("former/Order/1.avsc", command(name="Order"), "SCHEMA_NAME"),
        ("former/Command/1.avsc", command(NEW), "SCHEMA_FINGERPRINT"),
        ("former/Command/2.avsc", command(), "SCHEMA_FINGERPRINT"),
    ],
)
def test_a_former_schema_is_a_version_of_a_record_of_now(path: str, text: str, code: str) -> None:
    first = {} if path == "former/Command/1.avsc" else {"former/Command/1.avsc": command()}
    assert codes({"Command.avsc": command(NEW), **first, path: text}) == [code]
