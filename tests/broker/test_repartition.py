"""An app's states moved to another number of partitions, on Apache Kafka."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from uuid import uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions

from journey_engine.decide.account_state import NO_ACCOUNT
from journey_engine.decide.governing_state import PartitionState
from journey_engine.decide.message import PARTITION
from journey_engine.decide.room_state import ChannelState
from journey_engine.decide.state import CustomerState, MacroStage
from journey_engine.decode.decode import Reader, Rejected, decode
from journey_engine.decode.partition import partition_of
from journey_engine.decode.record import Record
from journey_engine.define.operation import Operation
from journey_engine.define.topics import Topics
from journey_engine.encode.position import (
    MOVING,
    POSITION_KEY,
    Position,
    decode_position,
    encode_position,
)
from journey_engine.encode.state import decode_any_state, encode_state
from journey_engine.run.brokers import KafkaBroker
from journey_engine.run.definitions import load_topics
from journey_engine.run.moving import position_of
from journey_engine.run.naming import names
from journey_engine.run.producers import Output, TransactionalProducer
from journey_engine.run.producing import FencedError, Message
from journey_engine.run.restoration import Restoration, RestorationError
from journey_engine.run.restore import KafkaChangelogs
from journey_engine.run.settings import Settings, load
from journey_engine.run.store import MemoryStore
from journey_engine.run.tailing import tail
from journey_engine.run.topics import create_topics
from tests.bench.changelog import START_MS, fill
from tests.broker.rig import PATIENCE_S, ROOT, Process
from tests.broker.shipped import TOPOLOGIES, ShippedRig
from tests.run.shop import SCHEMAS

pytestmark = pytest.mark.kafka


def topologies(folder: Path, partitions: int) -> Path:
    """The shipped definitions, with so many partitions."""
    copy = folder / f"topologies-{partitions}"
    shutil.copytree(TOPOLOGIES, copy)
    file = copy / "topics.yaml"
    file.write_text(file.read_text().replace("partitions: 4", f"partitions: {partitions}", 1))
    return copy


class Move:
    """The command, on one pair of apps."""

    def __init__(self, old: Settings, to_app: str, folder: Path, to: int, prefix: str) -> None:
        self.folder = topologies(folder, to)
        self.topics: Topics = load_topics(self.folder, to_app)
        change = {"app_id": to_app, "topic_prefix": prefix, "data_dir": folder / "new"}
        self.settings = old.model_copy(update=change)
        self.command = [
            *(sys.executable, "-m", "journey_engine", "repartition", "--to", str(to)),
            *("--from-app", old.app_id, "--to-app", to_app, "--from-prefix", old.topic_prefix),
            *("--prefix", prefix, "--broker", ",".join(old.brokers)),
            *("--topologies", str(self.folder), "--json"),
        ]
        data = {"JOURNEY_DATA_DIR": str(folder / "moving")}
        self.environment = {**os.environ, **data}  # noqa: TID251 - handed on to the child

    def start(self) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            self.command,
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    async def run(self) -> tuple[int, str, str]:
        process = self.start()
        out, err = await asyncio.to_thread(process.communicate, timeout=120)
        return process.returncode, out, err

    async def refused(self) -> str:
        code, out, err = await self.run()
        assert code == 1
        assert "Traceback" not in err
        (told,) = json.loads(out)["errors"]
        return str(told["message"])

    async def changelog(self) -> list[Record]:
        return [each async for each in self._tail()]

    async def begins_to_write(self) -> None:
        """Return as soon as the first state lies in the changelog."""
        async for record in self._tail(follow=True):
            if states_of([record]):
                return

    def _tail(self, *, follow: bool = False) -> AsyncIterator[Record]:
        changelog = names(self.topics, self.settings.topic_prefix).changelog
        return tail(self.settings, [changelog], self.topics.partitions, follow=follow)


def states_of(records: list[Record]) -> dict[tuple[bytes, int], bytes]:
    """The last state under each key and partition."""
    found = {(each.key or b"", each.partition): each.value for each in records}
    return {place: v for place, v in found.items() if v is not None and place[0] != POSITION_KEY}


async def restore(move: Move) -> Mapping[int, MemoryStore]:
    """The new app's changelog as its workers read it."""
    stores = {partition: MemoryStore() for partition in range(move.topics.partitions)}
    restorations = {partition: Restoration(store) for partition, store in stores.items()}
    wanted = names(move.topics, move.settings.topic_prefix)
    await KafkaChangelogs(move.settings, wanted).restore(
        dict.fromkeys(stores, 0), lambda p, records: restorations[p].apply(records), lambda _: None
    )
    for restoration in restorations.values():
        restoration.finish()
    return stores


CAPACITY = ChannelState(used=[(START_MS, 3)], granted=["r"])
OTHERS = {
    b"a:visitor": encode_state(CustomerState(macro_history=[MacroStage("s", START_MS, 1)])),
    b"b:company": encode_state(CustomerState(account=NO_ACCOUNT)),
    b"n:email": encode_state(CAPACITY),
}
"""A visitor's state, an account's, that of a channel's room."""

LEFT_OUT = {"interactions.fax.v1": 7}
"""A topic that the old app read before, and how far: one that reads it again goes on there."""


def said(partition: int) -> PartitionState:
    """A pause of which all know, and a sweep of which only one has not come to its end."""
    paused = {"cart-rescue": Operation(paused=True)}
    if partition != 2:
        return PartitionState(paused)
    resumed = Operation(resumed_at=START_MS)
    return PartitionState({**paused, "win-back": resumed}, "c:customer-000000100", START_MS)


async def say(old: Settings, changelog: str, partitions: int) -> None:
    """States of every other kind, and what operators said to each partition."""
    output = Output(old)
    await output.start()
    last = encode_position(Position(LEFT_OUT, "bench", START_MS, 1_000))
    for partition in range(partitions):
        mine = [one for one in OTHERS.items() if partition_of(one[0][2:], partitions) == partition]
        told = (b"o:", encode_state(said(partition)))
        records = [*mine, told, (POSITION_KEY, last)]
        await output.write(changelog, partition, [Message(*one) for one in records])
    await output.stop()


async def test_a_move_killed_half_way_is_seen_and_ends_when_run_again(
    kafka_broker: KafkaBroker, tmp_path: Path
) -> None:
    app, customers = f"bulk-{uuid4().hex[:8]}", 40_000
    old = load(brokers=(kafka_broker.address,), app_id=app, topic_prefix=f"{app}.")
    old_topics = load_topics(TOPOLOGIES, app)
    await create_topics(old, old_topics)
    changelog = names(old_topics, old.topic_prefix).changelog
    await fill(old, changelog, old_topics.partitions, customers)
    await say(old, changelog, old_topics.partitions)
    move = Move(old, f"{app}-7", tmp_path, to=7, prefix=f"{app}-7.")
    assert f"{app}-7-customers-changelog is missing" in await move.refused()
    await create_topics(move.settings, move.topics)

    process = move.start()
    await asyncio.wait_for(move.begins_to_write(), PATIENCE_S)
    process.kill()
    process.communicate()
    half = len(states_of(await move.changelog()))
    assert 0 < half < customers
    with pytest.raises(RestorationError, match="half filled by `journey-engine repartition`"):
        await restore(move)

    code, out, err = await move.run()
    assert code == 0, err
    answer = json.loads(out)
    assert (answer["states"], answer["from_partitions"]) == (customers + len(OTHERS) + 7, 4)
    before = [each async for each in tail(old, [changelog], old_topics.partitions)]
    stores = await restore(move)
    assert [len(list(store.states())) for store in stores.values()] == answer["partitions"]
    positions = [position_of(store) for store in stores.values()]
    assert [one and one.next_offsets for one in positions] == [LEFT_OUT] * 4 + [{}] * 3
    told = [decode_any_state(store.get(PARTITION) or b"") for store in stores.values()]
    operations = {"cart-rescue": Operation(paused=True), "win-back": Operation(resumed_at=START_MS)}
    assert told == [PartitionState(operations, "", START_MS)] * 7
    assert {
        key: (p, data)
        for p, store in stores.items()
        for key, data in store.states()
        if key != PARTITION
    } == {
        key.decode(): (partition_of(key[2:], 7), data)
        for (key, _), data in states_of(before).items()
        if key.decode() != PARTITION
    }
    assert json.loads((await move.run())[1]) == answer  # once more changes nothing

    output = Output(move.settings)
    await output.start()
    ledger = names(move.topics, move.settings.topic_prefix).ledger
    await output.write(ledger, 6, [Message(None, b"of the first flush")])
    await output.stop()
    assert "has worked already" in await move.refused()


async def read_all(rig: ShippedRig, settings: Settings, topics: Topics, count: int) -> None:
    """Wait until the app's positions cover so many inputs."""
    changelog = names(topics, settings.topic_prefix).changelog
    deadline = time.monotonic() + PATIENCE_S
    while True:
        offsets: dict[int, int] = {}
        async for record in tail(settings, [changelog], topics.partitions):
            if record.key == POSITION_KEY and record.value not in (None, MOVING):
                position = decode_position(record.value or b"")
                offsets[record.partition] = sum(
                    at for topic, at in position.next_offsets.items() if topic in rig.names.inputs
                )
        if sum(offsets.values()) >= count:
            return
        assert time.monotonic() < deadline, f"{offsets} of {count}"
        await asyncio.sleep(0.2)


async def grow(settings: Settings, topics: Topics) -> None:
    """Add partitions to the topics that both apps use, as an operator does."""
    admin = AIOKafkaAdminClient(**settings.clients())
    await admin.start()
    shared = {spec.name for part in (topics.inputs, topics.commands, topics.outputs)
              for spec in part.values()}  # fmt: skip
    wanted = {settings.topic_prefix + name: NewPartitions(topics.partitions) for name in shared}
    await admin.create_partitions(wanted)
    await admin.close()


async def test_an_app_goes_on_with_more_partitions_of_the_same_inputs(
    new_rig: Callable[..., ShippedRig], tmp_path: Path
) -> None:
    rig = new_rig("kafka_broker", clock="wall")
    await rig.create()
    records = rig.shop_records()[:600]
    move = Move(rig.settings, f"{rig.settings.app_id}-6", tmp_path, 6, rig.settings.topic_prefix)
    await rig.publish(records[:-1])
    with rig.start() as worker:
        await worker.ready()
        assert "is at work: its group has 1 members" in await move.refused()
        await read_all(rig, rig.settings, rig.topics, len(records) - 1)
        assert worker.stop() == 0
    assert "has 4 partitions, not 6" in await move.refused()
    await rig.publish(records[-1:])
    await grow(rig.settings, move.topics)
    await create_topics(move.settings, move.topics)
    assert f"{records[-1].topic}: 1" in await move.refused()
    with rig.start(JOURNEY_TOPOLOGIES=str(TOPOLOGIES)) as worker:
        assert worker.popen.wait(PATIENCE_S) == 1  # the old app no longer fits its topics
    assert "journey-engine repartition" in rig.log_file.read_text()


def inputs_of(worker: Process) -> float:
    """How many inputs the worker counted, once it counts no more."""
    counted = -1.0
    while True:
        taken = sum(count for _, count in worker.metrics()["journey_inputs_total"])
        if taken == counted:
            return counted
        counted = taken
        time.sleep(0.2)


async def test_a_worker_of_the_new_app_goes_on_where_the_old_one_stood(
    new_rig: Callable[..., ShippedRig], tmp_path: Path
) -> None:
    rig = new_rig("kafka_broker", clock="wall")
    await rig.create()
    records = rig.shop_records()[:600]
    await rig.publish(records)
    with rig.start() as worker:
        await worker.ready()
        await read_all(rig, rig.settings, rig.topics, len(records))
        assert worker.stop() == 0
    states = await rig.states()
    patient = rig.settings.model_copy(update={"transaction_timeout_s": 120.0})
    paused = TransactionalProducer(patient, 0)
    await paused.start()
    await paused.begin()
    await paused.write(rig.names.changelog, 0, [Message(b"c:late", b"state")])
    move = Move(rig.settings, f"{rig.settings.app_id}-6", tmp_path, 6, rig.settings.topic_prefix)
    await grow(rig.settings, move.topics)
    await create_topics(move.settings, move.topics)
    code, out, err = await move.run()
    assert (code, json.loads(out or "{}").get("states")) == (0, len(states)), err
    with pytest.raises(FencedError):
        await paused.commit()
    await paused.stop()

    old = rig.settings
    rig.settings, rig.topics = move.settings, move.topics
    rig.names = names(move.topics, old.topic_prefix)
    assert await rig.states() == states
    more = rig.shop_records()[600:700]
    await rig.publish(more)
    with rig.start(JOURNEY_TOPOLOGIES=str(move.folder)) as worker:
        await worker.ready()
        await read_all(rig, move.settings, move.topics, len(records) + len(more))
        # None of the old ones again; what cannot be decoded is not among the inputs.
        reader = Reader(SCHEMAS, rig.plan.fields)
        unreadable = sum(isinstance(decode(record, reader), Rejected) for record in more)
        assert unreadable == 1
        assert await asyncio.to_thread(inputs_of, worker) == len(more) - unreadable
        assert worker.stop() == 0
    now = await rig.states()
    assert now.keys() >= states.keys()
    assert now != states
    assert "has worked already" in await move.refused()
