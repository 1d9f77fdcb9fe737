"""Programs in another language, tried by the commands that their teams have for it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from journey_engine.observe.logs import hashed
from journey_engine.run.brokers import EmbeddedBroker
from tests.cli.conftest import Engine
from tests.conftest import ROOT

pytestmark = [pytest.mark.embedded, pytest.mark.timeout(240)]

PATIENCE = ("--start", "120", "--within", "120")
"""Seconds for what takes a moment: the machine may be busy."""


Tried = Callable[..., tuple[int | str | None, dict[str, Any]]]


@pytest.fixture
def tried(engine: Engine) -> Tried:
    """The exit code and the verdict of `journey-engine channel`."""

    def run(*words: str) -> tuple[int | str | None, dict[str, Any]]:
        said = engine("channel", *words)
        assert said.out, said.err
        return said.code, json.loads(said.out)

    return run


def faults(verdict: dict[str, Any]) -> dict[str, list[str]]:
    return {case["name"]: case["faults"] for case in verdict["cases"] if case["faults"]}


def test_a_publisher_in_javascript_is_found_right(tried: Tried, node: Path) -> None:
    program = ("node", str(node / "publisher.mjs"), "c-1")
    code, verdict = tried("check-publisher", "--json", "--", *program)
    assert (code, faults(verdict)) == (0, {})


def test_a_sender_in_javascript_is_found_right(tried: Tried, node: Path) -> None:
    program = ("node", str(node / "sender.mjs"), "email")
    code, verdict = tried("check-sender", "email", "--json", *PATIENCE, "--", *program)
    assert (code, faults(verdict)) == (0, {})
    assert len(verdict["cases"]) > 15


def test_javascript_reads_and_writes_the_golden_messages(node: Path) -> None:
    done = subprocess.run(
        ["node", str(node / "golden.mjs"), str(ROOT / "schemas" / "golden")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "commands" in done.stdout


def test_a_broker_that_is_named_is_looked_at_from_now_on(
    tried: Tried, engine: Engine, embedded_broker: EmbeddedBroker
) -> None:
    """Only what comes meanwhile counts; and a program that fails, or says nothing, is told. What
    is shown of a record is as it is, but for the customer's id.
    """
    where = ("--broker", embedded_broker.address, "--prefix", "trial.")
    shown = (ROOT / "journey_engine" / "client" / "README.md").read_text(encoding="utf-8")
    program = shown.partition("```python\n")[2].partition("```")[0].replace("order-17", "[/o]17")
    said = engine(
        "channel", "check-publisher", *where, "--json", "--", sys.executable, "-c", program
    )
    assert (said.code, faults(json.loads(said.out))) == (0, {})
    assert "OrderPlaced [/o]17" in said.err
    assert f"key {hashed('c-1')})" in said.err
    code, verdict = tried("check-publisher", *where, "--json", "--", "false")
    assert code == 1
    assert faults(verdict) == {
        "events": ["no event came"],
        "program": ["it ended with code 1"],
    }


def test_a_sender_that_does_not_answer_is_told(tried: Tried) -> None:
    code, verdict = tried("check-sender", "web", "--action", "show", "--json", "--", "true")
    assert code == 1
    assert faults(verdict) == {
        "there": ["no answer came in time: one of Dismissed, Shown"],
        "program": ["it ended by itself, with code 0"],
    }


def test_what_cannot_be_tried_is_said(tried: Tried, engine: Engine, tmp_path: Path) -> None:
    code, said = tried("check-publisher", "--json", "--", "./no-such-program")
    assert (code, said["ok"]) == (1, False)
    assert "no-such-program" in said["errors"][0]["message"]
    nobody = engine("channel", "check-sender", "fax")
    assert nobody.code == 2
    assert "email: send" in nobody.err
    assert engine("channel", "golden", "--out", tmp_path).code == 0
    assert (tmp_path / "refused" / "conflict.bin").exists()
