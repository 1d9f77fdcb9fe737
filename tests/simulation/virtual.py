"""An event loop whose time passes only when nobody has anything to do.

Everything runs in one thread and every delay comes from the schedule's seed, so a schedule is
repeated to the last step by its seed.
"""

import asyncio
import selectors
from collections.abc import Mapping
from typing import Any


class DeadlockError(Exception):
    """Nothing is left to do, and the schedule has not come to its end."""


class _Instant(selectors.BaseSelector):
    """Waits for nothing: it moves the time to the next timer."""

    def __init__(self) -> None:
        self.now = 0.0
        self._keys: dict[int, selectors.SelectorKey] = {}

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        number = fileobj if isinstance(fileobj, int) else fileobj.fileno()
        key = self._keys[number] = selectors.SelectorKey(fileobj, number, events, data)
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys.pop(fileobj if isinstance(fileobj, int) else fileobj.fileno())

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise DeadlockError("every task waits for something that nobody will bring about")
        # A little more than asked for: a sum of floats must not fall short of the timer for ever.
        self.now += timeout + 1e-9 if timeout > 0 else 0.0
        return []

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._keys


class VirtualLoop(asyncio.SelectorEventLoop):
    """Seconds since the schedule began."""

    def __init__(self) -> None:
        self._instant = _Instant()
        super().__init__(self._instant)

    def time(self) -> float:
        return self._instant.now
