"""One Kafka, a proxy for each worker, and workers as processes that are started again and again."""

import asyncio
import contextlib
import sys
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any, Self

from journey_engine.run.brokers import KafkaBroker, free_port
from journey_engine.run.settings import ClockKind, Settings, StoreKind, environment, load
from tests.chaos.control import Orders, give, hits
from tests.chaos.proxy import Proxy
from tests.guarded import GuardedKafka

ROOT = Path(__file__).parents[2]
TOPOLOGIES = Path(__file__).parent / "topologies"
APP = "chaos"
AGAIN_S = 0.5
"""How long a worker that ended stays away."""
STOP_S = 40.0
READY_EVERY_S = 0.2
OPENED = b'"partitions_opened"'
SESSION_S = 4.0
"""Shorter than shipped: a killed worker's partitions wait for so long."""


class Worker:
    """One worker: its process, its proxy, its log, its folder."""

    def __init__(self, command: list[str], settings: Settings, proxy: Proxy) -> None:
        self.proxy = proxy
        self.log = settings.data_dir.with_suffix(".log")
        self.deaths = 0
        """How often the process ended."""
        self.codes: list[int] = []
        self._port = settings.web_port
        self._control = settings.data_dir.with_suffix(".control")
        self._command = [*command, str(self._control)]
        self._environment = environment(settings)
        self._wanted = False
        self._watch: asyncio.Task[None] | None = None
        self._process: Process | None = None
        self.orders = Orders()

    @property
    def hits(self) -> list[str]:
        """Named points at which it killed itself."""
        return hits(self._control)

    def order(self, orders: Orders) -> None:
        """Tell the process."""
        self.orders = orders
        give(self._control, orders)

    def start(self) -> None:
        """Start it, and again whenever it ends, until `stop`."""
        self._wanted = True
        if self._watch is None:
            self.order(self.orders)
            self._watch = asyncio.create_task(self._keep())

    def signal(self, number: int) -> None:
        """Send a signal to the process, if there is one."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)

    @property
    def openings(self) -> int:
        """How often it has opened partitions, in all its lives."""
        return self.log.read_bytes().count(OPENED)

    async def ready(self, within_s: float) -> bool:
        """Wait until all its partitions run; False if that takes too long."""
        return await _until(self._is_ready, within_s)

    async def opened(self, before: int, within_s: float) -> bool:
        """Wait until it has opened partitions more often than that, and works."""

        async def again() -> bool:
            return self.openings > before and await self._is_ready()

        return await _until(again, within_s)

    async def _is_ready(self) -> bool:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            return False
        try:
            writer.write(b"GET /readyz HTTP/1.0\r\n\r\n")
            return b" 200 " in await reader.readline()
        except OSError:
            return False
        finally:
            writer.close()

    async def died_on_order(self, within_s: float) -> None:
        """Wait until no point is ordered any more, or the time is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while self.orders.point is not None:  # noqa: ASYNC110 - another process
                    await asyncio.sleep(READY_EVERY_S)

    async def stop(self) -> int:
        """Ask it to leave and wait; its exit code."""
        self._wanted = False
        process, watch = self._process, self._watch
        if process is None or watch is None:
            return 0
        self.signal(15)
        try:
            async with asyncio.timeout(STOP_S):
                await asyncio.shield(watch)
        except TimeoutError:
            process.kill()
            await watch
        return process.returncode or 0

    def kill(self) -> None:
        """End it for good, at once."""
        self._wanted = False
        self.signal(9)

    async def _keep(self) -> None:
        while self._wanted:
            hits_before = len(self.hits)
            self._process = await self._spawn()
            self.codes.append(await self._process.wait())
            self.deaths += 1
            if len(self.hits) > hits_before:  # one death for one order
                self.order(Orders(self.orders.clock_ms))
            if self._wanted:
                await asyncio.sleep(AGAIN_S)
        self._watch = None

    async def _spawn(self) -> Process:
        with self.log.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *self._command, cwd=ROOT, env=self._environment, stdout=log, stderr=log
            )


async def _until(holds: Callable[[], Awaitable[bool]], within_s: float) -> bool:
    try:
        async with asyncio.timeout(within_s):
            while not await holds():  # noqa: ASYNC110 - another process
                await asyncio.sleep(READY_EVERY_S)
    except TimeoutError:
        return False
    return True


class Cluster:
    """Everything that a run needs, stopped at its end whatever happens."""

    def __init__(
        self,
        folder: Path,
        workers: int,
        program: str,
        clock: ClockKind,
        store: StoreKind,
        *,
        guarded: bool = False,
    ) -> None:
        ports = {free_port(): free_port() for _ in range(workers)}
        self.fault_log = folder / "faults.log"
        access: Mapping[str, Any] = {}
        self.broker: KafkaBroker
        if guarded:
            broker = GuardedKafka(folder / "kafka", fronts=ports)
            self.broker, access = broker, broker.login()
        else:
            self.broker = KafkaBroker(folder / "kafka", fronts=ports)
        made = partial(self._settings, clock=clock, store=store, access=access)
        self.settings = made(folder, self.broker.port)
        command = [sys.executable, "-m", program]
        self.workers = [
            Worker(
                command,
                made(folder / f"worker-{n}", told),
                Proxy(told, port),
            )
            for n, (port, told) in enumerate(ports.items())
        ]
        self._stack = AsyncExitStack()

    @staticmethod
    def _settings(
        data: Path, port: int, clock: ClockKind, store: StoreKind, access: Mapping[str, Any]
    ) -> Settings:
        return load(
            brokers=f"127.0.0.1:{port}",
            app_id=APP,
            topic_prefix=f"{APP}.",
            topologies=TOPOLOGIES,
            schemas=ROOT / "schemas",
            clock=clock,
            store=store,
            data_dir=data,
            web_port=free_port(),
            session_timeout_s=SESSION_S,
            **access,
        )

    async def __aenter__(self) -> Self:
        try:
            await asyncio.to_thread(self.broker.start)
            self._stack.callback(self.broker.stop)
            for worker in self.workers:
                await self._stack.enter_async_context(worker.proxy)
                self._stack.callback(worker.kill)
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()

    async def leave(self) -> list[int]:
        """Let all workers leave in good order; their exit codes."""
        return list(await asyncio.gather(*(worker.stop() for worker in self.workers)))

    def heal(self) -> None:
        """End every fault that is still under way."""
        for worker in self.workers:
            worker.proxy.heal()
            worker.signal(18)
            worker.order(Orders())
            worker.start()
