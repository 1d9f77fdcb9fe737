"""What was written to a store and is not in its database yet (D3).

The changelog has every version of a state; of one that changes again soon the database needs only
the last. So what is written collects here until it is much or old, and then leaves bit by bit, a
part with each later write, while the next collects: all at once would hold up the event loop.

Where a process was killed, its database stands where the last that left whole had come to. Of the
states that changed since some are ahead of that, and some behind, of which a later version was to
leave. The restore goes on from there and has them all.
"""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple, Protocol

from journey_engine.run.store import POSITION_KEY, Changes, Dues

AGE_MS: Final = 60_000
"""So long it collects at most, while there are writes."""
COLLECTED_SHARE: Final = 0.6
"""Of the bytes that may wait, at which they leave. While they do, half as many come at most."""
ENTRY_BYTES: Final = 240
"""What a state that waits takes beside its bytes: 180 to 215 with its key and due time, measured,
and of those that leave the places in a dict which they have left.
"""
LEAVING_LEAST: Final = 64
"""So many leave with a write at least, and twice as many as it brings."""
LEAVING_WRITES: Final = 64
"""After so many writes all have left, also where a write brings little."""
LEAVING_MOST: Final = 10_000
"""So many leave at once where all must, or more waits than may."""

ABSENT: Final = b""
"""No state has so few bytes."""


class Stand(NamedTuple):
    """Where in the changelog a database stands."""

    offset: int
    """The next one to read."""
    stood_ms: int
    """The wall time up to which nothing else lay before it."""
    position: bytes | None
    """The partition's position record there; None: the one before holds, b"": there is none."""


class Database(Protocol):
    """What lies behind."""

    def get(self, key: str) -> bytes | None:
        """The bytes under the key."""
        ...

    def write(self, changes: Changes, before: Dues, stand: Stand | None) -> None:
        """All or nothing; it stands there from now on, where that is said."""
        ...


class Allowance:
    """The bytes that may wait in all stores of a process; each has an equal part."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._stores = 0

    def enter(self) -> None:
        """One more store."""
        self._stores += 1

    def leave(self) -> None:
        """One less."""
        self._stores -= 1

    @property
    def part(self) -> int:
        """A store's."""
        return self._most // max(self._stores, 1)


class Collected:
    """What was written within some time: the last version of each state."""

    __slots__ = ("before", "bytes", "changes", "since_ms", "stand")

    def __init__(self) -> None:
        self.changes: dict[str, bytes | None] = {}
        self.before: dict[str, int | None] = {}
        """When what the database holds of them is due, where that is known."""
        self.bytes = 0
        self.since_ms = 0
        """When the first write came."""
        self.stand: Stand | None = None
        """Where the last write came to; None where there was none."""

    def drop(self, key: str) -> None:
        """Let go of a state of which there is a later version."""
        self.bytes -= held_bytes(self.changes.pop(key))

    def take(self, count: int) -> tuple[dict[str, bytes | None], dict[str, int | None]]:
        """So many states, and what is known of when those that they replace are due."""
        part: dict[str, bytes | None] = {}
        before: dict[str, int | None] = {}
        while self.changes and len(part) < count:
            key, value = self.changes.popitem()
            self.bytes -= held_bytes(value)
            part[key] = value
            if key in self.before:
                before[key] = self.before.pop(key)
        return part, before

    def put_back(self, part: Changes, before: Dues) -> None:
        """Have what was taken wait on."""
        self.changes |= part
        self.before |= before
        self.bytes += sum(map(held_bytes, part.values()))


class WriteBehind:
    """The waiting of one database; `now_ms` is the wall clock."""

    def __init__(self, database: Database, allowance: Allowance, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._allowance = allowance
        self._now_ms = now_ms
        self._collecting = Collected()
        self._leaving = Collected()
        self._least = LEAVING_LEAST
        allowance.enter()

    @property
    def stand(self) -> Stand | None:
        """Where the last write came to; None where the database has all that was written."""
        return self._collecting.stand or self._leaving.stand

    def get(self, key: str) -> bytes | None:
        """The bytes last written under the key."""
        for each in (self._collecting, self._leaving):
            if key in each.changes:
                return each.changes[key]
            if key == POSITION_KEY and each.stand is not None and each.stand.position is not None:
                return each.stand.position or None
        return self._database.get(key)

    def waiting(self) -> Iterator[tuple[str, bytes | None]]:
        """The states that the database does not have yet."""
        yield from self._leaving.changes.items()
        yield from self._collecting.changes.items()

    def write(self, changes: Changes, before: Dues, offset: int, appended_ms: int | None) -> None:
        """As `Store.write`.

        Raises:
            StoreError: the database refuses what leaves; it waits on.
        """
        now, collecting = self._now_ms(), self._collecting
        position = self._collect(changes, before)
        if collecting.stand is None:
            collecting.since_ms = now
        elif position is None:
            position = collecting.stand.position
        stood_ms = now if appended_ms is None else appended_ms
        collecting.stand = Stand(offset, stood_ms, position)
        if self._leaving.stand is not None:
            self._leave(max(self._least, 2 * len(changes)))
        elif (
            not 0 <= now - collecting.since_ms < AGE_MS  # less than nothing: the clock was set back
            or collecting.bytes >= COLLECTED_SHARE * self._allowance.part
        ):
            self._turn()
        while self._collecting.bytes + self._leaving.bytes > self._allowance.part:
            self._give_way()  # a restore brings more at once than may wait

    def _collect(self, changes: Changes, before: Dues) -> bytes | None:
        """The position among them, which is no state: it goes with the stand."""
        collecting, leaving = self._collecting, self._leaving
        position: bytes | None = None
        mine, size = collecting.changes, 0
        for key, value in changes.items():
            if key == POSITION_KEY:
                position = b"" if value is None else value
                continue
            replaced = mine.get(key, ABSENT)
            if replaced == ABSENT:
                known = before
                if key in leaving.changes:  # what `before` tells of never comes to the database
                    leaving.drop(key)
                    known = leaving.before
                if key in known:
                    collecting.before[key] = known[key]
            else:
                size -= held_bytes(replaced)
            mine[key] = value
            size += held_bytes(value)
        collecting.bytes += size
        return position

    def empty(self) -> None:
        """Bring the database to where the last write came to.

        Raises:
            StoreError: it refuses.
        """
        while self.stand is not None:
            self._give_way()

    def close(self) -> None:
        """Let another store have its part."""
        self._allowance.leave()

    def _give_way(self) -> None:
        if self._leaving.stand is None:
            self._turn()
        self._leave(LEAVING_MOST)

    def _turn(self) -> None:
        self._leaving, self._collecting = self._collecting, Collected()
        self._least = max(LEAVING_LEAST, -(-len(self._leaving.changes) // LEAVING_WRITES))

    def _leave(self, count: int) -> None:
        leaving = self._leaving
        part, before = leaving.take(count)
        try:
            self._database.write(part, before, None if leaving.changes else leaving.stand)
        except BaseException:
            leaving.put_back(part, before)
            raise
        if not leaving.changes:
            self._leaving = Collected()


def held_bytes(value: bytes | None) -> int:
    """What memory a state takes that is held under its key; None is a deleted one."""
    return ENTRY_BYTES if value is None else ENTRY_BYTES + len(value)
