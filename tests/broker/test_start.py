"""A worker that cannot start says why, soon, and ends with 1."""

import socket
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from journey_engine.define.topics import Cleanup
from journey_engine.run.brokers import free_port
from journey_engine.run.topics import (
    BrokerAbsentError,
    TopicsError,
    check_topics,
    create_topic,
    create_topics,
)
from tests.broker.rig import PATIENCE_S, Rig
from tests.broker.shipped import ShippedRig


@pytest.fixture(
    params=[
        pytest.param("embedded_broker", marks=pytest.mark.embedded),
        pytest.param("kafka_broker", marks=pytest.mark.kafka),
    ]
)
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Rig:
    broker: Any = request.getfixturevalue(request.param)
    return Rig(broker.address, f"shop-{uuid4().hex[:8]}", tmp_path)


async def test_an_absent_broker_is_said(tmp_path: Path) -> None:
    rig = Rig(f"127.0.0.1:{free_port()}", "shop", tmp_path)
    with rig.start(JOURNEY_CONNECT_TIMEOUT_S="2") as worker:
        assert worker.popen.wait(PATIENCE_S) == 1
    said = rig.log_file.read_text()
    assert f"no Kafka broker answers at {rig.settings.brokers[0]}" in said
    assert "make kafka-up" in said
    with pytest.raises(BrokerAbsentError):
        await create_topics(rig.settings, rig.topics)


def test_a_web_port_that_is_taken_is_said(tmp_path: Path) -> None:
    rig = ShippedRig("127.0.0.1:1", "shop", tmp_path)
    with socket.create_server(("127.0.0.1", rig.web_port)), rig.start() as worker:
        assert worker.popen.wait(PATIENCE_S) == 1
    assert f"error: port {rig.web_port} of 127.0.0.1" in rig.log_file.read_text()


def test_one_asked_to_stop_before_it_has_begun_ends_well(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        rig = ShippedRig(f"127.0.0.1:{silent.getsockname()[1]}", "shop", tmp_path)
        with rig.start(JOURNEY_CONNECT_TIMEOUT_S="30") as worker:
            silent.settimeout(30)
            with silent.accept()[0]:
                assert worker.stop() == 0


async def test_a_missing_topic_is_named(rig: Rig) -> None:
    await rig.create()
    rig.settings = rig.settings.model_copy(update={"topic_prefix": f"{rig.settings.app_id}x."})
    with pytest.raises(TopicsError, match=r"x\.interactions\.web\.v1 is missing"):
        await check_topics(rig.settings, rig.topics)
    with rig.start() as worker:
        assert worker.popen.wait(PATIENCE_S) == 1
    assert "x.commands.push.v1 is missing" in rig.log_file.read_text()


async def test_partition_counts_that_differ_are_named(rig: Rig) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=list(rig.settings.brokers))
    await admin.start()
    try:
        await admin.create_topics([NewTopic(rig.names.inputs[1], 5, 1)])
    finally:
        await admin.close()
    await rig.create()
    with pytest.raises(TopicsError, match=f"{rig.names.inputs[1]} has 5 partitions, not 3"):
        await check_topics(rig.settings, rig.topics)


@pytest.mark.parametrize(("declared", "there"), [("compact", "delete"), ("delete", "compact")])
async def test_a_changelog_from_which_kafka_deletes_otherwise_is_named(
    rig: Rig, declared: Cleanup, there: Cleanup
) -> None:
    changelog = rig.topics.internal["customers-changelog"]
    internal = {**rig.topics.internal, "customers-changelog": replace(changelog, cleanup=declared)}
    topics = replace(rig.topics, internal=internal)
    name = rig.names.changelog
    await create_topic(rig.settings, replace(changelog, cleanup=there))
    await create_topics(rig.settings, topics)
    with pytest.raises(TopicsError, match=f"{name}: cleanup.policy is {there}, not {declared}"):
        await check_topics(rig.settings, topics)


async def test_made_topics_pass_the_check_and_are_made_once(rig: Rig) -> None:
    made = await create_topics(rig.settings, rig.topics)
    assert sorted(made) == sorted(rig.names.all)
    assert await create_topics(rig.settings, rig.topics) == []
    await check_topics(rig.settings, rig.topics)
