"""A worker process against a broker: what it writes, and what a stop or a kill leaves."""

import asyncio
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from journey_engine.run.brokers import free_port
from tests.broker.rig import Rig, shop_log


@pytest.fixture(
    params=[
        pytest.param("embedded_broker", marks=pytest.mark.embedded),
        pytest.param("kafka_broker", marks=pytest.mark.kafka),
    ]
)
async def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Rig:
    broker: Any = request.getfixturevalue(request.param)
    rig = Rig(broker.address, f"shop-{uuid4().hex[:8]}", tmp_path)
    rig.exactly_once = request.param == "kafka_broker"
    await rig.create()
    return rig


async def test_a_worker_writes_what_a_replay_of_the_same_log_writes(rig: Rig) -> None:
    records = rig.records(shop_log(600))
    expected = rig.expected(records)
    await rig.publish(records)
    with rig.start() as worker:
        await worker.ready()
        written = await rig.written_at_least(len(expected))
        assert worker.stop() == 0
    assert len(expected) > 300
    assert written == expected


async def test_a_restart_goes_on_where_a_graceful_stop_left(rig: Rig) -> None:
    records = rig.records(shop_log(600))
    expected = rig.expected(records)
    await rig.publish(records[:300])
    with rig.start() as worker:
        await worker.ready()
        await rig.written_at_least(50)
        assert worker.stop() == 0
    await rig.publish(records[300:])
    with rig.start() as worker:
        await worker.ready()
        written = await rig.written_at_least(len(expected))
        assert worker.stop() == 0
    assert written == expected


async def test_kills_lose_nothing_and_repeat_at_most_the_same_bytes(rig: Rig) -> None:
    store = "memory" if rig.exactly_once else "disk"  # the other two pairs are in `test_kills`
    records = rig.records(shop_log(3000))
    expected = rig.expected(records)
    halves = (records[: len(records) // 2], records[len(records) // 2 :])
    for half in halves:
        await rig.publish(half)
        for _ in range(2):
            before = len(await rig.written())
            with rig.start(JOURNEY_STORE=store, JOURNEY_COMMIT_RECORDS="20") as worker:
                await rig.written_at_least(before + 50, timeout_s=5)
                worker.kill()
    with rig.start(JOURNEY_STORE=store) as worker:
        await worker.ready()
        written = await rig.written_at_least(len(expected))
        assert worker.stop() == 0
    assert rig.compared(written) == rig.compared(expected)


async def test_two_workers_share_the_partitions_and_one_takes_over(rig: Rig) -> None:
    records = rig.records(shop_log(600))
    expected = rig.expected(records)
    await rig.publish(records[:300])
    with rig.start() as first:
        await first.ready()
        elsewhere = {
            "JOURNEY_WEB_PORT": str(free_port()),
            "JOURNEY_DATA_DIR": str(rig.settings.data_dir / "second"),
        }
        with rig.start(**elsewhere) as second:
            await first.shares()
            await rig.publish(records[300:])
            await rig.written_at_least(len(expected) // 2)
            assert second.stop() == 0
        written = await rig.written_at_least(len(expected))
        assert first.stop() == 0
    assert written == expected


async def test_health_and_metrics_answer(rig: Rig) -> None:
    records = rig.records(shop_log(100))
    expected = rig.expected(records)
    await rig.publish(records)
    with rig.start() as worker:
        await worker.ready()
        await rig.written_at_least(len(expected))
        assert (await asyncio.to_thread(worker.get_json, "/livez")) == (200, {"status": "alive"})
        _, readiness = await asyncio.to_thread(worker.get_json, "/readyz")
        assert readiness == {"status": "ready", "partitions": [0, 1, 2]}
        _, text = await asyncio.to_thread(worker.get, "/metrics")
        assert (await asyncio.to_thread(worker.get, "/table/customers/"))[0] == 404
    assert 'journey_inputs_total{outcome="APPLIED",type="CartUpdated"}' in text
    assert 'journey_commands_total{action="SEND",channel="push"}' in text
    assert f'journey_lag_records{{partition="0",topic="{rig.names.inputs[0]}"}} 0.0' in text
