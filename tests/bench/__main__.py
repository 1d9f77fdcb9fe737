"""`make bench`: events for a CPU-second of the worker, next to an idiomatic Faust agent.

The same job and the same records on the embedded broker, in turn, each run a process of its own
with a new broker; so is a second job of the worker, with caps, quiet hours, arbitration and a
split. CPU is user + system of that process with all its threads, start and warm-up left out. The
last line is JSON.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import psutil
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition
from rich.console import Console

from journey_engine.decode.log import route
from journey_engine.run.brokers import EmbeddedBroker, free_port
from journey_engine.run.definitions import load_schemas, load_topics
from journey_engine.run.producers import Output
from journey_engine.run.publisher import publish
from journey_engine.run.settings import load
from journey_engine.run.topics import create_topics
from tests.bench.job import CHANNEL, shop

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TOPIC = f"interactions.{CHANNEL}.v1"
PARTITIONS = 4
COMMIT_MS = 500
"""How often either side commits: the worker's own default is shorter, for latency."""
EVENTS_OF_A_CUSTOMER = 50
"""In both runs, so that both have the same share of entries, moves and commands."""
WARM_UP = 0.1
"""The share of the events that is not measured."""
DEADLINE_S = 240.0
POLL_S = 0.1


class Run(NamedTuple):
    """One run of one engine."""

    events: int
    cpu_s: float
    wall_s: float

    @property
    def per_cpu_second(self) -> float:
        return self.events / self.cpu_s


Start = Callable[[str, Path], "subprocess.Popen[bytes]"]


def start_worker(broker: str, data: Path) -> "subprocess.Popen[bytes]":
    return _start_worker(broker, data, "topologies")


def start_policed(broker: str, data: Path) -> "subprocess.Popen[bytes]":
    """The worker on the second job."""
    return _start_worker(broker, data, "policed")


def _start_worker(broker: str, data: Path, definitions: str) -> "subprocess.Popen[bytes]":
    settings = {
        "JOURNEY_APP_ID": "bench",
        "JOURNEY_BROKERS": broker,
        "JOURNEY_TOPOLOGIES": str(HERE / definitions),
        "JOURNEY_SCHEMAS": str(ROOT / "schemas"),
        "JOURNEY_DATA_DIR": str(data),
        "JOURNEY_STORE": "disk",
        "JOURNEY_IDEMPOTENT_PRODUCER": "false",
        "JOURNEY_WEB_PORT": str(free_port()),
        "JOURNEY_LOG_LEVEL": "warning",
        "JOURNEY_COMMIT_INTERVAL_MS": str(COMMIT_MS),
        "JOURNEY_COMMIT_RECORDS": "20000",
    }
    return spawn(["-m", "journey_engine", "worker"], settings, data / "log")


def start_agent(broker: str, data: Path) -> "subprocess.Popen[bytes]":
    settings = {"BENCH_APP": "bench", "BENCH_BROKER": broker, "BENCH_DATA": str(data)}
    return spawn([str(HERE / "peers" / "faust_agent.py")], settings, data / "log")


def spawn(arguments: list[str], settings: dict[str, str], log: Path) -> "subprocess.Popen[bytes]":
    environment = {**os.environ, **settings}  # noqa: TID251 - handed on to the child
    with log.open("wb") as sink:
        return subprocess.Popen(
            [sys.executable, *arguments],
            stdout=sink,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=ROOT,
        )


async def measure(start: Start, events: int) -> Run:
    """Publish all events to a new broker, run the engine over them, account its CPU."""
    with tempfile.TemporaryDirectory() as folder, EmbeddedBroker() as broker:
        data = Path(folder)
        schemas, topics = load_schemas(ROOT / "schemas"), load_topics(HERE / "topologies", "bench")
        settings = load(brokers=(broker.address,), app_id="bench", idempotent_producer=False)
        await create_topics(settings, topics)
        lines = shop(events, events // EVENTS_OF_A_CUSTOMER, schemas)
        output = Output(settings)
        await output.start()
        await publish(
            output, route(lines, schemas, {CHANNEL: TOPIC}, topics.partitions, marks=False)
        )
        await output.stop()
        process = start(broker.address, data)
        try:
            return await account(process, broker.address, int(events * WARM_UP), events)
        except TimeoutError:
            log = (data / "log").read_text(encoding="utf-8", errors="replace")
            raise SystemExit(f"the engine did not finish; its log ends:\n{log[-4000:]}") from None
        finally:
            process.terminate()
            process.wait(30)


async def account(
    process: "subprocess.Popen[bytes]",
    broker: str,
    warm_up: int,
    events: int,
    group_id: str = "bench",
    topic: str = TOPIC,
) -> Run:
    """The CPU and the time from when `warm_up` events are committed until all are."""
    group = AIOKafkaConsumer(bootstrap_servers=broker, group_id=group_id, enable_auto_commit=False)
    await group.start()
    try:
        watched = psutil.Process(process.pid)
        done = await _reach(group, topic, process, warm_up)
        cpu, wall = watched.cpu_times(), time.monotonic()
        await _reach(group, topic, process, events)
        spent, ended = watched.cpu_times(), time.monotonic()
        cpu_s = spent.user + spent.system - cpu.user - cpu.system
        return Run(events - done, cpu_s, ended - wall)
    finally:
        await group.stop()


async def _reach(
    group: AIOKafkaConsumer, topic: str, process: "subprocess.Popen[bytes]", target: int
) -> int:
    """Wait until the group has committed so many events; how many it was then."""
    deadline = time.monotonic() + DEADLINE_S
    places = [TopicPartition(topic, partition) for partition in range(PARTITIONS)]
    while time.monotonic() < deadline and process.poll() is None:
        offsets = [await group.committed(place) for place in places]
        done = sum(offset or 0 for offset in offsets)
        if done >= target:
            return done
        await asyncio.sleep(POLL_S)
    raise TimeoutError


def _spread(runs: list[Run]) -> str:
    rates = [run.per_cpu_second for run in runs]
    return f"{statistics.median(rates):>10,.0f}  [{min(rates):,.0f} - {max(rates):,.0f}]"


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--agent-events", type=int, default=15_000)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    console = Console(highlight=False)
    ours: list[Run] = []
    policed: list[Run] = []
    theirs: list[Run] = []
    for number in range(1, chosen.rounds + 1):
        with console.status(f"round {number} of {chosen.rounds}: the worker"):
            ours.append(asyncio.run(measure(start_worker, chosen.events)))
        with console.status(f"round {number} of {chosen.rounds}: the worker under policies"):
            policed.append(asyncio.run(measure(start_policed, chosen.events)))
        with console.status(f"round {number} of {chosen.rounds}: the Faust agent"):
            theirs.append(asyncio.run(measure(start_agent, chosen.agent_events)))
        console.print(
            f"round {number}: worker {ours[-1].per_cpu_second:,.0f}, "
            f"under policies {policed[-1].per_cpu_second:,.0f}, "
            f"Faust agent {theirs[-1].per_cpu_second:,.0f} events for a CPU-second"
        )
    _report(console, ours, policed, theirs)


def _report(console: Console, ours: list[Run], policed: list[Run], theirs: list[Run]) -> None:
    ratios = [a.per_cpu_second / b.per_cpu_second for a, b in zip(ours, theirs, strict=True)]
    console.print("\nevents for a CPU-second, median [min - max]")
    console.print(f"  worker, at least once, RocksDB  {_spread(ours)}")
    console.print(f"  the same under policies         {_spread(policed)}")
    console.print(f"  idiomatic Faust agent, RocksDB  {_spread(theirs)}")
    ratio = statistics.median(ratios)
    shares = [b.per_cpu_second / a.per_cpu_second for a, b in zip(ours, policed, strict=True)]
    share = statistics.median(shares)
    console.print(
        f"  under policies, pair by pair  {share:.2f}  [{min(shares):.2f} - {max(shares):.2f}]"
    )
    console.print(f"  ratio, pair by pair  {ratio:.1f}  [{min(ratios):.1f} - {max(ratios):.1f}]")
    engine = statistics.median(run.per_cpu_second for run in ours)
    faust = statistics.median(run.per_cpu_second for run in theirs)
    second = statistics.median(run.per_cpu_second for run in policed)
    line = {
        "engine_alo": round(engine),
        "engine_policed": round(second),
        "policed_share": round(share, 2),
        "faust": round(faust),
        "ratio": round(ratio, 1),
    }
    print(json.dumps(line))  # noqa: T201 - machines read the last line


if __name__ == "__main__":
    main()
