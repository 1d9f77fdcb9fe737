"""The brokers that the project starts: they answer, and they end."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from deploy.kafka.__main__ import kafka_down, kafka_up
from journey_engine.run.brokers import (
    BrokerError,
    EmbeddedBroker,
    KafkaBroker,
    free_port,
)
from journey_engine.run.producers import Output
from journey_engine.run.producing import Message
from journey_engine.run.settings import load
from tests.broker.rig import PATIENCE_S, ROOT

STARTED_AND_KILLED = """
import signal, sys, time
from journey_engine.run.brokers import EmbeddedBroker
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job of the background ignores it
with EmbeddedBroker() as broker:
    print(broker.pid, flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize(
    "fixture",
    [
        pytest.param("embedded_broker", marks=pytest.mark.embedded),
        pytest.param("kafka_broker", marks=pytest.mark.kafka),
    ],
)
async def test_a_group_reads_what_was_produced(
    fixture: str, request: pytest.FixtureRequest
) -> None:
    broker: Any = request.getfixturevalue(fixture)
    topic = f"echo-{time.time_ns()}"
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.address)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 2, 1)])
    await admin.close()
    output = Output(load(brokers=broker.address))
    await output.start()
    messages = [Message(b"k", str(n).encode(), (("h", b"x"),), 1_000 + n) for n in range(10)]
    assert await output.write(topic, 1, messages) == 9
    assert await output.write(topic, 1, []) == -1
    await output.stop()
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=broker.address,
        group_id=topic,
        session_timeout_ms=2000,
        heartbeat_interval_ms=500,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    got = [await consumer.getone() for _ in messages]
    await consumer.stop()
    assert [(r.partition, r.offset, r.value) for r in got] == [
        (1, n, str(n).encode()) for n in range(10)
    ]
    assert (got[3].timestamp, got[3].headers) == (1_003, (("h", b"x"),))


@pytest.mark.kafka
async def test_the_last_batch_is_not_written_where_one_before_it_was_refused(
    kafka_broker: KafkaBroker,
) -> None:
    place = TopicPartition(f"small-{time.time_ns()}", 0)
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_broker.address)
    await admin.start()
    small = {"max.message.bytes": "8000"}
    await admin.create_topics([NewTopic(place.topic, 1, 1, topic_configs=small)])
    await admin.close()
    settings = load(
        brokers=kafka_broker.address, producer_batch_bytes=16 * 1024, idempotent_producer=False
    )
    output = Output(settings)
    await output.start()
    messages = [Message(b"k", b"x" * size, (), None) for size in (12_000, 15_900, 4_000)]
    with pytest.raises(KafkaError, match="MessageSizeTooLarge"):
        await output.write(place.topic, place.partition, messages)
    await output.stop()
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka_broker.address)
    await consumer.start()
    ends = await consumer.end_offsets([place])
    await consumer.stop()
    assert ends == {place: 0}


@pytest.mark.embedded
def test_a_broker_ends_with_an_exception() -> None:
    pids: list[int] = []
    with pytest.raises(ZeroDivisionError):
        fail_within(EmbeddedBroker(), pids)
    assert gone(pids[0])


@pytest.mark.embedded
@pytest.mark.parametrize("death", [signal.SIGINT, signal.SIGKILL])
def test_a_broker_ends_with_the_process_that_started_it(death: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STARTED_AND_KILLED],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        process.send_signal(death)
        process.wait(PATIENCE_S)
    assert gone(pid)


@pytest.mark.kafka
def test_a_kafka_that_is_left_running_is_kept_and_stopped(
    kafka_broker: KafkaBroker, tmp_path: Path
) -> None:
    assert kafka_up(tmp_path, kafka_broker.port) == kafka_broker.address
    assert not kafka_down(tmp_path)
    port = free_port()
    up = [sys.executable, "-m", "deploy.kafka", "up", str(tmp_path), str(port)]
    said = subprocess.run(up, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert said == f"Kafka runs at {kafka_up(tmp_path, port)}\n"
    pid = int((tmp_path / "pid").read_text())
    assert kafka_down(tmp_path)
    assert gone(pid)
    assert not kafka_down(tmp_path)


def test_what_listens_and_is_no_kafka_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        def hang_up() -> None:
            for _ in range(2):
                other.accept()[0].close()

        answering = Thread(target=hang_up)
        answering.start()
        with pytest.raises(BrokerError, match=f"on 127.0.0.1:{port} does not answer as a Kafka"):
            kafka_up(tmp_path, port)
        answering.join()


def test_a_process_that_has_the_id_by_chance_is_let_be(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as other:
        (tmp_path / "pid").write_text(str(other.pid))
        assert not kafka_down(tmp_path)
        assert other.poll() is None
        other.kill()
    assert not (tmp_path / "pid").exists()


def fail_within(broker: EmbeddedBroker, pids: list[int]) -> None:
    with broker:
        pids.append(broker.pid)
        raise ZeroDivisionError


def gone(pid: int) -> bool:
    """Whether the process ends within the time that the embedded broker takes to."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False
