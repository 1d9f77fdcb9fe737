"""`make bench-commits`: what transactions cost on Apache Kafka.

First the bench job in exactly-once and in at-least-once, in turn, over a backlog. Then, for 1, 8
and 32 partitions on one worker, a steady trickle to every partition: commits a second, their p99,
the worker's share of a core, its sockets. The last line is JSON.
"""

import argparse
import asyncio
import json
import time
import urllib.request
from collections.abc import Sequence
from typing import Any, NamedTuple

import psutil
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console

from journey_engine.decode.record import Record
from journey_engine.run.brokers import free_port
from journey_engine.run.producers import Output
from journey_engine.run.publisher import publish
from tests.bench.contestants import CONTESTANTS, Engine
from tests.bench.job import Shop
from tests.bench.measuring import Broker, log_of, measure
from tests.bench.site import ending

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


async def steady(broker: Broker, partitions: int) -> Steady:
    """A trickle to every partition."""
    events = int(RATE * STEADY_S * 1.4)
    records = list(log_of(Shop(events // 50, events, partitions)).records())
    engine = Engine("steady", "exactly_once", web_port=(port := free_port()))
    async with broker.site(engine, partitions) as site, site.output() as output:
        process = engine.start(site)
        with ending(process):
            await asyncio.to_thread(_ready, port)
            chunk = int(RATE * BURST_S)
            sending = asyncio.create_task(_trickle(output, records, chunk, site.prefix))
            await asyncio.sleep(STEADY_S * 0.2)
            watched = psutil.Process(process.pid)
            before, cpu, begun = _commits(port), watched.cpu_times(), time.monotonic()
            await asyncio.sleep(STEADY_S)
            after, spent, seconds = _commits(port), watched.cpu_times(), time.monotonic() - begun
            sockets = len(watched.net_connections(kind="tcp"))
            sending.cancel()
    done = {bound: count - before[bound] for bound, count in after.items()}
    total = done[float("inf")]
    p99 = min(bound for bound, count in done.items() if count >= 0.99 * total)
    cpu_s = spent.user + spent.system - cpu.user - cpu.system
    return Steady(partitions, total / seconds, p99 * 1000, cpu_s / seconds, sockets)


async def _trickle(output: Output, records: Sequence[Record], chunk: int, prefix: str) -> None:
    begun = time.monotonic()
    for first in range(0, len(records), chunk):
        await publish(output, records[first : first + chunk], prefix=prefix, keep_times=False)
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
    parser.add_argument("--customers", type=int, default=20_000)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    console = Console(highlight=False)
    ratios: list[float] = []
    runs: list[Steady] = []
    broker = Broker()
    try:
        for number in range(1, chosen.rounds + 1):
            wall = {}
            for name in ("engine_alo", "engine_eos"):
                shop = Shop(chosen.customers, chosen.events)
                run = asyncio.run(measure(CONTESTANTS[name](), broker, shop))
                wall[name] = run.per_second
                console.print(
                    f"round {number}, {name}: {run.per_cpu_second:,.0f} events for a CPU-second, "
                    f"{run.per_second:,.0f} a second"
                )
            ratios.append(wall["engine_eos"] / wall["engine_alo"])
        for count in COUNTS:
            runs.append(asyncio.run(steady(broker, count)))
            console.print(runs[-1])
    finally:
        broker.stop()
    ratio = sorted(ratios)[len(ratios) // 2]
    line = {"exactly_once_share": round(ratio, 2), "steady": [run._asdict() for run in runs]}
    print(json.dumps(line))  # noqa: T201 - machines read the last line


if __name__ == "__main__":
    main()
