"""The command line as its users type it."""

import logging
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import cyclopts
import pytest
import structlog

from journey_engine.cli.app import main

ROOT = Path(__file__).parents[2]
CART = Path("journeys") / "cart-rescue.yaml"


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


@contextmanager
def own_logs() -> Iterator[None]:
    """A command sets up the logs of its process, to a standard error that is soon another."""
    root = logging.getLogger()
    before = list(root.handlers), root.level
    try:
        yield
    finally:
        structlog.reset_defaults()
        root.handlers[:] = before[0]
        root.setLevel(before[1])


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
        with own_logs(), pytest.raises(SystemExit) as end:
            main()
        return Said(end.value.code, *capsys.readouterr())

    return run


@pytest.fixture
def topologies(tmp_path: Path) -> Path:
    """The shipped definitions, to be spoilt."""
    return Path(shutil.copytree(ROOT / "topologies", tmp_path / "topologies"))


def spoil(topologies: Path, old: str, new: str, path: Path = CART) -> str:
    """Replace once; where that is, as the errors say it: file and line."""
    file = topologies / path
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    return f"{file}:{text[: text.index(old)].count(chr(10)) + 1}:"
