"""Schemas stay compatible with each other and with their past."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from journey_engine.run.brokers import free_port
from tests.cli.conftest import ROOT, Engine
from tests.cli.test_governance import git

ORDER = Path("events/OrderPlaced")
Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A few of the shipped schemas in a repository, with one commit."""
    made = tmp_path / "shop" / "schemas"
    shutil.copytree(ROOT / "schemas" / ORDER, made / ORDER)
    shutil.copy(ROOT / "schemas" / "Command.avsc", made)
    git(tmp_path, "init", "--initial-branch", "main")
    commit(tmp_path)
    return made


def commit(folder: Path) -> None:
    git(folder, "add", ".")
    git(folder, "commit", "--allow-empty", "--message", "more")


def change(file: Path, how: Change, to: Path | None = None) -> None:
    schema = json.loads(file.read_text())
    how(schema)
    (to or file).write_text(json.dumps(schema, indent=2))


def own(**field: object) -> Change:
    return lambda schema: schema["fields"].append({"doc": "Mine.", **field})


def without(name: str) -> Change:
    def drop(schema: dict[str, Any]) -> None:
        schema["fields"] = [each for each in schema["fields"] if each["name"] != name]

    return drop


def codes(engine: Engine, folder: Path, *words: str) -> list[tuple[str, str]]:
    said = engine("schemas", "check", "--schemas", folder, "--json", *words)
    document = json.loads(said.out)
    assert (said.code, document["ok"]) == ((1, False) if document["errors"] else (0, True))
    return [(Path(each["file"]).name, each["code"]) for each in document["errors"]]


def test_the_shipped_schemas_are_compatible(engine: Engine) -> None:
    said = engine("schemas", "check")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("all compatible: ")


def test_a_version_that_older_readers_cannot_read_is_told(engine: Engine, folder: Path) -> None:
    first = folder / ORDER / "1.avsc"
    change(first, own(name="gift", type="boolean", default=False), folder / ORDER / "2.avsc")
    assert codes(engine, folder) == []
    change(folder / ORDER / "2.avsc", without("order_id"), folder / ORDER / "3.avsc")
    said = engine("schemas", "check", "--schemas", folder)
    assert said.code == 1
    assert said.err.count("SCHEMA_FORWARD") == 2, "with either version before it"
    told = "version 3 of OrderPlaced cannot be read by version 1 of OrderPlaced: field 'order_id'"
    assert told in said.err
    assert "hint:" in said.err


def test_what_was_published_stays(engine: Engine, folder: Path) -> None:
    first, second = folder / ORDER / "1.avsc", folder / ORDER / "2.avsc"
    change(first, own(name="gift", type="boolean", default=False), second)
    commit(folder)
    change(first, lambda schema: schema.update(doc="Said otherwise."))
    assert codes(engine, folder, "--base", "HEAD") == []
    change(first, own(name="late", type="boolean", default=False))
    second.unlink()
    change(folder / "Command.avsc", own(name="more", type="string"))
    found = [
        ("Command.avsc", "SCHEMA_FORGOTTEN"),
        ("Command.avsc", "SCHEMA_BACKWARD"),
        ("1.avsc", "SCHEMA_CHANGED"),
        ("2.avsc", "SCHEMA_REMOVED"),
    ]
    assert codes(engine, folder) == []
    assert codes(engine, folder, "--base", "HEAD") == found
    assert codes(engine, folder, "--base", "HEAD~1") == found[:3]
    assert codes(engine, folder, "--history") == found
    commit(folder)
    assert codes(engine, folder, "--base", "HEAD") == []
    assert codes(engine, folder, "--history") == found


def test_what_the_engine_wrote_before_is_kept(engine: Engine, folder: Path) -> None:
    commit(folder)
    now, former = folder / "Command.avsc", folder / "former/Command/1.avsc"
    former.parent.mkdir(parents=True)
    shutil.copy(now, former)
    change(now, own(name="locale", type=["null", "string"], default=None))
    assert codes(engine, folder, "--base", "HEAD") == []
    commit(folder)
    change(former, own(name="more", type="string"))
    assert codes(engine, folder, "--base", "HEAD") == [
        ("Command.avsc", "SCHEMA_FORWARD"),
        ("1.avsc", "SCHEMA_CHANGED"),
    ]


def test_a_registry_that_does_not_answer_hides_no_other_finding(
    engine: Engine, folder: Path
) -> None:
    change(folder / "Command.avsc", own(name="more", type="string"))
    url = f"http://127.0.0.1:{free_port()}"
    told = codes(engine, folder, "--base", "HEAD", "--registry", url)
    assert told == [
        ("schemas", "REGISTRY_UNREACHABLE"),
        ("Command.avsc", "SCHEMA_FORGOTTEN"),
        ("Command.avsc", "SCHEMA_BACKWARD"),
    ]


@pytest.mark.parametrize(
    "words",
    [
        ("check", "--base", "HEAD", "--history"),
        ("register",),
        ("register", "Nothing", "--registry", "mock://shop"),
    ],
)
def test_wrong_usage_says_how(engine: Engine, words: tuple[str, ...]) -> None:
    assert engine("schemas", *words).code == 2
