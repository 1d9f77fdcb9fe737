"""The changelog back into the store (D3, D7).

Only what lies before the last position record counts: what follows it belongs to a flush that did
not come to its end, whose inputs will be taken again. So states are held back until a position
follows. Where they come to be much, they are written early if that can do no harm:

- Offsets are missing among them: compaction took the positions between, and leaves the last.
- No position came before them: if none follows, all that the store then has is forgotten again.

Else they are of one flush, and held whole, as the worker did that wrote it.
"""

from collections.abc import Container, Iterable

from journey_engine.decode.record import Record
from journey_engine.encode.ledger import LedgerEntry, Run
from journey_engine.encode.position import MOVING, Position, decode_position
from journey_engine.run.merge import DEFAULT_BUFFERS, BufferLimits
from journey_engine.run.store import POSITION_KEY, Store
from journey_engine.run.write_behind import ABSENT, held_bytes


class RestorationError(Exception):
    """The changelog is not as a worker leaves it; the message says what to do."""


def check_cluster(partition: int, position: Position | None, cluster: str) -> None:
    """Copied to another cluster, records have other offsets.

    Raises:
        RestorationError: the position is of another cluster than this one.
    """
    at = "" if position is None else position.cluster
    if at and cluster and at != cluster:
        raise RestorationError(
            f"partition {partition} stands at offsets of the cluster {at}, and this is {cluster}: "
            "map them with `journey-engine failover`"
        )


def check_inputs(partition: int, entry: LedgerEntry, read: Container[str]) -> None:
    """A flush that was sent and not noted is to be taken again from what it took.

    Raises:
        RestorationError: a topic of it is read no more.
    """
    topics = {step.topic for step in entry.steps if isinstance(step, Run)}
    gone = sorted(topic for topic in topics if topic not in read)
    if gone:
        raise RestorationError(
            f"partition {partition} was killed in the middle of a flush that took records of "
            f"{', '.join(gone)}, which topics.yaml declares no more: start a worker with the "
            "former one, stop it when it is ready, then go on with this one"
        )


class Restoration:
    """Applies the records of one changelog partition, from the store's offset onwards.

    The store gets what was confirmed by then in one write for each `apply`. Until `finish` it
    stands at the time of what was read last: left half way, it is as old as that. Of what is held
    back more than `limits.tail_bytes` are written early, where that may be.
    """

    def __init__(self, store: Store, limits: BufferLimits = DEFAULT_BUFFERS) -> None:
        self._store = store
        self._limits = limits
        self._tail: dict[str, bytes | None] = {}
        self._bytes = 0
        """Of the tail."""
        self._stood_ms: int | None = None
        self._next = 0
        """The offset after which the next record would leave a gap."""
        self._gap = False
        """Whether offsets are missing since the last position."""
        self._placed = False
        """Whether a position of a worker lies before what comes."""
        self._spilled = False

    def apply(self, records: Iterable[Record]) -> None:
        """Take the next records, in offset order. Those without a key are passed over.

        Raises:
            RestorationError: they count their flushes anew: another changelog than the store's.
        """
        confirmed: dict[str, bytes | None] = {}
        tail, upto = self._tail, 0
        for record in records:
            if self._stood_ms is None:
                self._begin(record.timestamp)
            if record.offset > self._next:
                self._gap = True
            self._next = record.offset + 1
            if record.key is None:
                continue
            key = record.key.decode()
            replaced = tail.pop(key, ABSENT)
            if replaced != ABSENT:
                self._bytes -= held_bytes(replaced)
            tail[key] = record.value
            self._bytes += held_bytes(record.value)
            if key == POSITION_KEY:
                confirmed |= tail
                tail.clear()
                upto, self._stood_ms = record.offset + 1, record.timestamp
                self._pass(record)
            elif self._bytes > self._limits.tail_bytes and (self._gap or not self._placed):
                self._write(confirmed, upto)
                confirmed = {}
                self._spill()
        self._write(confirmed, upto)

    def _begin(self, now: int) -> None:
        self._stood_ms = now
        self._next = (self._store.changelog_offset() or 0) + 1
        self._placed = self._store.get(POSITION_KEY) not in (None, MOVING)

    def _pass(self, position: Record) -> None:
        self._bytes, self._gap, self._placed = 0, False, position.value != MOVING
        self._next += 1  # the mark of a transaction's end may follow

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
            RestorationError: what was compacted has no position behind it, or `repartition` has
                not come to its end.
        """
        self._tail.clear()
        self._bytes = 0
        self._stood_ms = None
        gap, self._gap = self._gap, False
        position = self._store.get(POSITION_KEY)
        if position == MOVING:
            raise RestorationError(
                "the changelog is half filled by `journey-engine repartition`: run that again"
            )
        spilled, self._spilled = self._spilled, False
        if spilled and gap:
            raise RestorationError(
                "the changelog was compacted and holds no position record behind its last states: "
                "was something else than a worker writing to it?"
            )
        if position is None and (begun := [key for key, _ in self._store.states()]):
            self._store.write(dict.fromkeys(begun), 0)
        offset = self._store.changelog_offset()
        if offset is not None:
            self._store.write({}, offset)

    def _spill(self) -> None:
        """The offset stays where it was, so a restore broken off here starts there again."""
        offset = self._store.changelog_offset() or 0
        self._store.write(self._tail, offset, appended_ms=self._stood_ms)
        self._tail.clear()
        self._bytes = 0
        self._spilled = True


def _flush(position: bytes | None) -> int:
    """The number of a position's flush; 0 where there is none."""
    return 0 if position is None or position == MOVING else decode_position(position).flush
