"""The command line as its users type it."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import cyclopts
import pytest

from journey_engine.cli.app import main

ROOT = Path(__file__).parents[2]


class Said(NamedTuple):
    code: int | str | None
    out: str
    err: str


Engine = Callable[..., Said]


def commands(of: cyclopts.App, before: str = "") -> Iterator[tuple[str, cyclopts.App]]:
    """Every command that does something, by the words that call it."""
    for name in of:
        if not name.startswith("-"):
            below = of[name]
            if below.default_command is None:
                yield from commands(below, f"{name} ")
            else:
                yield before + name, below


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Engine:
    """As `called`."""
    return called(monkeypatch, capsys)


def called(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Engine:
    """Run one command in the project's folder, its settings those of nobody's environment."""
    monkeypatch.chdir(ROOT)
    for name in os.environ:  # noqa: TID251 - a developer's settings must not reach the tests
        if name.startswith("JOURNEY_"):
            monkeypatch.delenv(name)

    def run(*words: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["journey-engine", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            main()
        return Said(end.value.code, *capsys.readouterr())

    return run
