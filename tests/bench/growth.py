"""`make bench-growth AXIS=…`: what one thing grows costs the engine, all else the same.

Each point is a run of the job, checked, and then its latency at half of the rate reached. Points
are put into `results/growth-AXIS.json` one by one; one that is taken again is replaced.
"""

import argparse
import asyncio
import json
import logging
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from tests.bench.contestants import Engine
from tests.bench.grown import grown
from tests.bench.job import Shop
from tests.bench.latency import latency
from tests.bench.measuring import Broker, measure
from tests.bench.outcome import DifferentError
from tests.bench.results import FOLDER, WIDTH, commit, keep, read

CHECKED_UP_TO = 1_000_000
"""Customers; the states of more do not fit beside what is expected of them."""


@dataclass(frozen=True)
class Point:
    """One run: its place on the axis, its line in the chart, what differs from the usual."""

    x: float
    series: str = "engine"
    customers: int = 100_000
    events: int = 300_000
    partitions: int = 4
    unread: float = 0.0
    journeys: int = 1
    listening: int = 1
    engine: Mapping[str, Any] = field(default_factory=dict)


STORES = ("disk", "memory")
AXES: dict[str, list[Point]] = {
    "customers": [
        # RocksDB merges a partition's files once in some hundred thousand events of a million
        # customers: a point of few events has either none of that or too much.
        Point(n, store, customers=n, events=1_000_000, engine={"store": store})
        for n in (10_000, 100_000, 1_000_000, 5_000_000)
        for store in STORES
    ],
    "journeys": [Point(n, journeys=n, listening=min(n, 3)) for n in (1, 3, 10, 30, 100)],
    "instances": [Point(n, journeys=n, listening=n) for n in (1, 2, 3, 4, 5)],
    "processes": [Point(n, engine={"processes": n}) for n in (1, 2)],
    "unread": [Point(share, unread=share) for share in (0.0, 0.25, 0.5, 0.75, 0.95)],
    "partitions": [Point(n, partitions=n) for n in (1, 8, 32)],
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-growth", description=__doc__)
    parser.add_argument("axis", choices=AXES)
    parser.add_argument("--points", type=float, nargs="+", help="of the axis, instead of all")
    parser.add_argument("--series", help="this line of the chart alone")
    parser.add_argument("--customers", type=int, help="instead of the axis's own, to try it")
    parser.add_argument("--events", type=int, help="instead of the axis's own")
    parser.add_argument("--rounds", type=int, default=1, help="the best of so many counts")
    parser.add_argument("--rate", type=float, help="for the latency, instead of half load")
    parser.add_argument("--guarantee", default="at_least_once")
    parser.add_argument("--broker", help="HOST:PORT of a Kafka, instead of a new one")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    return parser.parse_args()


def main() -> int:
    """The exit code: 1 where the engine did something else than the job."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # new topics have no leader at first
    chosen, console = arguments(), Console(highlight=False, width=WIDTH)
    broker = Broker(address=chosen.broker)
    try:
        for point in chosen_points(chosen):
            found = asyncio.run(taken(point, chosen, broker))
            add(chosen, found)
            console.print(f"{chosen.axis} {point.x:g}, {point.series}: {json.dumps(found)}")
    except DifferentError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    finally:
        broker.stop()
    return 0


def chosen_points(chosen: argparse.Namespace) -> Iterator[Point]:
    for point in AXES[chosen.axis]:
        wanted = chosen.points is None or point.x in chosen.points
        if wanted and chosen.series in (None, point.series):
            yield point


async def taken(point: Point, chosen: argparse.Namespace, broker: Broker) -> dict[str, object]:
    """A point's figures: the run with the highest rate, and the latency at half of it."""
    customers, events = chosen.customers or point.customers, chosen.events or point.events
    shop = Shop(customers, events, point.partitions, point.unread)
    with tempfile.TemporaryDirectory() as folder:
        definitions = grown(Path(folder) / "grown", point.journeys, point.listening)
        engine = Engine(
            f"the engine at {point.x:g}",
            chosen.guarantee,
            definitions=definitions,
            copies=point.listening,
            **point.engine,
        )
        engine.checked = customers <= CHECKED_UP_TO
        runs = [await measure(engine, broker, shop) for _ in range(chosen.rounds)]
        run = max(runs, key=lambda each: each.per_cpu_second)
        delay = await latency(engine, broker, shop, chosen.rate or run.per_second / 2)
    return {
        "x": point.x,
        "series": point.series,
        "customers": customers,
        "events": events,
        "commit": commit(),
        "per_cpu_second": round(run.per_cpu_second),
        "per_second": round(run.per_second),
        "rss_mib": run.rss_mib,
        "state_bytes": None if run.state_bytes is None else round(run.state_bytes),
        "p50_ms": round(delay.p50_ms, 1),
        "p99_ms": round(delay.p99_ms, 1),
    }


def add(chosen: argparse.Namespace, found: Mapping[str, object]) -> None:
    """Put a point into the axis's file, in the axis's order."""
    name = f"growth-{chosen.axis}"
    before = read(name, chosen.folder) or {"points": []}
    place = (found["x"], found["series"])
    points = [each for each in before["points"] if (each["x"], each["series"]) != place]
    points = sorted([*points, found], key=lambda each: (str(each["series"]), each["x"]))
    settings = {"rounds": chosen.rounds, "guarantee": chosen.guarantee}
    keep(chosen.folder / f"{name}.json", settings, {"axis": chosen.axis, "points": points})


if __name__ == "__main__":
    sys.exit(main())
