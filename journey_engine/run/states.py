"""The states of one partition, customers' and channels', written behind the changelog (D3, D6).

What changed is kept decoded: `put` since the last flush was taken, and beside it what that flush
carries until it is confirmed. Only then does the store get it. `load` forgets both. The timers
follow every change.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from journey_engine.decide.due import UNKNOWN, next_due
from journey_engine.decide.governing_state import NOTHING_SAID, PartitionState
from journey_engine.decide.message import PARTITION, VISITOR
from journey_engine.decide.room_state import EMPTY_CHANNEL, ChannelState
from journey_engine.decide.state import EMPTY, CustomerState, State
from journey_engine.encode.state import COMPACT, decode_any_state, encode_state, header_due
from journey_engine.run.store import Store
from journey_engine.run.timers import TimerIndex, Timers

_NOTHING: Final = (EMPTY, EMPTY_CHANNEL, NOTHING_SAID)
_AFTER_CUSTOMERS: Final = "d"
"""Behind every customer's key and every visitor's."""
CACHE_BYTES: Final = 256 * 1024 * 1024
DECODED: Final = 8
"""How often as large a state is in memory as it is encoded; measured: 7 to 9 times."""
DECODED_COMPACT: Final = 20
"""The same of a large state, which is written compact; measured: 18 times."""
ENTRY_BYTES: Final = 1024
"""What an entry of the cache takes beside."""
_COMPACT: Final = bytes([COMPACT])


class Known:
    """A state, and when something of it is due next. `size` is what it takes in the cache."""

    __slots__ = ("due", "size", "state")

    def __init__(self, state: State, due: int | None) -> None:
        self.state = state
        self.due = due
        self.size = 0


_NOBODY: Final = Known(EMPTY, None)


class StateCache:
    """Decoded states kept beyond those that wait for a flush, of all partitions of a process: the
    ones kept last, in `most` bytes.

    Each user asks for an `owner` of its own, so that nobody finds what another one has kept.
    """

    def __init__(self, most: int = CACHE_BYTES) -> None:
        self.bytes = 0
        self.most = most
        self._owners = 0
        self._kept: dict[tuple[int, str], Known] = {}

    def owner(self) -> int:
        """A number for `get` and `keep`. What is kept under the last one is dropped in its turn."""
        self._owners += 1
        return self._owners

    def get(self, owner: int, key: str) -> Known | None:
        """The state, if it is still here."""
        return self._kept.get((owner, key))

    def keep(self, owner: int, key: str, known: Known, encoded: bytes) -> None:
        """Keep a state in place of the one kept before."""
        place = (owner, key)
        old = self._kept.pop(place, None)
        if old is not None:
            self.bytes -= old.size
        times = DECODED_COMPACT if encoded[:1] == _COMPACT else DECODED
        known.size = ENTRY_BYTES + times * len(encoded)
        self._kept[place] = known
        self.bytes += known.size
        while self.bytes > self.most:
            self.bytes -= self._kept.pop(next(iter(self._kept))).size


class States:
    """Reads through to the store; `timers` says who of the partition is due."""

    def __init__(self, store: Store, cache: StateCache) -> None:
        self.timers: Timers = TimerIndex()
        self._store = store
        self._cache = cache
        self._owner = cache.owner()
        self._changed: dict[str, Known] = {}
        self._in_flight: dict[str, Known] = {}

    def load(self) -> None:
        """Begin with what the store holds; no state is decoded."""
        self._owner = self._cache.owner()
        self._changed.clear()
        self._in_flight.clear()
        self.timers = self._store.timers(self._unwritten)

    def look(self, key: str) -> Known:
        """The customer's state and when it is due; `EMPTY` for one never seen."""
        known = self._find(key)
        return _NOBODY if known is None else known

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
        found |= {key for key, known in changed.items() if known.state not in _NOTHING}
        first = max(after, VISITOR)
        return sorted(key for key in found if first < key < _AFTER_CUSTOMERS)[:count]

    def _find(self, key: str) -> Known | None:
        known = self._changed.get(key)
        if known is None:
            known = self._in_flight.get(key)
        if known is None:
            known = self._cache.get(self._owner, key)
        if known is not None:
            return known
        data = self._store.get(key)
        if data is None:
            return None
        known = Known(decode_any_state(data), header_due(data))
        self._cache.keep(self._owner, key, known, data)
        return known

    def put(self, key: str, state: State, due: int | None = UNKNOWN) -> None:
        """The state from now on; `due` is `next_due(state)`, where the caller knows it."""
        if due == UNKNOWN:
            due = next_due(state)
        self._changed[key] = Known(state, due)
        self.timers.set(key, due)

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
            key: None if known.state in _NOTHING else encode_state(known.state, known.due)
            for key, known in self._in_flight.items()
        }

    def confirm(self, changes: Mapping[str, bytes | None], changelog_offset: int) -> None:
        """The changelog holds what was taken: write it, with whatever else `changes` holds."""
        self._store.write(changes, changelog_offset)
        for key, known in self._in_flight.items():
            self._cache.keep(self._owner, key, known, changes[key] or b"")
        self._in_flight = {}

    def _unwritten(self) -> Iterator[tuple[str, int | None]]:
        for key, known in (self._in_flight | self._changed).items():
            yield key, known.due
