"""The steps of the Dockerfile on this machine, and the worker as it would run in the image.

No image is built: each COPY and RUN is done with the image's folders below `var/image`. Debian's
packages are left out: this machine has a compiler. Then the worker runs in a mount namespace of its
own, as the image's user and without a right but to read, with everything but /data read-only.
"""

import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from journey_engine.run.brokers import KafkaBroker, free_port
from tests.broker.rig import ROOT

DOCKERFILE = ROOT / "deploy" / "Dockerfile"
IMAGE = ROOT / "var" / "image"
FOLDERS = ("/src", "/opt/journey-engine", "/app", "/data")
"""Of the image; below `IMAGE` here."""
READY_S = 300.0
_READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,bind,ro / && exec "$@"'


class Step(NamedTuple):
    """An instruction, its lines joined."""

    word: str
    rest: str


def steps() -> Iterator[Step]:
    """The instructions in their order."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#")]
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        if line:
            yield Step(*line.split(" ", 1))


def here(text: str) -> str:
    """The image's folders as they lie on this machine."""
    for folder in FOLDERS:
        text = re.sub(rf"(?<![\w.]){folder}(?![\w-])", f"{IMAGE}{folder}", text)
    return text


def build() -> dict[str, str]:
    """Do all steps; the image's environment."""
    environment, place = dict[str, str](), IMAGE
    for word, rest in steps():
        if word == "WORKDIR":
            place = Path(here(rest))
            place.mkdir(parents=True, exist_ok=True)
        elif word == "COPY" and not rest.startswith("--from"):
            *sources, target = rest.split()
            _copy(sources, place / here(target))
        elif word == "RUN" and not rest.startswith("apt-get"):
            sys.stdout.write(f"RUN {rest}\n")
            command = re.sub(r"\bpython -m", f"{sys.executable} -m", here(rest))
            subprocess.run(command, shell=True, cwd=place, check=True, timeout=1_800)  # noqa: S602 - the Dockerfile's own
        elif word == "ENV":
            pairs = (pair.split("=", 1) for pair in here(rest).split())
            environment |= {name: value.replace("$PATH", os.defpath) for name, value in pairs}
    return environment


def _copy(sources: list[str], target: Path) -> None:
    for name in sources:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)


def user() -> str:
    """Who runs in it."""
    return next(rest for word, rest in steps() if word == "USER").split(":")[0]


def confined(*command: str) -> list[str]:
    """The command as it runs in the image."""
    reading = "+dac_read_search"  # this machine keeps its Python where only root may look
    who = ["setpriv", "--reuid", user(), "--regid", user(), "--clear-groups", "--no-new-privs"]
    rights = ["--inh-caps", reading, "--ambient-caps", reading, "--bounding-set", reading]
    inside = [*who, *rights, *command]
    return ["unshare", "--mount", "sh", "-c", _READ_ONLY, str(IMAGE / "data"), *inside]


def ready(port: int, worker: "subprocess.Popen[bytes]") -> bool:
    """Whether it became ready."""
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline and worker.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2):
                return True
        except OSError:
            time.sleep(0.5)
    return False


def main() -> int:
    """Build and run; the exit code."""
    shutil.rmtree(IMAGE, ignore_errors=True)
    environment = build()
    compiled = list((IMAGE / "opt/journey-engine").rglob("journey_engine/decide/decide.*.so"))
    with KafkaBroker(ROOT / "var" / "image-kafka") as broker:
        port = free_port()
        environment |= {"JOURNEY_BROKERS": broker.address, "JOURNEY_WEB_PORT": str(port)}
        environment |= {"JOURNEY_STORE": "disk"}
        started = {"cwd": IMAGE / "app", "env": environment}
        for refused in (["touch", "written"], ["touch", "/tmp/written"]):  # noqa: S108 - must fail
            if subprocess.run(confined(*refused), check=False, **started).returncode == 0:  # type: ignore[call-overload]  # the same for all
                raise SystemExit(f"{refused} was done")
        subprocess.run(confined("journey-engine", "topics", "create"), check=True, **started)  # type: ignore[call-overload]  # the same for all
        with subprocess.Popen(confined("journey-engine", "worker"), **started) as worker:  # type: ignore[call-overload]  # the same for all
            came = ready(port, worker)
            worker.terminate()
            code = worker.wait(60)
    written = sum(each.is_file() for each in (IMAGE / "data").rglob("*"))
    sys.stdout.write(
        f"compiled: {bool(compiled)}, ready: {came}, exit code {code}, {written} files in /data\n"
    )
    return 0 if compiled and came and code == 0 and written else 1


if __name__ == "__main__":
    sys.exit(main())
