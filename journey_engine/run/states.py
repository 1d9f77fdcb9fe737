"""The customers' states of one partition, written behind the changelog (D3, D6).

What changed is kept decoded: `put` since the last flush was taken, and beside it what that flush
carries until it is confirmed. Only then does the store get it. `load` forgets both. The timers
follow every change.
"""

from collections.abc import Iterator, Mapping

from journey_engine.decide.state import EMPTY, CustomerState, next_due
from journey_engine.encode.state import decode_state, encode_state
from journey_engine.run.store import Store
from journey_engine.run.timers import TimerIndex, Timers

CACHED_STATES = 10_000
"""Decoded states kept beyond those that wait for a flush."""


class States:
    """Reads through to the store; `timers` says who of the partition is due."""

    def __init__(self, store: Store, cached: int = CACHED_STATES) -> None:
        self.timers: Timers = TimerIndex()
        self._store = store
        self._cached = cached
        self._cache: dict[str, CustomerState] = {}
        self._changed: dict[str, CustomerState] = {}
        self._in_flight: dict[str, CustomerState] = {}

    def load(self) -> None:
        """Begin with what the store holds; no state is decoded."""
        self._cache.clear()
        self._changed.clear()
        self._in_flight.clear()
        self.timers = self._store.timers(self._unwritten)

    def get(self, key: str) -> CustomerState:
        """The customer's state; `EMPTY` for one never seen."""
        state = self._changed.get(key) or self._in_flight.get(key) or self._cache.get(key)
        if state is not None:
            return state
        data = self._store.get(key)
        if data is None:
            return EMPTY
        state = decode_state(data)
        self._keep(key, state)
        return state

    def put(self, key: str, state: CustomerState) -> None:
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
            key: None if state == EMPTY else encode_state(state)
            for key, state in self._in_flight.items()
        }

    def confirm(self, changes: Mapping[str, bytes | None], changelog_offset: int) -> None:
        """The changelog holds what was taken: write it, with whatever else `changes` holds."""
        self._store.write(changes, changelog_offset)
        for key, state in self._in_flight.items():
            self._keep(key, state)
        self._in_flight = {}

    def _unwritten(self) -> Iterator[tuple[str, int | None]]:
        for key, state in (self._in_flight | self._changed).items():
            yield key, next_due(state)

    def _keep(self, key: str, state: CustomerState) -> None:
        self._cache.pop(key, None)
        self._cache[key] = state
        if len(self._cache) > self._cached:
            del self._cache[next(iter(self._cache))]
