"""Workers with a name of their own in the group, on Apache Kafka."""

import asyncio
import time

import pytest

from journey_engine.run.brokers import free_port
from journey_engine.run.naming import names
from tests.broker.rig import PARTITIONS, PATIENCE_S, Process, Rig, shop_log

pytestmark = pytest.mark.kafka

SESSION = {"JOURNEY_SESSION_TIMEOUT_S": "6"}
LONG_SESSION = {"JOURNEY_SESSION_TIMEOUT_S": "25"}
"""Nobody waits for its end; a start on a busy machine takes some of it."""


def named(rig: Rig, name: str, port: int, **settings: str) -> Process:
    own = {"JOURNEY_GROUP_INSTANCE_ID": name, "JOURNEY_WEB_PORT": str(port)}
    return rig.start(
        JOURNEY_DATA_DIR=str(rig.settings.data_dir / name), **own, **(SESSION | settings)
    )


def opened(rig: Rig) -> list[list[int]]:
    """The partitions of each opening that the log tells of."""
    return [line["partitions"] for line in rig.logged("partitions_opened")]


async def settled(first: Process, second: Process) -> None:
    """Wait until the two work on all partitions between them."""
    await asyncio.gather(first.ready(), second.ready())
    await asyncio.gather(first.shares(), second.shares())


async def test_a_worker_killed_and_back_soon_takes_its_own_and_disturbs_nobody(rig: Rig) -> None:
    records = rig.records(shop_log(600))
    expected = rig.expected(records)
    await rig.publish(records[:300])
    ports = free_port(), free_port()
    with (
        named(rig, "w-0", ports[0], **LONG_SESSION) as first,
        named(rig, "w-1", ports[1], **LONG_SESSION) as second,
    ):
        await settled(first, second)
        had, before = first.partitions(), opened(rig)
        first.kill()
        with named(rig, "w-0", ports[0], **LONG_SESSION) as again:
            await again.ready()
            assert again.partitions() == had
            assert opened(rig)[len(before) :] == [had]
            await rig.publish(records[300:])
            written = await rig.written_at_least(len(expected))
            assert again.stop() == 0
        assert second.stop() == 0
    assert set(written) == set(expected)


async def test_a_worker_that_stays_away_is_replaced(rig: Rig) -> None:
    records = rig.records(shop_log(300))
    expected = rig.expected(records)
    ports = free_port(), free_port()
    with named(rig, "w-0", ports[0]) as first, named(rig, "w-1", ports[1]) as second:
        await settled(first, second)
        first.kill()
        await rig.publish(records)
        written = await rig.written_at_least(len(expected))
        assert await asyncio.to_thread(second.partitions) == [0, 1, 2]
        assert second.stop() == 0
    assert set(written) == set(expected)


async def test_a_copy_takes_over_what_a_killed_worker_had(rig: Rig) -> None:
    records = rig.records(shop_log(900))
    expected = rig.expected(records)
    await rig.publish(records[:600])
    ports, copies = (free_port(), free_port()), {"JOURNEY_STANDBYS": "1"}
    with named(rig, "w-0", ports[0], **copies) as first:
        await first.ready()
        await rig.written_at_least(len(expected) // 2)
        with named(rig, "w-1", ports[1], **copies) as second:
            await settled(first, second)
            await lacks_nothing(second, first.partitions())
            before = rig.logged("restored")
            first.kill()
            await rig.publish(records[600:])
            written = await rig.written_at_least(len(expected))
            assert second.stop() == 0
    assert written == expected
    taken_over = rig.logged("restored")[len(before) :]
    assert [line["records"] < 20 for line in taken_over] == [True], taken_over


async def test_two_deployments_of_one_app_on_one_broker_do_not_meet(rig: Rig) -> None:
    other = Rig(rig.settings.brokers[0], rig.settings.app_id, rig.settings.data_dir)
    prefix = f"other-{rig.settings.app_id}."
    other.settings = rig.settings.model_copy(update={"topic_prefix": prefix})
    other.names = names(other.topics, prefix)
    await other.create()
    with rig.start() as first, other.start() as second:
        await asyncio.gather(first.ready(), second.ready())
        for one in (rig, other):
            records = one.records(shop_log(300))
            expected = one.expected(records)
            await one.publish(records)
            assert await one.written_at_least(len(expected)) == expected
        assert len(first.partitions()) == len(second.partitions()) == PARTITIONS
        assert (first.stop(), second.stop()) == (0, 0)
    assert rig.logged("partition_fenced") == []


async def lacks_nothing(worker: Process, partitions: list[int]) -> None:
    """Wait until its copies of these partitions are as far as their owner."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        samples = await asyncio.to_thread(worker.metrics)
        lacks = {
            int(labels["partition"]): count
            for labels, count in samples.get("journey_standby_remaining_records", ())
        }
        if lacks == dict.fromkeys(partitions, 0):
            return
        assert time.monotonic() < deadline, lacks
        await asyncio.sleep(0.1)
