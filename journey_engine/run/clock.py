"""A partition's clock, which never goes back, and when a record may be taken (T3).

`StreamClock` is the log's own time: the order of the merge, waited for. `WallClock` is wall time,
held back to what has been read. Both are told the wall time; `wall_ms` is where the shell gets it.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Final

from journey_engine.decide.event import Event
from journey_engine.decide.message import PARTITION, Message
from journey_engine.decode.decode import FUTURE_MS, Mark
from journey_engine.decode.record import Fetched
from journey_engine.run.merge import FOREVER, NEVER, Content, Item, Merge

MERGE_IDLE_MS: Final = 100
SECOND_MS: Final = 1_000


def wall_ms() -> int:
    """Wall time in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class Clock(ABC):
    """What differs between the two clocks. Times are milliseconds since the epoch."""

    now: int
    timers_first: bool
    """Whether every timer within the limit fires before the next item is taken."""
    reads_late: bool
    """Whether what a record is does not matter before its turn, so that it is read then: while it
    waits it takes less memory, and what is decided on is still in the processor's caches.
    """

    @abstractmethod
    def resume(self, now: int, merge_times: Mapping[str, int]) -> Mapping[str, int]:
        """Begin anew at `now`: what was known of wall time is forgotten with what was fetched. The
        lanes go on from what it gives back, where they came to these merge times.
        """

    @abstractmethod
    def merge_time(
        self, tail: int, record: Fetched, content: Content | None, fetched_at: int | None
    ) -> int:
        """Where the record stands in the merge; `tail` is the last merge time of its lane,
        `content` None where it `reads_late`, `fetched_at` the wall time where that is known.
        """

    @abstractmethod
    def ready(self, merge: Merge, wall_now: int) -> Item | None:
        """The item to take now, None where there is none or another lane is awaited."""

    @abstractmethod
    def limit(self, merge: Merge, item: Item | None, wall_now: int) -> int:
        """Up to where timers may fire before `item` is taken."""

    @abstractmethod
    def taken(self, merge: Merge, item: Item, wall_now: int) -> int:
        """Move the clock for an item just taken; the `now` of its decision."""

    @abstractmethod
    def retaken(self, item: Item, now: int | None) -> int:
        """Move the clock for an item taken again; `now` is what the ledger noted for it."""

    @abstractmethod
    def firing(self, due: int) -> tuple[int, int]:
        """For a timer that is due: up to where its customer's timers fire, and their `now`."""

    @abstractmethod
    def fired_at(self, now: int) -> int:
        """When timers fired whose decision has this `now`, for their lateness."""

    @abstractmethod
    def durable_at(self, wall_now: int) -> int | None:
        """When what was decided became durable, for how long its records waited; None where the
        time of records does not tell.
        """

    @abstractmethod
    def noted(self, now: int, item: Item) -> int | None:
        """The `now` of an item as the ledger keeps it: None where it follows from the log (T5)."""

    @abstractmethod
    def noted_tick(self, now: int) -> int | None:
        """The `now` of a timer as the ledger keeps it: None where it follows from the log."""


class StreamClock(Clock):
    """The `stream` clock: deterministic, for demo, replay and tests."""

    def __init__(self, now: int = NEVER) -> None:
        self.now = now
        self.timers_first = True
        self.reads_late = False

    def resume(self, now: int, merge_times: Mapping[str, int]) -> Mapping[str, int]:
        """They go on where they were."""
        self.now = now
        return merge_times

    def merge_time(
        self, tail: int, record: Fetched, content: Content | None, fetched_at: int | None
    ) -> int:
        """`occurred_at`, a mark's time, or the sender's clock of a message; rejected and skipped
        records move nothing.
        """
        del record, fetched_at
        if isinstance(content, Event):
            return max(tail, content.occurred_at)
        if isinstance(content, Message):
            return max(tail, content.at)
        return max(tail, content.time) if isinstance(content, Mark) else tail

    def ready(self, merge: Merge, wall_now: int) -> Item | None:
        """The first item, once every topic shows that it is the first; else any mark.

        A mark changes nothing but the bound of its topic, so it need not wait for its turn.
        """
        del wall_now
        item = merge.head()
        return merge.first_mark() if item is None or merge.blocked(item) else item

    def limit(self, merge: Merge, item: Item | None, wall_now: int) -> int:
        """The item's merge time; without one, the time before which nothing can come."""
        del wall_now
        if item is None or isinstance(item.content, Mark):
            return merge.lowest_bound()
        return item.time

    def taken(self, merge: Merge, item: Item, wall_now: int) -> int:
        """The item's merge time; a mark moves nothing."""
        del merge, wall_now
        return self._to(item)

    def retaken(self, item: Item, now: int | None) -> int:
        """As `taken`, unless the ledger noted another time."""
        if now is not None:
            self.now = max(self.now, now)
        return self._to(item)

    def firing(self, due: int) -> tuple[int, int]:
        """The due time itself: what else lies in the log then does not show in it."""
        self.now = max(self.now, due)
        return due, self.now

    def fired_at(self, now: int) -> int:
        """In the log's own time."""
        return now

    def durable_at(self, wall_now: int) -> None:
        """A log's records are as old as the log."""
        del wall_now

    def noted(self, now: int, item: Item) -> int | None:
        """Noted only where it is not the item's own merge time."""
        return None if now == item.time or isinstance(item.content, Mark) else now

    def noted_tick(self, now: int) -> int | None:
        """Not noted: it follows from the due time."""
        del now
        return None

    def _to(self, item: Item) -> int:
        if not isinstance(item.content, Mark):
            self.now = max(self.now, item.time)
        return self.now


class WallClock(Clock):
    """The `wall` clock: for production. `merge_idle_ms` is the longest wait for a lagging topic.

    The wall time that it is told may jump. Forward: only when every topic was asked after the jump
    does the clock follow. Back: the clock stays until wall time has come up to it, but timers wait
    for wall time as it is now.
    """

    def __init__(self, now: int = NEVER, merge_idle_ms: int = MERGE_IDLE_MS) -> None:
        self.now = now
        self.timers_first = False
        self.reads_late = True
        self._merge_idle_ms = merge_idle_ms
        self._waiting: dict[str, int] = {}
        self._seen_wall = NEVER
        self._fire_until = NEVER
        self._seen_second = NEVER

    def resume(self, now: int, merge_times: Mapping[str, int]) -> Mapping[str, int]:
        """None goes on ahead of the clock: up to a time that is still to come nothing was taken."""
        self.now = now
        self._waiting.clear()
        self._seen_wall = self._fire_until = self._seen_second = NEVER
        return {topic: min(time, now) for topic, time in merge_times.items()}

    def merge_time(
        self, tail: int, record: Fetched, content: Content | None, fetched_at: int | None
    ) -> int:
        """The record's timestamp; one of the future moves nothing, as no topic would hold the
        timers any longer.
        """
        del content
        time = record.timestamp
        if fetched_at is not None and time > fetched_at + FUTURE_MS:
            return tail
        return max(tail, time)

    def ready(self, merge: Merge, wall_now: int) -> Item | None:
        """The first item, unless a topic known to lag may bring an earlier one soon."""
        item = merge.head()
        if item is None:
            return None  # a topic that let us wait in vain need not be waited for again
        if not merge.blocked(item):
            self._waiting.clear()
            return item
        lagging = [lane.name for lane in merge.blocking(item) if lane.unfetched]
        since = self._waiting
        self._waiting = {name: since.get(name, wall_now) for name in lagging}
        # Less than nothing: wall time went back. None may wait for it to come up again.
        waits = any(0 <= wall_now - each < self._merge_idle_ms for each in self._waiting.values())
        return None if waits else item

    def limit(self, merge: Merge, item: Item | None, wall_now: int) -> int:
        """The clock: the lowest, over the topics, of what is known to have been read. Behind the
        clock only since wall time went back, or since a start.
        """
        del item
        if wall_now != self._seen_wall:
            if wall_now < self._seen_wall:
                self._fire_until = NEVER
            self._seen_wall = wall_now
            self._move(merge, wall_now)
        return self._fire_until

    def taken(self, merge: Merge, item: Item, wall_now: int) -> int:
        """The clock, this item being read; never before another partition sent a message. Timers
        do not follow such a step: they wait for what the topics bring.
        """
        second = item.time // SECOND_MS
        if second != self._seen_second or not merge.lanes[item.topic].items:
            self._seen_second = second
            self._move(merge, wall_now)
        content = item.content
        if not isinstance(content, Event) and isinstance(content, Message):
            # An order to the partition bears the time of whatever machine it was typed on.
            at = min(content.at, wall_now) if content.target == PARTITION else content.at
            self.now = max(self.now, at)
        return self.now

    def retaken(self, item: Item, now: int | None) -> int:
        """The clock that the ledger noted."""
        del item
        self.now = max(self.now, self.now if now is None else now)
        return self.now

    def firing(self, due: int) -> tuple[int, int]:
        """The due time: the clock may be ahead of what may fire."""
        return due, self.now

    def fired_at(self, now: int) -> int:
        """Wall time: behind a backlog the clock is held back, and hides how late they are."""
        return max(now, self._seen_wall)

    def durable_at(self, wall_now: int) -> int:
        """Wall time."""
        return wall_now

    def noted(self, now: int, item: Item) -> int | None:
        """Always noted: the log does not say when it was read."""
        del item
        return now

    def noted_tick(self, now: int) -> int | None:
        """Always noted."""
        return now

    def _move(self, merge: Merge, wall_now: int) -> None:
        known = FOREVER
        for lane in merge.lanes.values():
            until = lane.known_until(wall_now)
            known = min(known, until if lane.caught_up else _whole_seconds(until))
        self._fire_until = max(self._fire_until, known)
        self.now = max(self.now, known)


def _whole_seconds(time_ms: int) -> int:
    """Whole seconds keep the runs of the ledger long while there is a backlog."""
    return time_ms // SECOND_MS * SECOND_MS if time_ms != NEVER else NEVER
