"""The data plane: one loop that polls and works for all partitions of this process, and beside it
the commits, each partition's its own (D3).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import structlog
from aiokafka.errors import KafkaError, OffsetOutOfRangeError
from faust.types import TP

from journey_engine.run.app import whole_partitions
from journey_engine.run.clock import wall_ms
from journey_engine.run.pacing import beginning, tick_s
from journey_engine.run.partition import Partition, Parts, open_together
from journey_engine.run.positions import Positions
from journey_engine.run.producing import FencedError, UnresolvedError
from journey_engine.run.standby import Standbys
from journey_engine.run.together import together
from journey_engine.run.watch import Watch

if TYPE_CHECKING:
    from journey_engine.run.transport import BatchConsumer, End

log = structlog.get_logger(__name__)

STEP_BUDGET = 500
"""Inputs and timers of a partition taken before the event loop gets its turn."""
RELEASE_WITHIN_S = 10.0
"""How long the group waits for the last commits; what is not committed then, others take again."""
OPENING_ATTEMPTS = 3
"""So often an assignment is opened while the broker fails us."""

Earliest = Callable[[Sequence[TP]], Awaitable[Mapping[TP, int]]]
"""Asks the broker for the first offsets that it still has."""
Offsets = dict[tuple[str, int], int]
"""By topic and partition the group's next offset."""


class Worker:
    """Drives the partitions that the group gave to this process.

    `noted` are the group offsets that at-least-once leaves to be recorded here.
    """

    def __init__(self, parts: Parts, noted: Offsets) -> None:
        self._parts = parts
        self._names = parts.encoding.names
        self._metrics = parts.encoding.metrics
        self._kept: dict[int, Partition] = {}
        """Those that run, warm ones that may come back, and copies of others' partitions."""
        self._running: dict[int, Partition] = {}
        self._positions = Positions(self._metrics)
        self.watch = Watch(self._names, lambda: self._running, self._metrics)
        self._standbys = Standbys(parts.seams.changelogs, self._metrics)
        self._work: dict[int, asyncio.Task[None]] = {}
        """By partition the commit or the recovery under way."""
        self._recovered: list[tuple[Partition, Mapping[TP, int]]] = []
        """With the first offsets that the broker has."""
        self._lock = asyncio.Lock()
        self._taking = asyncio.Lock()
        self._assignment = 0
        self._stopping = False
        self._paused: set[TP] = set()
        self._taken = False
        self._lacking: dict[int, list[str]] = {}
        self._asked_anew = False
        self._fenced: set[int] = set()
        self._noted = noted
        self._recording: asyncio.Task[None] | None = None
        self._record_at = 0.0
        self.beat = time.monotonic()
        """When the loop last came round; liveness looks at it."""

    def missing(self) -> str | None:
        """Why this worker is not ready; None when all its partitions run."""
        if not self._taken:
            return "waiting for partitions, or restoring them"
        if self._lacking:
            lacking = (f"{p} lacks {', '.join(topics)}" for p, topics in self._lacking.items())
            return f"partitions held in part: {'; '.join(lacking)}"
        if self._fenced:
            return f"partitions that another owner has taken: {sorted(self._fenced)}"
        recovering = sorted(n for n, partition in self._running.items() if not partition.running)
        if recovering:
            return f"partitions that recover: {recovering}"
        return self.watch.trouble() or self._parts.wiring.waits(self._running)

    @property
    def partitions(self) -> list[int]:
        """The partitions that run here."""
        return sorted(self._running)

    async def take(
        self, assigned: frozenset[TP], standing_by: frozenset[int], earliest: Earliest
    ) -> Mapping[TP, int] | None:
        """Open the partitions of an assignment; from where to read each input. None where all was
        let go meanwhile. Copies are kept of those that it is `standing_by` for.

        Raises:
            FencedError: another owner begins again and again.
            UnresolvedError: the broker cannot be reached or read.
            StoreError: a directory is damaged, or another process holds it.
            RestorationError: a changelog does not end as a worker leaves it.
        """
        assignment = self._assignment
        async with self._taking:
            topics = (*self._names.read, self._names.changelog)
            numbers = whole_partitions(assigned, topics)
            self._lacking = {
                p: [topic for topic in topics if TP(topic, p) not in assigned]
                for p in {tp.partition for tp in assigned} - numbers
            }
            self._asked_anew = self._asked_anew and bool(self._lacking)
            await self._standbys.stop()
            for number in self._kept.keys() - numbers - standing_by:
                await self._kept.pop(number).close()
            for number in (numbers | standing_by) - self._kept.keys():
                self._kept[number] = Partition(number, self._parts)
            self._divide_memory(len(numbers | standing_by))
            opened = {number: self._kept[number] for number in sorted(numbers)}
            if not await self._open(opened, assignment):
                return None
            self._standbys.follow({number: self._kept[number] for number in standing_by - numbers})
            inputs = [TP(topic, number) for number in opened for topic in self._names.read]
            first = await earliest(inputs) if inputs else {}
            async with self._lock:
                if assignment != self._assignment:
                    return None
                begin = {tp: self._begin_at(opened[tp.partition], tp, first) for tp in inputs}
                for partition in opened.values():
                    partition.run()
                self._running = opened
                self._taken = True
        self.watch.reassigned()
        return begin

    async def _open(self, partitions: Mapping[int, Partition], assignment: int) -> bool:
        """Whether they are open; not once they were let go: it would fence those who have them."""
        if not partitions:
            return True
        begun = time.monotonic()
        for attempt in range(1, OPENING_ATTEMPTS + 1):
            if assignment != self._assignment:
                return False
            try:
                await open_together(partitions.values(), self._parts.seams, self._metrics.restoring)
                break
            except (FencedError, UnresolvedError) as error:
                log.warning("opening_failed", attempt=attempt, reason=str(error))
                if attempt == OPENING_ATTEMPTS:
                    raise
        seconds = round(time.monotonic() - begun, 3)
        self._metrics.opened(len(partitions), seconds)
        log.info("partitions_opened", partitions=sorted(partitions), seconds=seconds)
        return True

    def _divide_memory(self, partitions: int) -> None:
        memory = self._parts.memory
        needed = None if memory is None else memory.divide(partitions)
        if needed is not None:
            log.error(
                "memory_too_small",
                partitions=partitions,
                needed_mib=needed,
                hint=f"the process may take more than memory_mib: set it to {needed} or more, or "
                "start more workers",
            )

    def _begin_at(self, partition: Partition, tp: TP, first: Mapping[TP, int]) -> int:
        return self._positions.reachable(tp, partition.positions().get(tp.topic), first[tp])

    async def release(self, *, flush: bool = True) -> None:
        """Let all partitions go, after a last commit unless they are somebody else's already.

        Raises:
            UnresolvedError, TimeoutError: at least once, a write failed or took too long.
            StoreError: a store could not be written.
        """
        async with self._lock:
            self._assignment += 1
            self._taken = False
            running, self._running = self._running, {}
            work, self._work = self._work, {}
            self._paused, self._recovered = set(), []
            self._fenced.clear()
            self._noted.clear()
            self.watch.reassigned()
            for number, task in work.items():
                if not flush or number not in running or not running[number].running:
                    task.cancel()
            now = time.monotonic()
            try:
                await together(self._leave(each, now, commit=flush) for each in running.values())
            finally:
                for task in work.values():
                    task.cancel()  # one that still waits has outlived its producer
                ended = await asyncio.gather(*work.values(), return_exceptions=True)
        for error in ended:
            if isinstance(error, Exception):
                raise error

    async def _leave(self, partition: Partition, now: float, *, commit: bool) -> None:
        try:
            async with asyncio.timeout(RELEASE_WITHIN_S):
                await partition.release(now, commit=commit)
        except (FencedError, UnresolvedError, TimeoutError) as error:
            log.warning("last_commit_failed", partition=partition.number, reason=repr(error))
            if self._stopping or not partition.transactional:
                raise  # of a stop the exit code must tell

    async def finish(self, *, flush: bool) -> None:
        """Stop the loop and close everything, after last commits where they are wanted.

        Raises:
            FencedError, UnresolvedError, TimeoutError: one failed; the next owner takes its inputs.
            StoreError: a store could not be written.
        """
        self._stopping = True
        try:
            await self.release(flush=flush)
        finally:
            if self._recording is not None:
                self._recording.cancel()
            async with self._taking:
                await self._standbys.stop()
                kept, self._kept = self._kept, {}
                await together(partition.close() for partition in kept.values())

    async def drive(self, consumer: "BatchConsumer") -> None:
        """Poll, work and commit until the worker stops."""
        busy = False
        while not self._stopping:
            await self._go_on(consumer)
            try:
                wait_s = 0.0 if busy else tick_s(self._running.values(), self._parts)
                records = await consumer.poll(wait_s)
            except OffsetOutOfRangeError as error:
                await self._pass_gaps(consumer, error.args[0])
                continue
            async with self._lock:
                self.beat = time.monotonic()
                ends = self._feed(consumer, records)
                busy = self._step()
                self._begin_commits(consumer)
                self._record(consumer, ends)
            await asyncio.sleep(0)

    async def _pass_gaps(self, consumer: "BatchConsumer", positions: Mapping[TP, int]) -> None:
        """Go on behind what retention deleted before it was read.

        Raises:
            PositionError: a topic ends before our position.
        """
        assignment = self._assignment
        try:
            first = await consumer.earliest_offsets(*positions)
        except KafkaError as error:
            log.warning("first_offsets_not_told", reason=repr(error))
            return  # the next poll shows the same
        if assignment != self._assignment:
            return
        beyond = self._positions.out_of_range
        await consumer.seek_wait({tp: beyond(tp, at, first[tp]) for tp, at in positions.items()})

    def _feed(
        self, consumer: "BatchConsumer", records: Mapping[TP, list[Any]]
    ) -> Mapping[TP, "End"]:
        ends: dict[TP, End] = {}
        if not consumer.flow_active:
            return ends  # nothing was sought yet
        for number, partition in self._running.items():
            if not partition.running:
                continue
            for topic in self._names.read:
                tp = TP(topic, number)
                end = consumer.thread.end(tp)
                brought = records.get(tp, ())
                if end is None:
                    partition.feed(topic, brought)
                else:
                    ends[tp] = end
                    partition.feed(topic, brought, end.stable, end.position, end.asked_at)
            self._throttle(consumer, number, partition.throttled())
        return ends

    def _throttle(self, consumer: "BatchConsumer", number: int, full: frozenset[str]) -> None:
        paused = {tp for tp in self._paused if tp.partition == number}
        wanted = {TP(topic, number) for topic in full}
        if wanted == paused:
            return
        consumer.pause_partitions(wanted - paused)
        consumer.resume_partitions(paused - wanted)
        self._paused = self._paused - paused | wanted

    def _step(self) -> bool:
        """Work on each partition; whether one has more to do than a step's budget."""
        more = False
        for partition in self._running.values():
            begun = time.perf_counter()
            progress = partition.step(wall_ms(), STEP_BUDGET)
            done = progress.taken + progress.fired
            self._metrics.stepped(done, time.perf_counter() - begun)
            more = more or done >= STEP_BUDGET
        return more

    def _begin_commits(self, consumer: "BatchConsumer") -> None:
        idle = [each for number, each in self._running.items() if number not in self._work]
        for each in beginning(idle, self.beat, len(self._running)):
            self._work[each.number] = asyncio.create_task(self._commit(each, consumer))

    async def _commit(self, partition: Partition, consumer: "BatchConsumer") -> None:
        try:
            await partition.commit(self.beat)
        except FencedError as error:
            log.warning("partition_fenced", partition=partition.number, reason=str(error))
            await self._lose(partition, consumer)
        except UnresolvedError as error:
            log.warning("commit_unresolved", partition=partition.number, reason=str(error))
            if not partition.transactional:
                raise
            await self._recover(partition, consumer)

    async def _lose(self, partition: Partition, consumer: "BatchConsumer") -> None:
        """Drop a partition that another owner has taken; the group says who it is to be."""
        number = partition.number
        if self._running.get(number) is not partition:
            return
        del self._running[number]
        self._fenced.add(number)
        consumer.pause_partitions({TP(topic, number) for topic in self._names.read})
        await partition.release(self.beat, commit=False)
        # A transaction that the broker timed out looks the same: then it is ours still, and no
        # other assignment would come.
        await consumer.thread.rejoin()

    async def _recover(self, partition: Partition, consumer: "BatchConsumer") -> None:
        tps = [TP(topic, partition.number) for topic in self._names.read]
        while self._running.get(partition.number) is partition:
            try:
                await partition.recover()
                self._recovered.append((partition, await consumer.earliest_offsets(*tps)))
            except FencedError as error:
                log.warning("partition_fenced", partition=partition.number, reason=str(error))
                await self._lose(partition, consumer)
            except (UnresolvedError, KafkaError) as error:
                log.warning("recovery_failed", partition=partition.number, reason=str(error))
            else:
                return

    async def _go_on(self, consumer: "BatchConsumer") -> None:
        """Seek and run what has recovered. Between two polls: none may take from the fetch after
        the seek what it then drops.
        """
        for number, task in list(self._work.items()):
            if task.done():
                del self._work[number]
                task.result()
        self._standbys.check()
        if self._taken and self._lacking and not self._asked_anew:
            # A static member that comes back with other topics is given what it had before.
            self._asked_anew = True
            await consumer.thread.rejoin()
        while self._recovered:  # a release takes the others back
            partition, first = self._recovered.pop()
            sought = {tp: self._begin_at(partition, tp, first) for tp in first}
            await consumer.seek_wait(sought)
            if self._running.get(partition.number) is not partition:
                continue
            paused = self._paused & sought.keys()
            self._paused -= paused
            consumer.resume_partitions(paused)
            partition.run()

    def _record(self, consumer: "BatchConsumer", ends: Mapping[TP, "End"]) -> None:
        """At times: look how far all is; where producers left group offsets, record them."""
        if self.beat < self._record_at:
            return
        self._record_at = self.beat + self._parts.commit_interval_s
        self.watch.look(ends, self._paused, self.beat)
        if self._noted and (self._recording is None or self._recording.done()):
            # A partition's last commit, as it was let go, may have noted what others record now.
            offsets = {at: offset for at, offset in self._noted.items() if at[1] in self._running}
            self._noted.clear()
            self._recording = asyncio.create_task(self._record_offsets(consumer, offsets))

    async def _record_offsets(self, consumer: "BatchConsumer", offsets: Offsets) -> None:
        assignment = self._assignment
        wanted = {TP(*place): offset for place, offset in offsets.items()}
        failure = await consumer.thread.record_offsets(wanted)
        if failure is not None:
            self._metrics.commit_failures.inc()
            log.warning("offsets_not_recorded", reason=failure)
            if assignment != self._assignment:
                return  # others record them
            for place, offset in offsets.items():
                self._noted.setdefault(place, offset)
