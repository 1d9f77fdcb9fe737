"""`schemas register` and `schemas check` with a real registry."""

import json
import shutil
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.cli.conftest import Engine, called
from tests.registry.server import RegistryServer, register

pytestmark = [pytest.mark.registry, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]
ORDER = Path("schemas/events/OrderPlaced/1.avsc")


class Schemas:
    """The command line's `schemas`, with a prefix of its own in the registry."""

    def __init__(self, engine: Engine, registry: RegistryServer) -> None:
        self.prefix = f"p{uuid4().hex[:6]}."
        self._place = ("--registry", registry.url, "--prefix", self.prefix, "--json")
        self._engine = engine

    def __call__(self, *words: object) -> dict[str, Any]:
        said = self._engine("schemas", *words, *self._place)
        document: dict[str, Any] = json.loads(said.out)
        assert said.code == (0 if document["ok"] else 1)
        return document


def codes(document: dict[str, Any], what: str = "errors") -> list[str]:
    return [each["code"] for each in document[what]]


def test_schemas_are_registered_once_and_stay_compatible(
    schema_registry: RegistryServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    schemas = Schemas(called(monkeypatch, capsys), schema_registry)
    monkeypatch.setenv("JOURNEY_REGISTRY_TIMEOUT_S", "60")  # of a machine that is busy
    subject = f"{schemas.prefix}interactions.web.v1-journey.events.OrderPlaced"
    order = json.loads((ROOT / ORDER).read_text())
    register(schema_registry.url, subject, order)
    lax = schemas("check")
    assert (codes(lax), codes(lax, "warnings")) == ([], ["REGISTRY_LEVEL"])
    assert lax["registered"] == 1

    chosen = ("register", "OrderPlaced", "Command", "--channel", "web")
    first = schemas(*chosen)
    assert first["registered"] == first["subjects"] == 2
    command = f"{schemas.prefix}commands.web.v1-journey.Command"
    assert [each["subject"] for each in first["new"]] == [command]
    again = schemas(*chosen)
    assert (again["registered"], again["new"]) == (2, [])
    checked = schemas("check")
    assert (codes(checked), codes(checked, "warnings")) == ([], [])

    folder = shutil.copytree(ROOT / "schemas", tmp_path / "schemas")
    fields = [each for each in order["fields"] if each["name"] != "order_id"]
    second = folder / "events/OrderPlaced/2.avsc"
    second.write_text(json.dumps({**order, "fields": fields}))
    assert codes(schemas(*chosen, "--schemas", folder)) == ["REGISTRY_REFUSED"]
    told = schemas("check", "--schemas", folder)
    assert codes(told) == ["SCHEMA_FORWARD", "SCHEMA_FORWARD"], "with the file, and the registry"
