"""A broker and a disk in memory, and a worker on them that can be killed between any two writes.

Nothing of ours is replaced: it is the loop of a worker, without the network.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable

from journey_engine.decode.record import Record
from journey_engine.encode.ledger import LedgerEntry, decode_ledger, encode_ledger
from journey_engine.run.clock import Clock
from journey_engine.run.outbox import Flush, encode_output
from journey_engine.run.store import MemoryStore
from journey_engine.run.task import PartitionTask, Progress
from journey_engine.run.wiring import Wiring
from tests.run.shop import SCHEMAS

WRITES = ("nothing", "ledger", "outputs in part", "outputs", "changelog in part", "changelog")


class World:
    """One partition. `sent` is by flush number every attempt's outputs, as bytes."""

    def __init__(
        self, wiring: Wiring, records: Iterable[Record], clock: Callable[[], Clock]
    ) -> None:
        self._wiring = wiring
        self._clock = clock
        self.topics: dict[str, list[Record]] = {topic: [] for topic in wiring.inputs}
        if wiring.catalogue is not None and wiring.inbox is not None:
            self.topics[wiring.inbox] = []
        for record in records:
            self.topics[record.topic].append(record)
        self.ledger: list[bytes] = []
        self.changelog: list[Record] = []
        self.sent: defaultdict[int, list[list[bytes]]] = defaultdict(list)
        self.store = MemoryStore()
        self.fed: dict[str, int] = {}
        self.start(keep_disk=False)

    def start(self, *, keep_disk: bool) -> None:
        """A new process; without its disk the changelog gives everything back."""
        if not keep_disk:
            self.store = MemoryStore()
        self.task = PartitionTask(0, self._wiring, self.store, self._clock())
        begin = self.store.changelog_offset() or 0
        self.task.restore(self.changelog[begin:])
        self.task.restored()
        for data in self.ledger[-1:]:
            self.task.prescribe(decode_ledger(data))
        self.seek()

    def seek(self) -> None:
        self.fed = {topic: self.task.positions().get(topic, 0) for topic in self.topics}

    def feed(self, topic: str, count: int) -> None:
        begin = self.fed[topic]
        records = self.topics[topic][begin : begin + count]
        self.fed[topic] = begin + len(records)
        self.task.feed(topic, records, end=len(self.topics[topic]))

    def flush(self, until: str = "all", *, meanwhile: tuple[int, int] | None = None) -> None:
        """Take a flush and make it durable; stop after the write that `until` names.

        `meanwhile`, a wall time and a budget, is a step between taking it and the first write.
        """
        flush = self.task.take_flush()
        if meanwhile is not None:
            self.task.step(*meanwhile)
        if flush is None or until == "nothing":
            return
        self.ledger.append(encode_ledger(flush.ledger))
        flush = flush.ledgered(len(self.ledger) - 1)
        if until == "ledger":
            return
        outputs = encoded(flush)
        half = len(outputs) // 2
        self.sent[flush.number].append(outputs[:half] if until == "outputs in part" else outputs)
        if until.startswith("outputs"):
            return
        changes = flush.changelog()
        if until == "changelog in part":
            changes = changes[: len(changes) // 2]
        for key, value in changes:
            offset = len(self.changelog)
            self.changelog.append(Record("changelog", 0, offset, 0, key, value))
        if not until.startswith("changelog"):
            self.task.confirm(flush, len(self.changelog))

    def crash(self, until: str, *, keep_disk: bool) -> None:
        """Be killed in the middle of a flush, and come back."""
        self.flush(until)
        self.start(keep_disk=keep_disk)

    def finish(self, wall_now: int = 0) -> None:
        """Read on to the end of every topic."""
        while True:
            for topic in self.topics:
                self.feed(topic, 1_000)
            progress = self.task.step(wall_now, 1_000)
            self.flush()
            if progress == Progress(0, 0, flush_now=False):
                return

    def outputs(self) -> list[bytes]:
        """What was sent, attempts of one flush counted once."""
        return [output for number in sorted(self.sent) for output in self.sent[number][-1]]

    def states(self) -> dict[str, bytes]:
        return dict(self.store.states())

    def restored_states(self) -> dict[str, bytes]:
        """The states as the changelog alone gives them."""
        store = MemoryStore()
        task = PartitionTask(0, self._wiring, store, self._clock())
        task.restore(self.changelog)
        task.restored()
        return dict(store.states())

    def entries(self) -> list[LedgerEntry]:
        return [decode_ledger(data) for data in self.ledger]


def encoded(flush: Flush) -> list[bytes]:
    """Everything that is sent, as bytes."""
    outputs = []
    for output in flush.outputs:
        record = encode_output(output, SCHEMAS, deadletter_bytes_max=1_000_000)
        outputs.append(repr(tuple(record)).encode())
    return outputs
