"""Several processes kept running; here they are small programs in place of workers."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from journey_engine.run.settings import Settings, load
from journey_engine.run.supervisor import (
    LINE_BYTES,
    Patience,
    PortsTakenError,
    Supervisor,
    apart,
    require_ports,
)
from tests.run.ports import pair_of_ports

pytestmark = pytest.mark.timeout(60)

QUICK = Patience(most=2, backoff_s=0.05, grace_s=0.1)
STAYS = "import signal, sys; signal.sigwait({signal.SIGTERM}); print('bye'); sys.exit(%d)"
READY = "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM}); "
TELLS = (
    "import os, pathlib; d = pathlib.Path(os.environ['JOURNEY_DATA_DIR']); d.mkdir(); "
    "(d / 'ran').write_text(os.environ['JOURNEY_WEB_PORT'] + ' ' + str(os.getpid())); "
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(data_dir=tmp_path / "data", web_port=pair_of_ports(), stop_timeout_s=1)


def supervisor(settings: Settings, program: str, patience: Patience = QUICK) -> Supervisor:
    return Supervisor(settings, 2, (sys.executable, "-c", program), patience)


def until(path: Path) -> str:
    """What a program writes there, once it has."""
    deadline = time.monotonic() + 20
    while not path.exists() or not path.read_text():
        assert time.monotonic() < deadline, f"not written: {path}"
        time.sleep(0.02)
    return path.read_text()


async def stopped(settings: Settings, program: str) -> int:
    """The exit code after a SIGTERM to the supervisor once both run."""
    running = asyncio.create_task(supervisor(settings, READY + TELLS + program).run())
    ran = [await asyncio.to_thread(until, settings.data_dir / str(i) / "ran") for i in range(2)]
    assert [int(each.split()[0]) - settings.web_port for each in ran] == [0, 1]
    os.kill(os.getpid(), signal.SIGTERM)
    return await asyncio.wait_for(running, 30)


@pytest.fixture(autouse=True)
def folder(settings: Settings) -> None:
    settings.data_dir.mkdir(parents=True)


async def test_each_ends_well_after_a_signal(
    settings: Settings, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert await stopped(settings, STAYS % 0) == 0
    lines = [line for line in capfdbinary.readouterr().err.splitlines() if b"bye" in line]
    assert sorted(json.loads(line)["worker"] for line in lines) == [0, 1]


async def test_a_line_too_long_to_be_passed_on_holds_no_worker_up(
    settings: Settings, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert await stopped(settings, "print('x' * 5_000_000, flush=True); " + STAYS % 0) == 0
    lines = capfdbinary.readouterr().err.splitlines()
    assert sum(b"bye" in line for line in lines) == 2
    assert max(map(len, lines)) < 2 * LINE_BYTES


async def test_one_that_had_not_begun_ends_well(settings: Settings) -> None:
    assert (
        await stopped(
            settings,
            "signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM}); "
            "import time; time.sleep(60)",
        )
        == 0
    )


async def test_one_that_ends_badly_is_told(settings: Settings) -> None:
    assert await stopped(settings, STAYS % 1) == 1


async def test_one_that_does_not_end_is_killed(settings: Settings) -> None:
    assert await stopped(settings, "import time; time.sleep(60)") == 1


async def test_one_that_dies_is_started_again_and_again_then_all_are_stopped(
    settings: Settings, tmp_path: Path
) -> None:
    starts = tmp_path / "starts"
    dies = (
        "import os, sys\n"
        f"open({str(starts)!r}, 'a').write(os.environ['JOURNEY_DATA_DIR'][-1])\n"
        "if os.environ['JOURNEY_DATA_DIR'][-1] == '1': sys.exit(3)\n"
    )
    assert await supervisor(settings, dies + STAYS % 0).run() == 1
    assert sorted(starts.read_text()) == ["0", "1", "1", "1"]


def test_the_wait_doubles() -> None:
    waits = [Patience().wait_s(deaths) for deaths in range(1, Patience().most + 1)]
    assert waits == [1, 2, 4, 8, 16]


def test_each_has_a_folder_a_port_and_a_name_of_its_own(settings: Settings) -> None:
    base = settings.model_copy(update={"group_instance_id": "host-a"})
    one, other = apart(base, 0), apart(base, 1)
    assert (one.data_dir, other.data_dir) == (base.data_dir / "0", base.data_dir / "1")
    assert other.web_port == one.web_port + 1 == base.web_port + 1
    assert (one.group_instance_id, other.group_instance_id) == ("host-a-0", "host-a-1")
    assert apart(settings, 1).group_instance_id is None


def test_ports_that_are_taken_are_named(settings: Settings) -> None:
    require_ports(settings, 2)
    with socket.create_server((settings.web_host, settings.web_port)):
        with pytest.raises(PortsTakenError, match=f"port {settings.web_port} of"):
            require_ports(settings, 2)
        beyond = settings.model_copy(update={"web_port": 65535})
        with pytest.raises(PortsTakenError, match="65536"):
            require_ports(beyond, 2)


@pytest.mark.parametrize("host", ["::1", "localhost"])
def test_a_host_may_be_given_as_ipv6_or_by_name(settings: Settings, host: str) -> None:
    named = settings.model_copy(update={"web_host": host})
    require_ports(named, 2)
    family = socket.AF_INET6 if host == "::1" else socket.AF_INET
    with (
        socket.create_server((host, settings.web_port + 1), family=family),
        pytest.raises(PortsTakenError, match=f"port {settings.web_port + 1} of {host}"),
    ):
        require_ports(named, 2)


def test_the_workers_end_with_the_supervisor(settings: Settings) -> None:
    program = (
        "from tests.run.test_supervisor import *\n"
        "settings = load()\n"
        f"asyncio.run(supervisor(settings, {READY + TELLS + STAYS % 0!r}).run())\n"
    )
    environ = {
        **os.environ,  # noqa: TID251 - handed on untouched
        "JOURNEY_DATA_DIR": str(settings.data_dir),
    }
    with subprocess.Popen([sys.executable, "-c", program], env=environ) as process:
        pids = [int(until(settings.data_dir / str(i) / "ran").split()[1]) for i in range(2)]
        deadline = time.monotonic() + 10
        while len(psutil.Process(process.pid).children()) < 4:  # both, and who watches over each
            assert time.monotonic() < deadline, "nobody watches over the workers"
            time.sleep(0.02)
        process.kill()
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < deadline, f"left behind: {pids}"
        time.sleep(0.05)
