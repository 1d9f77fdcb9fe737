"""What the README shows is what a reader gets."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
OFFLINE = ("validate", "test", "replay", "explain")


def shown() -> list[tuple[str, list[str]]]:
    """Each offline command of the console blocks, with the lines shown below it."""
    commands: list[tuple[str, list[str]]] = []
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                commands.append((line.removeprefix("$ "), []))
            elif commands:
                commands[-1][1].append(line)
    return [each for each in commands if each[0].split()[1] in OFFLINE]


@pytest.mark.parametrize(("command", "lines"), shown(), ids=lambda value: str(value)[:60])
def test_a_command_of_the_readme_prints_what_it_shows(command: str, lines: list[str]) -> None:
    arguments = command.split()[1:]
    done = subprocess.run(
        [sys.executable, "-m", "journey_engine", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    for line in lines:
        assert line.removesuffix("…").rstrip() in done.stdout


def test_every_path_of_the_readmes_exists() -> None:
    for page in ROOT.glob("**/README.md"):
        if ".venv" in page.parts:
            continue
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page}: {target}"
