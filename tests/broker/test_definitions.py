"""V2 and V3 on Apache Kafka: definitions from their topic, put in force under a worker that runs,
rolled back, survived by a kill; a journey stopped. As an operator types it.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from tests.broker.rig import ROOT, Rig
from tests.broker.shipped import TOPOLOGIES, ShippedRig, cart, order

pytestmark = pytest.mark.kafka


class Operator:
    """Somebody with a folder of definitions and the command line."""

    def __init__(self, rig: Rig, folder: Path) -> None:
        self.folder = folder / "topologies"
        copytree(TOPOLOGIES, self.folder)
        self._rig = rig

    @property
    def settings(self) -> dict[str, str]:
        return {"JOURNEY_DEFINITIONS": "topic", "JOURNEY_TOPOLOGIES": str(self.folder)}

    def says(self, *words: str) -> str:
        settings = self._rig.settings
        told = ["--broker", ",".join(settings.brokers), "--prefix", settings.topic_prefix]
        app = {"JOURNEY_APP_ID": settings.app_id, "JOURNEY_DEFINITIONS": "topic"}
        environment = {**os.environ, **app}  # noqa: TID251 - the command's
        done = subprocess.run(
            [sys.executable, "-m", "journey_engine", *words, *told, "--topologies", self.folder],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def puts_in_force(self) -> None:
        plan = self.says("definitions", "publish").split()[1]
        self.says("definitions", "activate", plan[:12])

    def raises_the_version(self) -> None:
        path = self.folder / "journeys" / "cart-rescue.yaml"
        text = path.read_text()
        path.write_text(
            text.replace("version: 1\n", "version: 2\n").replace("after: 4h", "after: 5h")
        )


async def versions(rig: Rig, customer: str, done: Callable[[dict[str, Any]], bool]) -> int:
    """The version in that customer's first transition that is so."""

    def of(found: Any) -> list[dict[str, Any]]:
        return [
            one
            for one in found.transitions
            if one["customer_id"] == customer and one["journey"] == "cart-rescue" and done(one)
        ]

    sent = await rig.sent_once(lambda found: bool(of(found)), 60)
    return int(of(sent)[0]["version"])


def entered(one: dict[str, Any]) -> bool:
    return one["from"] is None


def ended(one: dict[str, Any]) -> bool:
    return one["end"] is not None


async def test_v2_definitions_change_and_go_back_under_a_running_worker(
    new_rig: Callable[..., ShippedRig], tmp_path: Path
) -> None:
    rig = new_rig("kafka_broker", clock="wall")
    await rig.create()
    operator = Operator(rig, tmp_path)
    operator.puts_in_force()

    async def fills(customer: str) -> int:
        await rig.publish(rig.records([cart(customer, int(time.time() * 1000), total=90.0)]))
        return await versions(rig, customer, entered)

    async def buys(customer: str) -> int:
        await rig.publish(rig.records([order(customer, int(time.time() * 1000))]))
        return await versions(rig, customer, ended)

    with rig.start(**operator.settings) as worker:
        await worker.ready()
        assert await fills("anna") == 1
        operator.raises_the_version()
        operator.puts_in_force()
        assert await fills("bert") == 2
        shown = operator.says("definitions", "list")
        assert "cart-rescue@2" in shown
        assert "cart-rescue@1 (kept)" in shown
        assert await buys("anna") == 1
        operator.says("definitions", "rollback")
        assert await fills("cora") == 1
        worker.popen.kill()

    with rig.start(**operator.settings) as worker:
        await worker.ready()
        assert await fills("dora") == 1
        assert await buys("bert") == 2
        operator.says("journeys", "stop", "cart-rescue")
        for customer in ("cora", "dora"):
            assert await versions(rig, customer, lambda one: one["end"] == "STOPPED") == 1
        assert worker.stop() == 0
    assert standing(operator.says("journeys", "list", "--json")) == {
        (1, False, "stopped", 0),
        (2, True, "stopped", 0),
    }


def standing(listed: str) -> set[tuple[int, bool | None, str, int]]:
    """How the versions of one journey stand."""
    return {
        (each["version"], each["kept"], each["status"], each["instances"])
        for each in json.loads(listed)
        if each["journey"] == "cart-rescue"
    }
