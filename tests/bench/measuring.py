"""One run of one engine: the log published, the work accounted, what came out checked."""

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import lru_cache
from itertools import chain, count, islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import psutil
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from journey_engine.decode.record import Record
from journey_engine.run.brokers import EmbeddedBroker, KafkaBroker
from journey_engine.run.definitions import load_schemas
from tests.bench.contestants import Contestant
from tests.bench.job import CLOSER, Log, Shop
from tests.bench.outcome import DifferentError, Outcome, compare, entered, expected
from tests.bench.site import ROOT, Site, ending

if TYPE_CHECKING:
    import subprocess

DEADLINE_S = 1_800.0
QUIET_S = 90.0
"""How long commands that are still missing are waited for, after the last event was taken."""
POLL_S = 0.1
TICK_S = 0.01
"""The system counts CPU in steps of this."""
_NUMBERS = count(time.time_ns() // 1_000_000)


class Run(NamedTuple):
    """One run of one engine. `events` are those measured; `state_bytes` of a customer, key and
    value; `commands` of the whole run, None where nobody checks them.
    """

    events: int
    cpu_s: float
    wall_s: float
    rss_mib: int
    commands: int | None = None
    state_bytes: float | None = None
    digest: str | None = None

    @property
    def per_cpu_second(self) -> float:
        return self.events / max(self.cpu_s, TICK_S)

    @property
    def per_second(self) -> float:
        return self.events / self.wall_s


class Usage(NamedTuple):
    """What a process and its children have taken."""

    cpu_s: float
    rss_bytes: int


def usage(pid: int) -> Usage:
    """User and system time of all threads, and resident memory, children included."""
    parent = psutil.Process(pid)
    each = [parent, *parent.children(recursive=True)]
    cpu = sum(sum(process.cpu_times()[:2]) for process in each)
    return Usage(cpu, sum(process.memory_info().rss for process in each))


class Broker:
    """Apache Kafka, one for all runs, or the embedded broker, a new one for each. `address` is that
    of a Kafka that runs already.
    """

    def __init__(self, *, embedded: bool = False, address: str | None = None) -> None:
        self.embedded = embedded
        self._given = address
        self._kafka: KafkaBroker | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def stop(self) -> None:
        if self._kafka is not None:
            self._kafka.stop()
        if self._folder is not None:
            self._folder.cleanup()

    @asynccontextmanager
    async def site(self, contestant: Contestant, partitions: int) -> AsyncIterator[Site]:
        """A place for one run, its topics made."""
        app = f"b{next(_NUMBERS)}"
        with tempfile.TemporaryDirectory() as folder:
            if self.embedded:
                with EmbeddedBroker() as broker:
                    yield await self._prepared(broker.address, folder, app, contestant, partitions)
                return
            address = self._address()
            site = await self._prepared(address, folder, app, contestant, partitions)
            try:
                yield site
            finally:
                await site.forget()

    def _address(self) -> str:
        if self._given is not None:
            return self._given
        if self._kafka is None:
            self._folder = tempfile.TemporaryDirectory()
            self._kafka = KafkaBroker(Path(self._folder.name))
            self._kafka.start()
        return self._kafka.address

    async def _prepared(
        self, address: str, folder: str, app: str, contestant: Contestant, partitions: int
    ) -> Site:
        place = Path(folder)
        (place / "data").mkdir()
        site = Site(address, place, app, contestant.definitions, partitions, self.embedded)
        await site.prepare()
        return site


@lru_cache(maxsize=4)
def log_of(shop: Shop) -> Log:
    """A shop's log; the last ones are kept."""
    return Log(shop, load_schemas(ROOT / "schemas"))


@lru_cache(maxsize=4)
def wanted_of(shop: Shop, *, timers: bool) -> Outcome:
    """What the job brings about in a shop."""
    return expected(shop.visits(), timers=timers)


async def measure(contestant: Contestant, broker: Broker, shop: Shop) -> Run:
    """Publish all events, run the engine over them, account its CPU, check what it did. To one
    that commits late the events that are measured are published when all others are committed.

    Raises:
        DifferentError: it did something else than the job.
        SystemExit: it did not finish; its own words are told.
    """
    log = log_of(shop)
    async with broker.site(contestant, shop.partitions) as site:
        begin = shop.arrivals + int(shop.events * contestant.settle)
        records = log.records()
        await site.publish(islice(records, begin if contestant.commits_late else None))
        process = contestant.start(site)
        with ending(process):
            with words_of(contestant, site):
                group = contestant.group(site)
                run = await account(process, site, group, begin, shop.total, records)
            if contestant.checked:
                await _commands_come(contestant, site, shop, log)
        if contestant.checked:
            return await _checked(contestant, site, shop, run)
        return await _echoed(contestant, site, shop, run) if contestant.echoes else run


@contextlib.contextmanager
def words_of(contestant: Contestant, site: Site) -> Iterator[None]:
    """End with the engine's own words where it did not come to its end."""
    try:
        yield
    except TimeoutError:
        raise SystemExit(
            f"{contestant.name} did not finish; its words:\n{site.complaint()}"
        ) from None


async def account(
    process: "subprocess.Popen[bytes]",
    site: Site,
    group: str,
    begin: int,
    end: int,
    rest: Iterator[Record],
) -> Run:
    """The CPU and the time from when `begin` events are committed until `end` are, of which `rest`
    is published between; TimeoutError as `reached`.
    """
    done = await reached(process, site, group, begin)
    before, wall = usage(process.pid), time.monotonic()
    if (first := next(rest, None)) is not None:
        await site.publish(chain((first,), rest))
    await reached(process, site, group, end)
    after, ended = usage(process.pid), time.monotonic()
    if done == end:
        raise SystemExit(f"all {end} events were committed at once: too few to measure")
    return Run(end - done, after.cpu_s - before.cpu_s, ended - wall, after.rss_bytes >> 20)


async def reached(
    process: "subprocess.Popen[bytes]", site: Site, group_id: str, target: int
) -> int:
    """Wait until the group has committed so many events; how many it was then.

    Raises:
        TimeoutError: the process ended, or it took longer than `DEADLINE_S`.
    """
    group = AIOKafkaConsumer(
        bootstrap_servers=site.broker, group_id=group_id, enable_auto_commit=False
    )
    deadline = time.monotonic() + DEADLINE_S
    places = [TopicPartition(site.input, partition) for partition in range(site.partitions)]
    await group.start()
    try:
        while time.monotonic() < deadline and process.poll() is None:
            offsets = [await group.committed(place) for place in places]
            done = sum(offset or 0 for offset in offsets)
            if done >= target:
                return done
            await asyncio.sleep(POLL_S)
    finally:
        await group.stop()
    raise TimeoutError


async def _echoed(contestant: Contestant, site: Site, shop: Shop, run: Run) -> Run:
    """See that there is a command for each event."""
    found = [True async for _ in site.read(site.commands)]
    if len(found) != shop.total:
        raise DifferentError(f"{contestant.name}: {len(found)} commands of {shop.total} events")
    return run._replace(commands=len(found))


async def _commands_come(contestant: Contestant, site: Site, shop: Shop, log: Log) -> None:
    """Make the last timers due, and wait for as many commands as must come, if they do."""
    wanted = wanted_of(shop, timers=contestant.timers).commands * contestant.copies
    if contestant.timers:
        await site.publish(log.closing())
        wanted += shop.partitions * contestant.copies
    seen, last = 0, time.monotonic()

    async def look() -> None:
        nonlocal seen, last
        async for _ in site.read(site.commands, follow=True):
            seen, last = seen + 1, time.monotonic()
            if seen >= wanted:
                return

    looking = asyncio.create_task(look())
    while not looking.done() and time.monotonic() - last < QUIET_S:
        await asyncio.wait([looking], timeout=1.0)
    await given_up(looking)


async def given_up(task: "asyncio.Task[None]") -> None:
    """Cancel a task that may be done; what it failed with is raised."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def _checked(contestant: Contestant, site: Site, shop: Shop, run: Run) -> Run:
    """See that the commands and the last states are those of the job."""
    wanted = wanted_of(shop, timers=contestant.timers)
    values = [each.value async for each in site.read(site.commands) if each.value is not None]
    stages, sizes = await _states(contestant, site)
    for number in range(1, contestant.copies + 1):
        journey = "bench" if number == 1 else f"bench-{number}"
        found = Outcome(entered(values, journey), stages)
        compare(f"{contestant.name} ({journey})", wanted, found)
    if not sizes:
        raise DifferentError(f"{contestant.name} left no states in {contestant.changelog(site)}")
    size = sum(sizes.values()) / len(sizes)
    return run._replace(commands=wanted.commands, state_bytes=size, digest=wanted.digest()[:12])


async def _states(contestant: Contestant, site: Site) -> tuple[dict[str, str], dict[str, int]]:
    """By customer the last stage, and the bytes of key and value; closers left out."""
    stages: dict[str, str] = {}
    sizes: dict[str, int] = {}
    topic = contestant.changelog(site)
    async for record in site.read(topic):
        if record.key is None or record.value is None:
            continue
        state = contestant.state(record.key, record.value)
        if state is not None and not state.customer.startswith(CLOSER):
            stages[state.customer] = state.stage
            sizes[state.customer] = len(record.key) + len(record.value)
    return stages, sizes
