"""Everything that lives in a schedule: the broker, the publisher, the workers' hosts, the group."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from journey_engine.encode.position import POSITION_KEY, decode_position
from journey_engine.encode.state import header_due
from journey_engine.observe.metrics import Metrics
from journey_engine.run.clock import StreamClock, WallClock
from journey_engine.run.outgoing import Encoding
from journey_engine.run.partition import Partition, Parts, StuckError
from journey_engine.run.producing import Producer, Seams, UnresolvedError
from journey_engine.run.store import MemoryStore, Store
from journey_engine.simulate.chance import Chance
from tests.run.shop import SCHEMAS, START
from tests.simulation.broker import Broker
from tests.simulation.case import Case
from tests.simulation.clients import SimulatedChangelogs, SimulatedConsumer, SimulatedProducer
from tests.simulation.process import DiskStore, KilledError, Process, Step, Weather
from tests.simulation.shop import NAMES, PARTITIONS, QUIET_MS, WIRING, arrivals, in_time
from tests.simulation.virtual import VirtualLoop
from tests.simulation.worker import SimulatedWorker

WORKERS = 2
CALM_AFTER_S = 6.0
END_S = 90.0
SESSION_S = 2.0
TRANSACTION_S = 4.0
COMMIT_INTERVAL_S = 0.05
COMMIT_RECORDS = 10
LOOK_S = 0.25
"""How often the group, the coordinator and the judge look."""


def _unchanged(seams: Seams) -> Seams:
    return seams


@dataclass(frozen=True, slots=True)
class Make:
    """What a schedule's workers are made of; a seeded bug exchanges one of these."""

    seams: Callable[[Seams], Seams] = _unchanged
    partition: type[Partition] = Partition
    worker: type[SimulatedWorker] = SimulatedWorker


class World:
    """Lives through one case."""

    def __init__(self, case: Case, made_of: Make) -> None:
        self.case = case
        self.loop = VirtualLoop()
        self.loop.set_exception_handler(self._unhandled)
        self.steps: list[Step] = []
        self.failures: list[str] = []
        self.restarts = 0
        self.put_outs = 0
        self.taken = 0
        """Inputs that the workers took, those taken again included."""
        self.weather = Weather(Chance(case.seed, "faults"), case.rates)
        self.broker = Broker(self.loop, self.weather.latency)
        self._made_of = made_of
        self._group_chance = Chance(case.seed, "group")
        self._disks: dict[tuple[int, int], MemoryStore] = {}
        self._workers: dict[int, SimulatedWorker] = {}
        self._dirty = True
        self._tasks: defaultdict[str, set[asyncio.Task[Any]]] = defaultdict(set)
        self._arrivals = in_time(arrivals(Chance(case.seed, "shop"), case.habits))
        self._published = 0

    def live(self) -> bool:
        """From the first event to the last commit; whether it came to its end."""
        try:
            return self.loop.run_until_complete(self._live())
        finally:
            for task in asyncio.all_tasks(self.loop):
                task.cancel()
            for worker in self._workers.values():
                self.taken += worker.taken
                worker.process.kill("the end")
            self.loop.run_until_complete(asyncio.sleep(0.001))
            self.loop.close()

    async def _live(self) -> bool:
        self._spawn(self._publish(), None)
        self._spawn(self._group(), None)
        for slot in range(WORKERS):
            self._spawn(self._host(slot), None)
        while self.loop.time() < END_S:
            await asyncio.sleep(LOOK_S)
            self.broker.expire(self.loop.time() - TRANSACTION_S)
            if self.loop.time() > CALM_AFTER_S:
                self.weather.calm = True
            if self.failures or self.finished():
                return True
        return False

    def finished(self) -> bool:
        """All that came in is committed, and nothing is due any more."""
        if self.loop.time() * 1_000 < QUIET_MS + 500:
            return False
        if self.broker.open_transactions() or any(x.stable < x.end for x in self.broker.logs()):
            return False
        return all(not self.unfinished(partition) for partition in range(PARTITIONS))

    def unfinished(self, partition: int) -> list[str]:
        """What is still to be done on a partition, as its changelog shows."""
        offsets: dict[str, int] = {}
        dues: dict[str, int | None] = {}
        for record in self.broker.log(NAMES.changelog, partition).read(0):
            key = (record.key or b"").decode()
            if record.key == POSITION_KEY:
                offsets = dict(decode_position(record.value or b"").next_offsets)
            else:
                dues[key] = None if record.value is None else header_due(record.value)
        found = [
            f"{topic} from {offsets.get(topic, 0)}"
            for topic in NAMES.read
            if self.broker.log(topic, partition).read(offsets.get(topic, 0))
        ]
        late = [k for k, due in dues.items() if due is not None and due <= START + QUIET_MS]
        return found + [f"timers of {key}" for key in late]

    async def _publish(self) -> None:
        for at, topic, partition, message in self._arrivals:
            await asyncio.sleep(max(0.0, at / 1_000 - self.loop.time()))
            self.broker.log(topic, partition).append([message], None)

    async def _host(self, slot: int) -> None:
        """Starts the worker again whenever it has ended, on the same disk or on an empty one."""
        chance = Chance(self.case.seed, f"host {slot}")
        for run in range(10_000):
            process = Process(f"w{slot}.{run}", self.loop, self.weather, self.steps)
            worker = self._worker(slot, process, chance)
            process.note("starts")
            self._workers[slot] = worker
            self._dirty = True
            task = self._spawn(worker.run(), process)
            await asyncio.wait({task, process.ended}, return_when=asyncio.FIRST_COMPLETED)
            process.kill("its end")
            for each in self._tasks[process.name]:
                each.cancel()
            self.taken += worker.taken
            del self._workers[slot]
            self.restarts += 1
            if chance.happens(0.2):
                self._disks = {at: disk for at, disk in self._disks.items() if at[0] != slot}
            await asyncio.sleep(chance.between(50, 3_000) / 1_000)

    def _worker(self, slot: int, process: Process, chance: Chance) -> SimulatedWorker:
        skew = chance.pick((0, 0, 400, -700))
        jump_at, jump = chance.between(0, 5_000), chance.pick((0, 0, 900, -900))

        def wall() -> int:
            passed = int(self.loop.time() * 1_000)
            calm = self.weather.calm
            return START + passed + (0 if calm else skew + (jump if passed > jump_at else 0))

        def producer(partition: int) -> Producer:
            transactional, name = self.case.transactional, f"shop-{partition}"
            return SimulatedProducer(process, self.broker, name, transactional=transactional)

        def store(partition: int) -> Store:
            return DiskStore(process, self._disks.setdefault((slot, partition), MemoryStore()))

        seams = Seams(producer, store, SimulatedChangelogs(process, self.broker, NAMES))
        parts = Parts(
            encoding=Encoding(NAMES, SCHEMAS, Metrics(), deadletter_bytes_max=1_000_000),
            wiring=WIRING,
            clock=StreamClock if self.case.stream else WallClock,
            seams=self._made_of.seams(seams),
            commit_interval_s=COMMIT_INTERVAL_S,
            commit_records=COMMIT_RECORDS,
        )
        return self._made_of.worker(
            process,
            SimulatedConsumer(process, self.broker),
            lambda number: self._made_of.partition(number, parts),
            wall,
            lambda work: self._spawn(work, process),
        )

    async def _group(self) -> None:
        """Gives every partition to a member; anew when one comes or goes, and now and then."""
        chance = self._group_chance
        moves = sorted(chance.between(300, 5_500) / 1_000 for _ in range(self.case.moves))
        while True:
            await asyncio.sleep(LOOK_S)
            lost = [w for w in self._workers.values() if w.member and self._silent(w)]
            for worker in lost:
                self._put_out(worker)
            due = moves and moves[0] < self.loop.time()
            if due:
                moves.pop(0)
            asking = [w for w in self._workers.values() if w.asks_anew]
            if self._dirty or lost or due or asking:
                self._dirty = False
                for worker in asking:
                    worker.asks_anew = False
                await self._rebalance()

    def _silent(self, worker: SimulatedWorker) -> bool:
        return worker.process.frozen_for() > SESSION_S

    def _put_out(self, worker: SimulatedWorker) -> None:
        worker.process.note("PUT OUT of the group")
        self.put_outs += 1
        worker.expelled()
        self._spawn(self._notices(worker), worker.process)

    async def _notices(self, worker: SimulatedWorker) -> None:
        """Some time after it woke up it learns of it, and joins again."""
        await asyncio.sleep(self._group_chance.between(0, 800) / 1_000)
        await worker.put_out()
        self._dirty = True

    async def _rebalance(self) -> None:
        workers = [w for w in self._workers.values() if w.process.alive]
        members = [w for w in workers if w.member]
        await self._within_session(members, [w.revoke() for w in members])
        joined = [w for w in self._workers.values() if w.process.alive and w.joins()]
        if not joined:
            self._dirty = True
            return
        owners = [self._group_chance.pick(joined) for _ in range(PARTITIONS)]
        for worker in joined:
            worker.member = True
            numbers = [p for p, owner in enumerate(owners) if owner is worker]
            self._spawn(worker.assign(numbers), worker.process)

    async def _within_session(
        self, workers: Sequence[SimulatedWorker], asked: Sequence[Coroutine[Any, Any, None]]
    ) -> None:
        tasks = [self._spawn(a, w.process) for w, a in zip(workers, asked, strict=True)]
        if tasks:
            # Without fencing a member put out in the middle of a write would harm its successor.
            within = SESSION_S if self.case.transactional else None
            await asyncio.wait(tasks, timeout=within)
        for worker, task in zip(workers, tasks, strict=True):
            if not task.done() and worker.process.alive:
                self._put_out(worker)

    def _spawn(
        self, work: Coroutine[Any, Any, Any], process: Process | None
    ) -> "asyncio.Task[Any]":
        """Run it; what a killed process still raises is nobody's."""
        task = self.loop.create_task(work)
        tasks = self._tasks[process.name if process else ""]
        tasks.add(task)

        def ended(task: "asyncio.Task[Any]") -> None:
            tasks.discard(task)
            if not task.cancelled():
                error = task.exception()
                if process is not None and isinstance(error, StuckError | UnresolvedError):
                    process.kill("exit 1: " + str(error))
                if process is None or process.alive:
                    self._judge(error)

        task.add_done_callback(ended)
        return task

    def _unhandled(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        del loop
        self._judge(context.get("exception"))

    def _judge(self, error: BaseException | None) -> None:
        if error is not None and not isinstance(error, KilledError):
            self.failures.append(repr(error))
