"""The image built from the Dockerfile, and its worker run on Kafka; `python -m`, as root.

Podman does both, in a store of its own below `var/oci`. What the Dockerfile builds on is stood in
for by Debian 12 with the Python 3.11 of its own, so that no image registry is asked.
"""

import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from journey_engine.run.brokers import KafkaBroker, free_port
from tests.broker.rig import ROOT

DOCKERFILE = ROOT / "deploy" / "Dockerfile"
FOLDER = ROOT / "var" / "oci"
IMAGE = "localhost/journey-engine:test"
PROGRAMS = ("podman", "runc", "mmdebstrap")
"""Debian's packages have the same names."""
DEBIAN = "bookworm"
PYTHON = "python3,python3-venv,python3-dev,python-is-python3,ca-certificates"
SEEN_BY_PIP = ("/etc/ssl/certs", "/etc/pip.conf")
"""What this machine asks its package index by; the steps see it, the image does not have it."""
BUILT_WITHIN_S, ANSWERED_WITHIN_S, READY_S = 1_800, 300, 300.0
FILES = 1_024
"""Open files and processes of a container, which no hard limit of ours stands below."""


def podman(*arguments: str | Path) -> list[str]:
    """A command of Podman on its store."""
    own = ("--root", FOLDER / "store", "--runroot", FOLDER / "run", "--runtime", "runc")
    # Without systemd.
    without = ("--cgroup-manager", "cgroupfs", "--events-backend", "file")
    return list(map(str, ("podman", *own, *without, *arguments)))


def done(command: Sequence[str], within_s: float = ANSWERED_WITHIN_S) -> str:
    """What the command writes.

    Raises:
        CalledProcessError: it ended with another code than 0.
    """
    told = subprocess.run(command, check=True, timeout=within_s, stdout=subprocess.PIPE, text=True)
    return told.stdout.strip()


def bases() -> set[str]:
    """The images that the Dockerfile begins with."""
    lines = DOCKERFILE.read_text().splitlines()
    return {line.split()[1] for line in lines if line.startswith("FROM ")}


def build() -> None:
    """Make the image."""
    (base,) = bases()
    tar = FOLDER / "base.tar"
    suite = ("mmdebstrap", "--quiet", "--variant=apt", f"--include={PYTHON}", DEBIAN, str(tar))
    done(suite, BUILT_WITHIN_S)
    done(podman("import", "--quiet", tar, f"docker.io/library/{base}"))
    tar.unlink()
    seen = [f"--volume={path}:{path}:ro" for path in SEEN_BY_PIP if Path(path).exists()]
    rest = ("--ignorefile", f"{DOCKERFILE}.dockerignore", "--file", DOCKERFILE, "--tag", IMAGE)
    done(podman("build", "--isolation=chroot", "--pull-never", *seen, *rest, ROOT), BUILT_WITHIN_S)


def container(broker: str, port: int, *arguments: str) -> list[str]:
    """A command that runs the image, its root read-only and without a right beyond a user's."""
    shut = ("--read-only", "--read-only-tmpfs=false", "--cap-drop=all", "--network=host")
    limits = [f"--ulimit={name}={FILES}:{FILES}" for name in ("nofile", "nproc")]
    settings = {"BROKERS": broker, "WEB_PORT": str(port), "STORE": "disk"}
    told = [f"--env=JOURNEY_{name}={value}" for name, value in settings.items()]
    kept = "--volume=worker:/data"
    return podman(
        "run", "--rm", *shut, "--security-opt=no-new-privileges", *limits, *told, kept, *arguments
    )


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


def run(broker: str) -> dict[str, object]:
    """Let the image's worker come up and go; what was seen."""
    port = free_port()
    refused = [
        subprocess.run(
            container(broker, port, "--entrypoint=touch", IMAGE, f"{folder}/written"), check=False
        ).returncode
        for folder in ("/app", "/tmp", "/data")  # noqa: S108 - of the image
    ]
    where = "import journey_engine.decide.decide as it; print(it.__file__)"
    compiled = done(container(broker, port, "--entrypoint=python", IMAGE, "-c", where))
    who = done(container(broker, port, "--entrypoint=id", IMAGE, "-u"))
    done(container(broker, port, IMAGE, "topics", "create"))
    with subprocess.Popen(container(broker, port, IMAGE)) as worker:
        came = ready(port, worker)
        worker.terminate()
        code = worker.wait(ANSWERED_WITHIN_S)
    kept = Path(done(podman("volume", "inspect", "--format", "{{.Mountpoint}}", "worker")))
    return {
        "user": who,
        "compiled": compiled.endswith(".so"),
        "writes": [each == 0 for each in refused],
        "ready": came,
        "exit code": code,
        "files in /data": sum(each.is_file() for each in kept.rglob("*")) > 1,
    }


WANTED = {
    "user": "10001",
    "compiled": True,
    "writes": [False, False, True],
    "ready": True,
    "exit code": 0,
    "files in /data": True,
}


def main() -> int:
    """Build and run; the exit code."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing or os.geteuid() != 0:
        sys.stderr.write(f"error: as root, with Debian's packages {' '.join(PROGRAMS)}\n")
        return 2
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    build()
    with KafkaBroker(FOLDER / "kafka") as broker:
        seen = run(broker.address)
    size = int(done(podman("image", "inspect", "--format", "{{.Size}}", IMAGE)))
    sys.stdout.write(f"{seen}, {size >> 20} MiB\n")
    return 0 if seen == WANTED else 1


if __name__ == "__main__":
    sys.exit(main())
