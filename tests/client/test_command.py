"""Commands written by a release before: senders change first."""

import json
from pathlib import Path
from typing import Any

import pytest

from journey_engine.client.command import read_command
from journey_engine.client.errors import CommandError
from journey_engine.schemas import Schemas
from tests.contract.test_golden import of, read

NOW = (Path(__file__).parents[2] / "schemas" / "Command.avsc").read_text(encoding="utf-8")
FORMER = "former/Command/1.avsc"


def later() -> str:
    """The schema with a field more, as the contract allows."""
    schema: dict[str, Any] = json.loads(NOW)
    new = {"name": "locale", "type": ["null", "string"], "default": None, "doc": "The language."}
    return json.dumps({**schema, "fields": [*schema["fields"], new]})


@pytest.mark.parametrize("name", [name for name in of("commands") if "registry" not in name])
def test_a_command_of_the_release_before_is_read(name: str) -> None:
    record = read("commands", name)[1]
    then = read_command(record.value, record.headers, Schemas.parse({"Command.avsc": NOW}))
    files = {"Command.avsc": later(), FORMER: NOW}
    assert read_command(record.value, record.headers, Schemas.parse(files)) == then
    with pytest.raises(CommandError, match="SCHEMA_UNKNOWN"):
        read_command(record.value, record.headers, Schemas.parse({"Command.avsc": later()}))
