"""Faults done to a running cluster."""

import asyncio
import signal
from collections import Counter
from datetime import UTC, datetime

from msgspec.structs import replace

from tests.chaos.cluster import Cluster, Worker
from tests.chaos.proxy import Way
from tests.chaos.schedule import Fault

DELAY_S = 0.15
STORM_EVERY_S = 2.0
READY_WITHIN_S = 10.0
READY_NOW_S = 1.0
TAKEN_OVER_WITHIN_S = 15.0
"""Less than the broker's time-out of transactions: it is another owner that fences."""


class Faults:
    """Does what the schedule says, in its order; faults may overlap.

    A fault waits for its worker to be ready: one that is still starting has nothing to lose. What
    comes too late so, the gaps make up for; on a slow machine the same schedule takes longer.
    """

    def __init__(self, cluster: Cluster, ready_within_s: float = READY_WITHIN_S) -> None:
        self.done: Counter[str] = Counter()
        self._cluster = cluster
        self._ready_within_s = ready_within_s
        self._broker = asyncio.Lock()
        self._asleep = [asyncio.Lock() for _ in cluster.workers]

    async def follow(self, schedule: list[Fault]) -> None:
        """Return when the last fault is over."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        async with asyncio.TaskGroup() as group:
            for fault in schedule:
                await asyncio.sleep(max(0.0, begun + fault.at_s - loop.time()))
                async with self._asleep[fault.worker]:  # a kill would leave no zombie
                    await self._cluster.workers[fault.worker].ready(self._ready_within_s)
                self.done[fault.kind] += 1
                self._note(fault)
                group.create_task(self._do(fault))
        for worker in self._cluster.workers:
            await worker.died_on_order(self._ready_within_s)

    def _note(self, fault: Fault) -> None:
        with self._cluster.fault_log.open("a", encoding="utf-8") as log:
            log.write(f"{datetime.now(tz=UTC):%H:%M:%S.%f} {fault}\n")

    async def _do(self, fault: Fault) -> None:
        worker = self._cluster.workers[fault.worker]
        match fault.kind:
            case "kill":
                worker.signal(signal.SIGKILL)
            case "point":
                await self._arm(worker, fault)
            case "pause":
                async with self._asleep[fault.worker]:
                    await self._pause(worker, fault)
            case "broker_restart" | "broker_kill":
                await self._restart(fault)
            case "storm":
                await self._storm(worker, fault)
            case "clock":
                worker.order(replace(worker.orders, clock_ms=fault.clock_ms))
                await asyncio.sleep(fault.lasts_s)
                worker.order(replace(worker.orders, clock_ms=0))
            case _:
                await self._disturb(worker, fault)

    async def _pause(self, worker: Worker, fault: Fault) -> None:
        """It sleeps until all others have opened anew: else there is nobody to fence it."""
        others = [other for other in self._cluster.workers if other is not worker]
        await asyncio.gather(*(other.ready(self._ready_within_s) for other in others))
        opened = {other: other.openings for other in others}
        if fault.point is None:
            worker.signal(signal.SIGSTOP)
        else:
            worker.order(replace(worker.orders, point=fault.point, passes=fault.passes, stop=True))
        await asyncio.sleep(fault.lasts_s)
        waits = (other.opened(n, TAKEN_OVER_WITHIN_S) for other, n in opened.items())
        await asyncio.gather(*waits)
        if fault.point is not None:
            worker.order(replace(worker.orders, point=None, stop=False))
        worker.signal(signal.SIGCONT)

    async def _arm(self, worker: Worker, fault: Fault) -> None:
        await worker.died_on_order(self._ready_within_s)
        worker.order(replace(worker.orders, point=fault.point, passes=fault.passes))
        if fault.point == "during_restore":
            # It comes back with the order still standing, and dies again in the restore.
            worker.signal(signal.SIGKILL)
        elif fault.point == "during_revoke":
            await self._rebalance(worker)

    async def _rebalance(self, worker: Worker) -> None:
        """Let another one leave, so that this one's partitions are revoked."""
        for other in self._cluster.workers:
            if other is not worker and await other.ready(READY_NOW_S):
                other.signal(signal.SIGTERM)
                return
        worker.signal(signal.SIGTERM)

    async def _restart(self, fault: Fault) -> None:
        async with self._broker:
            broker = self._cluster.broker
            stop = broker.stop if fault.kind == "broker_restart" else broker.kill
            await asyncio.to_thread(stop)
            await asyncio.sleep(fault.lasts_s)
            await asyncio.to_thread(broker.start)

    async def _storm(self, worker: Worker, fault: Fault) -> None:
        """It leaves and comes back, again and again."""
        loop = asyncio.get_running_loop()
        end = loop.time() + fault.lasts_s
        while loop.time() < end:
            worker.signal(signal.SIGTERM)
            await asyncio.sleep(STORM_EVERY_S)
            await worker.ready(self._ready_within_s)

    async def _disturb(self, worker: Worker, fault: Fault) -> None:
        proxy = worker.proxy
        match fault.kind:
            case "cut":
                proxy.cut()
            case "delay":
                proxy.delay(DELAY_S)
            case "block_up":
                proxy.block(Way.UP)
            case _:
                proxy.block(Way.DOWN)
        await asyncio.sleep(fault.lasts_s)
        proxy.heal()
