"""MirrorMaker 2 with the settings that `deploy/mirror` ships, as a process."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from journey_engine.run.brokers import KAFKA_HOME, free_port, watch_over

MIRROR_HOME = KAFKA_HOME.parent / "mirror"
PLAIN = {f"{side}_SECURITY_PROTOCOL": "PLAINTEXT" for side in ("PRIMARY", "SECONDARY")}


class Mirror:
    """From one Kafka to another; killed at the end."""

    def __init__(
        self, primary: str, secondary: str, log: Path, access: Mapping[str, str] = PLAIN
    ) -> None:
        addresses = {"PRIMARY_BROKERS": primary, "SECONDARY_BROKERS": secondary}
        self._environment = {
            **os.environ,  # noqa: TID251 - handed on to the child untouched
            **addresses,
            **access,
            "MIRROR_PORT": str(free_port()),
            "REPLICATION": "1",
        }
        self._log = log
        self._running = contextlib.ExitStack()

    def __enter__(self) -> Self:
        build = [shutil.which("mvn") or "mvn", "-q", "-B", "dependency:copy-dependencies"]
        subprocess.run(build, cwd=MIRROR_HOME, check=True, timeout=600)
        logging = f"-Dlog4j2.configurationFile={KAFKA_HOME / 'log4j2.properties'}"
        libraries = f"{MIRROR_HOME / 'target' / 'libs'}/*"
        program = "org.apache.kafka.connect.mirror.MirrorMaker"
        java = [shutil.which("java") or "java", "-Xmx512m", logging, "-cp", libraries, program]
        log = self._running.enter_context(self._log.open("wb"))
        popen = subprocess.Popen(
            [*java, str(MIRROR_HOME / "mm2.properties")],
            env=self._environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        self._running.callback(popen.wait)
        self._running.callback(popen.kill)
        watch = watch_over(popen.pid)
        if watch is not None:
            self._running.callback(watch.communicate)
            self._running.callback(watch.kill)
        return self

    def kill(self) -> None:
        """End it as a crash would."""
        self._running.close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()
