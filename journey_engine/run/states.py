"""The states of one partition, customers' and channels', written behind the changelog (D3, D6).

What changed is kept decoded: `put` since the last flush was taken, and beside it what that flush
carries until it is confirmed. Only then does the store get it. `load` forgets both. The timers
follow every change.
"""

from collections.abc import Iterator, Mapping

from journey_engine.decide.due import next_due
from journey_engine.decide.governing_state import NOTHING_SAID, PartitionState
from journey_engine.decide.message import PARTITION, VISITOR
from journey_engine.decide.room_state import EMPTY_CHANNEL, ChannelState
from journey_engine.decide.state import EMPTY, CustomerState, State
from journey_engine.encode.state import COMPACT, decode_any_state, encode_state
from journey_engine.run.store import Store
from journey_engine.run.timers import TimerIndex, Timers

_NOTHING = (EMPTY, EMPTY_CHANNEL, NOTHING_SAID)
_AFTER_CUSTOMERS = "d"
"""Behind every customer's key and every visitor's."""
CACHE_BYTES = 256 * 1024 * 1024
DECODED = 8
"""How often as large a state is in memory as it is encoded; measured: 7 to 9 times."""
DECODED_COMPACT = 20
"""The same of a large state, which is written compact; measured: 18 times."""
ENTRY_BYTES = 1024
"""What an entry of the cache takes beside."""
_COMPACT = bytes([COMPACT])


class StateCache:
    """Decoded states kept beyond those that wait for a flush, of all partitions of a process: the
    ones kept last, in `most` bytes.

    Each user asks for an `owner` of its own, so that nobody finds what another one has kept.
    """

    def __init__(self, most: int = CACHE_BYTES) -> None:
        self.bytes = 0
        self.most = most
        self._owners = 0
        self._kept: dict[tuple[int, str], tuple[State, int]] = {}

    def owner(self) -> int:
        """A number for `get` and `keep`. What is kept under the last one is dropped in its turn."""
        self._owners += 1
        return self._owners

    def get(self, owner: int, key: str) -> State | None:
        """The state, if it is still here."""
        kept = self._kept.get((owner, key))
        return None if kept is None else kept[0]

    def keep(self, owner: int, key: str, state: State, encoded: bytes) -> None:
        """Keep a state in place of the one kept before."""
        place = (owner, key)
        old = self._kept.pop(place, None)
        if old is not None:
            self.bytes -= old[1]
        times = DECODED_COMPACT if encoded[:1] == _COMPACT else DECODED
        size = ENTRY_BYTES + times * len(encoded)
        self._kept[place] = (state, size)
        self.bytes += size
        while self.bytes > self.most:
            self.bytes -= self._kept.pop(next(iter(self._kept)))[1]


class States:
    """Reads through to the store; `timers` says who of the partition is due."""

    def __init__(self, store: Store, cache: StateCache) -> None:
        self.timers: Timers = TimerIndex()
        self._store = store
        self._cache = cache
        self._owner = cache.owner()
        self._changed: dict[str, State] = {}
        self._in_flight: dict[str, State] = {}

    def load(self) -> None:
        """Begin with what the store holds; no state is decoded."""
        self._owner = self._cache.owner()
        self._changed.clear()
        self._in_flight.clear()
        self.timers = self._store.timers(self._unwritten)

    def get(self, key: str) -> CustomerState:
        """The customer's state; `EMPTY` for one never seen."""
        state = self._find(key)
        return state if isinstance(state, CustomerState) else EMPTY

    def channel(self, key: str) -> ChannelState:
        """The state of a channel's capacity; `EMPTY_CHANNEL` for one never asked for."""
        state = self._find(key)
        return state if isinstance(state, ChannelState) else EMPTY_CHANNEL

    def partition(self) -> PartitionState:
        """What the partition was told; `NOTHING_SAID` at first."""
        state = self._find(PARTITION)
        return state if isinstance(state, PartitionState) else NOTHING_SAID

    def customers(self, after: str, count: int) -> list[str]:
        """The keys of the next customers and visitors, in order, at most so many."""
        changed = {**self._in_flight, **self._changed}
        stored = self._store.keys(max(after, VISITOR), _AFTER_CUSTOMERS, count + len(changed))
        found = {key for key in stored if key not in changed}
        found |= {key for key, state in changed.items() if state not in _NOTHING}
        first = max(after, VISITOR)
        return sorted(key for key in found if first < key < _AFTER_CUSTOMERS)[:count]

    def _find(self, key: str) -> State | None:
        state = self._changed.get(key) or self._in_flight.get(key)
        if state is None:
            state = self._cache.get(self._owner, key)
        if state is not None:
            return state
        data = self._store.get(key)
        if data is None:
            return None
        state = decode_any_state(data)
        self._cache.keep(self._owner, key, state, data)
        return state

    def put(self, key: str, state: State) -> None:
        """The state from now on."""
        self._changed[key] = state
        self.timers.set(key, next_due(state))

    def changed(self) -> int:
        """How many states wait to be flushed."""
        return len(self._changed)

    def take(self) -> dict[str, bytes | None]:
        """What changed, as bytes, the last state of each; None where nothing is left to remember.

        It stays readable here until `confirm` or `load`.
        """
        self._in_flight = self._changed
        self._changed = {}
        return {
            key: None if state in _NOTHING else encode_state(state)
            for key, state in self._in_flight.items()
        }

    def confirm(self, changes: Mapping[str, bytes | None], changelog_offset: int) -> None:
        """The changelog holds what was taken: write it, with whatever else `changes` holds."""
        self._store.write(changes, changelog_offset)
        for key, state in self._in_flight.items():
            self._cache.keep(self._owner, key, state, changes[key] or b"")
        self._in_flight = {}

    def _unwritten(self) -> Iterator[tuple[str, int | None]]:
        for key, state in (self._in_flight | self._changed).items():
            yield key, next_due(state)
