"""F2 durations, and the schema that editors read."""

import pytest
from pydantic_core import PydanticCustomError

from journey_engine.define.document import journey_schema_text
from journey_engine.define.form import parse_duration
from tests.define.definitions import ROOT


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("90s", 90_000),
        ("30m", 1_800_000),
        ("4h", 14_400_000),
        ("3d", 259_200_000),
        ("2w", 1_209_600_000),
    ],
)
def test_durations(text: str, milliseconds: int) -> None:
    assert parse_duration(text) == milliseconds


@pytest.mark.parametrize(
    "text", ["", "4", "4H", "1.5h", "-4h", "0s", "4 h", "4mo", "1y", "4h\n", "٤h", 4, None]
)
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(PydanticCustomError):
        parse_duration(text)


def test_the_schema_for_editors_has_no_key_without_a_value() -> None:
    assert "null" not in journey_schema_text()


def test_the_schema_for_editors_is_fresh() -> None:
    committed = (ROOT / "schemas" / "journey.schema.json").read_text("utf-8")

    assert committed == journey_schema_text(), (
        "run: python -m journey_engine.define.document > schemas/journey.schema.json"
    )
