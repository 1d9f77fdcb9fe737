"""One run's place: a broker, a folder, topics of its own, and what lies in them at the end."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient

from journey_engine.decode.record import Record
from journey_engine.define.topics import Topics, TopicSpec
from journey_engine.run.definitions import load_topics
from journey_engine.run.producers import Output
from journey_engine.run.publisher import publish
from journey_engine.run.settings import Settings, load
from journey_engine.run.tailing import tail
from journey_engine.run.topics import FOR_GOOD, create_topics
from tests.bench.job import TOPIC

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
DECLARED = 4
"""Partitions in the `topics.yaml` of the bench."""
COMMANDS = "commands.email.v1"
SHOWN = 4_000
"""Characters of a log's begin and of its end."""


@dataclass(frozen=True)
class Site:
    """`app` names everything of the run; `embedded` says what the broker cannot do."""

    broker: str
    folder: Path
    app: str
    definitions: Path = HERE / "topologies"
    partitions: int = DECLARED
    embedded: bool = False

    @property
    def prefix(self) -> str:
        return f"{self.app}."

    @property
    def input(self) -> str:
        return self.prefix + TOPIC

    @property
    def commands(self) -> str:
        return self.prefix + COMMANDS

    @property
    def log(self) -> Path:
        """Where the engine's own words go."""
        return self.folder / "log"

    @property
    def topologies(self) -> Path:
        """The definitions, for this many partitions."""
        return self.folder / "topologies"

    @cached_property
    def settings(self) -> Settings:
        return load(
            brokers=self.broker,
            app_id=self.app,
            topic_prefix=self.prefix,
            idempotent_producer=not self.embedded,
        )

    @cached_property
    def topics(self) -> Topics:
        """All are kept for good: what happens in the job lies in the past."""
        declared = load_topics(self.topologies, self.app)
        return replace(
            declared,
            inputs=_kept(declared.inputs.items()),
            commands=_kept(declared.commands.items()),
        )

    async def prepare(self) -> None:
        """Write the definitions and make the topics that every engine needs."""
        shutil.copytree(self.definitions, self.topologies)
        place = self.topologies / "topics.yaml"
        text = place.read_text(encoding="utf-8")
        wanted = text.replace(f"partitions: {DECLARED}", f"partitions: {self.partitions}")
        place.write_text(wanted, encoding="utf-8")
        await create_topics(self.settings, self.topics)

    async def publish(self, records: Iterable[Record]) -> None:
        async with self.output() as output:
            await publish(output, records, prefix=self.prefix)

    @asynccontextmanager
    async def output(self) -> AsyncIterator[Output]:
        output = Output(self.settings)
        await output.start()
        try:
            yield output
        finally:
            await output.stop()

    async def read(self, topic: str, *, follow: bool = False) -> AsyncIterator[Record]:
        """What is in a topic, and with `follow` what comes."""
        async for record in tail(self.settings, (topic,), self.partitions, follow=follow):
            yield record

    async def forget(self) -> None:
        """Delete all topics of the run, those included that the engine made."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.broker)
        await admin.start()
        try:
            await admin.delete_topics([t for t in await admin.list_topics() if self.app in t])
        finally:
            await admin.close()

    def spawn(self, arguments: list[str], **settings: str) -> "subprocess.Popen[bytes]":
        """Start an engine in the project's folder; its words go to `log`."""
        environment = {**os.environ, **settings}  # noqa: TID251 - handed on to the child
        with self.log.open("ab") as sink:
            return subprocess.Popen(
                arguments, stdout=sink, stderr=subprocess.STDOUT, env=environment, cwd=ROOT
            )

    def complaint(self) -> str:
        """What `log` begins and ends with: what went wrong first, and what came of it."""
        text = self.log.read_text(encoding="utf-8", errors="replace")
        return text if len(text) <= 2 * SHOWN else f"{text[:SHOWN]}\n[…]\n{text[-SHOWN:]}"


def python(module: str) -> list[str]:
    """How to run one of our modules."""
    return [sys.executable, "-m", module]


def _kept(specs: Iterable[tuple[str, TopicSpec]]) -> dict[str, TopicSpec]:
    return {name: replace(spec, retention=FOR_GOOD) for name, spec in specs}


@contextlib.contextmanager
def ending(process: "subprocess.Popen[bytes]", within_s: float = 60.0) -> Iterator[None]:
    """Stop an engine at the end, politely first."""
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(within_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
