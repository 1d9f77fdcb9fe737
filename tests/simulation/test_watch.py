"""The real `Worker` over the simulated broker: what it says of its partitions."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from journey_engine.run.producing import Message
from journey_engine.run.watch import SILENT_S, STANDS_S
from journey_engine.run.worker import Worker
from tests.run.shop import START
from tests.run.test_awaited_schemas import wired
from tests.simulation.clients import SimulatedChangelogs
from tests.simulation.one_worker import OneWorker, lived
from tests.simulation.shop import NAMES


def behind(world: OneWorker, topic: str) -> float | None:
    labels = {"topic": topic, "partition": "0"}
    return world.metrics.registry.get_sample_value("journey_lag_records", labels)


def silent(world: OneWorker) -> float:
    value = world.metrics.registry.get_sample_value("journey_broker_silent_seconds")
    assert value is not None
    return value


def test_what_was_fetched_and_stands_is_behind_until_it_is_taken() -> None:
    async def test(world: OneWorker) -> None:
        wiring, registry = wired({})
        world.worker = Worker(replace(world.parts, wiring=wiring), world.noted)
        topic = NAMES.inputs[0]
        unread = Message(b"c1", b"\0\0\0\0\7", (), START - 1)
        world.broker.log(topic, 0).append([unread], None)
        world.publish()
        await world.take(0)
        driving = world.drive()
        await asyncio.sleep(STANDS_S / 2)
        assert behind(world, topic) == 0, "not for long"
        await asyncio.sleep(STANDS_S)
        for each in NAMES.inputs:
            assert behind(world, each) == len(world.broker.log(each, 0).read(0))
        registry.tell()
        await asyncio.sleep(1)
        assert [behind(world, each) for each in NAMES.inputs] == [0] * len(NAMES.inputs)
        await world.worker.finish(flush=True)
        await driving

    lived(test)


def test_a_worker_whose_broker_has_gone_says_so_and_since_when() -> None:
    async def test(world: OneWorker) -> None:
        assert silent(world) == 0, "it has no partitions"
        await world.take(0)
        driving = world.drive()
        await asyncio.sleep(2 * SILENT_S)
        assert silent(world) < 1
        assert world.worker.missing() is None
        world.consumer.silent = set(NAMES.read)
        await asyncio.sleep(SILENT_S / 2)
        assert world.worker.missing() is None, "a broker may be made anew"
        await asyncio.sleep(SILENT_S)
        assert SILENT_S < silent(world) < 2 * SILENT_S
        assert (world.worker.missing() or "").startswith("no broker has answered for 45 s: ")
        world.consumer.silent = set()
        await asyncio.sleep(1)
        assert silent(world) < 1
        assert world.worker.missing() is None
        await world.worker.finish(flush=True)
        assert silent(world) == 0
        await driving

    lived(test)


def test_the_definitions_in_force_are_those_of_the_partitions_that_run() -> None:
    async def test(world: OneWorker) -> None:
        assert world.worker.watch.plan_hashes() == set()
        await world.take(0)
        assert world.worker.watch.plan_hashes() == {world.parts.wiring.plan.hash}
        await world.worker.finish(flush=True)
        assert world.worker.watch.plan_hashes() == set()

    lived(test)


def test_of_a_restore_that_is_broken_off_nothing_remains() -> None:
    async def test(world: OneWorker) -> None:
        begun = asyncio.Event()

        class Endless(SimulatedChangelogs):
            async def restore(
                self,
                starts: Mapping[int, int],
                sink: Callable[[int, Sequence[Any]], None],  # noqa: ARG002 - nothing comes
                progress: Callable[[Mapping[int, int]], None],
            ) -> None:
                progress(dict.fromkeys(starts, 120_000))
                begun.set()
                await asyncio.sleep(3600)

        endless = Endless(world.process, world.broker, NAMES)
        seams = world.parts.seams._replace(changelogs=endless)
        world.worker = Worker(replace(world.parts, seams=seams), world.noted)
        taking = asyncio.create_task(world.take(0))
        await begun.wait()
        await world.worker.release()
        taking.cancel()
        await asyncio.gather(taking, return_exceptions=True)
        remaining = world.metrics.registry.get_sample_value
        assert remaining("journey_restore_remaining_records", {"partition": "0"}) == 0
        await world.worker.finish(flush=True)

    lived(test)
