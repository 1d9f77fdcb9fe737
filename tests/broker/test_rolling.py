"""Upgrades under way: two releases in one group, on Apache Kafka.

A new channel takes two steps: a release that reads it, then the first publisher. The second
release here has other journeys, too.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from journey_engine.decode.log import LogLine
from journey_engine.run.brokers import KafkaBroker, free_port
from journey_engine.run.clock import wall_ms
from tests.broker.rig import PARTITIONS, PATIENCE_S, Process, Rig
from tests.run.shop import DAY, MINUTE, START, line

pytestmark = pytest.mark.kafka

EACH = 100
"""Customers of each part of the log; everyone gets two commands from either release."""
LASTING = {"JOURNEY_SESSION_TIMEOUT_S": "30"}
"""The other release is there before the group has missed the static member."""


@pytest.fixture
async def rig(kafka_broker: KafkaBroker, tmp_path: Path) -> Rig:
    rig = Rig(kafka_broker.address, f"roll-{uuid4().hex[:8]}", tmp_path, clock="wall")
    await rig.create()
    return rig


class Host:
    """Where one worker after the other runs, each of a release of its own."""

    def __init__(self, rig: Rig, name: str, *, static: bool) -> None:
        self.rig = rig
        self._settings = {
            "JOURNEY_WEB_PORT": str(free_port()),
            "JOURNEY_DATA_DIR": str(rig.settings.data_dir / name),
            "JOURNEY_SESSION_TIMEOUT_S": "6",
            "JOURNEY_STORE": "disk",
        } | (LASTING | {"JOURNEY_GROUP_INSTANCE_ID": name} if static else {})

    def start(self, release: str) -> Process:
        self.rig.program = ("tests.broker.release_program", release)
        return self.rig.start(**self._settings)


def failures(part: int, channel: str) -> list[LogLine]:
    """Payments that failed long ago, so that all that follows from them is due."""
    start = wall_ms() - 40 * DAY - START
    return [
        line(
            "PaymentFailed",
            f"c{part}-{number}",
            start + number * MINUTE,
            event_id=f"{part}-{number}",
            channel=channel,
        )
        for number in range(EACH)
    ]


async def publish(rig: Rig, part: int, channel: str) -> None:
    """Send a part of the log, without the marks that the stream clock needs."""
    records = rig.records(failures(part, channel))
    await rig.publish([record for record in records if record.value is not None])


async def whole(*workers: Process) -> None:
    """Wait until the workers run all partitions between them, each some, none in part."""
    deadline = time.monotonic() + PATIENCE_S  # a session of 30 s may have to end on a busy machine
    while True:
        held = [await asyncio.to_thread(held_by, worker) for worker in workers]
        if all(held) and sorted(p for each in held for p in each) == list(range(PARTITIONS)):
            return
        assert time.monotonic() < deadline, f"not whole: {held}"
        await asyncio.sleep(0.1)


def held_by(worker: Process) -> list[int]:
    try:
        return worker.partitions()
    except OSError:  # it does not listen yet
        return []


@pytest.mark.parametrize("static", [False, True], ids=["dynamic", "static"])
async def test_a_release_with_a_new_channel_and_other_journeys_rolls_out(
    rig: Rig, *, static: bool
) -> None:
    hosts = Host(rig, "w-0", static=static), Host(rig, "w-1", static=static)
    await publish(rig, 0, "web")
    with hosts[0].start("1") as old_0, hosts[1].start("1") as old_1:
        await whole(old_0, old_1)
        await publish(rig, 1, "email")
        assert old_0.stop() == 0
        with hosts[0].start("2") as new_0:
            await whole(new_0, old_1)
            await publish(rig, 2, "web")
            await commands(rig, 3)
            assert old_1.stop() == 0
            with hosts[1].start("2") as new_1:
                await whole(new_0, new_1)
                await publish(rig, 3, "app")
                found = await commands(rig, 4)
                assert new_1.stop() == 0
            assert new_0.stop() == 0
    assert set(found.values()) == {1}


async def commands(rig: Rig, parts: int) -> Counter[tuple[str, str]]:
    """How often each command was sent, once all of the first parts' were."""
    wanted = {f"c{part}-{number}": 2 for part in range(parts) for number in range(EACH)}

    def count(sent: list[Mapping[str, Any]]) -> Counter[tuple[str, str]]:
        return Counter((each["customer_id"], each["command_id"]) for each in sent)

    sent = await rig.sent_once(
        lambda sent: Counter(c for c, _ in count(sent.commands)) == wanted, timeout_s=60
    )
    return count(sent.commands)
