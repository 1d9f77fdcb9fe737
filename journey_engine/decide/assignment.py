"""Experiments: which bucket a unit falls into, and what is kept of it (rules J3, J4).

A bucket follows from the salt and the unit alone, so an analyst finds it again in any language:
the first 8 bytes of `sha256(salt + "/" + unit)` in UTF-8, as a big-endian number, modulo 10,000.
The first arm drawn is kept, so it wins over loops, re-entries, versions, other shares and merges.
"""

from hashlib import sha256
from typing import Final

from journey_engine.decide.decision import Experiment
from journey_engine.decide.state import ASSIGNED_MAX, Exposure
from journey_engine.define.junction_plan import BUCKETS, Split

_HASH_BYTES: Final = 8


def bucket(salt: str, unit: str) -> int:
    """The bucket of a unit, 0 to 9,999; another salt gives independent ones."""
    digest = sha256(f"{salt}/{unit}".encode()).digest()
    return int.from_bytes(digest[:_HASH_BYTES], "big") % BUCKETS


def draw(split: Split, known: list[Exposure], unit: str, at: int) -> Exposure:
    """The arm of a unit: the one drawn before, else that of its bucket.

    An arm drawn before that the experiment no longer has is drawn anew, and contaminated.
    """
    before = find(known, split.experiment)
    if before is not None and before.arm in split.arms:
        return before
    arm = split.arms[split.owner(bucket(split.experiment, unit))]
    return Exposure(split.experiment, arm.text, arm.share / BUCKETS, at, before is not None)


def find(known: list[Exposure], experiment: str) -> Exposure | None:
    """What is known of an experiment."""
    for one in known:
        if one.experiment == experiment:
            return one
    return None


def keep(known: list[Exposure], exposure: Exposure) -> list[Exposure]:
    """`known` with one exposure more, the oldest gone where there are too many."""
    others = [one for one in known if one.experiment != exposure.experiment]
    return [*others, exposure][-ASSIGNED_MAX:]


def merge(ours: list[Exposure], theirs: list[Exposure]) -> list[Exposure]:
    """The assignments of one person known twice (rule J3): of each experiment the earliest
    exposure, contaminated where the arms differ. The same in every order, and when repeated: so
    none is cut, for an exposure that went could not be told from one that never was.
    """
    merged: dict[str, Exposure] = {one.experiment: one for one in ours}
    for one in theirs:
        other = merged.get(one.experiment)
        merged[one.experiment] = one if other is None else _first(one, other)
    return sorted(merged.values(), key=_age)


def _first(one: Exposure, other: Exposure) -> Exposure:
    first = min(one, other, key=_age)
    contaminated = one.contaminated or other.contaminated or one.arm != other.arm
    return Exposure(first.experiment, first.arm, first.propensity, first.at, contaminated)


def _age(exposure: Exposure) -> tuple[int, str, str, float]:
    return (exposure.at, exposure.experiment, exposure.arm, exposure.propensity)


def contaminated(known: list[Exposure], experiments: frozenset[str]) -> list[Exposure]:
    """`known`, of which those experiments were drawn for a unit that it is no more."""
    return [
        Exposure(one.experiment, one.arm, one.propensity, one.at, contaminated=True)
        if one.experiment in experiments
        else one
        for one in known
    ]


def told(exposure: Exposure) -> Experiment:
    """An exposure as records tell it."""
    return Experiment(exposure.experiment, exposure.arm, exposure.propensity, exposure.contaminated)
