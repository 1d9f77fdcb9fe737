"""`make bench-restore`: how long a worker takes to have its states back, cold and warm.

On Apache Kafka, through the worker's own store, restore and task; CPU is user + system of this
process with all its threads. The last line is JSON.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from journey_engine.decode.decode import Reader
from journey_engine.run.brokers import KafkaBroker
from journey_engine.run.clock import StreamClock
from journey_engine.run.definitions import Definitions
from journey_engine.run.definitions import load as load_definitions
from journey_engine.run.garbage import collected_rarely
from journey_engine.run.naming import names
from journey_engine.run.restore import KafkaChangelogs
from journey_engine.run.settings import Settings, StoreKind, load
from journey_engine.run.stores import Stores
from journey_engine.run.task import PartitionTask
from journey_engine.run.topics import create_topics
from journey_engine.run.wiring import Wiring
from tests.bench.changelog import fill

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


class Start(NamedTuple):
    """What a start took."""

    wall_s: float
    cpu_s: float
    rss_mib: int


async def start(settings: Settings, definitions: Definitions, customers: int) -> Start:
    """Open all partitions as a worker does, until each has looked up its first timer."""
    wanted = names(definitions.topics, settings.topic_prefix)
    reader = Reader(definitions.schemas, definitions.plan.fields)
    wiring = Wiring(
        definitions.plan, reader, wanted.inputs, wanted.inbox, definitions.topics.partitions
    )
    process = psutil.Process()
    cpu, wall = sum(process.cpu_times()[:2]), time.perf_counter()
    stores = Stores(settings)
    opened = {p: stores.open(p) for p in range(definitions.topics.partitions)}
    tasks = {p: PartitionTask(p, wiring, s, StreamClock()) for p, s in opened.items()}

    def apply(partition: int, records: Any) -> None:
        tasks[partition].restore(records)

    starts = {p: store.changelog_offset() or 0 for p, store in opened.items()}
    await KafkaChangelogs(settings, wanted).restore(starts, apply, lambda _: None)
    for task in tasks.values():
        task.restored()
        task.step(0, 1)
    spent = sum(process.cpu_times()[:2]) - cpu
    taken = Start(time.perf_counter() - wall, spent, process.memory_info().rss >> 20)
    held = sum(1 for store in opened.values() for _ in store.states())
    for store in opened.values():
        store.close()
    if held != customers:
        raise SystemExit(f"{held} customers are there, not {customers}")
    return taken


def restored_per_s(customers: int) -> float:
    """Customers a second on the store `disk` with an empty folder, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", __spec__.name, "--customers", str(customers)],
        capture_output=True,
        text=True,
        check=True,
    )
    seconds: float = json.loads(done.stdout.splitlines()[-1])["disk_cold_s"]
    return customers / seconds


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-restore", description=__doc__)
    parser.add_argument("--customers", type=int, default=1_000_000)
    customers: int = parser.parse_args().customers
    definitions = load_definitions(HERE / "topologies", ROOT / "schemas", "bench")
    line: dict[str, object] = {"customers": customers}
    with tempfile.TemporaryDirectory() as folder, KafkaBroker(Path(folder) / "kafka") as broker:
        base = load(brokers=(broker.address,), app_id="bench", data_dir=Path(folder) / "data")
        asyncio.run(create_topics(base, definitions.topics))
        topic = names(definitions.topics).changelog
        records = asyncio.run(fill(base, topic, definitions.topics.partitions, customers))
        print(f"{records:,} records in the changelog")  # noqa: T201
        for kind in (StoreKind.DISK, StoreKind.MEMORY):
            settings = base.model_copy(update={"store": kind})
            for state in ("cold", "warm"):
                with collected_rarely():
                    taken = asyncio.run(start(settings, definitions, customers))
                print(  # noqa: T201
                    f"{kind:>6} {state}: {taken.wall_s:6.2f} s, {taken.cpu_s:6.2f} s of CPU, "
                    f"RSS then {taken.rss_mib} MiB"
                )
                line[f"{kind}_{state}_s"] = round(taken.wall_s, 2)
                line[f"{kind}_{state}_cpu_s"] = round(taken.cpu_s, 2)
    print(json.dumps(line))  # noqa: T201 - machines read the last line


if __name__ == "__main__":
    main()
