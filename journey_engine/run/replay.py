"""A log through the same `PartitionTask`s as the worker's, with no broker (`stream` clock).

Outputs come ordered by (time logged, partition, order in the partition), whatever the log's size,
and are handed on as soon as no partition can bring an earlier one.

Where partitions may exchange messages, all of them are driven in one order, one input or timer
after the other: what one says to another is there before anything later happens. It is the order in
which a single partition would do it: by time, timers by key, messages, then records by topic and
place in the log. So in a log that is in order of time nothing depends on the number of partitions.
However the log is cut into batches, nothing is done before the time up to which every partition
knows its input. Where only linked ids make them talk, each goes up to that time by itself until the
log first links some: nobody can tell the difference.

Nothing is made durable, so states are flushed only where too many have changed to keep them all.
"""

from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from itertools import islice
from operator import itemgetter
from typing import NamedTuple

from journey_engine.decide.message import Message
from journey_engine.decode.decode import VALUE_BYTES_MAX, Reader
from journey_engine.decode.frame import BODY_OF_SINGLE_OBJECT, SINGLE_OBJECT
from journey_engine.decode.partition import partition_of
from journey_engine.decode.record import Record
from journey_engine.define.identity import LINKED
from journey_engine.define.plan import Plan
from journey_engine.encode.message import HEADERS, encode_message, key_of
from journey_engine.run.clock import StreamClock
from journey_engine.run.deciding import Observer
from journey_engine.run.garbage import collected_rarely
from journey_engine.run.merge import FOREVER, Ahead
from journey_engine.run.outbox import Flush, Gathered, Output, logged_at
from journey_engine.run.store import MemoryStore
from journey_engine.run.summary import Summary
from journey_engine.run.task import PartitionTask
from journey_engine.run.wiring import Wiring
from journey_engine.schemas import Schemas

INBOX = "!inbox"
"""Before every topic: what was said at a time comes before what is read at that time."""
BATCH = 5_000
"""Records fed between two steps."""
KEPT = 60_000
"""Changed states of all partitions before they are put away, 0.1 GB as a rule."""


class ExchangedError(Exception):
    """A partition had something to say to one that this run does not have."""


class Logged(NamedTuple):
    """An output with its place in the order of a run; `sequence` counts in its partition."""

    at: int
    partition: int
    sequence: int
    output: Output


class Replay:
    """One run over a log. `summary` is complete once `outputs` came to its end."""

    def __init__(
        self,
        plan: Plan,
        schemas: Schemas,
        inputs: Iterable[str],
        partitions: int,
        observer: Observer | None = None,
        *,
        value_bytes_max: int = VALUE_BYTES_MAX,
        only: frozenset[int] | None = None,
    ) -> None:
        """`only` names the partitions that this run takes; None: all of them. With it `outputs`
        raises `ExchangedError` where partitions exchange messages.
        """
        self._exchanges = plan.exchanges and only is None
        self._conducted = self._exchanges and (
            _always_exchange(plan) or bool(schemas.by_registry_id)
        )
        self._linking = frozenset(
            SINGLE_OBJECT + key
            for key, schema in schemas.by_fingerprint.items()
            if schema.name == LINKED
        )
        """How the events begin that make partitions talk."""
        wiring = Wiring(
            plan=plan,
            reader=Reader(schemas, plan.fields, value_bytes_max),
            inputs=tuple(inputs),
            inbox=INBOX if self._exchanges else None,
            partitions=partitions,
        )
        self.summary = Summary()
        self._keys: set[bytes] = set()
        self._tasks = {
            partition: PartitionTask(partition, wiring, MemoryStore(), StreamClock(), observer)
            for partition in range(partitions)
            if only is None or partition in only
        }
        self._waiting: dict[int, list[Logged]] = {partition: [] for partition in self._tasks}
        self._sequences = dict.fromkeys(self._tasks, 0)
        self._said = dict.fromkeys(self._tasks, 0)
        self._numbers: defaultdict[tuple[int, str], deque[tuple[int, int]]] = defaultdict(deque)
        """Of what waits in a partition's topic: its offset, and its number among all that came."""
        self._fed = 0

    def outputs(self, records: Iterable[Record]) -> Iterator[Logged]:
        """Take the records of a log as `decode.log.route` yields them, marks among them."""
        rest = iter(records)
        with collected_rarely():
            while batch := list(islice(rest, BATCH)):
                self.summary.count(batch, self._keys)
                self._feed(batch)
                if self._conducted:
                    known = min([task.lowest_tail() for task in self._tasks.values()])
                    self._conduct(known)
                    yield from self._released(known)
                elif self._exchanges:
                    known = min([task.lowest_tail() for task in self._tasks.values()])
                    self._run(known)
                    yield from self._released(known)
                else:
                    self._run(FOREVER)
                    reached = min([task.reached() for task in self._tasks.values()])
                    yield from self._released(reached)
            if self._conducted:
                self._conduct(None)
            else:
                self._run(FOREVER)
            yield from self._released(None)

    def _feed(self, batch: list[Record]) -> None:
        if self._exchanges and not self._conducted:
            self._conducted = any(self._links(record) for record in batch)
        parts: defaultdict[tuple[int, str], list[Record]] = defaultdict(list)
        for record in batch:
            if record.partition not in self._tasks:
                continue
            parts[record.partition, record.topic].append(record)
            if self._exchanges:
                self._number(record)
        for (partition, topic), records in parts.items():
            self._tasks[partition].feed(topic, records)

    def _links(self, record: Record) -> bool:
        value = record.value
        return value is not None and value[:BODY_OF_SINGLE_OBJECT] in self._linking

    def _number(self, record: Record) -> None:
        self._numbers[record.partition, record.topic].append((record.offset, self._fed))
        self._fed += 1

    def _run(self, before: int) -> None:
        """Let each partition go up to that time by itself."""
        for task in self._tasks.values():
            progress = task.step(0, BATCH, before)
            while progress.taken or progress.fired:
                self._flush(task)
                progress = task.step(0, BATCH, before)
            for topic, offset in task.positions().items():
                self._forget(self._numbers[task.partition, topic], offset)

    def _conduct(self, before: int | None) -> None:
        """Do all that happens before that time, in one order over all partitions."""
        ahead = {partition: self._ahead(partition) for partition in self._tasks}
        while ready := [(place, one) for one, place in ahead.items() if place is not None]:
            place, partition = min(ready)
            if before is not None and place.time >= before:
                break
            task = self._tasks[partition]
            if task.step(0, 1).flush_now or task.told:
                for other in self._flush(task):
                    ahead[other] = self._ahead(other)
            ahead[partition] = self._ahead(partition)
        for task in self._tasks.values():
            self._flush(task)

    def _ahead(self, partition: int) -> Ahead | None:
        """What a partition does next, by its number in the whole log: offsets are a partition's."""
        place = self._tasks[partition].ahead()
        if place is None or not place.topic:
            return place
        waiting = self._numbers[partition, place.topic]
        self._forget(waiting, place.offset)
        return place._replace(offset=waiting[0][1])

    @staticmethod
    def _forget(waiting: deque[tuple[int, int]], before: int) -> None:
        while waiting and waiting[0][0] < before:
            waiting.popleft()

    def _flush(self, task: PartitionTask) -> frozenset[int]:
        """Take the outputs, deliver the messages; the partitions that got some."""
        gathered = self._taken(task)
        self.summary.add(gathered.statistics)
        waiting = self._waiting[task.partition]
        sequence = self._sequences[task.partition]
        for output in gathered.outputs:
            waiting.append(Logged(logged_at(output), task.partition, sequence, output))
            sequence += 1
        self._sequences[task.partition] = sequence
        if gathered.messages and not self._conducted:
            raise ExchangedError
        return frozenset([self._deliver(message) for message in gathered.messages])

    def _taken(self, task: PartitionTask) -> Flush | Gathered:
        flush = task.take_flush() if task.pending() >= KEPT // len(self._tasks) else None
        if flush is None:
            return task.take_gathered()
        task.confirm(flush, flush.number)
        return flush

    def _deliver(self, message: Message) -> int:
        key = key_of(message.target)
        partition = partition_of(key, len(self._tasks))
        offset = self._said[partition]
        self._said[partition] = offset + 1
        value = encode_message(message)
        record = Record(INBOX, partition, offset, message.at, key, value, HEADERS)
        self._number(record)
        self._tasks[partition].feed(INBOX, [record])
        return partition

    def _released(self, before: int | None) -> list[Logged]:
        """Outputs logged before that time, of all partitions in one order."""
        ready: list[Logged] = []
        for partition, waiting in self._waiting.items():
            end = len(waiting)
            if before is not None:
                end = bisect_left(waiting, before, key=itemgetter(0))
            ready += waiting[:end]
            self._waiting[partition] = waiting[end:]
        ready.sort(key=itemgetter(0, 1, 2))
        return ready


def _always_exchange(plan: Plan) -> bool:
    """Whether partitions may have something to say to each other before two ids are linked."""
    return plan.accounts is not None or any(channel.capacity for channel in plan.channels.values())
