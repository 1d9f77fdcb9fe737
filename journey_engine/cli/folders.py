"""The folders of definitions and schemas that a command line does not name: those of the settings,
as a worker has them.
"""

from pathlib import Path

import cyclopts
from cyclopts import ArgumentCollection, Token

from journey_engine.cli.connection import load_folders

_CONFIG = "--config"
_FOLDERS = {"--topologies": "topologies", "--schemas": "schemas"}
"""By option the setting."""


def fill_in(_app: cyclopts.App, _words: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Give the options that were not given; called by Cyclopts with those of the command.

    Raises:
        Refused: a setting is wrong.
    """
    given = {argument.name: argument for argument in arguments}
    lacking = [each for each in _FOLDERS if each in given and not given[each].tokens]
    if not lacking:
        return
    config = given[_CONFIG].tokens if _CONFIG in given else ()
    folders = load_folders(Path(config[-1].value) if config else None)
    for option in lacking:
        folder = getattr(folders, _FOLDERS[option])
        given[option].append(Token(value=str(folder), source="settings"))
