"""A Schema Registry of its own for a test session: Apicurio Registry, its data in memory."""

import contextlib
import json
import shutil
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Self

from journey_engine.run.brokers import free_port, watch_over

HOME = Path(__file__).parents[2] / "deploy" / "registry"
START_TIMEOUT_S = 180


class RegistryServer:
    """A context manager; after `stop` it may be started again, on the same port and with nothing
    in it.
    """

    def __init__(self, log: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/apis/ccompat/v7"
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._watch: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def start(self) -> None:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        command = [
            "java",
            *("-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
            *("-Dquarkus.http.host=127.0.0.1", f"-Dquarkus.http.port={self.port}"),
            *("-jar", str(_program())),
        ]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        self._watch = watch_over(self._process.pid)
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._answers():
            ended = self._process.poll() is not None
            assert not ended, f"the registry ended: {self._log.read_text()[-2000:]}"
            assert time.monotonic() < deadline, "the registry did not answer in time"
            time.sleep(0.1)

    def stop(self) -> None:
        process, self._process = self._process, None
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.kill()
            watch.communicate()
        if process is not None:
            process.kill()
            process.wait()

    def _answers(self) -> bool:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{self.url}/subjects", timeout=5).close()  # noqa: S310 - our own
            return True
        return False


def register(url: str, subject: str, schema: object) -> int:
    """Register a schema as any other program would; its id."""
    body = json.dumps({"schema": json.dumps(schema)}).encode()
    kind = {"Content-Type": "application/vnd.schemaregistry.v1+json"}
    request = urllib.request.Request(f"{url}/subjects/{subject}/versions", body, kind)  # noqa: S310 - our own
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own
        schema_id: int = json.load(answer)["id"]
    return schema_id


def _program() -> Path:
    """Unpacked by Maven the first time and after a change of the pom."""
    target, pom = HOME / "target", HOME / "pom.xml"
    stamp = target / "resolved"
    if not stamp.exists() or stamp.stat().st_mtime < pom.stat().st_mtime:
        shutil.rmtree(target, ignore_errors=True)
        command = ["mvn", "-q", "-B", "dependency:unpack"]
        subprocess.run(command, cwd=HOME, check=True, timeout=600)
        stamp.touch()
    return next((target / "server").glob("*-runner.jar"))
