"""Definition files as they were at a revision of their git repository."""

import subprocess
from pathlib import Path

from journey_engine.define.loader import decode_text
from journey_engine.errors import DefinitionError, DefinitionErrors

_TIMEOUT_S = 60
_JOURNEYS = "journeys"


def texts_at(folder: Path, revision: str) -> dict[str, str]:
    """The text of each `.yaml` of a folder of definitions where HEAD left the revision, by its path
    of now.

    That is the last commit which both have: what others have done since is nobody's change here.

    Raises:
        DefinitionErrors: no such revision, no history in common, or no repository.
    """
    base = _git(folder, "merge-base", "HEAD", _commit(folder, revision)).decode().strip()
    listed = _git(folder, "ls-tree", "-r", "-z", "--name-only", base, "--", ".")
    names = [Path(name) for name in listed.decode().split("\0") if name.endswith(".yaml")]
    chosen = [name for name in names if name.parent in (Path(), Path(_JOURNEYS))]
    return {str(folder / name): _text(folder, base, name) for name in chosen}


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
