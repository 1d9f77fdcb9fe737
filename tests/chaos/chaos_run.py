"""One run: a seed, a load, its faults, and what is wrong afterwards."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from journey_engine.encode.message import is_message
from journey_engine.run import definitions
from journey_engine.run.naming import Names, names
from journey_engine.run.settings import ClockKind, StoreKind
from journey_engine.run.topics import create_topics
from tests.chaos import checks
from tests.chaos.cluster import APP, ROOT, TOPOLOGIES, Cluster
from tests.chaos.covering import StuckError, covered, inbox_ends
from tests.chaos.faults import Faults
from tests.chaos.judging import Evidence, judge, only
from tests.chaos.load import Load
from tests.chaos.oracle import Shop
from tests.chaos.reading import Contents, OpenTransactionError, Place, read, require_stable
from tests.chaos.schedule import draw
from tests.chaos.workload import Workload

WORKERS = 3
STARTED_WITHIN_S = 60.0
SETTLED_S = 2.0
"""How long the last timers have after the last input is taken."""
WORKER_PROGRAM = "tests.chaos.worker_program"
FENCED_EVENTS = (b'"partition_fenced"', b'"last_commit_failed"', b'"opening_failed"')
FENCED_ERRORS = (b"ProducerFenced", b"InvalidProducerEpoch")
MUST_BE_ZERO = ("lost", "duplicated", "reordered", "timers_twice")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is run: the load lasts `seconds`, at `rate` events a second."""

    seed: int
    seconds: float
    rate: int
    guarded: bool = False
    """Every client over TLS, with a login."""

    @property
    def clock(self) -> ClockKind:
        """Half of the seeds run on each."""
        return ClockKind.STREAM if self.seed % 2 == 0 else ClockKind.WALL

    @property
    def store(self) -> StoreKind:
        """Half of the seeds of each clock keep their states in each."""
        return StoreKind.DISK if self.seed % 4 in (1, 2) else StoreKind.MEMORY


@dataclass
class Outcome:
    """What a run came to."""

    line: dict[str, Any]
    found: checks.Findings
    hits: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether nothing at all is wrong."""
        return not self.found.counts


class ChaosRun:
    """Runs one plan in a folder of its own."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        defined = definitions.load(TOPOLOGIES, ROOT / "schemas", APP)
        self._plan = plan
        self._shop = Shop(defined, names(defined.topics, f"{APP}."))
        self._cluster = Cluster(
            folder, WORKERS, WORKER_PROGRAM, plan.clock, plan.store, guarded=plan.guarded
        )
        channels = dict(zip(defined.topics.inputs, self._names.inputs, strict=True))
        self._workload = Workload(plan.seed, defined.schemas, channels, self._names.partitions)
        wall = plan.clock is ClockKind.WALL
        settings = self._cluster.settings
        self._load = Load(settings, self._workload, plan.rate, across=wall, marks=not wall)
        self._faults = Faults(self._cluster)

    @property
    def _names(self) -> Names:
        return self._shop.names

    async def run(self) -> Outcome:
        """Start everything, do everything, stop everything, then look."""
        async with self._cluster as cluster:
            await create_topics(cluster.settings, self._shop.definitions.topics)
            for worker in cluster.workers:
                worker.start()
            for worker in cluster.workers:
                await worker.ready(STARTED_WITHIN_S)
            schedule = draw(self._plan.seed, self._plan.seconds, WORKERS)
            load = asyncio.create_task(self._load.run(self._plan.seconds))
            await self._faults.follow(schedule)
            cluster.heal()
            self._load.enough.set()
            await load
            found = checks.Findings()
            settled: Mapping[Place, int] = {}
            try:
                last = {place: len(records) - 1 for place, records in self._load.sent.items()}
                await covered(cluster.settings, self._names, last)
                await asyncio.sleep(SETTLED_S)
                settled = await inbox_ends(cluster.settings, self._names)
                await covered(cluster.settings, self._names, settled)
            except StuckError as error:
                found.add("stuck", str(error))
            for number, worker in enumerate(cluster.workers):
                if not await worker.ready(STARTED_WITHIN_S):
                    found.add("not_ready", f"worker {number}")
            for number, code in enumerate(await cluster.leave()):
                if code != 0:
                    found.add("bad_exit", f"worker {number} left with {code}")
            return await self._judge(found, settled)

    async def _judge(self, found: checks.Findings, settled: Mapping[Place, int]) -> Outcome:
        wanted, settings = self._names, self._cluster.settings
        kinds = (*wanted.commands.values(), *wanted.outputs.values())
        kept = (wanted.ledger, wanted.changelog)
        try:
            await require_stable(settings, (*kinds, *kept, wanted.inbox), wanted.partitions)
        except OpenTransactionError as error:
            found.add("open_transaction", str(error))
        committed = await read(settings, (*wanted.read, *kinds, *kept), wanted.partitions)
        raw = await read(
            settings, (*kinds, *kept, wanted.inbox), wanted.partitions, "read_uncommitted"
        )
        judge(
            found,
            Evidence(
                self._shop,
                self._plan.clock,
                committed,
                self._load.sent,
                self._workload.poison,
                settled,
            ),
        )
        hits = [hit for worker in self._cluster.workers for hit in worker.hits]
        line: dict[str, Any] = {
            "seed": self._plan.seed,
            "clock": str(self._plan.clock),
            "store": str(self._plan.store),
            "guarded": self._plan.guarded,
            "faults": dict(self._faults.done),
            "events": sum(len(records) for records in self._load.sent.values()),
            "commands": _count(committed, wanted.commands.values()),
            "messages": sum(
                is_message(one.headers)
                for lying in only(committed, (wanted.inbox,)).values()
                for one in lying
            ),
            **{name: found.counts[name] for name in MUST_BE_ZERO},
            "other_findings": {k: n for k, n in found.counts.items() if k not in MUST_BE_ZERO},
            "aborted_records": sum(len(raw[place]) - len(committed[place]) for place in raw),
            "fenced_producers": self._fenced(),
            "kill_points": hits,
            "deaths": sum(worker.deaths for worker in self._cluster.workers),
        }
        return Outcome(line, found, hits)

    def _fenced(self) -> int:
        """How often a worker was told that another owner has fenced its producer."""
        return sum(
            any(event in line for event in FENCED_EVENTS) and any(e in line for e in FENCED_ERRORS)
            for worker in self._cluster.workers
            for line in worker.log.read_bytes().splitlines()
        )


def _count(contents: Contents, topics: Any) -> int:
    return sum(len(records) for records in only(contents, topics).values())


def total(outcomes: list[Outcome], name: str) -> int:
    """A count of the lines together."""
    return sum(_number(outcome.line[name]) for outcome in outcomes)


def _number(value: int | Mapping[str, int]) -> int:
    return value if isinstance(value, int) else sum(value.values())
