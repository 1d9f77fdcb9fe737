"""What the tests of a running worker share: its topics, its process, what it wrote."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from prometheus_client.parser import text_string_to_metric_families

from journey_engine.decide.state import CustomerState
from journey_engine.decode.log import LogLine, route
from journey_engine.decode.record import Record
from journey_engine.decode.whole import read_whole
from journey_engine.define.plan import Plan
from journey_engine.define.topics import Topics, parse_topics
from journey_engine.encode.deadletter import PREFIX
from journey_engine.encode.outgoing import OutKind
from journey_engine.encode.position import POSITION_KEY
from journey_engine.encode.state import decode_any_state
from journey_engine.run.brokers import free_port
from journey_engine.run.naming import Names, names
from journey_engine.run.outbox import encode_output
from journey_engine.run.producers import Output
from journey_engine.run.publisher import publish
from journey_engine.run.replay import Replay
from journey_engine.run.settings import Settings, load
from journey_engine.run.tailing import tail
from journey_engine.run.topics import create_topics, keeping_inputs
from tests.run.shop import DAY, HOUR, MINUTE, READ, SCHEMAS, line, plan

ROOT = Path(__file__).parents[2]
PARTITIONS = 3
PATIENCE_S = 150
"""For what must come. A busy machine takes 20 s to start a worker, a quiet one three."""
LAST_LINES = 60
"""Of the workers' log, told where a test fails."""
TOPICS = f"""
partitions: {PARTITIONS}
inputs: {{web: {{}}, app: {{}}, email: {{}}}}
commands: {{email: {{}}, push: {{}}}}
"""
KINDS = (OutKind.COMMAND, OutKind.TRANSITION, OutKind.DECISION, OutKind.DEADLETTER)

Written = Counter[tuple[str, bytes | None, bytes | None]]
"""How often each (topic, key, value) was written."""


def topics(app: str) -> Topics:
    return parse_topics("topics.yaml", TOPICS, app)


def shop_log(events: int, customers: int = 40) -> list[LogLine]:
    """A log that fires timers, cancels, repeats itself and has broken lines, the same each time."""
    channels = ("web", "app", "email")
    lines = [
        line(
            READ[number * 7 % len(READ)],
            f"c{number * 13 % customers}",
            number * 20 * MINUTE,
            event_id=str(number - number % 10 if number % 10 == 1 else number),
            channel=channels[number % 3],
        )
        for number in range(events)
    ]
    lines.append(line("PageViewed", "c1", events * 20 * MINUTE + 5 * DAY + HOUR, event_id="last"))
    return lines


DeadLetterPlace = tuple[bytes, ...]
"""Code, topic, partition and offset of what was refused."""


@dataclass(frozen=True)
class Sent:
    """What lies in the output topics, decoded."""

    commands: list[Mapping[str, Any]]
    transitions: list[Mapping[str, Any]]
    dead_letters: list[Record]

    def letters(self) -> Counter[DeadLetterPlace]:
        return Counter(
            tuple(error(letter, name) for name in ("code", "topic", "partition", "offset"))
            for letter in self.dead_letters
        )


def error(letter: Record, name: str) -> bytes:
    """What a dead letter's header says."""
    return dict(letter.headers)[PREFIX + name] or b""


class Rig:
    """One app on one broker, its topics apart from every other test's."""

    program: Sequence[str] = ("tests.broker.worker_program",)
    """What `python -m` runs as the worker."""

    def __init__(self, broker: str, app: str, data: Path, clock: str = "stream") -> None:
        self.plan: Plan = self.read_plan()
        self.topics: Topics = self.read_topics(app)
        self.settings: Settings = load(
            brokers=broker, app_id=app, topic_prefix=f"{app}.", clock=clock, data_dir=data
        )
        self.names: Names = names(self.topics, self.settings.topic_prefix)
        self.log_file = data / "worker.log"
        self.web_port = free_port()
        self.exactly_once = False

    def compared(self, written: Written) -> object:
        """What must be the same: the counts, too, where the broker has transactions."""
        return written if self.exactly_once else set(written)

    def read_plan(self) -> Plan:
        return plan()

    def read_topics(self, app: str) -> Topics:
        return topics(app)

    async def create(self) -> None:
        await create_topics(self.settings, keeping_inputs(self.topics))

    def records(self, lines: list[LogLine]) -> list[Record]:
        by_channel = dict(zip(self.topics.inputs, self.names.inputs, strict=True))
        return list(route(lines, SCHEMAS, by_channel, self.topics.partitions))

    async def publish(self, records: list[Record]) -> None:
        output = Output(self.settings)
        await output.start()
        try:
            await publish(output, records)
        finally:
            await output.stop()

    def expected(self, records: list[Record]) -> Written:
        """What a replay of the same records writes."""
        replay = Replay(self.plan, SCHEMAS, self.names.inputs, self.topics.partitions)
        limit = self.topics.outputs["deadletters"].max_bytes
        written: Written = Counter()
        for each in replay.outputs(records):
            record = encode_output(each.output, SCHEMAS, deadletter_bytes_max=limit)
            written[self.names.of(record), record.key, record.value] += 1
        return written

    async def written(self) -> Written:
        """What lies in the output topics."""
        outputs = (*self.names.commands.values(), *self.names.outputs.values())
        written: Written = Counter()
        async for record in tail(self.settings, outputs, self.topics.partitions):
            written[record.topic, record.key, record.value] += 1
        return written

    async def written_at_least(self, count: int, timeout_s: float = PATIENCE_S) -> Written:
        """What lies in the output topics once that many different records do, or at the end."""
        deadline = time.monotonic() + timeout_s
        written = await self.written()
        while len(written) < count and time.monotonic() < deadline:
            await asyncio.sleep(0.1)
            written = await self.written()
        return written

    async def sent(self) -> Sent:
        """What lies in the output topics now."""
        transitions = self.names.outputs[OutKind.TRANSITION]
        letters = self.names.outputs[OutKind.DEADLETTER]
        topics = (transitions, letters, *self.names.commands.values())
        found = Sent([], [], [])
        async for record in tail(self.settings, topics, self.topics.partitions):
            if record.topic == letters:
                found.dead_letters.append(record)
                continue
            fields = read_whole(record.value or b"", SCHEMAS)[1]
            kind = found.transitions if record.topic == transitions else found.commands
            kind.append(fields)
        return found

    async def sent_once(self, done: Callable[[Sent], bool], timeout_s: float = PATIENCE_S) -> Sent:
        """What lies in the output topics once it is as wanted."""
        deadline = time.monotonic() + timeout_s
        found = await self.sent()
        while not done(found):
            assert time.monotonic() < deadline, f"not in time: {found}"
            await asyncio.sleep(0.1)
            found = await self.sent()
        return found

    async def has_written(self, count: int, timeout_s: float = PATIENCE_S) -> None:
        """Return as soon as that many records, repeats among them, lie in the output topics."""
        topics = (*self.names.commands.values(), *self.names.outputs.values())
        async with asyncio.timeout(timeout_s):
            async for _ in tail(self.settings, topics, self.topics.partitions, follow=True):
                count -= 1
                if count == 0:
                    return

    async def states(self) -> Mapping[str, CustomerState]:
        """The states of customers and accounts as the changelog has them."""
        states: dict[str, CustomerState] = {}
        async for record in tail(self.settings, (self.names.changelog,), self.topics.partitions):
            assert record.key is not None
            if record.value is None:
                states.pop(record.key.decode(), None)
            elif record.key != POSITION_KEY:
                state = decode_any_state(record.value)
                if isinstance(state, CustomerState):
                    states[record.key.decode()] = state
        return states

    def logged(self, event: str | None = None) -> list[dict[str, Any]]:
        """The workers' log in order, all of it or the lines of one kind."""
        lines = self.log_file.read_text().splitlines()
        told = [json.loads(line) for line in lines if line.startswith("{")]
        return [line for line in told if event in (None, line["event"])]

    def start(self, **settings: str) -> "Process":
        return Process(self, settings)


class Process:
    """A worker process. Leaves nothing running, whatever the test does."""

    def __init__(self, rig: Rig, settings: Mapping[str, str]) -> None:
        environment = {
            **os.environ,  # noqa: TID251 - handed on to the worker untouched
            "JOURNEY_BROKERS": ",".join(rig.settings.brokers),
            "JOURNEY_APP_ID": rig.settings.app_id,
            "JOURNEY_TOPIC_PREFIX": rig.settings.topic_prefix,
            "JOURNEY_DATA_DIR": str(rig.settings.data_dir),
            "JOURNEY_CLOCK": rig.settings.clock,
            "JOURNEY_SESSION_TIMEOUT_S": "2",
            "JOURNEY_WEB_PORT": str(rig.web_port),
            **settings,
        }
        self._url = f"http://127.0.0.1:{environment['JOURNEY_WEB_PORT']}"
        token = environment.get("JOURNEY_WEB_TOKEN")
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._log_file = rig.log_file
        self._log_file.parent.mkdir(parents=True, exist_ok=True)
        with self._log_file.open("ab") as log:
            self.popen = subprocess.Popen(
                [sys.executable, "-m", *rig.program],
                cwd=ROOT,
                env=environment,
                stdout=log,
                stderr=log,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        if kind is not None:
            lines = self._log_file.read_text().splitlines()[-LAST_LINES:]
            sys.stdout.write("\n".join([f"{self._url}, exit code {self.popen.poll()}", *lines, ""]))
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.wait()

    def stop(self) -> int:
        self.popen.terminate()
        return self.popen.wait(PATIENCE_S)

    def kill(self) -> None:
        self.popen.kill()
        self.popen.wait()

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, str]:
        given = self._headers if headers is None else headers
        request = urllib.request.Request(self._url + path, headers=dict(given))  # noqa: S310 - our own
        try:
            with urllib.request.urlopen(request, timeout=2) as answer:  # noqa: S310 - our own
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, refusal.read().decode()

    def get_json(self, path: str) -> tuple[int, Any]:
        status, body = self.get(path)
        return status, json.loads(body)

    def metrics(self) -> Mapping[str, list[tuple[Mapping[str, str], float]]]:
        """The samples of /metrics: labels and value, by name."""
        found: defaultdict[str, list[tuple[Mapping[str, str], float]]] = defaultdict(list)
        for family in text_string_to_metric_families(self.get("/metrics")[1]):
            for sample in family.samples:
                found[sample.name].append((sample.labels, sample.value))
        return found

    def partitions(self) -> list[int]:
        """Those that run in this worker now."""
        status, answer = self.get_json("/readyz")
        return answer["partitions"] if status == 200 else []

    async def shares(self) -> None:
        """Wait until this worker holds some of the partitions and not all."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if 0 < len(await asyncio.to_thread(self.partitions)) < PARTITIONS:
                return
            await asyncio.sleep(0.1)
        raise AssertionError("the worker did not come to share the partitions")

    def polls(self, path: str, timeout_s: float = PATIENCE_S) -> Iterator[int]:
        """Statuses of a page, from when the server is up, until the time is over."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline and self.popen.poll() is None:
            with contextlib.suppress(OSError):  # not listening yet
                yield self.get(path)[0]
            time.sleep(0.05)

    async def ready(self, timeout_s: float = PATIENCE_S) -> None:
        def wait() -> bool:
            return any(status == 200 for status in self.polls("/readyz", timeout_s))

        assert await asyncio.to_thread(wait), "the worker did not become ready"
