"""What a flush took and in which order, noted while it runs and followed to take it again (T5).

A partition that stopped between the ledger's acknowledgement and the changelog's has sent some of
the flush's outputs already; taking exactly the same inputs at the same times makes them again with
the same ids and bodies.
"""

from collections import deque

from journey_engine.encode.ledger import LedgerEntry, Run, Tick
from journey_engine.run.merge import Item


class Notes:
    """The steps since the last flush, in order."""

    def __init__(self) -> None:
        self._steps: list[Run | Tick] = []
        self._topic = ""
        self._first = self._last = 0
        self._count = 0
        self._now: int | None = None

    def took(self, item: Item, now: int | None) -> None:
        """Note an item; it lengthens the run where topic and `now` are the same."""
        if item.topic != self._topic or now != self._now:
            self._close()
            self._topic, self._first, self._now = item.topic, item.offset, now
        self._last = item.offset

    def fired(self, now: int | None) -> None:
        """Note that the next customer's timers fired."""
        if not self._count or now != self._now:
            self._close()
            self._now = now
        self._count += 1

    def __bool__(self) -> bool:
        return bool(self._steps or self._topic or self._count)

    def take(self) -> list[Run | Tick]:
        """The steps, and begin anew."""
        self._close()
        steps, self._steps = self._steps, []
        return steps

    def _close(self) -> None:
        if self._topic:
            self._steps.append(Run(self._topic, self._first, self._last, self._now))
        elif self._count:
            self._steps.append(Tick(self._count, self._now))
        self._topic, self._count = "", 0


class Prescription:
    """The steps of a ledger entry that are still to be taken again."""

    def __init__(self, entry: LedgerEntry) -> None:
        self._steps = deque(entry.steps)
        self._fired = 0

    def step(self) -> Run | Tick | None:
        """The step to follow; None at the end."""
        return self._steps[0] if self._steps else None

    def took(self, offset: int) -> None:
        """The present run came to this offset, taken or found missing."""
        step = self._steps[0]
        if isinstance(step, Run) and offset >= step.last:
            self._steps.popleft()

    def fired(self) -> None:
        """One customer's timers of the present tick fired."""
        self._fired += 1
        step = self._steps[0]
        if isinstance(step, Tick) and self._fired >= step.count:
            self.skip()

    def skip(self) -> None:
        """Leave the present step."""
        self._steps.popleft()
        self._fired = 0
