"""What one partition of a commands topic has brought, and how far it is done. Pure.

A command that its sender must keep until `not_before` would hold up all behind it if a plain offset
were committed, or be lost with the process. So the commit says more: the first offset that is open,
and, in its metadata, which later ones are open too. All others are done, and a consumer that takes
over passes them by.

These are offsets of one log. Whoever copies a group to another cluster translates the committed
offset and copies the metadata as they are; so they name the cluster and the offset that they were
written with, and beside another say nothing: better twice than not at all.
"""

import base64
import binascii
import heapq
import zlib
from collections import Counter, OrderedDict, deque
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
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


class Outset(NamedTuple):
    """How a partition is found when it is taken over."""

    cluster: str
    """The cluster's id."""
    end: int
    """The offset behind its newest record."""
    at: datetime


_UNKNOWN = Outset(cluster="", end=0, at=datetime.min.replace(tzinfo=UTC))


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

    def __init__(self, committed: Position | None = None, outset: Outset = _UNKNOWN) -> None:
        self.counts: Counter[str] = Counter()
        self._open: set[int] = set()
        self._next = 0
        """All offsets from here on are open, those below only where they are in `_open`."""
        self._kept: dict[str, Due] = {}
        """The commands that no handler has begun with, by command id."""
        self._waiting: list[tuple[datetime, Due]] = []
        self._ids: OrderedDict[str, None] = OrderedDict()
        self._closed = False
        self._outset = outset
        self._at = 0
        """No record comes from below, but of a log that was made anew."""
        if committed is not None:
            self._next, self._open = _read(committed, outset)
            self._at = committed.offset
        self._unread = deque(sorted(self._open))
        """Open offsets of the consumer before that the topic has not brought yet."""

    def add(self, offset: int, key: bytes | None, command: Command) -> None:
        """Take in the record at an offset, in the order of the partition.

        One that goes back is of a log that was made anew, or cut short: Kafka reads it from its
        beginning then. What is known of offsets is void, of ids it is not.
        """
        if offset < self._at:
            self._forget_offsets()
        self._at = offset + 1
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
            return
        cancelled = self._kept.pop(command.cancels, None) if command.cancels else None
        if cancelled is not None:
            self._close(cancelled.offset, "cancelled")
            if not self._perhaps_begun(cancelled):
                self._close(offset, "cancel")
                return
        due = self._kept[command.command_id] = Due(offset, key, command)
        heapq.heappush(self._waiting, (command.not_before, due))

    def _perhaps_begun(self, due: Due) -> bool:
        """Whether a handler of an earlier run may have begun with it, and failed or crashed."""
        return due.offset < self._outset.end and due.command.not_before <= self._outset.at

    def due(self, now: datetime) -> Iterator[Due]:
        """What may be begun with now, each once and in order; see `take`."""
        while self._waiting and self._waiting[0][0] <= now:
            due = heapq.heappop(self._waiting)[1]
            if self._kept.get(due.command.command_id) is due:
                yield due

    def take(self, due: Due, now: datetime) -> bool:
        """Whether its handler is to begin now: much may have happened while it stood in line."""
        command = due.command
        if self._closed or self._kept.get(command.command_id) is not due:
            return False
        del self._kept[command.command_id]
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
        runs = _written(first, self._next, self._open)
        return Position(first, f"{self._outset.cluster}:{first}:{runs}" if runs else "")

    def _forget_offsets(self) -> None:
        for command_id in self._kept:
            self._ids.pop(command_id, None)
        self._kept.clear()
        self._waiting.clear()
        self._unread.clear()
        self._open.clear()
        self._next = 0

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


def _read(committed: Position, outset: Outset) -> tuple[int, set[int]]:
    """Where the unknown begins, and what is open before; foreign metadata say nothing.

    Those of older clients name no cluster. They are believed where they tell of nothing beyond the
    log, or every sender that is brought up to date would hand out again what lies behind its first
    open command; the first commit then is of today's form.
    """
    *written_at, text = committed.metadata.rsplit(":", 2)
    runs = _unpacked(text)
    if written_at:
        believed = written_at == [outset.cluster, str(committed.offset)]
    else:
        believed = committed.offset + sum(runs) <= outset.end
    at, open_ = committed.offset, set[int]()
    if not believed:
        return at, open_
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
