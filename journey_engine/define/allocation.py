"""`experiments allocate`: gives the buckets of experiments to their arms (rule J3).

An arm that shrinks or is gone gives up its highest buckets, an arm that grows takes the lowest of
those that are free, by name. So no bucket moves that need not, none moves between two arms that
both keep their share, and the same definitions over the same lock give the same text.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Final, NamedTuple

from journey_engine.define.document import JourneyDocument
from journey_engine.define.experiments import (
    LOCK_FILE,
    Experiments,
    LockDocument,
    Owners,
    owners_of,
    runs_of,
)
from journey_engine.define.junction_plan import BUCKETS
from journey_engine.define.place import Place
from journey_engine.define.reading import read_document
from journey_engine.define.versions import is_kept
from journey_engine.errors import DefinitionError, DefinitionErrors

_HEAD: Final = """\
# Which buckets of an experiment belong to which arm. `journey-engine experiments allocate` writes
# it: commit it with the definitions, and do not edit it.
"""


class Change(NamedTuple):
    """What became of one experiment's buckets."""

    experiment: str
    arms: Mapping[str, int]
    """How many buckets each arm owns now."""
    moved: Mapping[tuple[str, str], int]
    """How many went from one arm to another; from the empty name where nobody owned them."""
    used: bool = True
    """Whether a definition has the experiment; if not, its buckets are kept for its return."""


class Allocation(NamedTuple):
    """The lock file as it must be, and what that changes."""

    text: str
    changes: list[Change]


def allocated(files: Mapping[str, str]) -> Allocation:
    """The lock of the definitions `files` (path to text), from the lock among them, if any.

    Raises:
        DefinitionErrors: a journey or the lock is wrong in its form, or two splits disagree.
    """
    errors: list[DefinitionError] = []
    experiments, before = Experiments(), dict[str, Owners | None]()
    journeys = list[tuple[JourneyDocument, Place]]()
    for path, text in sorted(files.items()):
        if PurePosixPath(path).name == LOCK_FILE:
            lock = read_document(path, text, LockDocument, errors)
            before = owners_of(*lock) if lock is not None else {}
        elif "journeys" in PurePosixPath(path).parent.parts:
            read = read_document(path, text, JourneyDocument, errors)
            journeys += [read] if read is not None else []
    for document, place in sorted(journeys, key=_newest_first):
        _note_splits(document, place, experiments)
    if errors:
        raise DefinitionErrors(errors)
    after: dict[str, Owners] = {name: owners or () for name, owners in before.items()}
    for name, shares in experiments.shares.items():
        after[name] = allocate(before.get(name) or [""] * BUCKETS, shares)
    used = experiments.shares.keys()
    changes = [
        _change(name, before.get(name), owners, used=name in used)
        for name, owners in sorted(after.items())
    ]
    return Allocation(_text(after), changes)


def _newest_first(read: tuple[JourneyDocument, Place]) -> tuple[bool, int]:
    """What is entered says the shares; of what nobody enters any more the latest version does."""
    document, place = read
    return is_kept(place.file), -document.version


def _note_splits(document: JourneyDocument, place: Place, experiments: Experiments) -> None:
    for name, stage in document.stages.items():
        if stage.split is not None:
            at = place.at("stages", name, "split")
            experiments.add(stage.split, at, kept=is_kept(place.file))


def allocate(owners: Owners, shares: Mapping[str, int]) -> Owners:
    """The owners of 10,000 buckets with as many for each arm as its share (in hundredths of a per
    cent, together 10,000), from those who own them now; a bucket of "" is nobody's.
    """
    kept: list[str] = []
    owned: Counter[str] = Counter()
    for arm in owners:
        stays = owned[arm] < shares.get(arm, 0)
        kept.append(arm if stays else "")
        owned[arm] += stays
    wanted = [arm for arm in sorted(shares) for _ in range(shares[arm] - owned[arm])]
    takers = iter(wanted)
    return [arm or next(takers) for arm in kept]


def _change(name: str, before: Owners | None, after: Owners, *, used: bool) -> Change:
    old = before if before is not None else [""] * BUCKETS
    moved = Counter((one, two) for one, two in zip(old, after, strict=True) if one != two)
    return Change(name, dict(sorted(Counter(after).items())), dict(sorted(moved.items())), used)


def _text(experiments: Mapping[str, Owners]) -> str:
    if not experiments:
        return f"{_HEAD}experiments: {{}}\n"
    lines = [f"{_HEAD}experiments:\n"]
    for name, owners in sorted(experiments.items()):
        lines.append(f"  {_key(name)}:\n")
        lines += [f'    {_key(arm)}: "{runs}"\n' for arm, runs in sorted(_runs(owners).items())]
    return "".join(lines)


def _key(name: str) -> str:
    return f'"{name}"' if name.lower() in {"true", "false", "null"} else name


def _runs(owners: Owners) -> dict[str, str]:
    starts: Sequence[tuple[int, str]] = [*runs_of(owners), (BUCKETS, "")]
    listed: dict[str, list[str]] = {}
    for (first, arm), (following, _) in pairwise(starts):
        run = f"{first}-{following - 1}" if following - 1 > first else str(first)
        listed.setdefault(arm, []).append(run)
    return {arm: ", ".join(runs) for arm, runs in listed.items()}
