"""The changelog back into the store (D3, D7).

Only what lies before the last position record counts: what follows it belongs to a flush that did
not come to its end, whose inputs will be taken again.
"""

from collections.abc import Iterable
from itertools import islice

from journey_engine.decode.record import Record
from journey_engine.encode.position import MOVING, decode_position
from journey_engine.run.store import POSITION_KEY, Store

TAIL_STATES_MAX = 100_000
"""States held back until a position record follows; more than any flush holds."""


class RestorationError(Exception):
    """The changelog is not as a worker leaves it; the message says what to do."""


class Restoration:
    """Applies the records of one changelog partition, from the store's offset onwards.

    The store gets what was confirmed by then in one write for each `apply`. Until `finish` it
    stands at the time of what was read last: left half way, it is as old as that.
    """

    def __init__(self, store: Store, tail_max: int = TAIL_STATES_MAX) -> None:
        self._store = store
        self._tail_max = tail_max
        self._tail: dict[str, bytes | None] = {}
        self._stood_ms: int | None = None
        self._spilled = False

    def apply(self, records: Iterable[Record]) -> None:
        """Take the next records, in offset order. Those without a key are passed over.

        Raises:
            RestorationError: they count their flushes anew: another changelog than the store's.
        """
        confirmed: dict[str, bytes | None] = {}
        tail, upto = self._tail, 0
        for record in records:
            if record.key is None:
                continue
            if self._stood_ms is None:
                self._stood_ms = record.timestamp
            key = record.key.decode()
            tail.pop(key, None)
            tail[key] = record.value
            if key == POSITION_KEY:
                confirmed |= tail
                tail.clear()
                upto, self._stood_ms = record.offset + 1, record.timestamp
            elif len(tail) > self._tail_max:
                self._write(confirmed, upto)
                confirmed = {}
                self._spill()
        self._write(confirmed, upto)

    def _write(self, confirmed: dict[str, bytes | None], upto: int) -> None:
        if not confirmed:
            return
        stood, stands = _flush(self._store.get(POSITION_KEY)), _flush(confirmed[POSITION_KEY])
        if 0 < stands < stood:
            raise RestorationError(
                f"the changelog counts flush {stands} before offset {upto}, and the store of this "
                f"worker stands at flush {stood}: the topic was deleted and made anew. The store "
                "may be the only copy of the states left. To go on with what the topic holds, "
                "delete the store's directory (data_dir)."
            )
        self._store.write(confirmed, upto, appended_ms=self._stood_ms)
        self._spilled = False

    def finish(self) -> None:
        """Everything was read: forget what no position record followed.

        Raises:
            RestorationError: more records than any flush holds lie behind the last position, or
                `repartition` has not come to its end.
        """
        self._tail.clear()
        self._stood_ms = None
        if self._store.get(POSITION_KEY) == MOVING:
            raise RestorationError(
                "the changelog is half filled by `journey-engine repartition`: run that again"
            )
        if self._spilled:
            self._spilled = False
            raise RestorationError(
                "the changelog holds no position record within its last "
                f"{self._tail_max} states: was something else than a worker writing to it?"
            )
        offset = self._store.changelog_offset()
        if offset is not None:
            self._store.write({}, offset)

    def _spill(self) -> None:
        """Compaction leaves long stretches without a position: write their older half early.

        The offset stays where it was, so a restore broken off here starts there again.
        """
        older = dict(islice(self._tail.items(), len(self._tail) // 2))
        offset = self._store.changelog_offset() or 0
        self._store.write(older, offset, appended_ms=self._stood_ms)
        for key in older:
            del self._tail[key]
        self._spilled = True


def _flush(position: bytes | None) -> int:
    """The number of a position's flush; 0 where there is none."""
    return 0 if position is None or position == MOVING else decode_position(position).flush
