"""One owned partition: its task, its store, its producer, and how a unit of work is committed (D3).

    ledger, outputs, changelog   written, every batch acknowledged; the position comes last
    group offsets, commit        all of it becomes visible, or nothing
    store                        written only after that, with the changelog's offset

Work goes on while a commit is under way. After a failed one nothing is guessed: the producer is
made anew, which ends whatever was open, and the changelog tells what became of it.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from journey_engine.decode.record import Record
from journey_engine.encode.ledger import decode_ledger, encode_ledger
from journey_engine.observe.metrics import Committed
from journey_engine.run.clock import Clock, wall_ms
from journey_engine.run.deciding import Observer
from journey_engine.run.memory import Memory
from journey_engine.run.outbox import Flush
from journey_engine.run.outgoing import Encoding, outgoing
from journey_engine.run.producing import FencedError, Message, Seams, UnresolvedError, made
from journey_engine.run.task import PartitionTask, Progress
from journey_engine.run.together import together
from journey_engine.run.wiring import Wiring

log = structlog.get_logger(__name__)

RECOVERIES = 3
"""So often in a row a partition may recover without a commit in between."""
ABORT_WITHIN_S = 2.0
"""Then the next owner, or the broker's time-out, ends the transaction."""
BACKLOG_S = 1.0
"""So much longer than `commit_interval_s` a commit waits to be full while a backlog fills it."""
SHORTEST_INTERVAL_S = 0.02
"""Between two commits of a partition, for all that `commits_per_s` allows."""
_NOTHING_DONE = Progress(0, 0, flush_now=False)


class StuckError(Exception):
    """A partition fails again each time that it is recovered."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What all partitions of a worker share."""

    encoding: Encoding
    wiring: Wiring
    clock: Callable[[], Clock]
    """Makes a partition's clock."""
    seams: Seams
    commit_interval_s: float
    commit_records: int
    observer: Observer | None = None
    """Shown what is decided; None costs nothing."""
    memory: Memory | None = None
    """Divided anew at each assignment; None: the wiring's limits stay as they are."""
    commits_per_s: float | None = None
    """So many commits of all partitions together may make the interval shorter."""

    def interval_s(self, partitions: int) -> float:
        """How long a partition's work waits for its commit, of so many that run here."""
        if self.commits_per_s is None:
            return self.commit_interval_s
        wanted = max(SHORTEST_INTERVAL_S, partitions / self.commits_per_s)
        return min(self.commit_interval_s, wanted)


class Partition:
    """The life of partition `number`: open, then feed, step and commit; release, perhaps open
    again; close.
    """

    def __init__(self, number: int, parts: Parts) -> None:
        self.number = number
        self._parts = parts
        self._metrics = parts.encoding.metrics
        self._store = parts.seams.store(number)
        self._producer = parts.seams.producer(number)
        self.task = PartitionTask(number, parts.wiring, self._store, parts.clock(), parts.observer)
        self._committing = asyncio.Lock()
        self._running = False
        self._trusted = False
        """Whether memory is what the changelog says, and the work since."""
        self._taken = 0
        self._flush_now = False
        self._committed_at = 0.0
        self._decided_at = 0.0
        """When the first of the open unit of work was decided, by `time.perf_counter`."""
        self._ends: dict[str, int] = {}
        """By topic the end that the broker told of last."""
        self._unresolved: tuple[Flush, float] | None = None
        """With when the first of it was decided."""
        self._recoveries = 0

    @property
    def running(self) -> bool:
        """Whether it works: it is open, and no commit has failed since."""
        return self._running

    @property
    def transactional(self) -> bool:
        """Whether its units of work are transactions."""
        return self._producer.transactional

    async def open(self) -> None:
        """Become the owner, and go on from where the changelog ends.

        Raises:
            FencedError: another owner has begun meanwhile.
            UnresolvedError: the broker cannot be reached or read.
            StoreError: the store is damaged.
            RestorationError: the changelog does not end as a worker leaves it.
        """
        await open_together([self], self._parts.seams, self._metrics.restoring)

    def copied(self) -> int:
        """From which changelog offset a copy goes on."""
        return self._store.changelog_offset() or 0

    def copy(self, records: Sequence[Any]) -> None:
        """Take changelog records while somebody else owns the partition."""
        self._trusted = False
        self.task.restore(records)

    async def fence(self) -> int:
        """Keep everybody else from writing; from which changelog offset to read."""
        self._running = False
        await self._producer.start()
        return self.copied()

    def apply(self, records: Sequence[Any]) -> None:
        """Take the next changelog records: memory is behind them, also where this reading fails
        and the next one begins after them.
        """
        self._trusted = self._trusted and not records
        self.task.restore(records)

    def restored(self) -> None:
        """The changelog was read to its end. A partition that nobody else had goes on as it was."""
        if self._trusted:
            self.task.rewind()
        else:
            self.task.restored()
        self._taken = 0
        self._flush_now = False
        self._trusted = True

    def look(self, ledger: Iterable[Record]) -> None:
        """Take the last ledger records: at least once, a run may have been sent and not noted."""
        position = self.task.position
        done = 0 if position is None else position.flush
        for record in ledger:
            entry = decode_ledger(record.value or b"")
            if entry.flush == done + 1:
                log.info("flush_retaken", partition=self.number, flush=entry.flush)
                if entry.plan_hash != self.task.plan_hash:
                    log.warning("flush_retaken_with_another_plan", partition=self.number)
                self.task.prescribe(entry)

    def run(self) -> None:
        """Work may begin: feed from `positions` on."""
        self._running = True
        self._resolve()

    def _failed(self, flush: Flush, decided_at: float, error: BaseException) -> None:
        if isinstance(error, FencedError):
            self._metrics.fenced.inc()
        else:
            self._metrics.unresolved.inc()
            self._unresolved = (flush, decided_at)

    def _count(self, flush: Flush, decided_at: float, begun: float | None) -> None:
        """The flush is durable."""
        now = time.perf_counter()
        committed = Committed(
            now=self.task.clock.durable_at(wall_ms()),
            since_decided=now - decided_at,
            seconds=None if begun is None else now - begun,
        )
        self._metrics.committed(flush.statistics, committed)

    def _resolve(self) -> None:
        """Say and count what became of a commit whose outcome was open."""
        unresolved, self._unresolved = self._unresolved, None
        if unresolved is None:
            return
        flush, decided_at = unresolved
        position = self.task.position
        committed = position is not None and position.flush >= flush.number
        log.warning(
            "commit_resolved", partition=self.number, flush=flush.number, committed=committed
        )
        if committed:
            self._recoveries = 0
            self._count(flush, decided_at, None)
        else:
            self._metrics.aborted.inc()

    def positions(self) -> Mapping[str, int]:
        """The next offset of each topic to be fetched after `open`."""
        return self.task.positions()

    def feed(
        self,
        topic: str,
        records: Iterable[Record],
        end: int | None = None,
        position: int | None = None,
        asked_at: int | None = None,
    ) -> None:
        """As `PartitionTask.feed`; nothing while it does not run."""
        if self._running:
            self.task.feed(topic, records, end, position, asked_at)
            if end is not None:
                self._ends[topic] = end

    def throttled(self) -> frozenset[str]:
        """The topics whose fetch must pause."""
        return self.task.full() - self.task.awaited()

    def step(self, wall_now: int, budget: int) -> Progress:
        """As `PartitionTask.step`; waits for the commit under way once `commit_records` more are
        pending.
        """
        if not self._running:
            return _NOTHING_DONE
        if not self.task.retaking:
            budget = min(budget, self._commit_records - self._taken)
        begun = time.perf_counter()
        progress = self.task.step(wall_now, budget)
        if not self._taken:
            self._decided_at = begun
        self._taken += progress.taken + progress.fired
        self._flush_now = progress.flush_now
        return progress

    @property
    def _commit_records(self) -> int:
        return min(self._parts.commit_records, self._parts.wiring.buffers.inputs)

    @property
    def waits(self) -> bool:
        """Whether work waits for its commit."""
        return self._running and self._taken > 0

    @property
    def _may_commit(self) -> bool:
        """Whether no commit is under way, and no run is to be taken to its end first."""
        return self._running and not self._committing.locked() and not self.task.retaking

    def due(self, now_s: float, partitions: int) -> bool:
        """Whether a commit should begin, where so many run; `now_s` is monotonic."""
        if not self._may_commit:
            return False
        if self._flush_now or self._taken >= self._commit_records:
            return True
        late = now_s - self._committed_at - self._parts.interval_s(partitions)
        return self._taken > 0 and (late >= BACKLOG_S or (late >= 0 and not self._backlogged))

    def joins(self, now_s: float, partitions: int) -> bool:
        """Whether its commit begins beside another's that is due: it is half as far."""
        if not self._may_commit or not self._taken:
            return False
        if self._taken * 2 >= self._commit_records:
            return True
        waited = now_s - self._committed_at
        return waited * 2 >= self._parts.interval_s(partitions) and not self._backlogged

    @property
    def _backlogged(self) -> bool:
        """Whether what waits to be taken fills a commit: it is late already, and full ones cost
        less.
        """
        taken = self.task.positions()
        waiting = sum(end - taken.get(topic, end) for topic, end in self._ends.items())
        return waiting >= self._commit_records

    async def commit(self, now_s: float) -> None:
        """Make the work since the last commit durable; nothing to do without any.

        Raises:
            FencedError, UnresolvedError: release or recover it; it runs no more.
        """
        async with self._committing:
            if not self._trusted or self.task.retaking:
                return
            self._committed_at = now_s
            self._taken = 0
            self._flush_now = False
            flush = self.task.take_flush()
            if flush is None:
                return
            decided_at, begun = self._decided_at, time.perf_counter()
            self._metrics.decided(flush.statistics)
            try:
                await self._commit(flush)
            except BaseException as error:
                self._running = self._trusted = False
                self._failed(flush, decided_at, error)
                raise
            self._recoveries = 0
            self._count(flush, decided_at, begun)

    async def _commit(self, flush: Flush) -> None:
        names, producer = self._parts.encoding.names, self._producer
        await producer.begin()
        ledger = [Message(None, encode_ledger(flush.ledger))]
        flush = flush.ledgered(await producer.write(names.ledger, self.number, ledger))
        outputs = outgoing(flush, self.number, self._parts.encoding)
        writes = [producer.write(*place, each) for place, each in outputs.items()]
        if not self.transactional:  # else all of it counts, or nothing: it need not wait
            await together(writes)
            writes = []
        changelog = [made(Message, (key, value, (), None)) for key, value in flush.changelog()]
        writes.append(producer.write(names.changelog, self.number, changelog))
        last = (await together(writes))[-1]
        offsets, read = flush.position.next_offsets, names.read
        at = {(topic, self.number): offsets[topic] for topic in read if topic in offsets}
        await producer.send_offsets(at)
        await producer.commit()
        self.task.confirm(flush, last + 1)

    async def recover(self) -> None:
        """Open again after a commit that failed; nothing is written before `run`.

        Raises:
            StuckError: it did so `RECOVERIES` times already, with nothing committed in between.
            FencedError, UnresolvedError, StoreError, RestorationError: as `open`.
        """
        self._recoveries += 1
        if self._recoveries > RECOVERIES:
            raise StuckError(f"partition {self.number} failed again after {RECOVERIES} recoveries")
        await self.open()

    async def release(self, now_s: float, *, commit: bool) -> None:
        """Let it go, after a last commit where it is still ours; task and store stay for the next
        `open`. No transaction is left open.

        Raises:
            FencedError, UnresolvedError: the last commit, or the one that was under way, failed;
                another owner takes its inputs.
        """
        running, self._running = self._running, False
        try:
            if commit and running:
                await self.commit(now_s)
                if not self._trusted:
                    raise UnresolvedError("the commit that was under way failed")
        finally:
            self._trusted = self._trusted and not self._taken
            self._unresolved = None
            with contextlib.suppress(FencedError, UnresolvedError, TimeoutError):
                async with asyncio.timeout(ABORT_WITHIN_S):
                    await self._producer.abort()
            await self._producer.stop()

    async def close(self) -> None:
        """Let go of producer and store; no other call may follow."""
        self._running = False
        try:
            await self._producer.stop()
        finally:
            self._store.close()


async def open_together(
    partitions: Collection[Partition], seams: Seams, show: Callable[[Mapping[int, int]], None]
) -> None:
    """Open partitions, their changelogs read in one go; `run` them once they are sought.

    Raises:
        FencedError, UnresolvedError, StoreError, RestorationError: as `Partition.open`.
    """
    by_number = {partition.number: partition for partition in partitions}
    starts = await together(partition.fence() for partition in partitions)
    try:
        await seams.changelogs.restore(
            dict(zip(by_number, starts, strict=True)),
            lambda number, records: by_number[number].apply(records),
            show,
        )
    finally:
        show(dict.fromkeys(by_number, 0))  # broken off as well: others may read the rest
    for partition in partitions:
        partition.restored()
    await seams.changelogs.ledger_tails(
        list(by_number), lambda number, records: by_number[number].look(records)
    )
