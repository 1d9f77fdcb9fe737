"""How commands fail: with `--json` as a document, always with the same exit codes."""

import inspect
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from journey_engine.cli.app import app
from journey_engine.simulate import SHOP_LOG
from tests.cli.conftest import ROOT, Engine, commands

NOBODY = ("--broker", "127.0.0.1:1")
BROKEN = ("--topologies", "{folder}")
NO_SCHEMAS = ("--schemas", "{folder}/none")
LOG = ("--events", "{folder}/log.jsonl")
BY_COMMAND = {
    "demo": (*BROKEN, *NOBODY),
    "validate": ("{folder}",),
    "test": ("{folder}",),
    "experiments allocate": BROKEN,
    "replay": (*LOG, *BROKEN),
    "explain": (*LOG, *BROKEN, "--customer", "anna"),
    "publish": (*LOG, *BROKEN, *NOBODY),
    "tail": ("commands.email.v1", *BROKEN, *NOBODY),
    "repartition": ("--to=4", "--from-app=a", "--to-app=b", *BROKEN, *NOBODY),
    "topics create": (*BROKEN, *NOBODY),
    "deadletters list": (*BROKEN, *NOBODY),
    "deadletters show": ("3@17", *BROKEN, *NOBODY),
    "deadletters replay": ("--all", *BROKEN, *NOBODY),
    "lag": (*BROKEN, *NOBODY),
    "state get": ("c-17", *BROKEN, *NOBODY),
    "erase": ("c-17", *BROKEN, *NOBODY),
    "definitions publish": (*BROKEN, *NOBODY),
    "definitions list": (*NO_SCHEMAS, *NOBODY),
    "channel check-publisher": BROKEN,
    "channel check-sender": ("email", *BROKEN),
    "channel golden": (*BROKEN, "--out", "{folder}/golden"),
    "diff": ("next", *BROKEN, *NOBODY),
    "doctor": (*BROKEN, *NOBODY),
    "failover": ("--syncs=s", "--copied-until=2026-03-01T00:00:00Z", *BROKEN, *NOBODY),
    "journeys list": (*BROKEN, *NOBODY),
    "schemas check": (*BROKEN, *NO_SCHEMAS),
    "schemas register": (*BROKEN, *NO_SCHEMAS, "--registry=http://127.0.0.1:1"),
    "shadow drop": ("next", *BROKEN, *NOBODY),
    "shadow start": ("next", *BROKEN, *NOBODY),
    "sizing": ("--customers=1M", "--events-per-second=100", *BROKEN),
    "topics asyncapi": (*BROKEN, *NOBODY),
}
"""Each command with `--json`, on definitions that are wrong."""
FULL = Path("/dev/full")
KEYS = {"file", "line", "column", "code", "message", "hint", "path", "warning"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "journeys").mkdir()
    (tmp_path / "topics.yaml").write_text("partitions: [4\n")
    (tmp_path / "journeys" / "cart.yaml").write_text("journey: cart\nsteps: []\n")
    (tmp_path / "log.jsonl").write_text("")
    return tmp_path


def test_every_command_with_json_is_looked_at() -> None:
    said = {
        words
        for words, command in commands(app)
        if command.default_command
        and "json" in inspect.signature(command.default_command).parameters
    }
    assert said == set(BY_COMMAND)


@pytest.mark.parametrize("command", BY_COMMAND)
def test_definition_errors_are_a_document(engine: Engine, folder: Path, command: str) -> None:
    words = [word.format(folder=folder) for word in BY_COMMAND[command]]
    said = engine(*command.split(), *words, "--json")
    assert (said.code, said.err) == (1, "")
    document = json.loads(said.out)
    assert document.get("ok") is False
    for error in document["errors"]:
        assert error.keys() >= KEYS - {"warning"}
        assert error["line"] >= 1
        assert error["column"] >= 1
        assert error["code"]
        assert error["message"]


def test_what_is_in_no_file_is_a_document_too(engine: Engine, folder: Path) -> None:
    said = engine("topics", "create", *NOBODY, "--json")
    (error,) = json.loads(said.out)["errors"]
    assert (said.code, error["code"]) == (1, "REFUSED")
    assert "127.0.0.1:1" in error["message"]
    missing = folder / "none.jsonl"
    said = engine("replay", "--events", missing, "--out", folder / "out", "--json")
    (error,) = json.loads(said.out)["errors"]
    assert (said.code, said.err, error["code"]) == (1, "", "REFUSED")
    assert str(missing) in error["message"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["validate", "--today", "tomorrow"], "tomorrow"),
        (["replay", "--events", "x", "--until", "tomorrow"], "tomorrow"),
        (["explain", "--customer", "a", "--content", "b", "--at", "2026-03-01"], "2026-03-01"),
        (
            ["explain", "--customer", "a", "--at", "2026-03-01T00:00:00Z"],
            "--at goes with --content",
        ),
        (["explain", "--customer", "a"], "--events"),
        (["journeys", "resume", "cart-rescue", "--over", "2 hours"], "2 hours"),
        (["test", "--min-coverage", "101"], "101"),
        (["sizing", "--customers", "10M", "--events-per-second", "inf"], "events-per-second"),
        (["worker", "--processes", "0"], "processes"),
        (["journeys", "pause"], "journey"),
        (["definitions", "activate"], "plan"),
        (["deadletters", "replay"], "--code"),
        (["explain", "--customer", "a", "--former", "topologies"], "--activated"),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_2_and_says_so(engine: Engine, words: list[str], says: str) -> None:
    said = engine(*words)
    assert (said.code, said.out) == (2, "")
    assert says.lower() in said.err.lower()


def ended(*words: str, into: IO[bytes]) -> tuple[int, str]:
    """The exit code of a process of its own that prints there, and its errors."""
    command = (sys.executable, "-m", "journey_engine", *words)
    done = subprocess.run(command, cwd=ROOT, stdout=into, stderr=subprocess.PIPE, check=False)
    return done.returncode, done.stderr.decode()


PRINTING = (["validate"], ["validate", "--json"], ["--help"], ["topics", "--help"])


@pytest.mark.parametrize("words", PRINTING, ids=" ".join)
def test_a_reader_that_has_seen_enough_is_no_failure(words: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        assert ended(*words, into=pipe) == (0, "")


@pytest.mark.skipif(not FULL.exists(), reason="there is no disk that is always full")
@pytest.mark.parametrize("words", PRINTING, ids=" ".join)
def test_a_full_disk_is_told(words: list[str]) -> None:
    with FULL.open("wb") as disk:
        assert ended(*words, into=disk) == (1, "No space left on device\n")


@pytest.mark.parametrize("json_too", [(), ("--json",)])
def test_a_disk_that_fills_up_is_told_as_json_asks(json_too: tuple[str, ...], folder: Path) -> None:
    words = ("replay", "--events", str(SHOP_LOG), "--out", str(folder / "out"), *json_too)
    command = ("sh", "-c", 'ulimit -f 32; exec "$@"', "sh", sys.executable, "-m", "journey_engine")
    done = subprocess.run((*command, *words), cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 1
    said = done.stdout if json_too else done.stderr
    assert b"File too large" in said
    assert not json_too or json.loads(said)["ok"] is False


def test_a_name_that_is_no_utf_8_is_told_to_a_program(engine: Engine, folder: Path) -> None:
    log = folder / os.fsdecode(b"l\xffg.jsonl")
    for words in (("--events", log), ("--map", log, "--events", folder / "log.jsonl")):
        said = engine("replay", *words, "--out", folder / "out", "--json")
        (error,) = json.loads(said.out)["errors"]
        assert (said.code, said.err) == (1, "")
        assert "l\ufffdg.jsonl" in error["message"]


TWICE = (
    ("publish", *NOBODY),
    ("explain", "--customer=c1", "--content=cart-reminder", "--former=topologies",
     "--activated=2026-03-01T00:00:00Z"),
)  # fmt: skip


@pytest.mark.parametrize("words", TWICE, ids=lambda words: words[0])
def test_a_pipe_is_refused_where_a_log_is_read_twice(
    engine: Engine, words: tuple[str, ...]
) -> None:
    reading, writing = os.pipe()
    os.close(writing)
    with os.fdopen(reading):
        said = engine(*words, "--events", f"/dev/fd/{reading}")
    assert (said.code, said.out) == (1, "")
    assert "write it to a file first" in said.err


@pytest.mark.parametrize("order", ["pause", "resume", "stop", "close"])
def test_an_order_about_no_journey_is_refused(engine: Engine, order: str) -> None:
    said = engine("journeys", order, "cart-rescu", *NOBODY)
    assert said.code == 1
    assert "did you mean `cart-rescue`?" in said.err


def test_failover_refuses_a_shadow_and_a_time_that_has_not_come(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("failover", "--syncs=s", *NOBODY, "--json", "--copied-until")
    said = engine(*words, "2999-01-01T00:00:00Z")
    (error,) = json.loads(said.out)["errors"]
    assert (said.code, "in the future" in error["message"]) == (1, True)
    monkeypatch.setenv("JOURNEY_SHADOW", "summer")
    said = engine(*words, "2026-03-01T00:00:00Z")
    (error,) = json.loads(said.out)["errors"]
    assert (said.code, "JOURNEY_SHADOW" in error["message"]) == (1, True)


@pytest.mark.parametrize("content", [None, "no certificate"])
@pytest.mark.parametrize("words", [["doctor", "--json"], ["lag", "--json"]], ids=" ".join)
def test_a_tls_file_that_cannot_be_used_is_named(
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    content: str | None,
    words: list[str],
) -> None:
    if content is not None:
        (tmp_path / "ca.crt").write_text(content)
    monkeypatch.setenv("JOURNEY_SECURITY_PROTOCOL", "SSL")
    monkeypatch.setenv("JOURNEY_TLS_CA_FILE", str(tmp_path / "ca.crt"))
    said = engine(*words)
    document = json.loads(said.out)
    assert said.code == 1
    assert str(tmp_path / "ca.crt") in said.out
    assert "tls_ca_file" in said.out
    assert document.get("ok") is not True
