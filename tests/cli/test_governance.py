"""Who may change what, and when it is looked at again."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, Engine

JOURNEYS = Path("journeys")


def git(folder: Path, *words: str) -> None:
    named = ("-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", folder, *named, *words], check=True, capture_output=True)


@pytest.fixture
def topologies(tmp_path: Path) -> Path:
    """The shipped definitions in a repository of their own, with one commit."""
    folder = Path(shutil.copytree(ROOT / "topologies", tmp_path / "shop" / "topologies"))
    git(tmp_path, "init", "--initial-branch", "main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--message", "first")
    return folder


def change(folder: Path, file: Path, old: str, new: str) -> None:
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1))


CART = JOURNEYS / "cart-rescue.yaml"


def test_a_team_changes_what_is_its_own(engine: Engine, topologies: Path) -> None:
    change(topologies, CART, "after: 4h", "after: 5h")
    said = engine("validate", topologies, "--as", "lifecycle-team")
    assert (said.code, said.err) == (0, "")


def test_what_is_anothers_is_told(engine: Engine, topologies: Path) -> None:
    change(topologies, CART, "after: 4h", "after: 5h")
    change(topologies, CART, "version: 1", "version: 2")
    change(topologies, Path("customer.yaml"), "within: 7d", "within: 8d")
    said = engine("validate", topologies, "--as", "retention-team", "--base", "HEAD", "--json")
    found = json.loads(said.out)["errors"]
    assert said.code == 1
    assert [(Path(each["file"]).name, each["code"]) for each in found] == [
        ("customer.yaml", "NOT_OWNER"),
        ("cart-rescue.yaml", "NOT_OWNER"),
        ("cart-rescue.yaml", "NOT_OWNER"),
    ]
    assert [each["path"] for each in found[1:]] == ["version", "stages.waiting.transitions.0.after"]
    assert all(each["line"] > 1 and each["hint"] for each in found)


def test_a_version_that_means_something_else_than_before_is_told(
    engine: Engine, topologies: Path
) -> None:
    asked = ("validate", topologies, "--base", "HEAD")
    change(topologies, CART, "version: 1", "# said otherwise\nversion: 1")
    assert engine(*asked).code == 0
    change(topologies, CART, "after: 4h", "after: 5h")
    assert engine("validate", topologies).code == 0
    said = engine(*asked, "--json")
    (error,) = json.loads(said.out)["errors"]
    assert (said.code, error["code"], error["path"]) == (1, "VERSION_CONTENT", "version")
    assert "cart-rescue@1.yaml" in error["hint"]
    change(topologies, CART, "version: 1", "version: 2")
    assert engine(*asked).code == 0
    text = (topologies / CART).read_text()
    former = text.replace("version: 2", "version: 1").replace("after: 5h", "after: 6h")
    (topologies / JOURNEYS / "cart-rescue@1.yaml").write_text(former)
    said = engine(*asked)
    assert (said.code, "cart-rescue@1.yaml" in said.err, "VERSION_CONTENT" in said.err) == (
        1,
        True,
        True,
    )


def test_what_others_did_since_is_nobodys_change_here(engine: Engine, topologies: Path) -> None:
    git(topologies, "checkout", "-b", "ours")
    git(topologies, "checkout", "main")
    change(topologies, CART, "after: 4h", "after: 5h")
    git(topologies, "commit", "--all", "--message", "theirs")
    git(topologies, "checkout", "ours")
    said = engine("validate", topologies, "--as", "retention-team", "--base", "main")
    assert (said.code, said.err) == (0, "")


def test_a_file_that_was_taken_away_is_told(engine: Engine, topologies: Path) -> None:
    for name in ("win-back.yaml", "win-back.test.yaml"):
        (topologies / JOURNEYS / name).unlink()
    said = engine("validate", topologies, "--as", "lifecycle-team")
    assert said.code == 1
    assert "`lifecycle-team` deletes the file" in said.err
    assert engine("validate", topologies, "--as", "retention-team").code == 0


@pytest.mark.parametrize("base", ["nowhere", "--help"])
def test_a_revision_that_is_not_there_is_told(engine: Engine, topologies: Path, base: str) -> None:
    said = engine("validate", topologies, "--as", "centre", f"--base={base}")
    assert said.code == 1
    assert "NO_BASE" in said.err
    assert base in said.err


def test_a_folder_in_no_repository_is_told(
    engine: Engine, topologies: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(topologies.parents[1] / ".git")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(topologies.parents[2]))
    said = engine("validate", topologies, "--as", "centre")
    assert said.code == 1
    assert "NO_BASE" in said.err


def test_a_review_that_is_overdue_is_a_warning(engine: Engine) -> None:
    due = engine("validate", "--today", "2027-03-01")
    assert (due.code, due.err) == (0, "")
    over = engine("validate", "--today", "2027-03-02")
    assert over.code == 0
    assert "cart-rescue.yaml:6:12: warning[REVIEW_OVERDUE]" in over.err
    assert "all good" in over.out
    assert engine("validate", "--today", "2027-03-02", "--strict").code == 1
    told = json.loads(engine("validate", "--today", "2027-03-02", "--json").out)
    assert told["ok"] is True
    assert {each["code"] for each in told["warnings"]} == {"REVIEW_OVERDUE"}
    assert told["errors"] == []


def test_a_finding_of_the_lint_comes_with_a_test_that_shows_it(
    engine: Engine, topologies: Path
) -> None:
    change(topologies, CART, "event.customer_id != null", "1 > 2")
    told = json.loads(engine("validate", topologies, "--witness", "--json").out)
    (error,) = told["errors"]
    assert error["code"] == "GUARD_NEVER_TRUE"
    said = engine("validate", topologies, "--witness")
    assert said.code == 1
    assert error["witness"] in said.out
    assert "witness" not in engine("validate", topologies, "--json").out
    test = topologies / JOURNEYS / "cart-rescue.test.yaml"
    test.write_text(error["witness"])
    tried = engine("test", test)
    assert tried.code == 1
    assert "1 passed, 0 failed" in tried.out
    assert "GUARD_NEVER_TRUE" in tried.err


def test_tests_may_be_asked_to_cover_enough(engine: Engine, topologies: Path) -> None:
    assert engine("test", topologies, "--min-coverage", "100").code == 0
    test = topologies / JOURNEYS / "win-back.test.yaml"
    text = test.read_text()
    test.write_text(text[: text.index("\n  - name:", text.index("- name:"))] + "\n")
    said = engine("test", test, "--min-coverage", "99.5")
    assert said.code == 1
    assert "at least 99.5% are asked" in said.err
    assert engine("test", test).code == 0
    assert engine("test", test, "--min-coverage", "1").code == 0
    assert engine("test", test, "--min-coverage", "101").code == 2
