"""An app's positions mapped to the cluster that its topics were copied to, on Apache Kafka.

The copy is written by hand; `make rehearse-loss` has MirrorMaker 2 make it.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiokafka import AIOKafkaProducer

from journey_engine.decide.state import CustomerState, MacroStage
from journey_engine.encode.ledger import LedgerEntry, encode_ledger
from journey_engine.encode.position import POSITION_KEY, Position, decode_position, encode_position
from journey_engine.encode.state import encode_state
from journey_engine.run.producers import Output
from journey_engine.run.producing import Message
from journey_engine.run.restoration import Restoration
from journey_engine.run.store import MemoryStore
from journey_engine.run.stores import CLUSTER_FILE
from journey_engine.run.tailing import tail
from journey_engine.run.topics import cluster_of, create_topic
from tests.broker.rig import ROOT
from tests.broker.shipped import ShippedRig
from tests.run.test_offset_syncs import sync

pytestmark = pytest.mark.kafka
LOST = "the-lost-cluster"
SYNCS = "mm2-offset-syncs.primary.internal"
LEFT_OPEN_S = 4.0
"""Longer than `failover` takes where nothing is open."""


def state(number: int) -> bytes:
    return encode_state(CustomerState(macro_history=[MacroStage("s", 1_000, number)]))


def position(flush: int, taken: int, topic: str) -> tuple[bytes, bytes]:
    at = Position({topic: taken}, "", 1_000 + flush, flush, cluster=LOST)
    return POSITION_KEY, encode_position(at)


def failover(rig: ShippedRig, syncs: str, until: int) -> tuple[int, str]:
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(until / 1000))
    command = [sys.executable, "-m", "journey_engine", "failover", "--json"]
    where = ["--broker", rig.settings.brokers[0], "--prefix", rig.settings.topic_prefix]
    environment = {"JOURNEY_APP_ID": rig.settings.app_id, "PATH": "/usr/bin:/bin"}
    environment["JOURNEY_DATA_DIR"] = str(rig.settings.data_dir)
    done = subprocess.run(
        [*command, *where, "--syncs", syncs, "--copied-until", at],
        check=False,
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout


async def copy_by_hand(rig: ShippedRig, syncs: str, now: int) -> None:
    """Three flushes of partition 0, the last two of them written after everything was copied."""
    changelog, ledger, inputs = rig.names.changelog, rig.names.ledger, rig.names.inputs[0]
    minute = 60_000
    written: list[tuple[int, list[tuple[bytes, bytes | None]]]] = [
        (
            now - 5 * minute,
            [(b"c:kept", state(1)), (b"c:undone", state(1)), position(1, 10, inputs)],
        ),
        (now - minute, [(b"c:undone", state(2)), (b"c:new", state(2)), position(2, 20, inputs)]),
        (now - minute, [(b"c:kept", None), position(3, 30, inputs), (b"c:open", state(4))]),
    ]
    output = Output(rig.settings)
    await output.start()
    for at, records in written:
        await output.write(changelog, 0, [Message(k, v, timestamp=at) for k, v in records])
    await output.write(ledger, 0, [Message(None, encode_ledger(LedgerEntry("", 7, [])))])
    await output.write(inputs, 0, [Message(b"k", b"%d" % number) for number in range(25)])
    for source, copy in ((4, 3), (14, 13)):
        record = sync(inputs, 0, source, copy)
        await output.write(syncs, 0, [Message(record.key, record.value)])
    await output.stop()


@asynccontextmanager
async def left_open(rig: ShippedRig) -> AsyncIterator[AIOKafkaProducer]:
    """Who copies to the changelog was killed: his transaction is open."""
    producer = AIOKafkaProducer(**rig.settings.clients(), transactional_id=f"mirror-{rig.log_file}")
    await producer.start()
    try:
        await producer.begin_transaction()
        await producer.send_and_wait(rig.names.changelog, b"", b"c:uncopied", 0)
        yield producer
    finally:
        await producer.stop()


async def test_states_go_back_and_positions_are_mapped_once(
    new_rig: Callable[..., ShippedRig],
) -> None:
    rig, now = new_rig("kafka_broker"), round(time.time() * 1000)
    await rig.create()
    syncs = rig.settings.topic_prefix + SYNCS
    code, told = await asyncio.to_thread(failover, rig, syncs, now)
    assert code == 1
    assert f"{syncs}. `journey-engine topics create`" in told
    spec = rig.topics.inputs["web"]
    unprefixed = rig.settings.model_copy(update={"topic_prefix": ""})
    await create_topic(unprefixed, replace(spec, name=syncs, partitions=1))
    await copy_by_hand(rig, syncs, now)

    with rig.start() as worker:
        assert await asyncio.to_thread(worker.popen.wait, 120) == 1
    assert f"offsets of the cluster {LOST}" in rig.log_file.read_text()

    code, told = await asyncio.to_thread(failover, rig, syncs, now - 7_200_000)
    assert (code, "name a later time" in told) == (1, True)
    async with left_open(rig) as mirror:
        mapping = asyncio.create_task(asyncio.to_thread(failover, rig, syncs, now - 120_000))
        await asyncio.wait({mapping}, timeout=LEFT_OPEN_S)
        assert not mapping.done()
        await mirror.abort_transaction()
    code, told = await mapping
    assert code == 0, told
    first = json.loads(told)[0]
    inputs = rig.names.inputs[0]
    # Offset 10 lies between the pairs: four records before the copy of 14, which is 13.
    assert (first["flushes"], first["states"], first["offsets"][inputs]) == (2, 4, 9)
    assert first["back_to"] == now - 300_000

    store = MemoryStore()
    restoration = Restoration(store)
    log = [each async for each in tail(rig.settings, [rig.names.changelog], 4, only=0)]
    restoration.apply(log)
    restoration.finish()
    assert dict(store.states()) == {"c:kept": state(1), "c:undone": state(1)}
    at = decode_position(store.get(POSITION_KEY.decode()) or b"")
    assert (at.flush, at.clock, at.cluster) == (8, 1_001, await cluster_of(rig.settings))

    code, told = await asyncio.to_thread(failover, rig, syncs, now)
    assert (code, [each["done"] for each in json.loads(told)]) == (0, [True] * 4)

    (rig.settings.data_dir / rig.settings.group / CLUSTER_FILE).write_text(LOST)
    with rig.start() as worker:
        assert await asyncio.to_thread(worker.popen.wait, 120) == 1
    assert f"are of the Kafka cluster {LOST}" in rig.log_file.read_text()
