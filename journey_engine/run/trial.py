"""A channel's program against an engine that is played: the topics are there, commands are written,
events are looked at. No engine decides anything.
"""

import asyncio
import contextlib
import signal
import subprocess
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from journey_engine.contract.answers import Examination, Finding
from journey_engine.contract.channels import Company
from journey_engine.contract.errands import LATER_MS, Errand, Trial
from journey_engine.contract.intake import Intake, Told
from journey_engine.decode.partition import partition_of
from journey_engine.encode.command import encode_command
from journey_engine.run.naming import names
from journey_engine.run.producers import Output
from journey_engine.run.producing import Message
from journey_engine.run.settings import Settings, environment
from journey_engine.run.tailing import tail
from journey_engine.run.topics import create_topics

GRACE_S = 2.0
"""How long is waited for what should not come, behind the time when it might."""
_STOP_WITHIN_S = 10.0
_LOOK_EVERY_S = 0.05
_STANDARD_ERROR = 2

Tell = Callable[[Told], None]


class Program:
    """The channel's program, with the settings of the trial in its environment. What it prints
    goes to standard error: on standard output stands the verdict.
    """

    def __init__(self, command: Sequence[str], settings: Settings) -> None:
        self._command = command
        self._environment = environment(settings)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        if self._command:
            self._process = subprocess.Popen(  # noqa: S603 - the caller's own program
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=_STANDARD_ERROR,
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    @property
    def code(self) -> int | None:
        """With which code it has ended; None while it runs, or where there is none."""
        return None if self._process is None else self._process.poll()


class _Inputs:
    """The input topics, from when the trial began: what lay there before is passed over."""

    def __init__(self, settings: Settings, company: Company, tell: Tell) -> None:
        self._settings = settings
        self._topics = names(company.topics, settings.topic_prefix).inputs
        self._partitions = company.topics.partitions
        self._intake = Intake(company, settings.topic_prefix)
        self._tell = tell
        self._next: dict[tuple[str, int], int] = {}

    async def skip(self) -> None:
        """Pass over what is there now."""
        async for record in tail(self._settings, self._topics, self._partitions):
            self._next[record.topic, record.partition] = record.offset + 1

    async def take(self, *, follow: bool) -> None:
        """Look at all that is new, to the end or on and on."""
        async for record in tail(self._settings, self._topics, self._partitions, follow=follow):
            place = (record.topic, record.partition)
            if record.offset >= self._next.get(place, 0):
                self._next[place] = record.offset + 1
                self._tell(self._intake.take(record))


@asynccontextmanager
async def _looking(
    settings: Settings, company: Company, tell: Tell
) -> AsyncGenerator["asyncio.Task[None]", None]:
    """Look at what is written to the inputs meanwhile, to the last record; the task that does."""
    inputs = _Inputs(settings, company, tell)
    await inputs.skip()
    looking = asyncio.create_task(inputs.take(follow=True))
    try:
        yield looking
    finally:
        looking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await looking
    await inputs.take(follow=False)


async def try_publisher(
    settings: Settings,
    company: Company,
    program: Sequence[str],
    tell: Tell,
    *,
    events: int,
    within_s: float,
) -> list[Finding]:
    """Look at what is written to the inputs until the program has ended, or so many events have
    come, or the time is over. `tell` is told of each.

    Raises:
        BrokerAbsentError, TopicsError, KafkaError: the broker cannot be worked with.
        OSError: the program cannot be started.
    """
    said: list[Told] = []

    def take(told: Told) -> None:
        said.append(told)
        tell(told)

    await create_topics(settings, company.topics)
    async with _looking(settings, company, take) as looking:
        with Program(program, settings) as running:
            await _until(lambda: running.code is not None or len(said) >= events, looking, within_s)
            code = running.code
    return _findings_on(said, code)


def _findings_on(said: Iterable[Told], code: int | None) -> list[Finding]:
    """What a publisher is judged by."""
    said = list(said)
    faults = [
        f"{each.topic}, partition {each.partition} at {each.offset}: {each.code}: {each.message}"
        for each in said
        if not each.good
    ]
    nothing = () if said else ("no event came",)
    ended = () if code in (None, 0) else (f"it ended with code {code}",)
    return [
        Finding("events", "every event is taken", (*faults, *nothing)),
        Finding("program", "it ends with code 0, where it ends", ended),
    ]


async def try_sender(
    settings: Settings,
    company: Company,
    trial: Trial,
    program: Sequence[str],
    tell: Tell,
    *,
    start_s: float,
    within_s: float,
) -> list[Finding]:
    """Ask the channel's sender for the errands of the trial, and judge what comes back: the first
    answer within `start_s`, all others within `within_s`. `tell` is told of each event.

    Raises:
        BrokerAbsentError, TopicsError, KafkaError: the broker cannot be worked with.
        OSError: the program cannot be started.
    """
    examination = Examination(company)

    def take(told: Told) -> None:
        examination.take(told, _now_ms())
        tell(told)

    await create_topics(settings, company.topics)
    async with _looking(settings, company, take) as looking, _writer(settings) as output:
        with Program(program, settings) as running:

            def ended() -> bool:
                return running.code is not None

            for errands, least_s, most_s in (
                (trial.first, 0.0, start_s),
                (trial.rest, LATER_MS / 1000 + GRACE_S, within_s),
            ):
                began_s = _now_ms() / 1000
                await _ask(output, settings, company, examination, errands(_now_ms()))
                await _until(lambda: ended() or not examination.waits(), looking, most_s)
                if ended() or examination.waits():
                    break
                await _until(ended, looking, began_s + least_s - _now_ms() / 1000)
            code = running.code
    faults = () if code is None else (f"it ended by itself, with code {code}",)
    return [*examination.findings(), Finding("program", "it runs until it is stopped", faults)]


async def _ask(
    output: Output,
    settings: Settings,
    company: Company,
    examination: Examination,
    errands: Iterable[Errand],
) -> None:
    """Write the errands' commands, watched from before they are there."""
    for errand in errands:
        examination.ask(errand)
        record = encode_command(errand.command, company.schemas)
        partition = partition_of(record.key, company.topics.partitions)
        topic = names(company.topics, settings.topic_prefix).of(record)
        message = Message(record.key, record.value, record.headers)
        await output.write(topic, partition, [message] * errand.times)


@asynccontextmanager
async def _writer(settings: Settings) -> AsyncGenerator[Output, None]:
    output = Output(settings)
    await output.start()
    try:
        yield output
    finally:
        await output.stop()


async def _until(done: Callable[[], bool], looking: "asyncio.Task[None]", within_s: float) -> None:
    """Wait for it, or for the end of the time or of the looking."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(max(within_s, 0)):
            while not done() and not looking.done():
                await asyncio.wait([looking], timeout=_LOOK_EVERY_S)


def _now_ms() -> int:
    return int(datetime.now(UTC).timestamp() * 1000)
