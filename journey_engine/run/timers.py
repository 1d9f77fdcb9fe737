"""The due times of a partition's customers, in order (D4).

The states hold the timers; this index only says whose turn it is. Entries lie in lists by the
hour, which become a heap when their hour comes: inserting costs an append. An entry is a hint: a
customer has at most one that counts, and moving a due time later leaves it where it is; when its
turn comes it is put back at the time that holds then. So a wait restarted a thousand times is
still one entry.
"""

from collections.abc import Iterable
from heapq import heapify, heappop, heappush

HOUR_MS = 3_600_000


class TimerIndex:
    """Next due time by state key. Times are milliseconds."""

    def __init__(self) -> None:
        self._due: dict[str, int] = {}
        self._hints: dict[str, int] = {}
        self._hours: list[int] = []
        self._buckets: dict[int, list[tuple[int, str]]] = {}
        self._open: list[tuple[int, str]] = []
        self._open_hour: int | None = None

    def __len__(self) -> int:
        return len(self._due)

    def rebuild(self, dues: Iterable[tuple[str, int | None]]) -> None:
        """Forget everything and index these instead."""
        self._due.clear()
        self._hints.clear()
        self._hours.clear()
        self._buckets.clear()
        self._open.clear()
        self._open_hour = None
        for key, due in dues:
            self.set(key, due)

    def set(self, key: str, due: int | None) -> None:
        """Say when the customer is due next; None for never."""
        if due is None:
            self._due.pop(key, None)
            return
        self._due[key] = due
        hint = self._hints.get(key)
        if hint is None or due < hint:
            self._insert(due, key)

    def pop(self, limit: int) -> tuple[int, str] | None:
        """Take out the first (due, key) due at or before `limit`; None when there is none.

        The customer comes back only by `set`.
        """
        while (entry := self._first(limit)) is not None:
            heappop(self._open)
            hinted, key = entry
            if self._hints.get(key) != hinted:
                continue  # an earlier entry took this one's place
            del self._hints[key]
            due = self._due.get(key)
            if due == hinted:
                del self._due[key]
                return entry
            if due is not None:
                self._insert(due, key)
        return None

    def _insert(self, due: int, key: str) -> None:
        self._hints[key] = due
        hour = due // HOUR_MS
        if self._open_hour is not None and hour <= self._open_hour:
            heappush(self._open, (due, key))
            return
        bucket = self._buckets.get(hour)
        if bucket is None:
            self._buckets[hour] = [(due, key)]
            heappush(self._hours, hour)
        else:
            bucket.append((due, key))

    def _first(self, limit: int) -> tuple[int, str] | None:
        """The first entry at or before `limit`, opening its hour where that has come."""
        while not self._open:
            if not self._hours or self._hours[0] * HOUR_MS > limit:
                return None
            self._open_hour = heappop(self._hours)
            self._open = self._buckets.pop(self._open_hour)
            heapify(self._open)
        return self._open[0] if self._open[0][0] <= limit else None
