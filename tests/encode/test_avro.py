import io
from pathlib import Path
from typing import Any

import pytest
from fastavro import schemaless_writer
from hypothesis import given
from hypothesis import strategies as st

from journey_engine.encode.avro import writer
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


def values(schema: Any, named: dict[str, Any]) -> st.SearchStrategy[Any]:
    if isinstance(schema, list):
        return st.one_of([values(branch, named) for branch in schema])
    if isinstance(schema, str):
        return PRIMITIVES[schema] if schema in PRIMITIVES else values(named[schema], named)
    if schema["type"] == "record":
        named[schema["name"]] = schema
        fields = {each["name"]: values(each["type"], named) for each in schema["fields"]}
        optional = {each["name"] for each in schema["fields"] if "default" in each}
        return st.fixed_dictionaries(
            {name: of for name, of in fields.items() if name not in optional},
            optional={name: of for name, of in fields.items() if name in optional},
        )
    if schema["type"] == "array":
        return st.lists(values(schema["items"], named), max_size=4)
    if schema["type"] == "map":
        return st.dictionaries(st.text(max_size=5), values(schema["values"], named), max_size=4)
    return PRIMITIVES[schema["type"]]


@pytest.mark.parametrize("name", ["Command", "Transition", "SendDecision"])
@given(data=st.data())
def test_the_bytes_are_those_of_fastavro(name: str, data: st.DataObject) -> None:
    schema = SCHEMAS.record(name)
    record = data.draw(values(schema, {}))
    body = io.BytesIO()
    schemaless_writer(body, schema, record)
    assert writer(schema)(record) == body.getvalue()


def test_an_integer_over_64_bits_is_not_written() -> None:
    with pytest.raises(OverflowError):
        writer("long")(2**63)
