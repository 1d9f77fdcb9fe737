"""The data plane: one loop that polls, works and flushes for all partitions of this process.

At-least-once, in the order that lets a start after any crash go on without a loss (D3): ledger
acknowledged, outputs acknowledged, changelog acknowledged (its last record is the position),
store written, group offsets last and only for lag tools.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog
from faust.types import TP

from journey_engine.decode.record import Record
from journey_engine.encode.deadletter import Failure, encode_deadletter, record_bytes
from journey_engine.encode.ledger import encode_ledger
from journey_engine.encode.outgoing import OutRecord
from journey_engine.errors import DeadLetterCode
from journey_engine.run.app import whole_partitions
from journey_engine.run.clock import wall_ms
from journey_engine.run.naming import Names
from journey_engine.run.opening import Opening
from journey_engine.run.outbox import Flush, Forward, encode_output, logged_at
from journey_engine.run.output import Message, Output
from journey_engine.run.settings import Settings
from journey_engine.run.task import PartitionTask
from journey_engine.schemas import Schemas

if TYPE_CHECKING:
    from journey_engine.observe.metrics import Metrics
    from journey_engine.run.transport import BatchConsumer, End

log = structlog.get_logger(__name__)

TICK_S = 0.02
"""How long an idle poll waits: the most by which a timer is late for it."""
STEP_BUDGET = 500
"""Inputs and timers of a partition taken before the event loop gets its turn."""


Earliest = Callable[[Sequence[TP]], Awaitable[Mapping[TP, int]]]
"""Asks the broker for the first offsets that it still has."""


class PositionError(Exception):
    """A topic is not the one that was read before; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a worker is made of."""

    settings: Settings
    names: Names
    schemas: Schemas
    output: Output
    opening: Opening
    metrics: "Metrics"
    deadletter_bytes_max: int
    """The largest record that the dead letters' topic takes."""


class Worker:
    """Drives the tasks of the partitions that the group gave to this process."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._tasks: dict[int, PartitionTask] = {}
        self._lock = asyncio.Lock()
        self._stopping = False
        self._paused: set[TP] = set()
        self._recorded: dict[TP, int] = {}
        self._unrecorded: dict[TP, int] = {}
        self._from: Mapping[TP, int] = {}
        self._taken = False
        self._lacking: dict[int, list[str]] = {}
        self.beat = time.monotonic()
        """When the loop last came round; liveness looks at it."""

    def missing(self) -> str | None:
        """Why this worker is not ready; None when all its partitions run."""
        if not self._taken:
            return "waiting for partitions, or restoring them"
        if self._lacking:
            lacking = (f"{p} lacks {', '.join(topics)}" for p, topics in self._lacking.items())
            return f"partitions held in part: {'; '.join(lacking)}"
        return None

    @property
    def partitions(self) -> list[int]:
        """The partitions that run here."""
        return sorted(self._tasks)

    async def take(self, assigned: frozenset[TP], earliest: Earliest) -> Mapping[TP, int]:
        """Restore the partitions of an assignment; from where to read each input."""
        names = self._parts.names
        topics = (*names.read, names.changelog)
        partitions = whole_partitions(assigned, topics)
        self._lacking = {
            p: [topic for topic in topics if TP(topic, p) not in assigned]
            for p in {tp.partition for tp in assigned} - partitions
        }
        await self._parts.output.start()
        tasks = await self._parts.opening.open(partitions)
        async with self._lock:
            self._tasks = dict(tasks)
            self._taken = True
        self._parts.metrics.running(len(tasks))
        inputs = [TP(topic, partition) for partition in tasks for topic in names.read]
        first = await earliest(inputs) if inputs else {}
        self._from = {tp: self._reachable(tp, first[tp]) for tp in inputs}
        return self._from

    def _reachable(self, tp: TP, first: int) -> int:
        """Where to go on: at the position, or at `first` where retention has passed it."""
        position = self._tasks[tp.partition].positions().get(tp.topic)
        if position is not None and position < first:
            lost = first - position
            self._parts.metrics.lost.labels(tp.topic).inc(lost)
            log.error(
                "records_lost",
                topic=tp.topic,
                partition=tp.partition,
                position=position,
                first_offset=first,
                lost=lost,
                hint="retention deleted them unread: the worker was away for longer than that",
            )
        return max(position or 0, first)

    def _check_end(self, tp: TP, end: "End") -> None:
        """Refuse a topic that ends before our position: aiokafka begins anew there, and what then
        comes in would be passed over as known.
        """
        if end.position < self._from.get(tp, 0):
            raise PositionError(
                f"{tp.topic}, partition {tp.partition}, ends before offset {self._from[tp]}, where "
                "this app stands. Was the topic deleted and made anew? Then delete the app's "
                "changelog and ledger too, or give it another app_id."
            )

    async def release(self, *, flush: bool = True) -> None:
        """Let all partitions go, after a last flush unless they are somebody else's already."""
        async with self._lock:
            self._taken = False
            try:
                if flush:
                    await self._flush_all(None)
            finally:
                self._drop_tasks()

    async def finish(self, *, flush: bool) -> None:
        """Stop the loop, after a last flush where one is wanted."""
        self._stopping = True
        try:
            await self.release(flush=flush)
        finally:
            await self._parts.output.stop()

    def _drop_tasks(self) -> None:
        self._parts.opening.close()
        self._parts.metrics.running(0)
        self._tasks = {}
        self._paused = set()
        self._recorded = {}
        self._unrecorded = {}
        self._from = {}

    async def drive(self, consumer: "BatchConsumer") -> None:
        """Poll, work and flush until the worker stops."""
        settings = self._parts.settings
        interval = settings.commit_interval_ms / 1000
        flush_at, taken, busy = time.monotonic() + interval, 0, False
        while not self._stopping:
            records = await consumer.poll(0.0 if busy else TICK_S)
            async with self._lock:
                self.beat = time.monotonic()
                ends = self._feed(consumer, records)
                worked, flush_now = self._step(ends)
                busy, taken = worked > 0, taken + worked
                if flush_now or self.beat >= flush_at or taken >= settings.commit_records:
                    self._parts.metrics.lag(ends)
                    await self._flush_all(consumer)
                    flush_at, taken = time.monotonic() + interval, 0
            await asyncio.sleep(0)

    def _feed(
        self, consumer: "BatchConsumer", records: Mapping[TP, list[Any]]
    ) -> Mapping[TP, "End"]:
        ends: dict[TP, End] = {}
        for partition, task in self._tasks.items():
            for topic in self._parts.names.read:
                tp = TP(topic, partition)
                end = consumer.thread.end(tp)
                if end is None:
                    task.feed(topic, records.get(tp, ()))
                else:
                    ends[tp] = end
                    if consumer.flow_active:  # before that, nothing was sought yet
                        self._check_end(tp, end)
                    task.feed(topic, records.get(tp, ()), end.highwater, end.position)
            self._throttle(consumer, partition, task.full() - task.awaited())
        return ends

    def _throttle(self, consumer: "BatchConsumer", partition: int, full: frozenset[str]) -> None:
        paused = {tp for tp in self._paused if tp.partition == partition}
        wanted = {TP(topic, partition) for topic in full}
        if wanted == paused:
            return
        consumer.pause_partitions(wanted - paused)
        consumer.resume_partitions(paused - wanted)
        self._paused = self._paused - paused | wanted

    def _step(self, ends: Mapping[TP, "End"]) -> tuple[int, bool]:
        """Work on each partition; how much was done, and whether one must be flushed now."""
        worked, flush_now = 0, False
        budget = min(STEP_BUDGET, self._parts.settings.commit_records)
        for partition, task in self._tasks.items():
            # What was appended after the last answer is not known yet, so neither is the time.
            answers = [end.asked_at for tp, end in ends.items() if tp.partition == partition]
            wall_now = min([wall_ms(), *answers])
            begun = time.perf_counter()
            progress = task.step(wall_now, budget)
            done = progress.taken + progress.fired
            self._parts.metrics.stepped(done, time.perf_counter() - begun)
            worked += done
            flush_now |= progress.flush_now
        return worked, flush_now

    async def _flush_all(self, consumer: "BatchConsumer | None") -> None:
        flushed = await asyncio.gather(
            *(self._flush(partition, task) for partition, task in self._tasks.items())
        )
        offsets = {tp: offset for each in flushed for tp, offset in each.items()}
        self._unrecorded |= {t: at for t, at in offsets.items() if self._recorded.get(t) != at}
        if consumer is None or not self._unrecorded:
            return
        failure = await consumer.thread.record_offsets(self._unrecorded)
        if failure is None:
            self._recorded |= self._unrecorded
            self._unrecorded = {}
        else:
            self._parts.metrics.commit_failures.inc()
            log.warning("offsets_not_recorded", reason=failure)

    async def _flush(self, partition: int, task: PartitionTask) -> Mapping[TP, int]:
        flush = None if task.retaking else task.take_flush()
        if flush is None:
            return {}
        parts, begun = self._parts, time.perf_counter()
        ledger = [Message(None, encode_ledger(flush.ledger))]
        at = await parts.output.write(parts.names.ledger, partition, ledger)
        await self._write_outputs(partition, flush)
        flush = flush.ledgered(at)
        changelog = [Message(key, value) for key, value in flush.changelog()]
        last = await parts.output.write(parts.names.changelog, partition, changelog)
        task.confirm(flush, last + 1)
        parts.metrics.flushed(flush.statistics, time.perf_counter() - begun)
        return {TP(topic, partition): at for topic, at in flush.position.next_offsets.items()}

    async def _write_outputs(self, partition: int, flush: Flush) -> None:
        parts = self._parts
        by_topic: dict[str, list[Message]] = {}
        limit = parts.deadletter_bytes_max
        for output in flush.outputs:
            record = encode_output(output, parts.schemas, deadletter_bytes_max=limit)
            topic = parts.names.of(record)
            if (
                record_bytes(record.key, record.value, record.headers)
                > parts.names.max_bytes[topic]
            ):
                record = self._too_large(partition, topic, record, logged_at(output))
                topic = parts.names.of(record)
            message = Message(record.key, record.value, record.headers)
            by_topic.setdefault(topic, []).append(message)
        writes = [parts.output.write(t, partition, each) for t, each in by_topic.items()]
        writes += [
            parts.output.write(parts.names.inbox, target, messages)
            for target, messages in _by_partition(flush.forwards).items()
        ]
        await asyncio.gather(*writes)

    def _too_large(self, partition: int, topic: str, record: OutRecord, at: int) -> OutRecord:
        """A dead letter in place of a record that its topic would refuse, at every start again."""
        code = DeadLetterCode.TOO_LARGE
        self._parts.metrics.dead_letters.labels(code).inc()
        log.error("output_too_large", topic=topic, partition=partition)
        unsent = Record(topic, partition, -1, at, record.key, record.value, record.headers)
        failure = Failure(code, f"{topic} does not take so large a record", "encode", at)
        return encode_deadletter(unsent, failure, record_bytes_max=self._parts.deadletter_bytes_max)


def _by_partition(forwards: Sequence[Forward]) -> Mapping[int, list[Message]]:
    by_partition: dict[int, list[Message]] = {}
    for forward in forwards:
        record = forward.record
        message = Message(record.key, record.value, forward.headers(), record.timestamp)
        by_partition.setdefault(forward.partition, []).append(message)
    return by_partition
