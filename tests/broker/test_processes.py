"""`worker --processes`: several workers of one host share the work."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from journey_engine.run.brokers import EmbeddedBroker, free_port
from tests.broker.rig import PATIENCE_S, ROOT
from tests.broker.shipped import ShippedRig
from tests.run.ports import pair_of_ports

pytestmark = pytest.mark.embedded


class PairRig(ShippedRig):
    program = (*ShippedRig.program, "--processes", "2")


@pytest.fixture
async def rig(embedded_broker: EmbeddedBroker, tmp_path: Path) -> PairRig:
    rig = PairRig(embedded_broker.address, f"pair-{tmp_path.name[-8:].lower()}", tmp_path)
    rig.web_port = pair_of_ports()
    await rig.create()
    return rig


def partitions(rig: ShippedRig, index: int) -> list[int]:
    url = f"http://127.0.0.1:{rig.web_port + index}/readyz"
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return list(json.load(answer)["partitions"])
    except OSError:  # not listening, or not ready
        return []


async def shared(rig: ShippedRig) -> None:
    """Wait until each works on some partitions, both together on all."""
    deadline = time.monotonic() + PATIENCE_S
    everything = set(range(rig.topics.partitions))
    while True:
        held = [set(await asyncio.to_thread(partitions, rig, index)) for index in range(2)]
        if all(held) and held[0] ^ held[1] == everything:
            return
        assert time.monotonic() < deadline, held
        await asyncio.sleep(0.1)


async def test_two_share_the_work_and_one_that_is_killed_comes_back(rig: PairRig) -> None:
    records = rig.shop_records()
    expected = rig.expected(records)
    with rig.start(JOURNEY_STORE="disk") as worker:
        await shared(rig)
        await rig.publish(records)
        os.kill(rig.logged("worker_started")[1]["pid"], signal.SIGKILL)
        written = await rig.written_at_least(len(expected))
        await shared(rig)
        assert worker.stop() == 0
    assert set(written) == set(expected)
    assert all(line.startswith("{") for line in rig.log_file.read_text().splitlines())
    assert [line["worker"] for line in rig.logged("worker_died")] == [1]
    assert {line["worker"] for line in rig.logged("worker_stopped")} == {0, 1}
    stores = [
        rig.settings.data_dir / str(index) / rig.settings.group / "disk" for index in range(2)
    ]
    assert all(any(store.iterdir()) for store in stores)


async def test_taken_ports_are_refused(rig: PairRig) -> None:
    with socket.create_server(("127.0.0.1", rig.web_port + 1)), rig.start() as worker:
        assert worker.popen.wait(PATIENCE_S) == 1
    assert f"port {rig.web_port + 1} of 127.0.0.1 cannot be listened at" in rig.log_file.read_text()


def test_a_missing_broker_is_said_once() -> None:
    done = subprocess.run(
        [sys.executable, "-m", *PairRig.program],
        cwd=ROOT,
        env={**os.environ, "JOURNEY_BROKERS": f"127.0.0.1:{free_port()}"},  # noqa: TID251 - handed on
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.count("no Kafka broker answers at") == 1
