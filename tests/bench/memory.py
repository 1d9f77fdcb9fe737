"""`make bench-memory`: what a worker's partitions take while its customers grow, store `disk`.

Events of new customers, and half as many of known ones, go through the worker's own tasks and
stores, each flush confirmed as after a commit; every customer has a timer. No broker: room is left
in `memory_mib` for its clients, which do not grow. The last line is JSON; the exit code is 1 if
the process took more than `memory_mib`.
"""

import argparse
import gc
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import psutil

from journey_engine.decode.decode import Reader
from journey_engine.decode.log import LogLine, route
from journey_engine.run.clock import StreamClock
from journey_engine.run.definitions import load as load_definitions
from journey_engine.run.garbage import collected_rarely
from journey_engine.run.memory import Memory
from journey_engine.run.settings import StoreKind, load
from journey_engine.run.stores import Stores
from journey_engine.run.task import PartitionTask
from journey_engine.run.wiring import Wiring
from journey_engine.schemas import Schemas
from tests.bench.job import CHANNEL, START_MS, TOPIC, event

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BATCH = 5_000
TELLS = 20
"""Lines of the table."""
GAP_MS = 5
TOPICS = 5
"""Of the company: its channels and the inbox."""


def growing(customers: int, schemas: Schemas) -> Iterator[LogLine]:
    """A cart of each new customer, after every second one a view of a known one."""
    chance = random.Random(1)
    for number in range(customers):
        visits = [(number, "CartUpdated")]
        if number % 2:
            visits.append((chance.randrange(number), "ProductViewed"))
        for customer, kind in visits:
            content: dict[str, object] = {"product_id": "p1"}
            if kind == "CartUpdated":
                content = {"cart_id": f"k{number}", "total": 12.5, "items": ["p1", "p2"]}
            yield event(
                schemas,
                number,
                START_MS + number * GAP_MS,
                type=kind,
                event_id=f"e{number}-{kind}",
                customer_id=f"customer-{customer:09d}",
                **content,
            )


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="make bench-memory", description=__doc__)
    parser.add_argument("--customers", type=int, default=5_000_000)
    parser.add_argument("--memory-mib", type=int, help="the setting, else its default")
    parser.add_argument("--partitions", type=int, default=8)
    chosen = parser.parse_args()
    definitions = load_definitions(HERE / "topologies", ROOT / "schemas", "bench")
    partitions: int = chosen.partitions
    reader = Reader(definitions.schemas, definitions.plan.fields)
    process, begun = psutil.Process(), time.monotonic()
    least = most = 0
    with tempfile.TemporaryDirectory() as folder, collected_rarely():
        settings = load(store=StoreKind.DISK, data_dir=folder, memory_mib=chosen.memory_mib)
        memory = Memory(settings.memory_mib, TOPICS, partitions)
        if (needed := memory.divide(partitions)) is not None:
            print(f"memory_mib {settings.memory_mib} is too small: {needed}")  # noqa: T201
        wiring = Wiring(
            definitions.plan, reader, (TOPIC,), None, partitions, memory.buffers, memory.states
        )
        stores = Stores(settings)
        tasks = [PartitionTask(p, wiring, stores.open(p), StreamClock()) for p in range(partitions)]
        lines = growing(chosen.customers, definitions.schemas)
        records = route(lines, definitions.schemas, {CHANNEL: TOPIC}, partitions, marks=False)
        taken, tell_at = 0, 0
        while batch := list(islice(records, BATCH)):
            for task in tasks:
                task.feed(TOPIC, [record for record in batch if record.partition == task.partition])
                while any(task.step(0, BATCH)[:2]):
                    pass
                flush = task.take_flush()
                if flush is not None:
                    task.confirm(flush, taken + 1)
            taken += len(batch)
            if taken >= tell_at:
                tell_at += max(BATCH, chosen.customers * 3 // 2 // TELLS)
                gc.collect()
                rss = process.memory_info().rss >> 20
                least, most = least or rss, max(most, rss)
                seconds = time.monotonic() - begun
                print(f"{taken * 2 // 3:>10,} customers {seconds:7.0f} s  RSS {rss:5} MiB")  # noqa: T201
        disk = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
    line = {
        "customers": chosen.customers,
        "memory_mib": settings.memory_mib,
        "partitions": partitions,
        "rss_first_mib": least,
        "rss_most_mib": most,
        "disk_mib": disk >> 20,
    }
    print(json.dumps(line))  # noqa: T201 - machines read the last line
    if most > settings.memory_mib:
        sys.stderr.write(f"{most} MiB were taken, memory_mib allows {settings.memory_mib}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
