"""The whole product over one log: topics made, a worker started, the log published, all outputs
watched until nothing is left to do, everything stopped.
"""

import asyncio
import contextlib
import signal
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from journey_engine.decode.record import Record
from journey_engine.decode.whole import read_whole
from journey_engine.define.topics import Topics
from journey_engine.encode.deadletter import PREFIX
from journey_engine.encode.outgoing import OutKind
from journey_engine.run.brokers import watch_over
from journey_engine.run.naming import Names, names
from journey_engine.run.producers import Output
from journey_engine.run.publisher import publish
from journey_engine.run.settings import Settings, environment
from journey_engine.run.summary import Summary
from journey_engine.run.tailing import tail
from journey_engine.run.topics import create_topics, delete_topics, keeping_inputs
from journey_engine.schemas import Schemas

POLL_S = 0.1
STOP_TIMEOUT_S = 30.0
LOG_TAIL_CHARS = 3_000

Offsets = Mapping[tuple[str, int], int]


class WorkerEndedError(Exception):
    """The worker ended before its work; the message ends with its log."""


@dataclass(frozen=True, slots=True)
class Happening:
    """A transition or a command that came out, `fields` as its schema names them."""

    kind: OutKind
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Demo:
    """What a demo runs with. The settings name the broker, the prefix and a free web port."""

    settings: Settings
    schemas: Schemas
    topics: Topics
    guest: bool = False
    """On somebody else's broker: the topics are deleted at the end."""

    async def run(self, records: Iterable[Record], watch: Callable[[Happening], None]) -> Summary:
        """Publish the records, with their marks, and see them through; what came of them.

        Raises:
            WorkerEndedError: the worker failed.
            KafkaError, BrokerAbsentError, TopicsError: the broker is not as it must be.
        """
        summary = Summary()
        await create_topics(self.settings, keeping_inputs(self.topics))
        try:
            async with self._worker() as process:
                if await self._see_through(summary.counting(records), process, watch):
                    summary.inputs.update(await self._input_outcomes())
            await self._count_outputs(summary)
        finally:
            if self.guest:
                await delete_topics(self.settings, self.topics)
        return summary

    async def _see_through(
        self,
        records: Iterator[Record],
        process: "_WorkerProcess",
        watch: Callable[[Happening], None],
    ) -> bool:
        """Whether there was anything; without a record the worker may not even be up yet."""
        watching = asyncio.create_task(self._watch(watch))
        try:
            ends = await self._publish(records)
            await self._finished(ends, process)
            return bool(ends)
        finally:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching  # what broke the view is to be seen

    @asynccontextmanager
    async def _worker(self) -> AsyncIterator["_WorkerProcess"]:
        with tempfile.TemporaryDirectory() as folder:
            process = _WorkerProcess(self.settings, Path(folder))
            try:
                yield process
            finally:
                await asyncio.to_thread(process.stop)

    async def _publish(self, records: Iterator[Record]) -> Offsets:
        """Send everything; by topic and partition, the offset after the last."""
        ends: defaultdict[tuple[str, int], int] = defaultdict(int)

        def ending() -> Iterator[Record]:
            for record in records:
                place = (self.settings.topic_prefix + record.topic, record.partition)
                ends[place] = record.offset + 1
                yield record

        output = Output(self.settings)
        await output.start()
        try:
            await publish(output, ending(), prefix=self.settings.topic_prefix)
        finally:
            await output.stop()
        return ends

    async def _finished(self, ends: Offsets, process: "_WorkerProcess") -> None:
        """Wait until the worker has committed all that was published."""
        group = AIOKafkaConsumer(
            **self.settings.clients(), group_id=self.settings.group, enable_auto_commit=False
        )
        await group.start()
        try:
            for (topic, partition), end in ends.items():
                # The broker forgets nothing, so one place after the other is enough.
                while (await group.committed(TopicPartition(topic, partition)) or 0) < end:
                    process.check()
                    await asyncio.sleep(POLL_S)
        finally:
            await group.stop()

    async def _watch(self, watch: Callable[[Happening], None]) -> None:
        wanted = names(self.topics, self.settings.topic_prefix)
        transitions = wanted.outputs[OutKind.TRANSITION]
        topics = [transitions, *wanted.commands.values()]
        async for record in tail(self.settings, topics, self.topics.partitions, follow=True):
            if record.value is not None:
                kind = OutKind.TRANSITION if record.topic == transitions else OutKind.COMMAND
                watch(Happening(kind, read_whole(record.value, self.schemas)[1]))

    async def _input_outcomes(self) -> Mapping[str, int]:
        url = f"http://127.0.0.1:{self.settings.web_port}/metrics"
        token = self.settings.web_token
        headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
        async with aiohttp.ClientSession(headers=headers) as session, session.get(url) as answer:
            text = await answer.text()
        outcomes: defaultdict[str, int] = defaultdict(int)
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == "journey_inputs_total":
                    outcomes[sample.labels["outcome"]] += int(sample.value)
        return outcomes

    async def _count_outputs(self, summary: Summary) -> None:
        """Count each output once, however often the broker has it."""
        wanted = names(self.topics, self.settings.topic_prefix)
        topics = [*wanted.outputs.values(), *wanted.commands.values()]
        seen: set[tuple[str, int, bytes | None, bytes | None, Any]] = set()
        async for record in tail(self.settings, topics, self.topics.partitions):
            same = (record.topic, record.partition, record.key, record.value, _position(record))
            if same not in seen:
                seen.add(same)
                self._count(summary, wanted, record)

    def _count(self, summary: Summary, wanted: Names, record: Record) -> None:
        if record.topic == wanted.outputs[OutKind.DEADLETTER]:
            code = dict(record.headers)[f"{PREFIX}code"] or b""
            summary.dead_letters[code.decode()] += 1
            return
        _, fields = read_whole(record.value or b"", self.schemas)
        if record.topic == wanted.outputs[OutKind.TRANSITION]:
            summary.transitions += 1
            if fields["from"] is None:
                summary.entries[fields["journey"]] += 1
        elif record.topic == wanted.outputs[OutKind.DECISION]:
            summary.decided(fields["outcome"])
        else:
            summary.commands[fields["channel"]] += 1


def _position(record: Record) -> tuple[bytes | None, ...]:
    """Where a dead letter lay: two with one body are two."""
    headers = dict(record.headers)
    return tuple(headers.get(PREFIX + name) for name in ("topic", "partition", "offset"))


class _WorkerProcess:
    """A worker as an operator starts it, and out of reach of a Ctrl-C: it is stopped by us."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._log = folder / "worker.log"
        settings = settings.model_copy(update={"data_dir": folder / "data"})
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "journey_engine", "worker"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment(settings),
                start_new_session=True,
            )
        self._watch = watch_over(self._process.pid)

    def check(self) -> None:
        """See that it runs.

        Raises:
            WorkerEndedError: it does not.
        """
        if self._process.poll() is not None:
            raise WorkerEndedError(
                f"the worker ended with code {self._process.returncode}; its log ends:\n"
                + self._log.read_text(encoding="utf-8", errors="replace")[-LOG_TAIL_CHARS:]
            )

    def stop(self) -> None:
        """Ask it to stop, and make it."""
        if self._watch is not None:
            self._watch.kill()
            self._watch.communicate()
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
