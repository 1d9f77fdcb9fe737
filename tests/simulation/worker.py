"""A worker as the schedule runs it: the real partitions, driven as the data plane's loop does."""

import asyncio
from collections.abc import Callable, Collection, Coroutine
from typing import Any

from journey_engine.run.partition import Partition
from journey_engine.run.producing import FencedError, UnresolvedError
from tests.simulation.clients import SimulatedConsumer
from tests.simulation.process import Process
from tests.simulation.shop import NAMES

IDLE_S = 0.02
IDLE_MOST_S = 0.32
AGAIN_S = 0.1
MakePartition = Callable[[int], Partition]
Spawn = Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"]


class SimulatedWorker:
    """One process's loop: fetch, feed, step, commit; and what the group asks of it."""

    def __init__(
        self,
        process: Process,
        consumer: SimulatedConsumer,
        make: MakePartition,
        wall: Callable[[], int],
        spawn: Spawn,
    ) -> None:
        self.process = process
        self.member = False
        """Whether the group counts on it."""
        self.asks_anew = False
        """Whether it was fenced and wants the group to assign anew, as the real worker does: its
        transaction may have timed out, and then no other owner has come."""
        self.taken = 0
        """Inputs that its partitions took, those taken again included."""
        self.consumer = consumer
        self._make = make
        self._wall = wall
        self._spawn = spawn
        self._known: dict[int, Partition] = {}
        """Those it has had, open or not."""
        self._owned: set[int] = set()
        self._committing: dict[int, asyncio.Task[None]] = {}
        self._lock = asyncio.Lock()
        self._rebalancing = asyncio.Lock()
        """What the group says is heard in order."""
        self._out = False

    async def run(self) -> None:
        """Until the process ends."""
        idle = IDLE_S
        while True:
            await self.process.travel("poll")
            async with self._lock:
                worked = sum(self._work(self._known[number]) for number in sorted(self._owned))
            idle = IDLE_S if worked else min(2 * idle, IDLE_MOST_S)
            if not worked:
                await asyncio.sleep(idle)

    def _work(self, partition: Partition) -> int:
        number, chance = partition.number, self.process.weather.chance
        for topic in NAMES.read:
            records, end, at = self.consumer.fetch(topic, number)
            partition.feed(topic, records, end, at)
        progress = partition.step(self._wall(), chance.between(1, 12))
        self.taken += progress.taken
        if partition.due(self.process.now(), 1) and number not in self._committing:
            self._committing[number] = self._spawn(self._commit(partition))
        return progress.taken + progress.fired

    async def _commit(self, partition: Partition) -> None:
        """While it is under way, work goes on."""
        number = partition.number
        try:
            await partition.commit(self.process.now())
        except FencedError:
            await self._let_go(partition)
        except UnresolvedError as error:
            self.process.note(f"partition {number}: {error}")
            if not partition.transactional:
                raise  # the process ends, as the real worker's does
            if number in self._owned:
                await self._recover(partition)
        finally:
            self._committing.pop(number, None)

    async def _recover(self, partition: Partition) -> None:
        while partition.number in self._owned:
            try:
                await partition.recover()
            except UnresolvedError as error:
                self.process.note(f"partition {partition.number}: {error}; again")
                await asyncio.sleep(AGAIN_S)
            except FencedError:
                await self._let_go(partition)
            else:
                self._run(partition)
                return

    async def _let_go(self, partition: Partition) -> None:
        self.process.note(f"partition {partition.number}: fenced, let go")
        self._owned.discard(partition.number)
        await partition.release(self.process.now(), commit=False)
        self.asks_anew = True

    def _run(self, partition: Partition) -> None:
        self.process.note(f"partition {partition.number}: from {dict(partition.positions())}")
        self.resume(partition)
        self._owned.add(partition.number)

    def resume(self, partition: Partition) -> None:
        """Fetch from where the partition stands, then let it work."""
        self.consumer.seek(partition.number, dict.fromkeys(NAMES.read, 0))
        self.consumer.seek(partition.number, partition.positions())
        partition.run()

    async def revoke(self) -> None:
        """A last commit of every partition; then they are another's."""
        async with self._rebalancing:
            await self.process.travel("revoke")
            await self._release(commit=True)

    def expelled(self) -> None:
        """The group no longer counts on it; the process does not know yet."""
        self.member, self._out = False, True

    async def put_out(self) -> None:
        """The group has given its partitions to others: nothing more is written."""
        async with self._rebalancing:
            await self.process.travel("put out")
            await self._release(commit=False)
        self._out = False

    def joins(self) -> bool:
        """Whether it takes part in the next assignment."""
        return self.member or not self._out

    async def _release(self, *, commit: bool) -> None:
        async with self._lock:
            owned, self._owned = sorted(self._owned), set()
            under_way = [task for task in self._committing.values() if not task.done()]
            if under_way:
                await asyncio.wait(under_way)
            for number in owned:
                await self.release(self._known[number], commit=commit)

    async def release(self, partition: Partition, *, commit: bool) -> None:
        """Let one go; a failure leaves its inputs to the next owner."""
        try:
            await partition.release(self.process.now(), commit=commit)
        except (FencedError, UnresolvedError) as error:
            self.process.note(f"partition {partition.number}: {error}; released")

    async def assign(self, numbers: Collection[int]) -> None:
        """Open what the group gives."""
        async with self._rebalancing:
            await self.process.travel("assign")
            async with self._lock:
                for number in sorted(numbers):
                    if number not in self._known:
                        self._known[number] = self._make(number)
                    await self._open(self._known[number])

    async def _open(self, partition: Partition) -> None:
        while True:
            try:
                await partition.open()
            except UnresolvedError as error:
                self.process.note(f"partition {partition.number}: {error}; again")
                await asyncio.sleep(AGAIN_S)
            except FencedError:
                await self._let_go(partition)
                return
            else:
                self._run(partition)
                return
