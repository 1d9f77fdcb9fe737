"""The brokers that the project starts: they answer, and they end."""

import os
import signal
import subprocess
import sys
import time
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from journey_engine.run.brokers import EmbeddedBroker, KafkaBroker
from journey_engine.run.producers import Output
from journey_engine.run.producing import Message
from journey_engine.run.settings import load
from tests.broker.rig import PATIENCE_S

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
