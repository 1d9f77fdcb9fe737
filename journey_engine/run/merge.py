"""The merge of a partition's topics into one order (T3, D2).

Each topic is a lane: a bounded buffer of items in offset order. An item's merge time is
the highest time that its lane has shown so far, so lanes are sorted and merging them by
(merge time, topic, offset) is one order for every way in which records arrive. An empty lane
stands for records still to come, none of them before its `bound`.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from heapq import heapify, heappop, heappush, heapreplace
from typing import Final, NamedTuple

from journey_engine.decide.event import Event
from journey_engine.decide.message import Message
from journey_engine.decode.decode import Mark, NeedSchema, Rejected, Skipped
from journey_engine.decode.record import Fetched

NEVER: Final = -1
"""Before every time: a lane that has shown nothing, a clock that has not begun."""
FOREVER: Final = 1 << 61
"""After every time; compiled code holds it without an object."""


Content = Event | Skipped | Mark | Rejected | Message | NeedSchema
"""What a record turned out to be; `NeedSchema` until the registry has told its schema."""


class Item:
    """One record in the order of the merge: by time, topic and offset, which are unique.

    `content` is None until it is read, `bytes` its record's `size`.
    """

    __slots__ = ("bytes", "content", "offset", "record", "time", "topic")

    def __init__(
        self, time: int, topic: str, offset: int, content: Content | None, record: Fetched
    ) -> None:
        self.time = time
        self.topic = topic
        self.offset = offset
        self.content = content
        self.record = record
        self.bytes = size(record)

    def __lt__(self, other: "Item") -> bool:
        if self.time != other.time:
            return self.time < other.time
        return (self.topic, self.offset) < (other.topic, other.offset)


class Ahead(NamedTuple):
    """What a partition does next, in the order in which one partition would do it all: by time,
    timers (of no topic) by their key, then records by topic and offset.
    """

    time: int
    topic: str
    key: str
    offset: int


class BufferLimits:
    """What a partition holds, changed as its share of memory is.

    `records` and `bytes` are for one lane before its topic is paused; a fetch may go over it once.
    A flush takes `inputs` at most, and `flush_bytes` of them and of messages, by one more. A
    restore holds back `tail_bytes` of states.
    """

    __slots__ = ("bytes", "flush_bytes", "inputs", "records", "tail_bytes")

    def __init__(
        self,
        records: int = 2_000,
        lane_bytes: int = 8 * 1024 * 1024,
        flush_bytes: int = 8 * 1024 * 1024,
        inputs: int = 20_000,
        tail_bytes: int = 8 * 1024 * 1024,
    ) -> None:
        self.records = records
        self.bytes = lane_bytes
        self.flush_bytes = flush_bytes
        self.inputs = inputs
        self.tail_bytes = tail_bytes


DEFAULT_BUFFERS: Final = BufferLimits()
RECORD_BYTES: Final = 2 * 1024
"""What a record takes in a lane beside its key, value and headers, decoded and as it came."""
HEADER_BYTES: Final = 150
"""What a header takes beside its name and content; measured: 145."""


def size(record: Fetched) -> int:
    """The bytes of a record that matter to a bound: its key, its value and its headers."""
    held = len(record.key or b"") + len(record.value or b"")
    if record.headers:
        for name, value in record.headers:
            held += HEADER_BYTES + len(name) + len(value or b"")
    return held


_NO_BARRIER: Final = (FOREVER, "")


class Lane:
    """One topic's buffer.

    `bound` is the merge time of the last item taken, `next_offset` the one after it; `tail` the
    merge time of the last item put in. `fetched` is the next offset to fetch, `end` the end that
    the last answer told of, None before the first; it came at `asked_at`, None: just now.
    """

    __slots__ = (
        "asked_at",
        "bound",
        "bytes",
        "end",
        "fetched",
        "items",
        "name",
        "next_offset",
        "tail",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.items: deque[Item] = deque()
        self.bytes = 0
        self.bound = NEVER
        self.tail = NEVER
        self.next_offset: int | None = None
        self.fetched: int | None = None
        self.end: int | None = None
        self.asked_at: int | None = None

    def put(self, item: Item) -> None:
        """Add the item that follows the last one."""
        self.items.append(item)
        self.tail = item.time
        self.bytes += RECORD_BYTES + item.bytes

    @property
    def caught_up(self) -> bool:
        """Whether all that the last fetch knew of has been taken."""
        return not self.items and not self.unfetched and self.end is not None

    @property
    def unfetched(self) -> bool:
        """Whether the last fetch told of records that are not here yet."""
        return self.end is not None and (self.fetched or 0) < self.end

    def passed(self, offset: int) -> bool:
        """Whether nothing up to this offset is here or yet to come."""
        return not self.items and (self.fetched or 0) > offset

    def known_until(self, wall_now: int) -> int:
        """All that was appended before this time has been taken: the time of the last answer where
        it left nothing, else the merge time of the last item.
        """
        if not self.caught_up:
            return min(self.bound, wall_now)
        return wall_now if self.asked_at is None else min(self.asked_at, wall_now)


class Merge:
    """The lanes of one partition. Topics in `unawaited` are merged but never waited for."""

    def __init__(
        self,
        topics: Sequence[str],
        unawaited: Sequence[str] = (),
        limits: BufferLimits = DEFAULT_BUFFERS,
    ) -> None:
        self._limits = limits
        self.lanes: dict[str, Lane] = {name: Lane(name) for name in (*topics, *unawaited)}
        self._awaited = [self.lanes[name] for name in topics]
        self._heads: list[Item] = []
        self._barrier: tuple[int, str] | None = None
        self._other_offsets: dict[str, int] = {}
        """Of topics that are no lanes: a release that reads them again must not begin anew."""
        self._other_bounds: dict[str, int] = {}

    def resume(self, offsets: Mapping[str, int], bounds: Mapping[str, int]) -> None:
        """Drop what is buffered and go on behind these offsets and merge times."""
        self._other_offsets = {x: at for x, at in offsets.items() if x not in self.lanes}
        self._other_bounds = {x: at for x, at in bounds.items() if x not in self.lanes}
        for name, lane in self.lanes.items():
            lane.items.clear()
            lane.bytes = 0
            lane.bound = lane.tail = bounds.get(name, NEVER)
            lane.next_offset = lane.fetched = offsets.get(name)
            lane.end = lane.asked_at = None
        self._heads = []
        self._barrier = None

    def emptied(self) -> list[tuple[Lane, list[Item]]]:
        """Drop what is buffered, to be put in again; where the fetch stands is as it was."""
        held = []
        for lane in self.lanes.values():
            held.append((lane, list(lane.items)))
            lane.items.clear()
            lane.bytes = 0
            lane.tail = lane.bound
        self._heads = []
        self._barrier = None
        return held

    def fetched(
        self, topic: str, position: int | None, end: int | None, asked_at: int | None = None
    ) -> None:
        """Note where the fetch of a topic stands, the end that it told of, and when."""
        lane = self.lanes[topic]
        if position is not None:
            lane.fetched = max(lane.fetched or 0, position)
        if end is not None:
            lane.end = end
            lane.asked_at = asked_at

    def put(self, items: Iterable[Item]) -> None:
        """Buffer items of one lane, in offset order."""
        for item in items:
            lane = self.lanes[item.topic]
            if not lane.items:
                heappush(self._heads, item)
                self._barrier = None
            lane.put(item)

    def head(self) -> Item | None:
        """The first item of those buffered, whether or not another lane should be awaited."""
        return self._heads[0] if self._heads else None

    def first_mark(self) -> Item | None:
        """A mark that is the first of its lane, if there is one."""
        for lane in self.lanes.values():
            if lane.items and isinstance(lane.items[0].content, Mark):
                return lane.items[0]
        return None

    def take(self, item: Item) -> None:
        """Remove an item that is the first of its lane."""
        lane = self.lanes[item.topic]
        lane.items.popleft()
        lane.bytes -= RECORD_BYTES + item.bytes
        lane.bound = item.time
        lane.next_offset = item.offset + 1
        heads, left = self._heads, lane.items
        if not left:
            self._barrier = None
        if heads[0] is not item:
            self._heads = [other.items[0] for other in self.lanes.values() if other.items]
            heapify(self._heads)
        elif not left:
            heappop(heads)
        elif len(heads) == 1:
            heads[0] = left[0]
        else:
            heapreplace(heads, left[0])

    def blocked(self, item: Item) -> bool:
        """Whether an empty awaited lane may still bring something before the item."""
        if self._barrier is None:
            empty = [(lane.bound, lane.name) for lane in self._awaited if not lane.items]
            self._barrier = min(empty, default=_NO_BARRIER)
        time, name = self._barrier
        return time < item.time or (time == item.time and name < item.topic)

    def blocking(self, item: Item) -> list[Lane]:
        """The empty awaited lanes that may still bring something before the item."""
        place = (item.time, item.topic)
        return [x for x in self._awaited if not x.items and (x.bound, x.name) < place]

    def awaited(self) -> frozenset[str]:
        """The topics without which nothing can be taken."""
        item = self.head()
        empty = [x for x in self._awaited if not x.items] if item is None else self.blocking(item)
        return frozenset(lane.name for lane in empty)

    def lowest_bound(self) -> int:
        """No awaited lane brings anything before this time."""
        return min(lane.items[0].time if lane.items else lane.bound for lane in self._awaited)

    def lowest_tail(self) -> int:
        """Nothing still to be put into an awaited lane comes before this time."""
        return min(lane.tail for lane in self._awaited)

    def full(self) -> frozenset[str]:
        """The topics whose fetch must pause."""
        return frozenset(
            lane.name
            for lane in self.lanes.values()
            if len(lane.items) >= self._limits.records or lane.bytes >= self._limits.bytes
        )

    def offsets(self) -> dict[str, int]:
        """The next offset of each topic from which something was taken, read now or not: behind
        what no reader is given, such as the mark of a transaction's end, too.
        """
        taken = dict(self._other_offsets)
        for lane in self.lanes.values():
            if lane.next_offset is not None:
                ahead = lane.items[0].offset if lane.items else lane.fetched or 0
                taken[lane.name] = max(lane.next_offset, ahead)
        return taken

    def bounds(self) -> dict[str, int]:
        """The merge time of the last item taken from each topic, read now or not."""
        shown = {lane.name: lane.bound for lane in self.lanes.values() if lane.bound != NEVER}
        return self._other_bounds | shown
