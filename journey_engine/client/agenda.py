"""What one partition of a commands topic has brought, and how far it is done. Pure.

A command that its sender must keep until `not_before` would hold up all behind it if a plain offset
were committed, or be lost with the process. So the commit says more: the first offset that is open,
and, in its metadata, which later ones are open too. All others are done, and a consumer that takes
over passes them by.
"""

import base64
import binascii
import heapq
import zlib
from collections import Counter, OrderedDict, deque
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from journey_engine.client.command import Command

IDS_REMEMBERED = 10_000
"""Of each partition, the newest: a repeat within them is not handled again."""
OPEN_MAX = 5_000
"""Commands of a partition that are kept or under way; with more, no more are fetched."""
METADATA_MAX = 4_000
"""Characters; a broker takes 4,096 with a commit (`offset.metadata.max.bytes`)."""
_METADATA_FULL = 3_000
"""From here on nothing more is fetched: what was fetched already may still need the rest."""
_TEXT_MAX = 1 << 20
"""Bytes of run lengths that are read back at most."""
_OPEN_READ_MAX = 10 * OPEN_MAX
"""Open offsets that are read back at most; of done ones there may lie any number between."""


class Position(NamedTuple):
    """What is committed: the first open offset, and the open ones as text."""

    offset: int
    metadata: str


class Due(NamedTuple):
    """A command that may be carried out now; `key` is its record's: the customer's."""

    offset: int
    key: bytes | None
    command: Command


class Agenda:
    """The commands of a partition, from when it was taken over.

    `counts` has how many were `handed` to the handler, and how many were not since they were a
    `duplicate`, `expired`, `cancelled`, the `cancel` of such a one, or `lost` to the topic's
    retention before they were read again.
    """

    def __init__(self, committed: Position | None = None) -> None:
        self.counts: Counter[str] = Counter()
        self._open: set[int] = set()
        self._next = 0
        """All offsets from here on are open, those below only where they are in `_open`."""
        self._kept: dict[str, int] = {}
        """Offsets of the commands that no handler has begun with, by command id."""
        self._waiting: list[tuple[datetime, Due]] = []
        self._ids: OrderedDict[str, None] = OrderedDict()
        self._closed = False
        if committed is not None:
            self._next, self._open = _read(committed)
        self._unread = deque(sorted(self._open))
        """Open offsets of the consumer before that the topic has not brought yet."""

    def add(self, offset: int, key: bytes | None, command: Command) -> None:
        """Take in the record at an offset, in the order of the partition."""
        while self._unread and self._unread[0] <= offset:
            before = self._unread.popleft()
            if before < offset:
                self._close(before, "lost")
        if offset >= self._next:
            self._open.add(offset)
            self._next = offset + 1
        known = command.command_id in self._ids or command.command_id in self._kept
        self._remember(command.command_id)
        if offset not in self._open:
            return
        if known:
            self._close(offset, "duplicate")
        elif command.cancels is not None and command.cancels in self._kept:
            self._close(self._kept.pop(command.cancels), "cancelled")
            self._close(offset, "cancel")
        else:
            self._kept[command.command_id] = offset
            heapq.heappush(self._waiting, (command.not_before, Due(offset, key, command)))

    def due(self, now: datetime) -> Iterator[Due]:
        """What may be begun with now, each once and in order; see `take`."""
        while self._waiting and self._waiting[0][0] <= now:
            due = heapq.heappop(self._waiting)[1]
            if due.command.command_id in self._kept:
                yield due

    def take(self, due: Due, now: datetime) -> bool:
        """Whether its handler is to begin now: much may have happened while it stood in line."""
        command = due.command
        if self._closed or self._kept.pop(command.command_id, None) is None:
            return False
        if command.not_after is not None and command.not_after < now:
            self._close(due.offset, "expired")
            return False
        self.counts["handed"] += 1
        return True

    def close(self) -> None:
        """Begin with nothing more: the partition is given up."""
        self._closed = True

    def done(self, offset: int) -> None:
        """The command at this offset was handled."""
        self._open.discard(offset)

    @property
    def next_due(self) -> datetime | None:
        """When the next one may be handled, at the earliest."""
        return self._waiting[0][0] if self._waiting else None

    @property
    def is_full(self) -> bool:
        """Whether nothing more should be fetched for now."""
        return len(self._open) >= OPEN_MAX or len(self.position().metadata) > _METADATA_FULL

    def position(self) -> Position:
        """What to commit now; not to be committed where its metadata exceed `METADATA_MAX`."""
        first = min(self._open, default=self._next)
        return Position(first, _written(first, self._next, self._open))

    def _close(self, offset: int, why: str) -> None:
        self._open.discard(offset)
        self.counts[why] += 1

    def _remember(self, command_id: str) -> None:
        self._ids[command_id] = None
        self._ids.move_to_end(command_id)
        if len(self._ids) > IDS_REMEMBERED:
            self._ids.popitem(last=False)


def _written(first: int, end: int, open_: Iterable[int]) -> str:
    """The lengths of the runs of open and done offsets from `first` to `end`, in turn; nothing
    where nothing is open.
    """
    runs, at = [], first
    for begin, stop in _runs(sorted(open_)):
        if begin > at:
            runs.append(begin - at)
        runs.append(stop - begin)
        at = stop
    if not runs:
        return ""
    if end > at:
        runs.append(end - at)
    return base64.b85encode(zlib.compress(",".join(map(str, runs)).encode(), 9)).decode()


def _runs(offsets: list[int]) -> Iterator[tuple[int, int]]:
    """Neighbouring offsets as (first, last + 1)."""
    begin = None
    for offset in offsets:
        if begin is None:
            begin = end = offset
        elif offset != end:
            yield begin, end
            begin = offset
        end = offset + 1
    if begin is not None:
        yield begin, end


def _read(committed: Position) -> tuple[int, set[int]]:
    """Where the unknown begins, and what is open before; foreign metadata say nothing."""
    runs = _unpacked(committed.metadata)
    at, open_ = committed.offset, set[int]()
    for place, length in enumerate(runs):
        if place % 2 == 0:
            open_.update(range(at, at + length))
        at += length
    return at, open_


def _unpacked(metadata: str) -> list[int]:
    try:
        packed = base64.b85decode(metadata)
        text = zlib.decompressobj().decompress(packed, _TEXT_MAX).decode()
        runs = [int(run) for run in text.split(",")] if text else []
    except (ValueError, binascii.Error, zlib.error):
        return []
    return runs if min(runs, default=0) >= 0 and sum(runs[::2]) <= _OPEN_READ_MAX else []
