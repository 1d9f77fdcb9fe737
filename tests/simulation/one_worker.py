"""The real `Worker`, alone over the simulated broker, in virtual time, with a test's faults."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, cast

import pytest
from aiokafka.errors import KafkaConnectionError
from faust.types import TP

from journey_engine.observe.metrics import Metrics
from journey_engine.run.clock import WallClock
from journey_engine.run.outgoing import Encoding
from journey_engine.run.partition import Parts
from journey_engine.run.producing import (
    Message,
    Producer,
    Seams,
)
from journey_engine.run.store import NOT_KNOWN, MemoryStore, Store, StoreError
from journey_engine.run.transport import BatchConsumer, End
from journey_engine.run.worker import Worker
from journey_engine.simulate.chance import Chance
from tests.run.shop import SCHEMAS
from tests.simulation.broker import Broker
from tests.simulation.clients import SimulatedChangelogs, SimulatedConsumer, SimulatedProducer
from tests.simulation.process import Process, Rates, Weather
from tests.simulation.shop import NAMES, PARTITIONS, WIRING, Habits, arrivals
from tests.simulation.virtual import VirtualLoop

TOPICS = (*NAMES.read, NAMES.changelog)
Fault = Callable[[str, int], Coroutine[Any, Any, None]]
"""Awaited before each call of a producer: the call's name, the partition."""


class FaultyProducer(SimulatedProducer):
    """A producer whose calls a test may delay or let fail."""

    def __init__(self, world: "OneWorker", number: int, *, transactional: bool) -> None:
        name = f"shop-{number}"
        super().__init__(world.process, world.broker, name, transactional=transactional)
        self._world, self._number = world, number

    async def start(self) -> None:
        await self._world.fault("start", self._number)
        await super().start()

    async def write(self, topic: str, partition: int, messages: Sequence[Message]) -> int:
        await self._world.fault("write", self._number)
        return await super().write(topic, partition, messages)

    async def send_offsets(self, offsets: Mapping[tuple[str, int], int]) -> None:
        await super().send_offsets(offsets)
        if not self.transactional:
            self._world.noted.update(offsets)

    async def commit(self) -> None:
        await self._world.fault("commit", self._number)
        await super().commit()


class FaultyStore(MemoryStore):
    broken = False

    def write(
        self,
        changes: Mapping[str, bytes | None],
        changelog_offset: int,
        before: Mapping[str, int | None] = NOT_KNOWN,
        appended_ms: int | None = None,
    ) -> None:
        if self.broken:
            raise StoreError("damaged")
        super().write(changes, changelog_offset, before, appended_ms)


class StandIn:
    """What the worker asks of the group's consumer."""

    flow_active = True

    def __init__(self, world: "OneWorker") -> None:
        self._world = world
        self._inputs = SimulatedConsumer(world.process, world.broker)
        self._ends: dict[TP, End] = {}
        self._answers = 0
        self.silent: set[str] = set()
        self.thread = self
        self.rejoins = 0
        self.earliest_failures = 0
        self.recorded: list[Mapping[TP, int]] = []
        self.record_failure: str | None = None

    async def poll(self, timeout_s: float) -> Mapping[TP, list[Any]]:
        await asyncio.sleep(timeout_s or 0.001)
        polled: dict[TP, list[Any]] = {}
        self._answers += 1
        for topic, number in self._inputs.positions:
            if topic in self.silent:
                continue
            records, end, at = self._inputs.fetch(topic, number)
            polled[TP(topic, number)] = records
            self._ends[TP(topic, number)] = End(at, end, self._answers)
        return polled

    def end(self, tp: TP) -> End | None:
        return self._ends.get(tp)

    async def earliest_offsets(self, *tps: TP) -> Mapping[TP, int]:
        await asyncio.sleep(0.001)
        if self.earliest_failures:
            self.earliest_failures -= 1
            raise KafkaConnectionError("no broker")
        return dict.fromkeys(tps, 0)

    async def seek_wait(self, offsets: Mapping[TP, int]) -> None:
        for tp, offset in offsets.items():
            self._inputs.seek(tp.partition, {tp.topic: offset})

    def pause_partitions(self, tps: set[TP]) -> None:
        del tps

    def resume_partitions(self, tps: set[TP]) -> None:
        del tps

    async def rejoin(self) -> None:
        self.rejoins += 1

    async def record_offsets(self, offsets: Mapping[TP, int]) -> str | None:
        self.recorded.append(offsets)
        await asyncio.sleep(0.5)
        return self.record_failure


class OneWorker:
    """A worker, alone with its broker; no fault but those of the test."""

    def __init__(
        self, loop: VirtualLoop, broker: Broker | None = None, *, transactional: bool = True
    ) -> None:
        self.loop = loop
        weather = Weather(Chance(1, "faults"), Rates())
        self.broker = broker or Broker(loop, weather.latency)
        self.process = Process("w", loop, weather, [])
        self.metrics = Metrics()
        self.stores: dict[int, FaultyStore] = {}
        self.started: list[int] = []
        self.fault: Fault = self.none
        self.noted: dict[tuple[str, int], int] = {}
        self.consumer = StandIn(self)

        def producer(number: int) -> Producer:
            return FaultyProducer(self, number, transactional=transactional)

        def store(number: int) -> Store:
            return self.stores.setdefault(number, FaultyStore())

        self.parts = Parts(
            encoding=Encoding(NAMES, SCHEMAS, self.metrics, deadletter_bytes_max=1_000_000),
            wiring=WIRING,
            clock=WallClock,
            seams=Seams(producer, store, SimulatedChangelogs(self.process, self.broker, NAMES)),
            commit_interval_s=0.05,
            commit_records=10,
        )
        self.worker = Worker(self.parts, self.noted)

    async def none(self, call: str, number: int) -> None:
        """No fault."""

    def publish(self) -> None:
        habits = Habits(events=20, misrouted=0.0, marks=0.0)
        for _, topic, partition, message in arrivals(Chance(1, "shop"), habits):
            self.broker.log(topic, partition).append([message], None)

    async def take(self, *numbers: int, standing_by: frozenset[int] = frozenset()) -> Any:
        assigned = frozenset(TP(topic, number) for topic in TOPICS for number in numbers)
        earliest = self.consumer.earliest_offsets
        sought = await self.worker.take(assigned, standing_by, lambda tps: earliest(*tps))
        await self.consumer.seek_wait(sought or {})
        return sought

    def drive(self) -> "asyncio.Task[None]":
        return asyncio.create_task(self.worker.drive(cast("BatchConsumer", self.consumer)))

    async def until(self, reached: Callable[[], bool], within_s: float = 60.0) -> None:
        deadline = self.loop.time() + within_s
        while not reached():
            assert self.loop.time() < deadline, "not in time"
            await asyncio.sleep(0.01)

    def committed(self) -> int:
        return sum(len(self.broker.log(NAMES.ledger, p).read(0)) for p in range(PARTITIONS))


def lived(
    test: Callable[[OneWorker], Coroutine[Any, Any, None]], *, transactional: bool = True
) -> None:
    """Run a test in virtual time, where every wait is drawn from the same seed."""
    loop = VirtualLoop()
    patched = pytest.MonkeyPatch()
    patched.setattr("time.monotonic", loop.time)
    try:
        loop.run_until_complete(test(OneWorker(loop, transactional=transactional)))
        left = [task for task in asyncio.all_tasks(loop) if not task.done()]
        assert not left, f"still under way: {left}"
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0.001))
        loop.close()
        patched.undo()
