"""The due times of a partition's customers, in order (D4).

The states hold the timers; an index only says whose turn it is. Times are milliseconds.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from heapq import heapify, heappop, heappush, nsmallest
from typing import Final

HOUR_MS: Final = 3_600_000
WINDOW = 2_000
"""Customers that `StoredTimers` has in memory at least, and at most twice as many."""
WAITING_PART = 8
"""One entry of so many states that wait to be written, where that is more."""
SPARE = 1_000
"""Entries that a `TimerIndex` may have beside two for each customer with any."""
SAMPLED = 100
"""Of the due times that come into a window at least so many are looked at to find its end."""

Entry = tuple[int, str]
"""A due time and the state key."""
FIRST: Entry = (-(1 << 62), "")
LAST: Entry = ((1 << 62) - 1, "")
"""After every entry and every limit: nothing is read from there. Compiled code holds no more."""

Unwritten = Callable[[], Iterable[tuple[str, int | None]]]
"""The customers whose states wait to be written to the store, with their due times as they are."""
Read = Callable[[Entry, int], Sequence[Entry]]
"""The store's entries from one onwards, in order, at most so many."""


class Timers(ABC):
    """Who is due next."""

    @abstractmethod
    def set(self, key: str, due: int | None) -> None:
        """Say when the customer is due next; None for never."""

    @abstractmethod
    def pop(self, limit: int) -> Entry | None:
        """Take out the first (due, key) due at or before `limit`; None when there is none.

        The customer comes back only by `set`.
        """


class StoredTimers(Timers):
    """The timers of a store that keeps them in order: the next ones in memory, no more.

    `_near` holds all entries before `_end`. An entry of the store does not count while its
    customer's state waits to be written: that state's due time does.
    """

    def __init__(self, read: Read, unwritten: Unwritten, window: int = WINDOW) -> None:
        self._read = read
        self._unwritten = unwritten
        self._window = window
        self._near = TimerIndex()
        self._end = FIRST
        self._most = window

    def set(self, key: str, due: int | None) -> None:
        """As in `Timers`."""
        near = due is not None and (due, key) < self._end
        self._near.set(key, due if near else None)
        if self._near.hinted > self._most:
            self._near = TimerIndex()
            self._load(FIRST)

    def pop(self, limit: int) -> Entry | None:
        """As in `Timers`."""
        while (entry := self._near.pop(limit)) is None:
            if self._end[0] > limit:
                return None
            self._load(self._end)
        return entry

    def _load(self, first: Entry) -> None:
        """Take the next entries of what is stored and what waits, a window at most of both.

        To walk through what waits is the dear part: it is done once, however many of the stored
        ones do not count, and the more wait the more entries come of it.
        """
        waiting = dict(self._unwritten())
        window = max(self._window, len(waiting) // WAITING_PART)
        found: list[Entry] = []
        end = first
        while end < LAST and len(found) < window:
            stored = self._read(end, window)
            found += [entry for entry in stored if entry[1] not in waiting]
            end = _behind(stored[-1]) if len(stored) == window else LAST
        end = min(end, _horizon(waiting.values(), first[0], window))
        found = [entry for entry in found if entry < end]
        upto = end[0]
        found += [
            (due, key)
            for key, due in waiting.items()
            if due is not None and due <= upto and first <= (due, key) < end
        ]
        if len(found) > window:
            found = nsmallest(window, found)
            end = _behind(found[-1])
        for due, key in found:
            self._near.set(key, due)
        self._end = end
        self._most = self._near.hinted + window


def _horizon(dues: Iterable[int | None], first: int, count: int) -> Entry:
    """Before it lie about so many of these due times from `first` on; `LAST` where no more do.

    To sort all of them would take as long as the walk itself.
    """
    later = [due for due in dues if due is not None and due >= first]
    if len(later) <= count:
        return LAST
    step = max(1, count // SAMPLED)
    return sorted(later[::step])[count // step] + 1, ""


def _behind(entry: Entry) -> Entry:
    due, key = entry
    return due, key + "\0"


class TimerIndex(Timers):
    """All timers in memory.

    Entries lie in lists by the hour, which become a heap when their hour comes: inserting costs an
    append. An entry is a hint: a customer has at most one that counts, and moving a due time later
    leaves it where it is; when its turn comes it is put back at the time that holds then. So a wait
    restarted a thousand times is still one entry. One whose place an earlier one took stays where
    it is, too: where these are many, all are made anew.
    """

    def __init__(self) -> None:
        self._due: dict[str, int] = {}
        self._hints: dict[str, int] = {}
        self._entries = 0
        self._hours: list[int] = []
        self._buckets: dict[int, list[tuple[int, str]]] = {}
        self._open: list[tuple[int, str]] = []
        self._open_hour: int | None = None

    @classmethod
    def of(cls, dues: Iterable[tuple[str, int | None]]) -> "TimerIndex":
        """The index of these customers, each given once."""
        index = cls()
        index._due = {key: due for key, due in dues if due is not None}
        index._make()
        return index

    def _make(self) -> None:
        """Have one entry for each due time."""
        buckets: dict[int, list[Entry]] = {}
        for key, due in self._due.items():
            hour = due // HOUR_MS
            bucket = buckets.get(hour)
            if bucket is None:
                bucket = buckets[hour] = []
            bucket.append((due, key))
        self._hints = dict(self._due)
        self._entries = len(self._due)
        self._buckets = buckets
        self._hours = list(buckets)
        heapify(self._hours)
        self._open = []
        self._open_hour = None

    def __len__(self) -> int:
        return len(self._due)

    @property
    def hinted(self) -> int:
        """How many customers have an entry, whether it counts or not."""
        return len(self._hints)

    def set(self, key: str, due: int | None) -> None:
        """As in `Timers`."""
        if due is None:
            self._due.pop(key, None)
            return
        self._due[key] = due
        hint = self._hints.get(key)
        if hint is None or due < hint:
            self._insert(due, key)

    def pop(self, limit: int) -> tuple[int, str] | None:
        """As in `Timers`."""
        while (entry := self._first(limit)) is not None:
            heappop(self._open)
            self._entries -= 1
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
        self._entries += 1
        if self._entries > 2 * len(self._hints) + SPARE:
            self._make()
            return
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
