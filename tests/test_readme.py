"""What the README shows is what a reader gets: all its blocks are run, in order, as they stand."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from ruamel.yaml import YAML

from journey_engine.run.brokers import free_port
from tests.conftest import ROOT, require_kafka

README = (ROOT / "README.md").read_text(encoding="utf-8")
MARK = "=== command "
WITHIN_S = 540
"""For all of them; on a quiet machine they take a twelfth of it."""
COMMANDS_MAX = 8


class Block(NamedTuple):
    language: str
    text: str


class Command(NamedTuple):
    text: str
    shown: list[str]
    """The lines below it; `…` stands for anything."""


def blocks(page: str) -> list[Block]:
    return [Block(*found) for found in re.findall(r"```(\w+)\n(.*?)```", page, re.DOTALL)]


def commands(page: str) -> list[Command]:
    found: list[Command] = []
    for block in blocks(page):
        for line in block.text.splitlines() if block.language == "console" else ():
            if line.startswith("$ "):
                found.append(Command(line.removeprefix("$ "), []))
            else:
                found[-1].shown.append(line)
    return found


def programs(page: str) -> Mapping[str, str]:
    """The Python blocks by the name in their first line: a reader saves them so."""
    named = (re.match(r"# (\w+\.py)\n", block.text) for block in blocks(page))
    return {found[1]: found.string for found in named if found}


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Path]:
    """The project as a clone has it, with the environment that `make setup` made here."""
    folder = tmp_path / "journey-engine"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    yield folder
    subprocess.run(["make", "kafka-down"], cwd=folder, check=False, capture_output=True)


def settings() -> dict[str, str]:
    """A developer's own settings and ports must not reach the blocks."""
    port = free_port()
    environ = os.environ  # noqa: TID251 - a developer's settings must not reach the test
    kept = {name: value for name, value in environ.items() if not name.startswith("JOURNEY_")}
    return {
        **kept,
        "KAFKA_PORT": str(port),
        "JOURNEY_BROKERS": f"127.0.0.1:{port}",
        "JOURNEY_WEB_PORT": str(free_port()),
    }


def run_all(folder: Path, listed: list[Command]) -> dict[int, str]:
    """Run the commands in one shell, to the first that fails; what each printed."""
    for name, text in programs(README).items():
        (folder / name).write_text(text, encoding="utf-8")
    lines = [f"echo; echo '{MARK}{number}'\n{each.text}" for number, each in enumerate(listed)]
    script = folder / "blocks.sh"
    script.write_text("\n".join(["set -e", *lines, f"echo '{MARK}{len(lines)}'", ""]))
    with (folder / "blocks.log").open("w+") as log:
        shell = subprocess.Popen(
            ["bash", str(script)],
            cwd=folder,
            env=settings(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            shell.wait(WITHIN_S)
        finally:
            end(shell.pid)
            shell.wait()
        log.seek(0)
        parts = re.split(rf"^{MARK}(\d+)\n", log.read(), flags=re.MULTILINE)
    return {int(number): said for number, said in zip(parts[1::2], parts[2::2], strict=True)}


def end(group: int) -> None:
    """What the blocks have left running."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return


def is_shown(line: str, said: str) -> bool:
    pattern = ".*".join(re.escape(part) for part in line.split("…"))
    return re.search(pattern, said) is not None


@pytest.mark.kafka
@pytest.mark.timeout(WITHIN_S + 60)
def test_every_block_does_what_the_readme_shows(fresh: Path) -> None:
    require_kafka()
    listed = commands(README)
    said = run_all(fresh, listed)
    for number, command in enumerate(listed):
        assert number + 1 in said, f"{command.text}\n{said.get(number)}"
        for line in command.shown:
            assert is_shown(line, said[number]), f"{line}\nis not in\n{said[number]}"
    assert "call c-1" in (fresh / "desk.log").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("path", "ends"),
    [
        ("## A channel team", "check-publisher"),
        ("## A sender team", "check-sender"),
        ("## An SRE", "python survey.py"),
        ("## An SRE", "tail commands."),
    ],
)
def test_a_path_is_short(path: str, ends: str) -> None:
    """From nothing: what all begin with, then the path's own commands."""
    begin = README.partition("## A channel team")[0]
    own = README.partition(path)[2].partition("\n## ")[0]
    told = [each.text for each in (*commands(begin), *commands(own))]
    needed = [*takewhile(lambda text: ends not in text, told), ends]
    assert len(needed) <= len(told)
    assert len(needed) <= COMMANDS_MAX


def test_an_excerpt_is_of_the_file_that_it_is_said_to_be_of() -> None:
    (excerpt,) = (block.text for block in blocks(README) if block.language == "yaml")
    before = README.partition(excerpt)[0]
    name = re.findall(r"`(topologies/[\w/.-]+\.yaml)`", before)[-1]
    whole = YAML(typ="safe").load((ROOT / name).read_text(encoding="utf-8"))
    assert is_part(YAML(typ="safe").load(excerpt), whole)


def is_part(part: Any, whole: Any) -> bool:
    match part, whole:
        case dict(), dict():
            return all(name in whole and is_part(part[name], whole[name]) for name in part)
        case list(), list():
            return all(any(is_part(each, other) for other in whole) for each in part)
        case _:
            return bool(part == whole)


def test_every_path_of_the_readmes_exists() -> None:
    for page in ROOT.glob("**/README.md"):
        if {".venv", "node_modules", "var"} & set(page.relative_to(ROOT).parts):
            continue
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page}: {target}"
