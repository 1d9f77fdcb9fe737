"""Which texts are schemas of records."""

import json

import pytest

from journey_engine.run.contracts import schema_of

RECORD = {"type": "record", "name": "Order", "namespace": "shop", "fields": []}
DEEP = 100_000


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "null",
        '"string"',
        '{"type": "record"}',
        "[" * DEEP + "]" * DEEP,
        '{"type": "array", "items": ' * DEEP + '"int"' + "}" * DEEP,
    ],
    ids=["half", "null", "primitive", "nameless", "brackets", "arrays"],
)
def test_a_text_that_was_never_a_record_is_none(text: str) -> None:
    assert schema_of(text) is None


def test_a_record_is_read_as_it_is() -> None:
    assert schema_of(json.dumps(RECORD)) == RECORD
