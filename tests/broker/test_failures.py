"""What a worker does when Kafka fails it: it ends with 1 and says why, or goes on and says so."""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.structs import TopicPartition

from journey_engine.run.brokers import KafkaBroker
from tests.broker.rig import PARTITIONS, Process, Rig, shop_log

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(120)]


@pytest.fixture
async def rig(kafka_broker: KafkaBroker, tmp_path: Path) -> Rig:
    rig = Rig(kafka_broker.address, f"shop-{uuid4().hex[:8]}", tmp_path)
    await rig.create()
    return rig


@asynccontextmanager
async def admin_of(rig: Rig) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=list(rig.settings.brokers))
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def ends_of(rig: Rig, topic: str) -> dict[TopicPartition, int]:
    consumer = AIOKafkaConsumer(bootstrap_servers=list(rig.settings.brokers))
    await consumer.start()
    try:
        ends: dict[TopicPartition, int] = await consumer.end_offsets(
            [TopicPartition(topic, p) for p in range(PARTITIONS)]
        )
        return ends
    finally:
        await consumer.stop()


def flushes(worker: Process) -> None:
    """Return in the middle of the work: it has flushed, and one record a flush takes its time."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        text = worker.get("/metrics")[1]
        count = next(x for x in text.splitlines() if x.startswith("journey_flush_seconds_count"))
        if float(count.split()[1]) > 20:
            return
        time.sleep(0.02)
    raise AssertionError("the worker flushed nothing")


def logged(rig: Rig) -> list[dict[str, Any]]:
    lines = rig.log_file.read_text().splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def log_of(rig: Rig, event: str) -> list[dict[str, Any]]:
    return [line for line in logged(rig) if line["event"] == event]


@pytest.mark.parametrize("asked", [False, True], ids=["crash", "sigterm"])
async def test_a_broker_that_is_gone_ends_the_worker_with_1(tmp_path: Path, *, asked: bool) -> None:
    with KafkaBroker(tmp_path / "kafka") as broker:
        rig = Rig(broker.address, "shop", tmp_path)
        await rig.create()
        settings = {"JOURNEY_REQUEST_TIMEOUT_S": "4", "JOURNEY_STOP_TIMEOUT_S": "4"}
        await rig.publish(rig.records(shop_log(3000)))
        with rig.start(**settings, JOURNEY_COMMIT_RECORDS="1") as worker:
            await worker.ready()
            await asyncio.to_thread(flushes, worker)
            os.kill(broker.pid, signal.SIGKILL)
            begun = time.monotonic()
            if asked:
                worker.popen.terminate()
            assert await asyncio.to_thread(worker.popen.wait, 60) == 1
    assert time.monotonic() - begun < 20
    said = rig.log_file.read_text()
    assert "stop_took_too_long" in said or "not acknowledged within 4 s" in said


@pytest.mark.parametrize("order", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_a_busy_worker_with_0(rig: Rig, order: signal.Signals) -> None:
    records = rig.records(shop_log(3000))
    with rig.start() as worker:
        await worker.ready()
        await rig.publish(records)
        worker.popen.send_signal(order)
        assert await asyncio.to_thread(worker.popen.wait, 20) == 0
    assert [line["event"] for line in logged(rig)][-1] == "worker_stopped"
    with rig.start() as worker:
        await worker.ready()
        expected = rig.expected(records)
        assert await rig.written_at_least(len(expected), timeout_s=60) == expected
        assert worker.stop() == 0


async def test_records_that_retention_deleted_unread_are_said_and_counted(rig: Rig) -> None:
    records = rig.records(shop_log(600))
    await rig.publish(records[:200])
    with rig.start() as worker:
        await worker.ready()
        await rig.written_at_least(30)
        assert worker.stop() == 0
    await rig.publish(records[200:400])
    topic = rig.names.inputs[0]
    ends = await ends_of(rig, topic)
    async with admin_of(rig) as admin:
        first = await admin.delete_records({tp: RecordsToDelete(end) for tp, end in ends.items()})
    await rig.publish(records[400:])
    with rig.start() as worker:
        await worker.ready()
        _, metrics = await asyncio.to_thread(worker.get, "/metrics")
        assert worker.stop() == 0
    lost = {line["partition"]: line for line in log_of(rig, "records_lost")}
    assert lost
    for partition, line in lost.items():
        assert (line["topic"], line["level"]) == (topic, "error")
        assert line["lost"] == first[TopicPartition(topic, partition)] - line["position"] > 0
    total = sum(line["lost"] for line in lost.values())
    assert f'journey_lost_records_total{{topic="{topic}"}} {float(total)}' in metrics


async def test_a_topic_made_anew_is_refused(rig: Rig) -> None:
    await rig.publish(rig.records(shop_log(300)))
    with rig.start() as worker:
        await worker.ready()
        await rig.written_at_least(50)
        assert worker.stop() == 0
    async with admin_of(rig) as admin:
        await admin.delete_topics([rig.names.inputs[0]])
    await asyncio.sleep(1)  # Kafka deletes in the background
    await rig.create()
    with rig.start() as worker:
        assert await asyncio.to_thread(worker.popen.wait, 30) == 1
    assert "Was the topic deleted and made anew?" in rig.log_file.read_text()
