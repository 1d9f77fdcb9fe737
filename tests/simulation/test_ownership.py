"""The real `Worker` over the simulated broker: what the group and a failing broker do to it."""

import asyncio
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from journey_engine.encode.position import (
    POSITION_KEY,
    Position,
    decode_position,
    encode_position,
)
from journey_engine.run.clock import wall_ms
from journey_engine.run.memory import Memory
from journey_engine.run.pacing import beginning, tick_s
from journey_engine.run.partition import BACKLOG_S, Partition, Parts
from journey_engine.run.producing import (
    FencedError,
    Message,
    UnresolvedError,
)
from journey_engine.run.standby import Standbys
from journey_engine.run.store import StoreError
from journey_engine.run.worker import RELEASE_WITHIN_S, Worker
from tests.simulation.one_worker import (
    FaultyStore,
    OneWorker,
    lived,
)
from tests.simulation.shop import NAMES, PARTITIONS, WIRING


def test_an_opening_is_tried_again_only_when_the_last_one_has_ended() -> None:
    async def test(world: OneWorker) -> None:
        starting: list[int] = []

        async def fault(call: str, number: int) -> None:
            if call == "start":
                assert number not in starting, "two producers of one partition are started at once"
                starting.append(number)
                try:
                    if number == 0 and not world.started:
                        world.started.append(number)
                        raise UnresolvedError("refused")
                    await asyncio.sleep(1.0)
                finally:
                    starting.remove(number)

        world.fault = fault
        assert await world.take(0, 1)
        await world.worker.finish(flush=True)

    lived(test)


def test_one_fenced_while_it_opens_tries_again() -> None:
    async def test(world: OneWorker) -> None:
        async def fault(call: str, number: int) -> None:
            if call == "start" and number not in world.started:
                world.started.append(number)
                raise FencedError("another one")

        world.fault = fault
        assert await world.take(0)
        await world.worker.finish(flush=True)

    lived(test)


def test_what_was_let_go_is_not_fenced_again() -> None:
    async def test(world: OneWorker) -> None:
        async def fault(call: str, number: int) -> None:
            if call == "start":
                world.started.append(number)
                await asyncio.sleep(1.0)
                raise UnresolvedError("no answer")

        world.fault = fault
        taking = asyncio.create_task(world.take(0))
        await asyncio.sleep(0.5)
        await world.worker.release()
        assert await taking is None
        assert world.started == [0]
        await world.worker.finish(flush=True)

    lived(test)


def test_one_fenced_while_it_recovers_is_dropped_and_asked_for_again() -> None:
    async def test(world: OneWorker) -> None:
        async def fault(call: str, number: int) -> None:
            if call == "commit":
                raise UnresolvedError("no answer")
            if call == "start":
                raise FencedError(f"another one on {number}")

        world.publish()
        await world.take(0, 1)
        world.fault = fault
        driving = world.drive()
        await world.until(lambda: world.consumer.rejoins == PARTITIONS)
        assert world.worker.partitions == []
        assert not driving.done()
        world.fault = world.none
        await world.worker.finish(flush=False)
        await driving

    lived(test)


@pytest.mark.parametrize("failing", [1, 2])
def test_a_stop_raises_when_a_commit_under_way_or_the_last_one_fails(failing: int) -> None:
    async def test(world: OneWorker) -> None:
        async def fault(call: str, number: int) -> None:
            if call == "commit" and number == 0:
                world.started.append(number)
                await asyncio.sleep(0.5)
                if len(world.started) == failing:
                    raise UnresolvedError("no answer")

        for _ in range(3):
            world.publish()
        await world.take(0, 1)
        world.fault = fault
        driving = world.drive()
        await world.until(lambda: bool(world.started))
        await asyncio.sleep(0.2)
        with pytest.raises(UnresolvedError):
            await world.worker.finish(flush=True)
        await driving
        assert world.broker.open_transactions() == 0

    lived(test)


def test_a_worker_says_that_its_memory_is_too_small_for_its_partitions_and_works_on() -> None:
    async def test(world: OneWorker) -> None:
        world.parts = replace(world.parts, memory=Memory(256, topics=100, declared=PARTITIONS))
        world.worker = Worker(world.parts, world.noted)
        world.publish()
        with capture_logs() as told:
            await world.take(0)
            assert [line for line in told if line["event"] == "memory_too_small"] == []
            await world.worker.release()
            await world.take(0, 1)
        (line,) = [line for line in told if line["event"] == "memory_too_small"]
        assert line["partitions"] == PARTITIONS
        assert str(line["needed_mib"]) in line["hint"]
        driving = world.drive()
        await world.until(lambda: world.committed() > 2)
        await world.worker.finish(flush=True)
        await driving

    lived(test)


def test_a_recovery_waits_for_a_broker_that_tells_no_offsets() -> None:
    async def test(world: OneWorker) -> None:
        async def fault(call: str, number: int) -> None:
            if call == "commit" and number not in world.started:
                world.started.append(number)
                raise UnresolvedError("no answer")

        world.publish()
        world.fault = fault
        await world.take(0, 1)
        world.consumer.earliest_failures = 2
        driving = world.drive()
        await world.until(lambda: world.committed() > 2 and world.worker.missing() is None)
        assert world.consumer.earliest_failures == 0
        await world.worker.finish(flush=True)
        await driving

    lived(test)


@pytest.mark.parametrize("transactional", [True, False])
def test_a_write_that_fails_while_the_group_waits(transactional: bool) -> None:  # noqa: FBT001
    """In a transaction it was all or nothing; else what is under way may still arrive."""

    async def test(world: OneWorker) -> None:
        async def fault(call: str, number: int) -> None:
            if call == "write":
                world.started.append(number)
                await asyncio.sleep(0.5)
                raise UnresolvedError("no answer")

        world.publish()
        world.fault = fault
        await world.take(0)
        driving = world.drive()
        await world.until(lambda: bool(world.started))
        if transactional:
            await world.worker.release()
        else:
            with pytest.raises(UnresolvedError):
                await world.worker.release()
        await world.worker.finish(flush=False)
        await driving

    lived(test, transactional=transactional)


def test_a_commit_that_hangs_holds_the_group_up_for_so_long_and_ends_nothing() -> None:
    async def test(world: OneWorker) -> None:
        async def fault(call: str, number: int) -> None:
            if call == "commit":
                world.started.append(number)
                await asyncio.sleep(100.0)

        world.publish()
        world.fault = fault
        await world.take(0, 1)
        driving = world.drive()
        await world.until(lambda: len(world.started) == PARTITIONS)
        begun = world.loop.time()
        await world.worker.release()
        assert world.loop.time() < begun + RELEASE_WITHIN_S + 1.0
        assert world.broker.open_transactions() == 0
        world.fault = world.none
        assert await world.take(0, 1)
        await world.until(lambda: world.committed() > 2)
        await world.worker.finish(flush=True)
        await driving

    lived(test)


def test_a_copy_that_cannot_be_written_ends_the_worker() -> None:
    async def test(world: OneWorker) -> None:
        world.publish()
        await world.take(0, 1)
        driving = world.drive()
        await world.until(lambda: world.committed() > 2)
        await world.worker.finish(flush=True)
        await driving
        other = OneWorker(world.loop, world.broker)
        other.stores[0] = FaultyStore()
        other.stores[0].broken = True
        await other.take(standing_by=frozenset({0}))
        with pytest.raises(StoreError):
            await asyncio.wait_for(other.drive(), 10.0)
        await other.worker.finish(flush=False)

    lived(test)


def test_copies_may_be_looked_at_while_they_stop() -> None:
    async def test(world: OneWorker) -> None:
        copies = Standbys(world.parts.seams.changelogs, world.metrics)
        copies.follow({0: Partition(0, world.parts)})
        await asyncio.sleep(0.5)
        stopping = asyncio.create_task(copies.stop())
        while not stopping.done():
            copies.check()
            await asyncio.sleep(0)

    lived(test)


def test_a_take_that_is_cancelled_while_copies_stop_ends() -> None:
    async def test(world: OneWorker) -> None:
        await world.take(standing_by=frozenset({0}))
        await asyncio.sleep(0.5)
        taking = asyncio.create_task(world.take(0))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        taking.cancel()
        await asyncio.wait([taking])
        assert taking.cancelled()
        assert world.worker.partitions == []
        await world.worker.finish(flush=True)

    lived(test)


def test_a_topic_that_is_read_no_more_keeps_its_place_and_no_group_offset() -> None:
    async def test(world: OneWorker) -> None:
        former = Position({"interactions.former.v1": 7}, WIRING.plan.hash, 0, 1)
        changelog = world.broker.log(NAMES.changelog, 0)
        changelog.append([Message(POSITION_KEY, encode_position(former))], None)
        await world.take(0)
        world.publish()
        driving = world.drive()
        await world.until(lambda: bool(world.consumer.recorded))
        await world.worker.finish(flush=True)
        await driving

        assert {tp.topic for each in world.consumer.recorded for tp in each} <= set(NAMES.read)
        last = decode_position(changelog.read(0)[-1].value or b"")
        assert last.flush > 1
        assert last.next_offsets["interactions.former.v1"] == 7

    lived(test, transactional=False)


def test_group_offsets_of_what_was_let_go_are_not_recorded_again() -> None:
    async def test(world: OneWorker) -> None:
        world.publish()
        world.consumer.record_failure = "the group assigns anew"
        await world.take(0)
        driving = world.drive()
        await world.until(lambda: bool(world.consumer.recorded))
        await world.worker.release()
        world.consumer.recorded.clear()
        assert await world.take(1) is not None
        await asyncio.sleep(5.0)
        assert world.consumer.recorded
        assert {tp.partition for each in world.consumer.recorded for tp in each} == {1}
        await world.worker.finish(flush=True)
        await driving

    lived(test, transactional=False)


async def _working(world: OneWorker, number: int, parts: Parts | None = None) -> Partition:
    """One that has taken one record; the broker tells of no other."""
    world.publish()
    partition = Partition(number, parts or world.parts)
    await partition.open()
    partition.run()
    for topic in NAMES.read:
        records = world.broker.log(topic, number).read(0)
        partition.feed(topic, records, len(records), len(records))
    assert partition.step(wall_ms(), 1).taken == 1
    for topic, taken in partition.positions().items():
        partition.feed(topic, (), taken)
    return partition


@pytest.mark.parametrize(("behind", "waits"), [(0, False), (9, False), (10, True)])
def test_a_commit_waits_to_be_full_while_a_backlog_fills_it(behind: int, *, waits: bool) -> None:
    async def test(world: OneWorker) -> None:
        partition = await _working(world, 0)
        [(topic, taken)] = partition.positions().items()
        partition.feed(topic, (), taken + behind)
        interval = world.parts.commit_interval_s
        assert not partition.due(interval - 0.01, 1)
        assert partition.due(interval, 1) is not waits
        assert partition.due(interval + BACKLOG_S, 1)

    lived(test)


def test_a_commit_begins_beside_one_that_is_due_when_it_is_half_as_far() -> None:
    async def test(world: OneWorker) -> None:
        due, other = [await _working(world, number) for number in range(2)]
        interval = world.parts.commit_interval_s
        await other.commit(interval * 0.6)
        assert other.step(wall_ms(), 1).taken == 1
        both = [due, other]
        assert beginning(both, interval * 0.9, 2) == []
        assert beginning(both, interval, 2) == [due]
        assert beginning([other], interval * 1.2, 2) == []
        assert beginning(both, interval * 1.2, 2) == both

    lived(test)


@pytest.mark.parametrize(
    ("commits_per_s", "partitions", "interval_s"),
    [(None, 1, 0.05), (200.0, 1, 0.02), (200.0, 8, 0.04), (200.0, 32, 0.05)],
)
def test_cheap_commits_come_sooner_where_few_partitions_share_them(
    commits_per_s: float | None, partitions: int, interval_s: float
) -> None:
    async def test(world: OneWorker) -> None:
        parts = replace(world.parts, commits_per_s=commits_per_s)
        idle = Partition(1, parts)
        assert tick_s([idle], parts) == 0.02
        partition = await _working(world, 0, parts)
        assert not partition.due(interval_s - 0.001, partitions)
        assert partition.due(interval_s, partitions)
        assert tick_s([partition] * partitions, parts) == pytest.approx(interval_s / 4)

    lived(test)
