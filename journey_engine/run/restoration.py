"""The changelog back into the store (D3, D7).

Only what lies before the last position record counts: what follows it belongs to a flush that did
not come to its end, whose inputs will be taken again.
"""

from collections.abc import Iterable
from itertools import islice

from journey_engine.decode.record import Record
from journey_engine.run.store import POSITION_KEY, Store

TAIL_STATES_MAX = 100_000
"""States held back until a position record follows; more than any flush holds."""


class RestorationError(Exception):
    """The changelog does not end as a worker leaves it."""


class Restoration:
    """Applies the records of one changelog partition, from the store's offset onwards."""

    def __init__(self, store: Store, tail_max: int = TAIL_STATES_MAX) -> None:
        self._store = store
        self._tail_max = tail_max
        self._tail: dict[str, bytes | None] = {}
        self._spilled = False

    def apply(self, records: Iterable[Record]) -> None:
        """Take the next records, in offset order. Those without a key are passed over."""
        for record in records:
            if record.key is None:
                continue
            key = record.key.decode()
            self._tail.pop(key, None)
            self._tail[key] = record.value
            if key == POSITION_KEY:
                self._store.write(self._tail, record.offset + 1)
                self._tail = {}
                self._spilled = False
            elif len(self._tail) > self._tail_max:
                self._spill()

    def finish(self) -> None:
        """Everything was read: forget what no position record followed.

        Raises:
            RestorationError: more records than any flush holds lie behind the last position.
        """
        self._tail = {}
        if self._spilled:
            raise RestorationError(
                "the changelog holds no position record within its last "
                f"{self._tail_max} states: was something else than a worker writing to it?"
            )

    def _spill(self) -> None:
        """Compaction leaves long stretches without a position: write their older half early.

        The offset stays where it was, so a restore broken off here starts there again.
        """
        older = dict(islice(self._tail.items(), len(self._tail) // 2))
        self._store.write(older, self._store.changelog_offset() or 0)
        for key in older:
            del self._tail[key]
        self._spilled = True
