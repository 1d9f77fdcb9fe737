"""Stock Faust's exactly-once under the same load and the same kinds of faults."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from journey_engine.decode.record import Record
from journey_engine.run import definitions
from journey_engine.run.naming import names
from journey_engine.run.settings import ClockKind, StoreKind
from journey_engine.run.tailing import tail
from journey_engine.run.topics import create_topics
from tests.chaos.cluster import APP, ROOT, TOPOLOGIES, Cluster
from tests.chaos.faults import Faults
from tests.chaos.load import Load
from tests.chaos.reading import Contents, Place, read
from tests.chaos.schedule import Fault, draw
from tests.chaos.workload import Workload

PROGRAM = "tests.chaos.peers.faust_agent"
WORKERS = 3
STARTED_S = 12.0
ANSWERED_WITHIN_S = 240.0
QUIET_S = 70.0
"""So long without an answer more, and none is to come: aiokafka's transactions time out after 60 s,
and until then what a killed worker left open holds its readers up.
"""


async def baseline(seed: int, seconds: float, rate: int, folder: Path) -> dict[str, Any]:
    """Run it and count; the fields are those of a chaos run."""
    topics = definitions.load_topics(TOPOLOGIES, APP)
    wanted = names(topics, f"{APP}.")
    schemas = definitions.load_schemas(ROOT / "schemas")
    channels = dict(zip(topics.inputs, wanted.inputs, strict=True))
    answers = wanted.commands["email"]
    async with Cluster(folder, WORKERS, PROGRAM, ClockKind.WALL, StoreKind.MEMORY) as cluster:
        await create_topics(cluster.settings, topics)
        for worker in cluster.workers:
            worker.start()
        await asyncio.sleep(STARTED_S)
        workload = Workload(seed, schemas, channels, wanted.partitions)
        load = Load(cluster.settings, workload, rate, across=False)
        faults = Faults(cluster, ready_within_s=READY_WITHIN_S)
        sending = asyncio.create_task(load.run(seconds))
        await faults.follow([_without_points(each) for each in draw(seed, seconds, WORKERS)])
        cluster.heal()
        load.enough.set()
        await sending
        sent = sum(len(records) for records in load.sent.values())
        await _until_quiet(cluster, answers, wanted.partitions, sent)
        await cluster.leave()
        settings = cluster.settings
        inputs = await read(settings, wanted.inputs, wanted.partitions)
        committed = await read(settings, (answers,), wanted.partitions)
        raw = await read(settings, (answers,), wanted.partitions, "read_uncommitted")
    return {
        "baseline": "faust exactly_once",
        "seed": seed,
        "rate": rate,
        "faults": dict(faults.done),
        "events": _size(inputs),
        "outputs": _size(committed),
        **judged(inputs, committed),
        "aborted_records": _size(raw) - _size(committed),
        "deaths": sum(worker.deaths for worker in cluster.workers),
    }


READY_WITHIN_S = 3.0
"""It has no page that tells."""


def _without_points(fault: Fault) -> Fault:
    """A stock agent has no named points to die at: it is killed at any."""
    return fault._replace(kind="kill", point=None) if fault.kind == "point" else fault


async def _until_quiet(cluster: Cluster, topic: str, partitions: int, inputs: int) -> None:
    """Until all inputs are answered, or no answer comes any more."""
    answers = tail(cluster.settings, (topic,), partitions, follow=True)
    answered: set[tuple[Place, int]] = set()
    try:
        async with asyncio.timeout(ANSWERED_WITHIN_S):
            while len(answered) < inputs:
                place, offset, _ = _answered(await asyncio.wait_for(anext(answers), QUIET_S))
                answered.add((place, offset))
    except TimeoutError:
        return


def _size(contents: Contents) -> int:
    return sum(len(records) for records in contents.values())


def judged(inputs: Contents, answers: Contents) -> Mapping[str, int]:
    """What was lost, done twice, or out of order; and customers whose count is not that of their
    events.
    """
    done: Counter[tuple[Place, int]] = Counter()
    counts: defaultdict[bytes | None, int] = defaultdict(int)
    reordered = 0
    for records in answers.values():
        last: dict[tuple[bytes | None, str], int] = {}
        for record in records:
            place, offset, count = _answered(record)
            done[place, offset] += 1
            counts[record.key] = max(counts[record.key], count)
            key = (record.key, place.topic)
            reordered += offset < last.get(key, -1)
            last[key] = max(offset, last.get(key, -1))
    lying = {(place, each.offset) for place, records in inputs.items() for each in records}
    events = Counter(each.key or b"nobody" for records in inputs.values() for each in records)
    return {
        "lost": len(lying - done.keys()),
        "duplicated": sum(count - 1 for count in done.values()),
        "reordered": reordered,
        "wrong_counts": sum(counts[key] != count for key, count in events.items()),
    }


def _answered(record: Record) -> tuple[Place, int, int]:
    topic, partition, offset, count = (record.value or b"").decode().split()
    return Place(topic, int(partition)), int(offset), int(count)
