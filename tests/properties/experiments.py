"""Who is in which arm of an experiment, for the naive interpreter (rules J2, J3)."""

from hashlib import sha256
from typing import Any

from tests.properties.cel_text import NotKnown
from tests.properties.memory import Person, Running

Document = dict[str, Any]


class Experiments:
    """`lock` is `experiments.lock.yaml`: of each experiment the buckets of its arms."""

    def __init__(self, lock: Document) -> None:
        self._lock = lock

    def arm(self, person: Person, run: Running, split: Document) -> str:
        """The arm drawn before, else the one that owns the bucket of the unit."""
        who = person.customer_id or person.anonymous_id or ""
        if split["unit"] == "account":
            raise NotKnown("`unit: account` of a split")
        name = split["experiment"]
        known = person.arms if split["unit"] == "customer" else run.arms
        if name not in known:
            unit = who if split["unit"] == "customer" else f"{who}/{run.journey}/{run.entry_no}"
            digest = sha256(f"{name}/{unit}".encode()).digest()
            known[name] = self._owner(name, int(digest[:8].hex(), 16) % 10_000)
        return known[name]

    def _owner(self, experiment: str, bucket: int) -> str:
        for arm, runs in self._lock[experiment].items():
            for run in filter(None, runs.replace(" ", "").split(",")):
                low, _, high = run.partition("-")
                if int(low) <= bucket <= int(high or low):
                    return str(arm)
        raise AssertionError(bucket)
