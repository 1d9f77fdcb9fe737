"""F1: YAML 1.2 core types with places."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journey_engine.define.loader import Data, parse_yaml
from journey_engine.errors import DefinitionErrors


def read(text: str) -> Data:
    return parse_yaml("a.yaml", text).value


@pytest.mark.parametrize(
    "text",
    ["on", "off", "yes", "no", "y", "22:00", "2027-07-15", "1_000", "0b11", "010:20", "=", "<<"],
)
def test_what_older_yaml_turned_into_something_else_stays_text(text: str) -> None:
    assert read(f"a: {text}") == {"a": text}
    assert read(f"{text}: 1") == {text: 1}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("null", None),
        ("~", None),
        ("", None),
        ("true", True),
        ("FALSE", False),
        ("12", 12),
        ("-7", -7),
        ("010", 10),
        ("0o17", 15),
        ("0xfF", 255),
        ("1.5", 1.5),
        ("-.5e3", -500.0),
        (".inf", float("inf")),
        ("-.INF", float("-inf")),
        ("'12'", "12"),
        ('"true"', "true"),
        ("[1, [a, {b: c}]]", [1, ["a", {"b": "c"}]]),
    ],
)
def test_core_types(text: str, value: object) -> None:
    found = read(f"a: {text}\n")

    assert found == {"a": value}
    assert isinstance(found, dict)
    assert type(found["a"]) is type(value)


def test_an_empty_file_is_null() -> None:
    assert read("") is None
    assert read("# nothing\n") is None


def test_every_value_and_key_knows_its_place() -> None:
    root = parse_yaml("a.yaml", "a: 1\nb:\n  - x\n  - {c: 'd'}\n")

    inner = root.children["b"].children[1].children["c"]
    assert (inner.line, inner.column) == (4, 9)
    assert (inner.key_line, inner.key_column) == (4, 6)


@pytest.mark.parametrize(
    "source",
    [
        "a: x»y",
        "a: 'it''s »y'",
        'a: "q\\"uo\\u00e9 »y"',
        "a: |\n  foo\n  bar »y\n",
        "a: |-\n    foo\n     more »y\n",
        "a: >\n  foo\n  bar »y\n",
        "a: foo\n   bar  »y",
        "a: 'foo\n\n  bar »y'",
        "- [k, »y]",
    ],
)
def test_a_place_inside_a_text_is_found_in_the_file(source: str) -> None:
    node = parse_yaml("a.yaml", source)
    while node.children:
        node = list(node.children.values())[-1]

    line, column = node.position(str(node.value).index("»"))

    lines = source.split("\n")
    assert lines[line - 1][column - 1] == "»"


@given(st.text(max_size=60))
def test_any_text_is_a_value_or_errors_with_a_place(text: str) -> None:
    places = []
    try:
        places.append(parse_yaml("a.yaml", text).line)
    except DefinitionErrors as found:
        places.extend(min(error.line, error.column) for error in found.errors)

    assert places
    assert min(places) >= 1
