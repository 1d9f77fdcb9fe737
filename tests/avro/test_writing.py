"""The bytes of the engine's own records are those of fastavro, by either way of writing them."""

import io
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fastavro import schemaless_writer
from hypothesis import given
from hypothesis import strategies as st

from journey_engine.avro.writing import Classes, Write, pure_writer, writer
from journey_engine.schemas import Schemas

SCHEMAS = Schemas.parse(
    {str(path): path.read_text(encoding="utf-8") for path in Path("schemas").glob("*.avsc")}
)
INT32 = st.integers(-(2**31), 2**31 - 1)
INT64 = st.integers(-(2**63), 2**63 - 1)
DOUBLES = st.floats(allow_nan=False)
PRIMITIVES: dict[str, st.SearchStrategy[Any]] = {
    "null": st.none(),
    "boolean": st.booleans(),
    "int": INT32,
    "long": INT64,
    "double": DOUBLES,
    "string": st.text(max_size=200),
}
WAYS = pytest.mark.parametrize("way", [writer, pure_writer])


def without(chosen: st.DataObject, schema: dict[str, Any]) -> dict[str, type[msgspec.Struct]]:
    """A class for each record; it may lack the fields that have a default."""
    classes: dict[str, type[msgspec.Struct]] = {}
    attributes = []
    for field in schema["fields"]:
        if "default" in field and chosen.draw(st.booleans()):
            continue
        attributes.append(field["name"])
        for branch in field["type"] if isinstance(field["type"], list) else [field["type"]]:
            if isinstance(branch, dict) and branch["type"] == "record":
                classes |= without(chosen, branch)
    name = schema["name"]
    kind = msgspec.defstruct("Value", [f"_{each}" for each in attributes], kw_only=True)
    return classes | {name: kind}


def values(schema: Any, classes: Classes) -> st.SearchStrategy[Any]:
    if isinstance(schema, list):
        return st.one_of([values(branch, classes) for branch in schema])
    if isinstance(schema, str):
        return PRIMITIVES[schema]
    if schema["type"] == "record":
        kind = classes[schema["name"]]
        given = {
            f"_{field['name']}": values(field["type"], classes)
            for field in schema["fields"]
            if f"_{field['name']}" in kind.__struct_fields__
        }
        return st.builds(kind, **given)
    if schema["type"] == "array":
        return st.lists(values(schema["items"], classes), max_size=4)
    if schema["type"] == "map":
        return st.dictionaries(st.text(max_size=5), values(schema["values"], classes), max_size=4)
    return PRIMITIVES[schema["type"]]


def plain(value: Any) -> Any:
    """As fastavro takes it."""
    if isinstance(value, msgspec.Struct):
        return {name[1:]: plain(getattr(value, name)) for name in value.__struct_fields__}
    return value


def renamed(schema: Any) -> dict[str, str]:
    """Every attribute has another name than its field."""
    if isinstance(schema, list):
        return {name: of for branch in schema for name, of in renamed(branch).items()}
    if not isinstance(schema, dict) or schema["type"] != "record":
        return {}
    found = {field["name"]: f"_{field['name']}" for field in schema["fields"]}
    for field in schema["fields"]:
        found |= renamed(field["type"])
    return found


@WAYS
@pytest.mark.parametrize("name", ["Command", "Transition", "SendDecision"])
@given(data=st.data())
def test_the_bytes_are_those_of_fastavro(name: str, way: Any, data: st.DataObject) -> None:
    schema = SCHEMAS.record(name)
    classes = without(data, schema)
    record = data.draw(values(schema, classes))
    body = io.BytesIO()
    schemaless_writer(body, schema, plain(record))
    write: Write = way(schema, classes, renamed(schema), b"prefix")
    assert write(record) == b"prefix" + body.getvalue()
    assert write(record) == b"prefix" + body.getvalue()


@WAYS
@pytest.mark.parametrize(
    ("kind", "value", "error"),
    [
        ("long", 2**63, OverflowError),
        ("long", -(2**63) - 1, OverflowError),
        ("long", "1", TypeError),
        ("string", "\ud800", UnicodeEncodeError),
        (["null", "boolean", "string"], 1, KeyError),
    ],
)
def test_what_avro_cannot_hold_is_not_written(
    kind: Any, value: object, error: type[Exception], way: Any
) -> None:
    with pytest.raises(error):
        way(kind, {}, {}, b"")(value)


@WAYS
def test_an_error_leaves_nothing_behind(way: Any) -> None:
    write: Write = way({"type": "array", "items": "long"}, {}, {}, b"")
    with pytest.raises(OverflowError):
        write([1, 2**63])
    assert write([1]) == b"\x02\x02\x00"
