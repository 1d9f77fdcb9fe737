"""The states of one partition, customers' and channels', written behind the changelog (D3, D6).

What changed is kept: `put` since the last flush was taken, and beside it what that flush carries
until it is confirmed. Only then does the store get it. `load` forgets both. The timers and the
cache follow every change, so that a state is looked for once an event.

All of it is bytes. A state decoded is some forty objects, which take eight times the memory, lie
apart in it, and are walked through by the garbage collector: to let go of one that was put aside
costs more than to write it while it is at hand and to read it again.
"""

from collections.abc import Iterator
from typing import Final

from journey_engine.decide.due import UNKNOWN, next_due
from journey_engine.decide.governing_state import NOTHING_SAID, PartitionState
from journey_engine.decide.message import PARTITION, VISITOR
from journey_engine.decide.room_state import EMPTY_CHANNEL, ChannelState
from journey_engine.decide.state import EMPTY, CustomerState, State
from journey_engine.encode.state import compacted, encode_plain, header_due, read_state
from journey_engine.run.store import Changes, Store
from journey_engine.run.timers import TimerIndex, Timers

_NOTHING: Final = (EMPTY, EMPTY_CHANNEL, NOTHING_SAID)
_AFTER_CUSTOMERS: Final = "d"
"""Behind every customer's key and every visitor's."""
CACHE_BYTES: Final = 256 * 1024 * 1024
ENTRY_BYTES: Final = 224
"""What an entry of the cache takes beside the state's bytes; measured: 160 with its key, and what
lies unused between states that grow is not counted."""


class Known:
    """A state, and when something of it is due next."""

    __slots__ = ("due", "state")

    def __init__(self, state: State, due: int | None) -> None:
        self.state = state
        self.due = due


_NOBODY: Final = Known(EMPTY, None)


class Shelf:
    """What one user of the cache has in it: `young` was kept since the cache last turned, `old`
    before. b"" where the store is known to hold nothing.
    """

    __slots__ = ("old", "young")

    def __init__(self) -> None:
        self.young: dict[str, bytes] = {}
        self.old: dict[str, bytes] = {}


class StateCache:
    """The latest states, of all partitions of a process, in `most` bytes. Large ones are not
    compact here.

    Over `most`, the old ones go, the first kept first. Where none are left the cache turns: the
    young ones are old now, and young again when they are next kept. So to keep one costs a place in
    a dict and no list of who was used when, and one that is used often is missing once a turn.
    """

    def __init__(self, most: int = CACHE_BYTES) -> None:
        self.bytes = 0
        self.most = most
        self._filling: list[Shelf] = []
        """Those that have young ones."""
        self._leaving: Iterator[tuple[dict[str, bytes], str]] = iter(())

    def get(self, shelf: Shelf, key: str) -> bytes | None:
        """The state, if it is still here."""
        data = shelf.young.get(key)
        return shelf.old.get(key) if data is None else data

    def keep(self, shelf: Shelf, key: str, plain: bytes) -> bytes | None:
        """Keep a state in place of the one kept before, which is given back."""
        young = shelf.young
        before = young.get(key)
        if before is None:
            before = shelf.old.pop(key, None)
            if not young:
                self._filling.append(shelf)
        young[key] = plain
        self.bytes += len(plain) - len(before) if before is not None else ENTRY_BYTES + len(plain)
        while self.bytes > self.most:
            self._let_go()
        return before

    def _let_go(self) -> None:
        for old, key in self._leaving:
            gone = old.pop(key, None)
            if gone is not None:
                self.bytes -= ENTRY_BYTES + len(gone)
                return
        turned, self._filling = self._filling, []
        for shelf in turned:
            shelf.old, shelf.young = shelf.young, {}
        leaving = [shelf.old for shelf in turned]
        self._leaving = ((old, key) for old in leaving for key in list(old))


class States:
    """Reads through to the store; `timers` says who of the partition is due."""

    def __init__(self, store: Store, cache: StateCache) -> None:
        self.timers: Timers = TimerIndex()
        self._store = store
        self._cache = cache
        self._shelf = Shelf()
        self._changed: dict[str, bytes] = {}
        self._in_flight: dict[str, bytes] = {}
        """Not compact; b"" where nothing is left to remember."""
        self._before: dict[str, int | None] = {}
        self._in_flight_before: dict[str, int | None] = {}
        """When what they replace is due, of those of which it is known."""

    def load(self) -> None:
        """Begin with what the store holds; no state is decoded."""
        self._shelf = Shelf()
        self._changed, self._in_flight = {}, {}
        self._before, self._in_flight_before = {}, {}
        self.timers = self._store.timers(self._unwritten)

    def look(self, key: str) -> Known:
        """The customer's state and when it is due; `EMPTY` for one never seen."""
        data = self._find(key)
        if not data:
            return _NOBODY
        state, due = read_state(data)
        return Known(state, due)

    def get(self, key: str) -> CustomerState:
        """The customer's state; `EMPTY` for one never seen."""
        state = self.look(key).state
        return state if isinstance(state, CustomerState) else EMPTY

    def channel(self, key: str) -> ChannelState:
        """The state of a channel's capacity; `EMPTY_CHANNEL` for one never asked for."""
        state = self.look(key).state
        return state if isinstance(state, ChannelState) else EMPTY_CHANNEL

    def partition(self) -> PartitionState:
        """What the partition was told; `NOTHING_SAID` at first."""
        state = self.look(PARTITION).state
        return state if isinstance(state, PartitionState) else NOTHING_SAID

    def customers(self, after: str, count: int) -> list[str]:
        """The keys of the next customers and visitors, in order, at most so many."""
        first = max(after, VISITOR)
        changed = {
            key: data
            for states in (self._in_flight, self._changed)
            for key, data in states.items()
            if first < key < _AFTER_CUSTOMERS
        }
        stored = self._store.keys(first, _AFTER_CUSTOMERS, count + len(changed))
        found = {key for key in stored if key not in changed}
        found |= {key for key, data in changed.items() if data}
        return sorted(found)[:count]

    def _find(self, key: str) -> bytes:
        data = self._cache.get(self._shelf, key)
        if data is None:
            data = self._changed.get(key)
        if data is None:
            data = self._in_flight.get(key)
        if data is None:
            data = self._store.get(key) or b""
            self._cache.keep(self._shelf, key, data)
        return data

    def put(self, key: str, state: State, due: int | None = UNKNOWN) -> None:
        """The state from now on; `due` is `next_due(state)`, where the caller knows it."""
        if due == UNKNOWN:
            due = next_due(state)
        data = b"" if state in _NOTHING else encode_plain(state, due)
        before = self._cache.keep(self._shelf, key, data)
        if before is not None and key not in self._changed:
            self._before[key] = header_due(before) if before else None
        self._changed[key] = data
        self.timers.set(key, due)

    def changed(self) -> int:
        """How many states wait to be flushed."""
        return len(self._changed)

    def take(self) -> dict[str, bytes | None]:
        """What changed, the last state of each; None where nothing is left to remember.

        It stays readable here until `confirm` or `load`.
        """
        self._in_flight, self._changed = self._changed, {}
        self._in_flight_before, self._before = self._before, {}
        return {key: compacted(data) if data else None for key, data in self._in_flight.items()}

    def confirm(self, changes: Changes, changelog_offset: int) -> None:
        """The changelog holds what was taken: write it, with whatever else `changes` holds."""
        self._store.write(changes, changelog_offset, self._in_flight_before)
        self._in_flight, self._in_flight_before = {}, {}

    def _unwritten(self) -> Iterator[tuple[str, int | None]]:
        for key, data in (self._in_flight | self._changed).items():
            yield key, header_due(data) if data else None
