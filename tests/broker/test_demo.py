"""A demo over a broker and a replay without one come to the same (laws 4 and 7)."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from journey_engine.cli.summary import document
from journey_engine.encode.outgoing import OutKind
from journey_engine.run.demo import Demo, Happening
from journey_engine.run.log_files import read_records
from journey_engine.run.outbox import DeadLetter
from journey_engine.run.replay import Replay
from journey_engine.simulate import SHOP_LOG
from tests.broker.rig import ROOT
from tests.broker.shipped import ShippedRig, shipped_plan
from tests.run.shop import SCHEMAS


async def test_a_demo_writes_what_a_replay_of_the_same_log_writes(shipped_rig: ShippedRig) -> None:
    rig = shipped_rig
    records = rig.shop_records()
    assert len({record.topic for record in records if record.value is not None}) >= 4
    assert {record.partition for record in records} == {0, 1, 2, 3}
    replay = Replay(shipped_plan(), SCHEMAS, rig.names.inputs, rig.topics.partitions)
    letters = Counter(
        tuple(
            str(part).encode()
            for part in (o.failure.code, o.record.topic, o.record.partition, o.record.offset)
        )
        for _, _, _, o in replay.outputs(records)
        if isinstance(o, DeadLetter)
    )
    expected = rig.expected(records)
    seen: list[Happening] = []
    settings = rig.settings.model_copy(update={"web_port": rig.web_port})
    demo = Demo(settings, SCHEMAS, rig.topics)
    summary = await demo.run(read_records((SHOP_LOG,), None, SCHEMAS, rig.topics), seen.append)
    assert set(await rig.written()) == set(expected)
    assert set((await rig.sent()).letters()) == set(letters)
    assert document(summary) == document(replay.summary)
    assert {happening.kind for happening in seen} == {OutKind.TRANSITION, OutKind.COMMAND}


@pytest.mark.kafka
async def test_a_demo_on_kafka_keeps_a_log_of_months_ago_and_takes_an_empty_one(
    new_rig: Callable[..., ShippedRig],
) -> None:
    rig = new_rig("kafka_broker")
    await Demo(rig.settings, SCHEMAS, rig.topics).run([], print)
    admin = AIOKafkaAdminClient(bootstrap_servers=list(rig.settings.brokers))
    await admin.start()
    try:
        topic = ConfigResource(ConfigResourceType.TOPIC, rig.names.inputs[0])
        (answer,) = await admin.describe_configs([topic])
    finally:
        await admin.close()
    entries = answer.resources[0][4]
    assert {entry[0]: entry[1] for entry in entries}["retention.ms"] == "-1"


@pytest.mark.embedded
def test_both_commands_print_the_same_summary(tmp_path: Path) -> None:
    engine = (sys.executable, "-m", "journey_engine")
    demo = subprocess.Popen([*engine, "demo", "--json"], cwd=ROOT, stdout=subprocess.PIPE)
    log = ("--events", str(SHOP_LOG), "--out", str(tmp_path), "--json")
    replayed = subprocess.run(
        [*engine, "replay", *log], cwd=ROOT, capture_output=True, check=True, timeout=60
    )
    shown, _ = demo.communicate(timeout=90)
    assert demo.returncode == 0
    assert json.loads(shown) == json.loads(replayed.stdout)
    commands = (tmp_path / "commands.jsonl").read_bytes().splitlines()
    assert len(commands) == sum(json.loads(shown)["commands"].values()) > 100
