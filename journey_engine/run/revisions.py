"""Files of definitions and schemas as they were at revisions of their git repository."""

import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from journey_engine.define.loader import decode_text
from journey_engine.errors import DefinitionError, DefinitionErrors

_TIMEOUT_S = 60
_JOURNEYS = "journeys"
_SCHEMAS = ".avsc"
_SHOWN = 12
"""So many digits of a commit are shown."""


class Past(NamedTuple):
    """A file as it was: its path below the folder, and the newest commit that had it so."""

    path: str
    commit: str
    text: str


def texts_at(folder: Path, revision: str) -> dict[str, str]:
    """The text of each `.yaml` of a folder of definitions where HEAD left the revision, by its path
    of now.

    That is the last commit which both have: what others have done since is nobody's change here.

    Raises:
        DefinitionErrors: no such revision, no history in common, or no repository.
    """
    base = _left(folder, revision)
    listed = _git(folder, "ls-tree", "-r", "-z", "--name-only", base, "--", ".")
    names = [Path(name) for name in listed.decode().split("\0") if name.endswith(".yaml")]
    chosen = [name for name in names if name.parent in (Path(), Path(_JOURNEYS))]
    return {str(folder / name): _text(folder, base, name) for name in chosen}


def schemas_at(folder: Path, revision: str) -> list[Past]:
    """The schemas of a folder where HEAD left the revision. Raises as `texts_at`."""
    return _past(folder, [_left(folder, revision)], lambda _, __: None)


def schemas_ever(folder: Path, show: Callable[[int, int], None]) -> list[Past]:
    """Every schema of a folder as it was at any commit of its history; `show` is told how many
    commits were read, and of how many. Raises as `texts_at`.
    """
    return _past(
        folder,
        _git(folder, "log", "--full-history", "--format=%H", "--", ".").decode().split(),
        show,
    )


def _past(folder: Path, commits: Iterable[str], show: Callable[[int, int], None]) -> list[Past]:
    seen: dict[tuple[str, str], str] = {}
    every = list(commits)
    for number, commit in enumerate(every, start=1):
        for entry in _git(folder, "ls-tree", "-r", "-z", commit, "--", ".").decode().split("\0"):
            kind, _, name = entry.partition("\t")
            if name.endswith(_SCHEMAS):
                seen.setdefault((name, kind.split()[2]), commit)
        show(number, len(every))
    return [
        Past(name, commit[:_SHOWN], decode_text(name, _git(folder, "cat-file", "blob", blob)))
        for (name, blob), commit in seen.items()
    ]


def _left(folder: Path, revision: str) -> str:
    return _git(folder, "merge-base", "HEAD", _commit(folder, revision)).decode().strip()


def _commit(folder: Path, revision: str) -> str:
    # What begins with a dash is no option: it follows `--end-of-options`.
    asked = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    return _git(folder, *asked, failing=f"there is no revision `{revision}`").decode().strip()


def _text(folder: Path, base: str, name: Path) -> str:
    shown = _git(folder, "show", f"{base}:./{name.as_posix()}")
    return decode_text(str(folder / name), shown)


def _git(folder: Path, *words: str, failing: str = "") -> bytes:
    try:
        done = subprocess.run(  # noqa: S603 - a list of words, no shell
            ["git", "-C", str(folder), *words],  # noqa: S607 - the user's own git
            capture_output=True,
            check=True,
            timeout=_TIMEOUT_S,
        )
    except (OSError, subprocess.SubprocessError) as error:
        told = getattr(error, "stderr", None) or b""
        reason = failing or told.decode(errors="replace").strip() or "git gave no answer"
        hint = "is the folder in a git repository, and its history fetched?"
        raise DefinitionErrors(
            [DefinitionError(str(folder), 1, 1, "NO_BASE", reason, hint)]
        ) from error
    return done.stdout
