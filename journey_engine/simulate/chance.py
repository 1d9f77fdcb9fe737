"""Seeded chance that is the same on every machine and Python version."""

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Chance:
    """A stream of chance of its own for each name: adding a customer changes no other.

    Only `Random.random` is used: it alone is promised never to change between Python versions.
    """

    def __init__(self, seed: int, name: str) -> None:
        self._random = random.Random(f"{seed}/{name}").random  # noqa: S311 - no secret hangs on it

    def happens(self, share: float) -> bool:
        """True in `share` of the cases."""
        return self._random() < share

    def between(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return low + int(self._random() * (high - low + 1))

    def often_small(self, low: int, high: int) -> int:
        """As `between`, with most of the weight near `low`."""
        drawn = self._random()
        return low + int(drawn * drawn * (high - low + 1))

    def pick(self, items: Sequence[T]) -> T:
        """One of the items."""
        return items[int(self._random() * len(items))]
