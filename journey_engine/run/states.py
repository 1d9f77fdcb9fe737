"""The states of one partition, customers' and channels', written behind the changelog (D3, D6).

What changed is kept: `put` since the last flush was taken, and beside it what that flush carries
until it is confirmed. Only then does the store get it. `load` forgets both. The timers follow every
change.

All of it is bytes. A state decoded is some forty objects, which take eight times the memory, lie
apart in it, and are walked through by the garbage collector: to let go of one that was put aside
costs more than to write it while it is at hand and to read it again.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Final

from journey_engine.decide.due import UNKNOWN, next_due
from journey_engine.decide.governing_state import NOTHING_SAID, PartitionState
from journey_engine.decide.message import PARTITION, VISITOR
from journey_engine.decide.room_state import EMPTY_CHANNEL, ChannelState
from journey_engine.decide.state import EMPTY, CustomerState, State
from journey_engine.encode.state import compacted, encode_plain, header_due, read_state
from journey_engine.run.store import Store
from journey_engine.run.timers import TimerIndex, Timers

_NOTHING: Final = (EMPTY, EMPTY_CHANNEL, NOTHING_SAID)
_AFTER_CUSTOMERS: Final = "d"
"""Behind every customer's key and every visitor's."""
CACHE_BYTES: Final = 256 * 1024 * 1024
ENTRY_BYTES: Final = 384
"""What an entry of the cache takes beside the state's bytes; measured: 290 and its key."""


class Known:
    """A state, and when something of it is due next."""

    __slots__ = ("due", "state")

    def __init__(self, state: State, due: int | None) -> None:
        self.state = state
        self.due = due


_NOBODY: Final = Known(EMPTY, None)


class StateCache:
    """States as the stores hold them, of all partitions of a process: the ones kept last, in
    `most` bytes. Large ones are not compact here.

    Each user asks for an `owner` of its own, so that nobody finds what another one has kept.
    """

    def __init__(self, most: int = CACHE_BYTES) -> None:
        self.bytes = 0
        self.most = most
        self._owners = 0
        self._kept: OrderedDict[tuple[int, str], bytes] = OrderedDict()

    def owner(self) -> int:
        """A number for `get` and `keep`. What is kept under the last one is dropped in its turn."""
        self._owners += 1
        return self._owners

    def get(self, owner: int, key: str) -> bytes | None:
        """The state, if it is still here; b"" where the store is known to hold none."""
        return self._kept.get((owner, key))

    def keep(self, owner: int, key: str, plain: bytes) -> bytes | None:
        """Keep a state in place of the one kept before, which is given back."""
        place = (owner, key)
        old = self._kept.pop(place, None)
        self._kept[place] = plain
        self.bytes += len(plain) - len(old) if old is not None else ENTRY_BYTES + len(plain)
        while self.bytes > self.most:
            _, gone = self._kept.popitem(last=False)
            self.bytes -= ENTRY_BYTES + len(gone)
        return old


class States:
    """Reads through to the store; `timers` says who of the partition is due."""

    def __init__(self, store: Store, cache: StateCache) -> None:
        self.timers: Timers = TimerIndex()
        self._store = store
        self._cache = cache
        self._owner = cache.owner()
        self._changed: dict[str, bytes] = {}
        self._in_flight: dict[str, bytes] = {}
        """Not compact; b"" where nothing is left to remember."""

    def load(self) -> None:
        """Begin with what the store holds; no state is decoded."""
        self._owner = self._cache.owner()
        self._changed.clear()
        self._in_flight.clear()
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
        changed = {**self._in_flight, **self._changed}
        stored = self._store.keys(max(after, VISITOR), _AFTER_CUSTOMERS, count + len(changed))
        found = {key for key in stored if key not in changed}
        found |= {key for key, data in changed.items() if data}
        first = max(after, VISITOR)
        return sorted(key for key in found if first < key < _AFTER_CUSTOMERS)[:count]

    def _find(self, key: str) -> bytes:
        data = self._changed.get(key)
        if data is None:
            data = self._in_flight.get(key)
        if data is None:
            data = self._cache.get(self._owner, key)
        if data is None:
            data = self._store.get(key) or b""
            self._cache.keep(self._owner, key, data)
        return data

    def put(self, key: str, state: State, due: int | None = UNKNOWN) -> None:
        """The state from now on; `due` is `next_due(state)`, where the caller knows it."""
        if due == UNKNOWN:
            due = next_due(state)
        self._changed[key] = b"" if state in _NOTHING else encode_plain(state, due)
        self.timers.set(key, due)

    def changed(self) -> int:
        """How many states wait to be flushed."""
        return len(self._changed)

    def take(self) -> dict[str, bytes | None]:
        """What changed, the last state of each; None where nothing is left to remember.

        It stays readable here until `confirm` or `load`.
        """
        self._in_flight = self._changed
        self._changed = {}
        return {key: compacted(data) if data else None for key, data in self._in_flight.items()}

    def confirm(self, changes: Mapping[str, bytes | None], changelog_offset: int) -> None:
        """The changelog holds what was taken: write it, with whatever else `changes` holds."""
        cache, owner, before = self._cache, self._owner, {}
        for key, data in self._in_flight.items():
            old = cache.keep(owner, key, data)
            if old is not None:
                before[key] = header_due(old) if old else None
        self._store.write(changes, changelog_offset, before)
        self._in_flight = {}

    def _unwritten(self) -> Iterator[tuple[str, int | None]]:
        for key, data in (self._in_flight | self._changed).items():
            yield key, header_due(data) if data else None
