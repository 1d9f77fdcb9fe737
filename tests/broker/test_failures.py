"""What a worker does when Kafka fails it: it ends with 1 and says why, or goes on and says so."""

import asyncio
import os
import shutil
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.protocol.admin import DeleteGroupsRequest
from aiokafka.structs import TopicPartition

from journey_engine.run.brokers import KafkaBroker
from tests.broker.rig import PARTITIONS, PATIENCE_S, Process, Rig, shop_log

pytestmark = pytest.mark.kafka


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
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        text = worker.get("/metrics")[1]
        count = next(x for x in text.splitlines() if x.startswith("journey_commit_seconds_count"))
        if float(count.split()[1]) > 20:
            return
        time.sleep(0.02)
    raise AssertionError("the worker flushed nothing")


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
    assert time.monotonic() - begun < 30, "one commit and three recoveries, 4 s each"
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
    assert [line["event"] for line in rig.logged()][-1] == "worker_stopped"
    with rig.start() as worker:
        await worker.ready()
        expected = rig.expected(records)
        assert await rig.written_at_least(len(expected)) == expected
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
    lost = {line["partition"]: line for line in rig.logged("records_lost")}
    assert lost
    for partition, line in lost.items():
        assert (line["topic"], line["level"]) == (topic, "error")
        assert line["lost"] == first[TopicPartition(topic, partition)] - line["position"] > 0
    total = sum(line["lost"] for line in lost.values())
    assert f'journey_lost_records_total{{topic="{topic}"}} {float(total)}' in metrics


async def test_records_deleted_while_the_worker_runs_are_said_and_counted_once(rig: Rig) -> None:
    records = rig.records(shop_log(600))
    await rig.publish(records[:200])
    topic = rig.names.inputs[0]
    with rig.start(JOURNEY_SESSION_TIMEOUT_S="30") as worker:
        await worker.ready()
        await rig.written_at_least(30)
        stood = await ends_of(rig, topic)
        await fetched(worker, topic)
        worker.popen.send_signal(signal.SIGSTOP)
        await asyncio.sleep(0.5)  # an answer that is under way holds nothing yet
        await rig.publish(records[200:400])
        ends = await ends_of(rig, topic)
        async with admin_of(rig) as admin:
            await admin.delete_records({tp: RecordsToDelete(end) for tp, end in ends.items()})
        await rig.publish(records[400:])
        worker.popen.send_signal(signal.SIGCONT)
        await fetched(worker, topic)
        _, metrics = await asyncio.to_thread(worker.get, "/metrics")
        assert worker.stop() == 0
    with rig.start() as worker:
        await worker.ready()
        assert worker.stop() == 0
    lost = {line["partition"]: line["lost"] for line in rig.logged("records_lost")}
    assert lost == {tp.partition: end - stood[tp] for tp, end in ends.items() if end > stood[tp]}
    assert len(rig.logged("records_lost")) == len(lost) > 0
    total = float(sum(lost.values()))
    assert f'journey_lost_records_total{{topic="{topic}"}} {total}' in metrics


async def fetched(worker: Process, topic: str) -> None:
    """Wait until the worker has fetched all that the topic holds."""
    deadline = time.monotonic() + PATIENCE_S
    lags: list[float] = []
    while not lags or any(lags):
        assert time.monotonic() < deadline, lags
        await asyncio.sleep(0.3)
        samples = (await asyncio.to_thread(worker.metrics))["journey_lag_records"]
        lags = [lag for labels, lag in samples if labels["topic"] == topic]


async def test_neither_the_disk_nor_the_group_is_needed_to_go_on(rig: Rig) -> None:
    records = rig.records(shop_log(600))
    expected = rig.expected(records)
    await rig.publish(records[:400])
    with rig.start(JOURNEY_STORE="disk") as worker:
        await worker.ready()
        await rig.has_written(100)
        assert worker.stop() == 0
    states = rig.settings.data_dir / rig.settings.group
    assert len(list((states / "disk").iterdir())) == PARTITIONS
    shutil.rmtree(states)
    await expire_group(rig)
    await rig.publish(records[400:])
    with rig.start(JOURNEY_STORE="disk") as worker:
        await worker.ready()
        written = await rig.written_at_least(len(expected))
        assert worker.stop() == 0
    assert written == expected
    assert [line["records"] > 0 for line in rig.logged("restored")] == [False, True]


async def expire_group(rig: Rig) -> None:
    """Have the broker forget the group and its offsets, as it does with one unused for long."""
    group = rig.settings.group
    async with admin_of(rig) as admin:
        coordinator = await admin.find_coordinator(group)
        deleted = await admin._send_request(DeleteGroupsRequest([group]), coordinator)  # noqa: SLF001 - aiokafka has no call for it
        assert [tuple(each) for each in deleted.results] == [(group, 0)]
        assert group not in {name for name, _ in await admin.list_consumer_groups()}


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
