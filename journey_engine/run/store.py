"""Where customer states lie between decisions, as bytes.

A store is written only with what the changelog already holds: each `write` carries the changelog
offset that it brings the store to, and is all or nothing (D3). State keys are `c:…` and `a:…`;
`POSITION_KEY` is the partition's reserved key.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Protocol

from journey_engine.encode import position
from journey_engine.encode.state import header_due
from journey_engine.run.timers import TimerIndex, Timers, Unwritten

POSITION_KEY = position.POSITION_KEY.decode()

Changes = Mapping[str, bytes | None]
"""By state key the bytes, None to delete them."""
Dues = Mapping[str, int | None]
"""By state key when what is replaced is due; of others it is not known."""
NOT_KNOWN: Final[Dues] = {}
"""Of no key."""


class StoreError(Exception):
    """A store cannot be used; the message says why and what to do."""


class Store(Protocol):
    """The states of one partition."""

    def get(self, key: str) -> bytes | None:
        """The bytes last written under the key, None without any."""
        ...

    def write(
        self,
        changes: Changes,
        changelog_offset: int,
        before: Dues = NOT_KNOWN,
        appended_ms: int | None = None,
    ) -> None:
        """Apply all changes at once, None deletes; `changelog_offset` is the next one to read.

        `before` tells of some keys when what is stored under them is due: it need not be read.
        `appended_ms` is the wall time at which the changelog got what lies before the offset; None:
        nothing else has lain in it until now.
        """
        ...

    def changelog_offset(self) -> int | None:
        """The offset from which a restore goes on; None for a store never written."""
        ...

    def states(self) -> Iterator[tuple[str, bytes]]:
        """Every state; the position record is not among them."""
        ...

    def keys(self, after: str, before: str, count: int) -> Sequence[str]:
        """The keys between the two, in order, at most so many."""
        ...

    def timers(self, unwritten: Unwritten) -> Timers:
        """The timers of all that the store holds now; `unwritten` is what is decided beyond it."""
        ...

    def close(self) -> None:
        """Let go of the store; no other call may follow."""
        ...


class MemoryStore:
    """A `Store` that lasts as long as the process."""

    def __init__(self) -> None:
        self._values: dict[str, bytes] = {}
        self._sorted: list[str] | None = None
        """The keys, while somebody walks over them; those deleted meanwhile are among them."""
        self._offset: int | None = None

    def get(self, key: str) -> bytes | None:
        """As in `Store`."""
        return self._values.get(key)

    def write(
        self,
        changes: Changes,
        changelog_offset: int,
        before: Dues = NOT_KNOWN,  # noqa: ARG002 - nothing is read for it
        appended_ms: int | None = None,  # noqa: ARG002 - it is never found again
    ) -> None:
        """As in `Store`."""
        for key, value in changes.items():
            if value is None:
                self._values.pop(key, None)
            else:
                if self._sorted is not None and key not in self._values:
                    self._file(self._sorted, key)
                self._values[key] = value
        self._offset = changelog_offset

    @staticmethod
    def _file(ordered: list[str], key: str) -> None:
        place = bisect_left(ordered, key)
        if ordered[place : place + 1] != [key]:
            ordered.insert(place, key)

    def changelog_offset(self) -> int | None:
        """As in `Store`."""
        return self._offset

    def states(self) -> Iterator[tuple[str, bytes]]:
        """As in `Store`."""
        return (item for item in self._values.items() if item[0] != POSITION_KEY)

    def keys(self, after: str, before: str, count: int) -> Sequence[str]:
        """As in `Store`; sorted once for a walk from key to key."""
        ordered = self._sorted
        if ordered is None:
            ordered = self._sorted = sorted(self._values)
        found: list[str] = []
        place = bisect_right(ordered, after)
        while len(found) < count and place < len(ordered) and ordered[place] < before:
            if ordered[place] in self._values:
                found.append(ordered[place])
            place += 1
        if len(found) < count:
            self._sorted = None
        return found

    def timers(self, unwritten: Unwritten) -> Timers:  # noqa: ARG002 - all in memory, all set
        """As in `Store`; found by one look at all states' headers."""
        return TimerIndex.of((key, header_due(data)) for key, data in self.states())

    def close(self) -> None:
        """As in `Store`."""
        self._values.clear()
