"""Changed definitions beside the live app, and what `diff` tells of the two."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from journey_engine.decode.partition import partition_of
from journey_engine.run.brokers import free_port
from journey_engine.run.naming import Names, names_of
from journey_engine.run.restore import last_positions
from journey_engine.run.tailing import tail
from tests.broker.rig import ROOT, Process
from tests.broker.shipped import TOPOLOGIES, ShippedRig

pytestmark = pytest.mark.timeout(1200)

SHORTER = ("cart-reminder", "cart-reminder-short")
"""The content of the reminder as it is, and as the shadow has it."""
SECOND = 1000
READY_S = 120
WITHIN_S = 300


def changed(tmp_path: Path) -> Path:
    """The shipped definitions, with another content in the reminder of a cart."""
    folder = tmp_path / "changed"
    shutil.copytree(TOPOLOGIES, folder)
    journey = folder / "journeys" / "cart-rescue.yaml"
    text = journey.read_text()
    before, after = (f"content: {content}\n" for content in SHORTER)
    assert before in text
    journey.write_text(text.replace(before, after))
    return folder


class Operator:
    """Commands as an operator gives them on the rig's broker."""

    def __init__(self, rig: ShippedRig) -> None:
        self._rig = rig

    def __call__(self, *words: str) -> tuple[int, Any]:
        settings = self._rig.settings
        done = subprocess.run(
            [sys.executable, "-m", "journey_engine", *words, "--json"],
            cwd=ROOT,
            env={
                **os.environ,  # noqa: TID251 - handed on untouched
                "JOURNEY_BROKERS": ",".join(settings.brokers),
                "JOURNEY_APP_ID": settings.app_id,
                "JOURNEY_TOPIC_PREFIX": settings.topic_prefix,
                "JOURNEY_DATA_DIR": str(settings.data_dir),
            },
            capture_output=True,
            text=True,
            timeout=WITHIN_S,
            check=False,
        )
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)


def worker(rig: ShippedRig, **settings: str) -> Process:
    return rig.start(JOURNEY_TOPOLOGIES=str(TOPOLOGIES), **settings)


async def reminders(rig: ShippedRig) -> Mapping[str, list[int]]:
    """By customer when the live app wrote a reminder of a cart."""
    found: dict[str, list[int]] = {}
    for command in (await rig.sent()).commands:
        if command["content"] == SHORTER[0] and command["action"] == "SEND":
            at = round(command["created_at"].timestamp() * 1000)
            found.setdefault(command["customer_id"] or command["anonymous_id"], []).append(at)
    return found


async def both_at(rig: ShippedRig, names: Names, shadow: Names, count: int) -> None:
    """Wait until both have taken so many records of the inputs."""
    inputs = frozenset(names.inputs)
    async with asyncio.timeout(WITHIN_S):
        while True:
            standing = [await last_positions(rig.settings, each) for each in (names, shadow)]
            taken = [
                sum(at for p in each.values() for t, at in p.next_offsets.items() if t in inputs)
                for each in standing
            ]
            if min(taken) >= count:
                return
            await asyncio.sleep(0.2)


async def compare(rig: ShippedRig, operate: Operator, tmp_path: Path) -> int:
    """Run a shadow beside the live app and compare; how many records were published."""
    shadow = rig.settings.shadowed("short")
    theirs = names_of(rig.topics, shadow)
    records = rig.shop_records()
    half = len(records) // 2
    await rig.publish(records[:half])
    with worker(rig) as live:
        await live.ready(READY_S)
        await both_at(rig, rig.names, rig.names, half // 2)
        code, started = operate("shadow", "start", "short")
        assert code == 0
        assert started["states"] > 0
        code, refused = operate("shadow", "start", "short")
        assert (code, "has begun already" in refused["errors"][0]["message"]) == (1, True)
        await rig.publish(records[half:])
        web = {"JOURNEY_WEB_PORT": str(free_port()), "JOURNEY_SHADOW": "short"}
        with rig.start(JOURNEY_TOPOLOGIES=str(changed(tmp_path)), **web) as second:
            await second.ready(READY_S)
            ending = len(rig.names.inputs) * rig.topics.partitions
            await both_at(rig, rig.names, theirs, len(records) - ending)
            written = await rig.written_at_least(len(rig.expected(records)), WITHIN_S)
            code, refused = operate("shadow", "drop", "short")
            assert (code, "is at work" in refused["errors"][0]["message"]) == (1, True)
            assert second.stop() == 0
        assert live.stop() == 0

    assert rig.compared(written) == rig.compared(rig.expected(records))
    code, told = operate("diff", "short", "--tolerance", "1s", "--limit", "1000", "--reveal")
    since = {int(number): at + SECOND for number, at in started["clocks"].items()}
    wanted = {
        customer
        for customer, times in (await reminders(rig)).items()
        if any(at > since[partition_of(customer.encode(), rig.topics.partitions)] for at in times)
    }
    assert (code, told["diverged"]) == (1, len(wanted))
    assert {each["customer"] for each in told["first"]} == wanted
    assert sum(each["customers"] for each in told["counts"]) == len(wanted) > 0
    for each in told["first"]:
        assert (each["live"]["content"], each["shadow"]["content"]) == SHORTER
        assert each["input"]["topic"] in rig.names.inputs
    _, masked = operate("diff", "short", "--tolerance", "1s", "--limit", "1")
    assert masked["first"][0]["customer"] not in wanted

    return len(records)


@pytest.mark.embedded
async def test_a_shadow_shows_for_whom_a_change_would_be_one(
    new_rig: Callable[..., ShippedRig], tmp_path: Path
) -> None:
    rig = new_rig("embedded_broker")
    await rig.create()
    await compare(rig, Operator(rig), tmp_path)


@pytest.mark.kafka
async def test_so_it_does_on_kafka_and_is_dropped(
    new_rig: Callable[..., ShippedRig], tmp_path: Path
) -> None:
    """The embedded broker names members of a group after they left."""
    rig = new_rig("kafka_broker")
    rig.exactly_once = True
    await rig.create()
    operate = Operator(rig)
    published = await compare(rig, operate, tmp_path)
    code, told = operate("shadow", "drop", "short")
    assert code == 0, told
    left = [each async for each in tail(rig.settings, rig.names.inputs, rig.topics.partitions)]
    assert len(left) == published
    code, refused = operate("diff", "short")
    said = refused["errors"][0]["message"]
    assert (code, "not on the broker" in said, "shadow start short" in said) == (1, True, True)
