"""Experiments over all journeys, and who owns their buckets: `experiments.lock.yaml` (rule J3)."""

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Final, NamedTuple

from pydantic import Field

from journey_engine.define.form import Form, Name
from journey_engine.define.junction_form import SplitForm
from journey_engine.define.junction_plan import BUCKETS
from journey_engine.define.place import Place

LOCK_FILE: Final = "experiments.lock.yaml"
ALLOCATE: Final = "run `journey-engine experiments allocate` and commit what it writes"
_RUN: Final = re.compile(r"([0-9]{1,4})(?:-([0-9]{1,4}))?")

Owners = Sequence[str]
"""The arm that owns each of the 10,000 buckets."""


class LockDocument(Form):
    """`topologies/experiments.lock.yaml`: of each experiment the buckets of its arms."""

    experiments: dict[Name, Annotated[dict[Name, str], Field(min_length=1)]]


def owners_of(document: LockDocument, place: Place) -> dict[str, Owners | None]:
    """The owners of each experiment's buckets; None where they are wrong, as `place` was told."""
    found: dict[str, Owners | None] = dict.fromkeys(document.experiments)
    for experiment, arms in document.experiments.items():
        at = place.at("experiments", experiment)
        owners: list[str | None] = [None] * BUCKETS
        sound = [_claim(owners, arm, runs, at.at(arm)) for arm, runs in sorted(arms.items())]
        whole = [arm for arm in owners if arm is not None]
        if all(sound) and len(whole) < BUCKETS:
            at.key_error("BAD_BUCKETS", f"{BUCKETS - len(whole)} buckets have no arm", ALLOCATE)
        elif all(sound):
            found[experiment] = whole
    return found


def _claim(owners: list[str | None], arm: str, runs: str, place: Place) -> bool:
    """Give the arm the buckets of `runs`, such as `0-1999, 2500`; whether that could be."""
    for run in runs.split(",") if runs.strip() else ():
        match = _RUN.fullmatch(run.strip())
        first = int(match[1]) if match else 1
        last = int(match[2] or match[1]) if match else 0
        if first > last:
            place.error("BAD_BUCKETS", f"`{run.strip()}` are no buckets", ALLOCATE)
            return False
        if any(owners[first : last + 1]):
            place.error("BAD_BUCKETS", f"some of `{run.strip()}` have an arm already", ALLOCATE)
            return False
        owners[first : last + 1] = [arm] * (last + 1 - first)
    return True


def runs_of(owners: Owners) -> list[tuple[int, str]]:
    """Where each run of buckets of one arm begins, and whose it is."""
    starts = [0, *(at for at, (one, two) in enumerate(pairwise(owners), 1) if one != two)]
    return [(start, owners[start]) for start in starts]


class _Known(NamedTuple):
    unit: str
    shares: Mapping[str, int]
    place: Place


class Experiments:
    """The experiments of all journeys, each with one unit and one list of shares."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}

    @property
    def shares(self) -> dict[str, Mapping[str, int]]:
        """Of each experiment the shares of its arms, in hundredths of a per cent."""
        return {name: known.shares for name, known in sorted(self._known.items())}

    def add(self, form: SplitForm, place: Place, *, kept: bool = False) -> bool:
        """Note a split; False where it differs from another one of its experiment, as told. That
        of a version that is kept may have had other arms and shares: the lock's hold now.
        """
        shares = {name: arm.share for name, arm in sorted(form.arms.items())}
        known = self._known.setdefault(form.experiment, _Known(form.unit, shares, place))
        if known.unit != form.unit or (known.shares != shares and not kept):
            line = known.place.node.line
            message = f"{known.place.file}:{line} has other arms, shares or unit for it"
            hint = "one experiment has one of each wherever it stands"
            place.at("experiment").error("EXPERIMENT_DIFFERS", message, hint)
            return False
        return True


def agrees(shares: Mapping[str, int], owners: Owners) -> bool:
    """Whether every arm owns as many buckets as its share says, and nobody else any."""
    counted = dict.fromkeys(shares, 0)
    for arm in owners:
        if arm not in counted:
            return False
        counted[arm] += 1
    return counted == dict(shares)
