import shlex

import pytest

from journey_engine.cli.app import app
from tests.cli.conftest import Engine, commands

COMMANDS = sorted(words for words, _ in commands(app))


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_shows_an_example(engine: Engine, command: str) -> None:
    said = engine(*shlex.split(command), "--help")
    assert said.code == 0
    assert "For example" in said.out
    assert f"journey-engine {command}" in said.out.partition("For example")[2]


def test_the_first_help_lists_every_command(engine: Engine) -> None:
    said = engine("--help")
    assert said.code == 0
    for command in COMMANDS:
        assert command.split()[0] in said.out


@pytest.mark.parametrize("words", [["demonstrate"], ["replay"], ["validate", "--colour", "red"]])
def test_wrong_usage_is_2_and_says_what_is_wrong(engine: Engine, words: list[str]) -> None:
    said = engine(*words)
    assert said.code == 2
    assert "Error" in said.out + said.err
