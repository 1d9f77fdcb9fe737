"""`make bench-commits`: what transactions cost on Apache Kafka.

First the bench job in exactly-once and in at-least-once, in turn, over a backlog. Then, for 1, 8
and 32 partitions on one worker, a steady trickle to every partition: commits a second, their p99,
the worker's share of a core, its sockets. The last line is JSON.
"""

import argparse
import asyncio
import json
import shutil
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import psutil
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console

from journey_engine.decode.log import route
from journey_engine.decode.record import Record
from journey_engine.run.brokers import KafkaBroker, free_port
from journey_engine.run.definitions import load_schemas, load_topics
from journey_engine.run.producers import Output
from journey_engine.run.publisher import publish
from journey_engine.run.settings import Settings, load
from journey_engine.run.topics import create_topics
from tests.bench.__main__ import (
    EVENTS_OF_A_CUSTOMER,
    HERE,
    PARTITIONS,
    ROOT,
    TOPIC,
    WARM_UP,
    account,
    spawn,
)
from tests.bench.job import CHANNEL, shop

if TYPE_CHECKING:
    import subprocess

COUNTS = (1, 8, 32)
STEADY_S = 15.0
RATE = 1_000
"""Events a second in all, in the steady runs."""
BURST_S = 0.1
READY_WITHIN_S = 60.0


class Steady(NamedTuple):
    """A steady run: `p99_ms` is the upper bound of the histogram's bucket."""

    partitions: int
    commits_per_s: float
    p99_ms: float
    cpu_share: float
    sockets: int


class Place(NamedTuple):
    """One run's broker, folder, app and topologies of its own."""

    broker: str
    folder: Path
    app: str
    partitions: int

    @property
    def topologies(self) -> Path:
        return self.folder / "topologies"

    def prepare(self) -> None:
        shutil.copytree(HERE / "topologies", self.topologies)
        declared = self.topologies / "topics.yaml"
        text = declared.read_text(encoding="utf-8")
        wanted = text.replace(f"partitions: {PARTITIONS}", f"partitions: {self.partitions}")
        declared.write_text(wanted, encoding="utf-8")

    def start(self, port: int, **settings: str) -> "subprocess.Popen[bytes]":
        environment = {
            "JOURNEY_APP_ID": self.app,
            "JOURNEY_BROKERS": self.broker,
            "JOURNEY_TOPIC_PREFIX": f"{self.app}.",
            "JOURNEY_TOPOLOGIES": str(self.topologies),
            "JOURNEY_SCHEMAS": str(ROOT / "schemas"),
            "JOURNEY_DATA_DIR": str(self.folder),
            "JOURNEY_STORE": "disk",
            "JOURNEY_WEB_PORT": str(port),
            "JOURNEY_LOG_LEVEL": "warning",
            **settings,
        }
        return spawn(["-m", "journey_engine", "worker"], environment, self.folder / "log")

    @property
    def settings(self) -> Settings:
        """Of the app and its prefix."""
        return load(brokers=self.broker, app_id=self.app, topic_prefix=f"{self.app}.")

    async def records(self, events: int) -> Sequence[Record]:
        """Make the topics; the events, routed."""
        schemas, topics = load_schemas(ROOT / "schemas"), load_topics(self.topologies, self.app)
        await create_topics(self.settings, topics)
        lines = shop(events, events // EVENTS_OF_A_CUSTOMER, schemas)
        return list(route(lines, schemas, {CHANNEL: TOPIC}, topics.partitions, marks=False))


async def backlog(broker: str, guarantee: str, events: int) -> tuple[float, float]:
    """Events for a CPU-second and for a second, over a backlog."""
    with tempfile.TemporaryDirectory() as folder:
        place = Place(broker, Path(folder), f"b{time.time_ns()}", PARTITIONS)
        place.prepare()
        records = await place.records(events)
        output = Output(load(brokers=broker))
        await output.start()
        await publish(output, records, prefix=f"{place.app}.")
        await output.stop()
        process = place.start(free_port(), JOURNEY_GUARANTEE=guarantee)
        try:
            run = await account(
                process,
                broker,
                int(events * WARM_UP),
                events,
                place.settings.group,
                f"{place.app}.{TOPIC}",
            )
        finally:
            process.terminate()
            process.wait(30)
    return run.events / run.cpu_s, run.events / run.wall_s


async def steady(broker: str, partitions: int) -> Steady:
    """A trickle to every partition."""
    with tempfile.TemporaryDirectory() as folder:
        place = Place(broker, Path(folder), f"s{time.time_ns()}", partitions)
        place.prepare()
        records = await place.records(int(RATE * STEADY_S * 1.4))
        port = free_port()
        process = place.start(port, JOURNEY_GUARANTEE="exactly_once")
        output = Output(load(brokers=broker))
        await output.start()
        try:
            await asyncio.to_thread(_ready, port)
            chunk = int(RATE * BURST_S)
            sending = asyncio.create_task(_trickle(output, records, chunk, place.app))
            await asyncio.sleep(STEADY_S * 0.2)
            watched = psutil.Process(process.pid)
            before, cpu, begun = _commits(port), watched.cpu_times(), time.monotonic()
            await asyncio.sleep(STEADY_S)
            after, spent, seconds = _commits(port), watched.cpu_times(), time.monotonic() - begun
            sockets = len(watched.net_connections(kind="tcp"))
            sending.cancel()
        finally:
            process.terminate()
            process.wait(30)
            await output.stop()
    done = {bound: count - before[bound] for bound, count in after.items()}
    total = done[float("inf")]
    p99 = min(bound for bound, count in done.items() if count >= 0.99 * total)
    cpu_s = spent.user + spent.system - cpu.user - cpu.system
    return Steady(partitions, total / seconds, p99 * 1000, cpu_s / seconds, sockets)


async def _trickle(output: Output, records: Sequence[Record], chunk: int, app: str) -> None:
    begun = time.monotonic()
    for first in range(0, len(records), chunk):
        await publish(output, records[first : first + chunk], prefix=f"{app}.", keep_times=False)
        await asyncio.sleep(max(0.0, begun + (first / chunk + 1) * BURST_S - time.monotonic()))


def _metrics(port: int) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        return list(text_string_to_metric_families(answer.read().decode()))


def _commits(port: int) -> dict[float, float]:
    """How many commits took at most so many seconds."""
    return {
        float(sample.labels["le"]): sample.value
        for family in _metrics(port)
        for sample in family.samples
        if sample.name == "journey_commit_seconds_bucket"
    }


def _ready(port: int) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError("the worker did not become ready")


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-commits", description=__doc__)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    console = Console(highlight=False)
    ratios: list[float] = []
    runs: list[Steady] = []
    with tempfile.TemporaryDirectory() as data, KafkaBroker(Path(data)) as kafka:
        for number in range(1, chosen.rounds + 1):
            cpu, wall = {}, {}
            for guarantee in ("at_least_once", "exactly_once"):
                measured = asyncio.run(backlog(kafka.address, guarantee, chosen.events))
                cpu[guarantee], wall[guarantee] = measured
                console.print(
                    f"round {number}, {guarantee}: {measured[0]:,.0f} events for a CPU-second, "
                    f"{measured[1]:,.0f} a second"
                )
            ratios.append(wall["exactly_once"] / wall["at_least_once"])
        for count in COUNTS:
            runs.append(asyncio.run(steady(kafka.address, count)))
            console.print(runs[-1])
    ratio = sorted(ratios)[len(ratios) // 2]
    line = {"exactly_once_share": round(ratio, 2), "steady": [run._asdict() for run in runs]}
    print(json.dumps(line))  # noqa: T201 - machines read the last line


if __name__ == "__main__":
    main()
