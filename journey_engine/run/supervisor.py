"""Several workers on one host: started, started again when one dies, stopped together.

A process has one interpreter and uses one core; each gets a data directory, a web port and a name
in the group of its own. All of them end when this process does, however it ends.
"""

import asyncio
import contextlib
import signal
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from typing import BinaryIO, NamedTuple

import msgspec
import structlog

from journey_engine.run.brokers import watch_over
from journey_engine.run.settings import Settings, environment

LINE_BYTES = 1024 * 1024
"""Of a longer line of a worker only the end is passed on."""
PORT_MAX = 65535
ENDED_WELL = (0, -signal.SIGTERM)
"""Exit codes after a SIGTERM; the second: it came before the worker had begun, or after its end."""

log = structlog.get_logger(__name__)


class Patience(NamedTuple):
    """What a worker is forgiven.

    `most` deaths in a row are made good, each within `steady_s` of its start; one more, and all
    are stopped. The first wait is `backoff_s`, it doubles with each further death in a row. A stop
    may take `grace_s` longer than the worker's own `stop_timeout_s`, then it is killed.
    """

    most: int = 5
    steady_s: float = 60.0
    backoff_s: float = 1.0
    grace_s: float = 5.0

    def wait_s(self, deaths: int) -> float:
        """The wait after so many deaths in a row."""
        return self.backoff_s * 2.0 ** (deaths - 1)


class PortsTakenError(Exception):
    """Web ports are not free; the message names them."""


def apart(settings: Settings, index: int) -> Settings:
    """The settings of one of the workers."""
    name = settings.group_instance_id
    return settings.model_copy(
        update={
            "data_dir": settings.data_dir / str(index),
            "web_port": settings.web_port + index,
            "group_instance_id": None if name is None else f"{name}-{index}",
        }
    )


def require_ports(settings: Settings, processes: int) -> None:
    """See that each worker's web port is free.

    Raises:
        PortsTakenError: one is not.
    """
    ports = [settings.web_port + index for index in range(processes)]
    taken = [str(port) for port in ports if not _is_free(settings.web_host, port)]
    if taken:
        several = f"{processes} workers take {ports[0]} to {ports[-1]}, " if processes > 1 else ""
        raise PortsTakenError(
            f"port {', '.join(taken)} of {settings.web_host} cannot be listened at: {several}see "
            "JOURNEY_WEB_PORT and JOURNEY_WEB_HOST"
        )


def _is_free(host: str, port: int) -> bool:
    if port > PORT_MAX:  # getaddrinfo would take another one for it
        return False
    try:
        for family, kind, protocol, _, address in socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:  # as asyncio does, or `::` would take IPv4 along
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind(address)
    except OSError:
        return False
    return True


class Supervisor:
    """Keeps so many workers running until a signal, or until one cannot be kept."""

    def __init__(
        self,
        settings: Settings,
        processes: int,
        command: Sequence[str],
        patience: Patience = Patience(),  # noqa: B008 - it cannot be changed
    ) -> None:
        self._settings = settings
        self._processes = processes
        self._command = command
        self._patience = patience
        self._stopping = asyncio.Event()

    async def run(self) -> int:
        """Run until SIGTERM or SIGINT; 0 if each worker then ended well, else 1."""
        loop = asyncio.get_running_loop()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(each, self._stopping.set)
        ended_well = await asyncio.gather(*(self._keep(i) for i in range(self._processes)))
        return 0 if all(ended_well) else 1

    async def _keep(self, index: int) -> bool:
        """Run one worker, again and again; whether it ended well when asked to stop."""
        deaths = 0
        while True:
            begun = time.monotonic()
            asked, code = await self._run_once(index)
            if asked:
                return code in ENDED_WELL
            steady = time.monotonic() - begun > self._patience.steady_s
            deaths = 1 if steady else deaths + 1
            if deaths > self._patience.most:
                log.error("worker_given_up", worker=index, exit_code=code, deaths=deaths)
                self._stopping.set()
                return False
            wait_s = self._patience.wait_s(deaths)
            log.warning("worker_died", worker=index, exit_code=code, restart_in_s=wait_s)
            if await self._stopped_within(wait_s):
                return code in ENDED_WELL  # the signal may have reached it before us

    async def _stopped_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)
        return self._stopping.is_set()

    async def _run_once(self, index: int) -> tuple[bool, int]:
        """Whether it was asked to end, and with what it ended."""
        process = await asyncio.create_subprocess_exec(
            *self._command,
            env=environment(apart(self._settings, index)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=LINE_BYTES,
            start_new_session=True,  # Ctrl-C reaches us alone, we pass it on
        )
        log.info("worker_started", worker=index, pid=process.pid)
        with _tied_to_us(process):
            showing = asyncio.create_task(self._show(index, process))
            ending = asyncio.create_task(process.wait())
            stopping = asyncio.create_task(self._stopping.wait())
            await asyncio.wait((ending, stopping), return_when=asyncio.FIRST_COMPLETED)
            asked = not ending.done()
            stopping.cancel()
            if asked:
                await self._end(process)
            code = await ending
            await showing
        return asked, code

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        process.terminate()
        try:
            within_s = self._settings.stop_timeout_s + self._patience.grace_s
            await asyncio.wait_for(process.wait(), within_s)
        except TimeoutError:
            process.kill()

    async def _show(self, index: int, process: asyncio.subprocess.Process) -> None:
        """Pass on what the worker says, each line marked as its own."""
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        while True:
            try:
                line = await process.stdout.readline()
            except ValueError:  # dropped by asyncio; the worker must not wait for us to read on
                log.warning("line_too_long", worker=index, bytes=LINE_BYTES)
                continue
            if not line:
                return
            _write(sys.stderr.buffer, self._marked(index, line.rstrip(b"\n")))

    def _marked(self, index: int, line: bytes) -> bytes:
        if self._settings.log_format != "json":
            return b"worker %d | %s" % (index, line)
        if line.startswith(b'{"'):
            return b'{"worker": %d, %s' % (index, line[1:])
        return msgspec.json.encode({"worker": index, "event": line.decode(errors="replace")})


def _write(to: BinaryIO, line: bytes) -> None:
    to.write(line + b"\n")
    to.flush()


@contextlib.contextmanager
def _tied_to_us(process: asyncio.subprocess.Process) -> Iterator[None]:
    """Leave no worker behind, neither by an error here nor by the death of this process."""
    watcher = watch_over(process.pid)
    try:
        yield
    finally:
        if process.returncode is None:
            process.kill()
        if watcher is not None:
            watcher.kill()
            watcher.wait()
            if watcher.stdin is not None:
                watcher.stdin.close()


def supervise(settings: Settings, processes: int, command: Sequence[str]) -> int:
    """Run so many workers, each as `command` with settings of its own; the exit code.

    Raises:
        PortsTakenError: a web port is not free.
    """
    require_ports(settings, processes)
    return asyncio.run(Supervisor(settings, processes, command).run())
