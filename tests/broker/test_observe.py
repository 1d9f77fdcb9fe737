"""What an operator sees of a worker: health and metrics while it restores, and after."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping

import pytest

from journey_engine.run.replay import Replay
from tests.broker.rig import Process
from tests.broker.shipped import ShippedRig, shipped_plan
from tests.run.shop import SCHEMAS

pytestmark = pytest.mark.embedded

TOKEN = "shown-by-who-scrapes"  # noqa: S105 - made up
Totals = Mapping[str, float]


async def test_health_and_metrics_before_and_after_a_restore(
    new_rig: Callable[..., ShippedRig],
) -> None:
    rig = new_rig("embedded_broker")
    await rig.create()
    records = rig.shop_records()
    replay = Replay(shipped_plan(), SCHEMAS, rig.names.inputs, rig.topics.partitions)
    letters = sum(1 for _ in replay.outputs(records))
    assert letters > 0
    await rig.publish(records)
    with rig.start(JOURNEY_WEB_TOKEN=TOKEN) as worker:
        await worker.ready()
        await rig.written_at_least(len(rig.expected(records)))
        await asyncio.to_thread(caught_up, worker, sum(replay.summary.inputs.values()))
        await asyncio.to_thread(only_probes_are_open, worker)
        metrics = worker.metrics()
        text = worker.get("/metrics")[1]
        assert worker.stop() == 0
    summary = replay.summary
    assert total(metrics["journey_inputs_total"], "outcome") == summary.inputs
    assert total(metrics["journey_commands_total"], "channel") == summary.commands
    assert total(metrics["journey_dead_letters_total"], "code") == summary.dead_letters
    assert sum(n for _, n in metrics["journey_transitions_total"]) == summary.transitions
    decided = metrics["journey_decision_seconds_count"][0][1]
    assert decided > 0
    assert 0 < metrics["journey_decision_seconds_sum"][0][1] / decided < 0.05
    assert metrics["journey_timer_lateness_seconds_count"][0][1] > 100
    assert metrics["journey_commit_seconds_count"][0][1] > 0
    assert [n for _, n in metrics["journey_partitions"]] == [4]

    with rig.start() as worker:
        seen = Counter(await asyncio.to_thread(lambda: list(watched(worker))))
        restored = worker.metrics()["journey_restore_remaining_records"]
        assert worker.stop() == 0
    assert seen["alive, not ready: waiting for partitions, or restoring them"] > 0
    assert seen["alive, ready"] == 1
    assert sorted((labels["partition"], n) for labels, n in restored) == [
        (str(p), 0) for p in range(4)
    ]

    customers = {record.key.decode(errors="replace") for record in records if record.key}
    assert len(customers) > 200
    assert not any(customer in text for customer in customers)
    log = rig.log_file.read_text()
    assert "partitions_opened" in log
    assert not any(f'"{customer}' in log for customer in customers)


def only_probes_are_open(worker: Process) -> None:
    """What the web server answers to somebody without the token, or with another one."""
    for shown in (None, "", TOKEN, f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer é"):
        headers = {} if shown is None else {"Authorization": shown}
        assert worker.get("/metrics", headers)[0] == 401
        assert {worker.get(path, headers)[0] for path in ("/livez", "/readyz")} == {200}
    for path in ("/stats/", "/router/", "/table/", "/graph/", "/production/", "/health/"):
        assert worker.get(path)[0] == 404


def watched(worker: Process) -> list[str]:
    """What the pages say, from the first answer on until the worker is ready."""
    said: list[str] = []
    for status in worker.polls("/readyz"):
        live = worker.get_json("/livez")[1]["status"]
        if status == 200:
            return [*said, f"{live}, ready"]
        said.append(f"{live}, not ready: {reason(worker)}")
    return said


def reason(worker: Process) -> str:
    _, answer = worker.get_json("/readyz")
    said: str = answer.get("reason", "waiting for partitions, or restoring them")
    return said


def caught_up(worker: Process, inputs: int) -> None:
    """Wait until nothing is left to fetch, and so many inputs are committed."""
    for _ in worker.polls("/metrics"):
        metrics = worker.metrics()
        lag, taken = metrics["journey_lag_records"], metrics["journey_inputs_total"]
        if lag and not any(count for _, count in lag) and sum(n for _, n in taken) >= inputs:
            return
    raise AssertionError("the lag did not come to nothing")


def total(samples: list[tuple[Mapping[str, str], float]], label: str) -> Totals:
    totals: Counter[str] = Counter()
    for labels, count in samples:
        totals[labels[label]] += int(count)
    return totals
