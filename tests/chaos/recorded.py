"""A short run recorded without a broker: every topic as a sound run leaves it."""

from collections import defaultdict
from collections.abc import Iterable

from journey_engine.decode.partition import partition_of
from journey_engine.decode.record import Headers, Record
from journey_engine.encode.ledger import encode_ledger
from journey_engine.encode.message import HEADERS, encode_message, key_of
from journey_engine.run import definitions
from journey_engine.run.clock import Clock, StreamClock, WallClock
from journey_engine.run.naming import names
from journey_engine.run.outbox import Flush, encode_output
from journey_engine.run.settings import ClockKind
from journey_engine.run.store import MemoryStore
from journey_engine.run.task import PartitionTask
from journey_engine.run.wiring import Wiring
from tests.chaos.cluster import ROOT, TOPOLOGIES
from tests.chaos.judging import Evidence
from tests.chaos.oracle import Shop
from tests.chaos.reading import Place
from tests.chaos.workload import Workload

START = 1_790_000_000_000
ROUNDS, ROUND_MS, BATCH = 60, 500, 120


class Recording:
    """Feeds a workload to the tasks of all partitions and keeps what they flush."""

    def __init__(self, clock: ClockKind, seed: int = 1) -> None:
        defined = definitions.load(TOPOLOGIES, ROOT / "schemas", "chaos")
        self.shop = Shop(defined, names(defined.topics, "chaos."))
        self._clock = clock
        self._names = self.shop.names
        self._lying: defaultdict[Place, list[Record]] = defaultdict(list)
        channels = dict(zip(defined.topics.inputs, self._names.inputs, strict=True))
        partitions = self._names.partitions
        self._workload = Workload(seed, defined.schemas, channels, partitions)
        wiring = Wiring(
            defined.plan, self.shop.reader, self._names.inputs, self._names.inbox, partitions
        )
        self._tasks = [
            PartitionTask(p, wiring, MemoryStore(), self._new_clock()) for p in range(partitions)
        ]

    def _new_clock(self) -> Clock:
        return WallClock() if self._clock is ClockKind.WALL else StreamClock()

    def run(self) -> Evidence:
        """Everything from the first event to the last flush."""
        wall, now = self._clock is ClockKind.WALL, START
        sent: defaultdict[Place, list[Record]] = defaultdict(list)
        for number in range(ROUNDS + 20):
            now += ROUND_MS
            count = BATCH if number < ROUNDS else 0
            records = self._workload.batch(count, now, across=wall)
            if not wall:
                records += self._workload.marks(now)
            for record in records:
                sent[Place(record.topic, record.partition)].append(record)
                self._write(record.topic, record.partition, record)
            for task in self._tasks:
                self._work(task, now)
        topics = self._names.all - set(self._names.read)
        for topic in (*topics, *self._names.read):
            for partition in range(self._names.partitions):
                self._lying[Place(topic, partition)] += []
        return Evidence(self.shop, self._clock, dict(self._lying), sent, self._workload.poison)

    def _work(self, task: PartitionTask, now: int) -> None:
        for topic in self._names.read:
            records = self._lying[Place(topic, task.partition)]
            task.feed(topic, records, len(records), len(records))
        while any(task.step(now, 1_000)[:2]):
            pass
        flush = task.take_flush()
        if flush is not None:
            task.confirm(flush, self._flush(task.partition, flush))

    def _flush(self, partition: int, flush: Flush) -> int:
        ledger = encode_ledger(flush.ledger)
        self._write(self._names.ledger, partition, _record(None, ledger))
        limit = self.shop.definitions.topics.outputs["deadletters"].max_bytes
        for output in flush.outputs:
            out = encode_output(output, self.shop.definitions.schemas, deadletter_bytes_max=limit)
            record = _record(out.key, out.value, out.headers)
            self._write(self._names.of(out), partition, record)
        for forward in flush.forwards:
            lay = forward.record
            record = _record(lay.key, lay.value, forward.headers())._replace(
                timestamp=lay.timestamp
            )
            self._write(self._names.inbox, forward.partition, record)
        for message in flush.messages:
            key = key_of(message.target)
            home = partition_of(key, self._names.partitions)
            said = _record(key, encode_message(message), HEADERS)
            self._write(self._names.inbox, home, said)
        return self._keep(partition, flush.changelog())

    def _keep(self, partition: int, changes: Iterable[tuple[bytes, bytes | None]]) -> int:
        for key, value in changes:
            self._write(self._names.changelog, partition, _record(key, value))
        return len(self._lying[Place(self._names.changelog, partition)])

    def _write(self, topic: str, partition: int, record: Record) -> None:
        lying = self._lying[Place(topic, partition)]
        lying.append(record._replace(topic=topic, partition=partition, offset=len(lying)))


def _record(key: bytes | None, value: bytes | None, headers: Headers = ()) -> Record:
    return Record("", 0, 0, START, key, value, tuple(headers))
