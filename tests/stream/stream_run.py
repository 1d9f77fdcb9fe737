"""A worker under a fuzzed stream, and its books held against each other."""

import asyncio
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from journey_engine.run import definitions
from journey_engine.run.brokers import free_port
from journey_engine.run.clock import wall_ms
from journey_engine.run.naming import Names, names
from journey_engine.run.producers import Output
from journey_engine.run.publisher import publish
from journey_engine.run.settings import Settings, environment, load
from journey_engine.run.topics import create_topics
from tests.chaos.cluster import ROOT, TOPOLOGIES
from tests.chaos.covering import covered, settled
from tests.chaos.reading import Place
from tests.stream.accounting import (
    DECIDED,
    FORWARDED,
    MARKS,
    SKIPPED,
    TAKEN,
    Books,
    TopicBooks,
    balance,
    differences,
    flushed,
    of_metrics,
)
from tests.stream.fuzzed import FuzzedStream

BATCH = 2_000
RECORDS_OF_ONE = 100
"""Visitors and customers are so many that none comes near 128 inputs, behind which a repeat is no
longer known (rule T6): partitions that lag bring a customer's visitors' events in bursts.
"""
READY_WITHIN_S = 120
STOPPED_WITHIN_S = 60
TAKEN_WITHIN_S = 3600
KILLED_AT = 0.7
"""The worker is killed once it has taken so much of the stream."""

Show = Callable[[str, int, int], None]
"""Is told what is being done, how much of it is done and of how much."""


class Order(NamedTuple):
    """What is run: so many records, and whether a worker is killed on the way."""

    records: int
    seed: int
    kill: bool


class Worker:
    """The shipped worker as a process of its own."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._log = settings.data_dir.with_suffix(".log")
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "journey_engine", "worker"],
                cwd=ROOT,
                env=environment(settings),
                stdout=log,
                stderr=log,
            )

    async def ready(self) -> None:
        """Wait until it works.

        Raises:
            RuntimeError: it ended, or does not come so far.
        """
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                await asyncio.to_thread(self._get, "/readyz")
            except OSError:
                await asyncio.sleep(0.1)
            else:
                return
        raise RuntimeError(f"the worker did not become ready: see {self._log}")

    async def metrics(self) -> Books:
        """What it counts now."""
        return of_metrics(await asyncio.to_thread(self._get, "/metrics"))

    async def has_taken(self, count: int) -> None:
        """Wait until it has taken so many records."""
        async with asyncio.timeout(TAKEN_WITHIN_S):
            while (await self.metrics())[TAKEN] < count:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.02)

    def _get(self, path: str) -> str:
        url = f"http://127.0.0.1:{self._settings.web_port}{path}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return str(answer.read(), "utf-8")

    def kill(self) -> None:
        """As kill -9."""
        self._process.kill()
        self._process.wait()

    async def stop(self) -> int:
        """Ask it to leave; its exit code."""
        self._process.terminate()
        return await asyncio.to_thread(self._process.wait, STOPPED_WITHIN_S)


class StreamRun:
    """One run on one broker, with topics of its own."""

    def __init__(self, order: Order, broker: str, app: str, folder: Path, show: Show) -> None:
        self._order, self._show = order, show
        self._definitions = definitions.load(TOPOLOGIES, ROOT / "schemas", app)
        self._settings = load(
            brokers=broker,
            app_id=app,
            topic_prefix=f"{app}.",
            topologies=TOPOLOGIES,
            schemas=ROOT / "schemas",
            data_dir=folder / "worker",
            web_port=free_port(),
            session_timeout_s=4.0,
        )
        topics = self._definitions.topics
        self._names: Names = names(topics, self._settings.topic_prefix)
        channels = dict(zip(topics.inputs, self._names.inputs, strict=True))
        self._stream = FuzzedStream(
            order.seed, self._definitions.schemas, channels, topics.partitions,
            topics.input_bytes_max,
        )  # fmt: skip
        self._stream.known = max(self._stream.known, order.records // RECORDS_OF_ONE)
        self._output = Output(self._settings)
        self._sent: dict[Place, int] = {}
        """The last offset of each place."""
        self._count = 0

    async def run(self) -> dict[str, Any]:
        """The line: what the books say, and under `differences` all that does not fit."""
        await create_topics(self._settings, self._roomy())
        await self._output.start()
        workers = [Worker(self._settings)]
        try:
            await workers[0].ready()
            if self._order.kill:
                return await self._killed(workers)
            await self._send(self._order.records)
            await self._all_taken()
            metrics = await workers[0].metrics()
            return await self._judge(workers[-1], [metrics], [{}])
        finally:
            await self._output.stop()
            workers[-1].kill()

    def _roomy(self) -> Any:
        """Inputs that take what the engine does not."""
        topics = self._definitions.topics
        inputs = {
            name: replace(spec, max_bytes=2 * spec.max_bytes)
            for name, spec in topics.inputs.items()
        }
        return replace(topics, inputs=inputs)

    async def _killed(self, workers: list[Worker]) -> dict[str, Any]:
        """Half is sent, taken and read off; in the other half the worker is killed."""
        half = self._order.records // 2
        await self._send(half)
        await self._all_taken()
        first, at_half = await workers[0].metrics(), await flushed(self._settings, self._names)
        sending = asyncio.create_task(self._send(self._order.records - half))
        await workers[0].has_taken(int(KILLED_AT * self._order.records))
        workers[0].kill()
        at_kill = await flushed(self._settings, self._names)
        workers.append(Worker(self._settings))
        await sending
        await workers[1].ready()
        await self._all_taken()
        second = await workers[1].metrics()
        return await self._judge(workers[1], [first, second], [{}, at_half, at_kill])

    async def _send(self, count: int) -> None:
        end = self._count + count
        while self._count < end:
            records = self._stream.batch(min(BATCH, end - self._count), wall_ms(), across=True)
            for record in records:
                place = Place(record.topic, record.partition)
                self._sent[place] = self._sent.get(place, -1) + 1
            self._count += await publish(self._output, records)
            self._show("sending", self._count, self._order.records)

    async def _all_taken(self) -> None:
        self._show("waiting", 0, 0)
        await covered(self._settings, self._names, self._sent)
        await settled(self._settings, self._names)

    async def _judge(
        self, worker: Worker, metrics: list[Books], cuts: list[Mapping[int, int]]
    ) -> dict[str, Any]:
        """`cuts`: behind which flushes a worker's books begin; between them where they end."""
        code = await worker.stop()
        self._show("reading", 0, 0)
        topics = TopicBooks(self._settings, self._names, self._definitions)
        await topics.read()
        total = topics.between({})
        found = [*topics.found, *self._against_the_stream(total)]
        if code != 0:
            found.append(f"the worker left with {code}")
        first = total if len(metrics) == 1 else topics.between(cuts[0], cuts[1])
        found += differences(metrics[0], first, "metrics and topics, first worker")
        unseen: Books = Books()
        if len(metrics) == 2:
            unseen = topics.between(cuts[1], cuts[2])
            second = topics.between(cuts[2])
            found += differences(metrics[1], second, "metrics and topics, second worker")
        for what, books in (("topics", total), ("metrics", sum(metrics, unseen))):
            if balance(books):
                found.append(f"{what}: taken is not what became of it, by {balance(books)}")
        return self._line(total, sum(metrics, Books()), unseen, found)

    def _against_the_stream(self, total: Books) -> list[str]:
        """What the topics tell differently from what was sent."""
        letters = self._stream.letters
        sent, taken = Books({TAKEN: self._count}), Books({TAKEN: total[TAKEN]})
        found = list(differences(sent, taken, "sent and taken"))
        refused = Books({what: n for what, n in total.items() if what.isupper()})
        conflicts = refused.pop("CONFLICT", 0)
        found += differences(letters, refused, "broken and dead letters")
        if conflicts > self._stream.sent["conflict"]:
            found.append(f"{conflicts} conflicts, {self._stream.sent['conflict']} were sent")
        if total[MARKS]:
            found.append("no marks were sent")
        return found

    def _line(
        self, total: Books, metrics: Books, unseen: Books, found: list[str]
    ) -> dict[str, Any]:
        refused = {what: n for what, n in sorted(total.items()) if what.isupper()}
        return {
            "seed": self._order.seed,
            "killed": self._order.kill,
            "in": self._count,
            "decided": total[DECIDED],
            "duplicates": total["duplicates"],
            "skipped": total[SKIPPED],
            "dead_letters": sum(refused.values()),
            "by_code": refused,
            "by_way": dict(sorted(self._stream.ways.items())),
            "forwarded": total[FORWARDED],
            "taken_by_metrics": metrics[TAKEN],
            "not_scraped": unseen[TAKEN],
            "differences": found,
        }
