import gzip
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from journey_engine.errors import DefinitionErrors
from journey_engine.run.cores import LARGE_BYTES, Job, replay
from journey_engine.simulate import SHOP_LOG

ROOT = Path(__file__).parents[2]


def job(events: Path) -> Job:
    return Job(ROOT / "topologies", ROOT / "schemas", (events,))


def test_several_processes_write_what_one_writes(tmp_path: Path) -> None:
    alone = replay(job(SHOP_LOG), tmp_path / "one", 1, iter)
    together = replay(job(SHOP_LOG), tmp_path / "three", 3, iter)

    assert together == alone
    written = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert written == ["commands.jsonl", "decisions.jsonl", "transitions.jsonl"]
    for name in written:
        assert (tmp_path / "three" / name).read_bytes() == (tmp_path / "one" / name).read_bytes()


def test_partitions_that_have_something_to_say_are_taken_by_one_process(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    shared = {"channel": "web", "source": "web"}
    lines = [
        {"type": "PaymentFailed", "event_id": str(n), "anonymous_id": f"v{n}",
         "occurred_at": "2026-01-01T10:00:00Z", **shared}
        for n in range(8)
    ] + [
        {"type": "IdentityLinked", "event_id": f"l{n}", "customer_id": f"c{n}",
         "anonymous_id": f"v{n}", "occurred_at": "2026-01-01T11:00:00Z", **shared}
        for n in range(8)
    ]  # fmt: skip
    log.write_text("".join(json.dumps(each) + "\n" for each in lines), encoding="utf-8")
    for name, processes in (("one", 1), ("three", 3)):
        replay(replace(job(log), until=1_768_000_000_000), tmp_path / name, processes, iter)

    written = (tmp_path / "one" / "transitions.jsonl").read_bytes()
    assert b'"c3"' in written
    assert (tmp_path / "three" / "transitions.jsonl").read_bytes() == written


def test_a_wrong_line_is_told_once_by_whichever_process(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text('{"type": "OrderPlaced", "event_id": "o-1"}\n', encoding="utf-8")

    with pytest.raises(DefinitionErrors) as raised:
        replay(job(log), tmp_path / "out", 2, iter)
    assert [(error.line, error.code) for error in raised.value.errors] == [(1, "LOG_LINE")]


def test_a_replay_that_fails_leaves_the_files_of_the_last_one(tmp_path: Path) -> None:
    log, out = tmp_path / "log.jsonl", tmp_path / "out"
    events = gzip.decompress(SHOP_LOG.read_bytes())
    replay(job(SHOP_LOG), out, 1, iter)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    log.write_bytes(events + b'{"type": "OrderPlaced"}\n')
    for processes in (1, 2):
        with pytest.raises(DefinitionErrors):
            replay(job(log), out, processes, iter)
        assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def interrupted(out: Path, after_s: float) -> tuple[int, bytes]:
    """The exit code, and what was said, of a replay on two cores that is interrupted so long after
    its second process was begun; nothing of it is left.
    """
    command = [sys.executable, "-m", "journey_engine", "replay", "--processes", "2"]
    command += ["--events", str(SHOP_LOG), "--out", str(out)]
    run = subprocess.Popen(command, stderr=subprocess.PIPE, cwd=ROOT, start_new_session=True)
    others: list[psutil.Process] = []
    while not any("spawn_main" in word for each in others for word in each.cmdline()):
        assert run.poll() is None
        others = psutil.Process(run.pid).children()
    time.sleep(after_s)
    os.killpg(run.pid, signal.SIGINT)
    _, said = run.communicate(timeout=60)
    assert psutil.wait_procs(others, timeout=10)[1] == []
    return run.returncode, said


@pytest.mark.parametrize("after_s", [0.0, 0.1, 0.3])
def test_an_interrupt_ends_all_processes_without_a_word_too_many(
    tmp_path: Path, after_s: float
) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background
    try:
        code, said = interrupted(tmp_path, after_s)
    finally:
        signal.signal(signal.SIGINT, before)
    assert code == 130
    assert b"Traceback" not in said


def test_a_replay_in_the_background_is_not_interrupted(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        code, _ = interrupted(tmp_path, 0.3)
    finally:
        signal.signal(signal.SIGINT, before)
    assert code == 0
    assert (tmp_path / "commands.jsonl").stat().st_size > 0


def test_a_pipe_is_read_once_whoever_is_there_to_share_it(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    line = {"type": "EmailVerified", "event_id": "e1", "customer_id": "c1", "channel": "web",
            "source": "web", "occurred_at": "2026-01-01T10:00:00Z"}  # fmt: skip
    with os.fdopen(writing, "w") as pipe:
        pipe.write(json.dumps(line))
    with os.fdopen(reading):
        assert replay(job(Path(f"/dev/fd/{reading}")), tmp_path, 2, iter).events == 1


def test_there_are_no_more_processes_than_partitions(tmp_path: Path) -> None:
    alone = replay(job(SHOP_LOG), tmp_path / "one", 1, iter)

    assert replay(job(SHOP_LOG), tmp_path / "six", 6, iter) == alone


def test_a_large_log_takes_the_cores_that_we_may_use(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_bytes(bytes(LARGE_BYTES))
    ours = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(ours)})
        assert job(log).processes() == 1
    finally:
        os.sched_setaffinity(0, ours)
    assert job(log).processes() == len(ours)


def test_a_small_log_is_not_worth_another_process() -> None:
    assert job(SHOP_LOG).processes() == 1
