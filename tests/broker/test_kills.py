"""A worker that is stopped and killed in the middle, on what the project ships."""

import random
import signal
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from journey_engine.decode.log import LogLine
from journey_engine.run.brokers import EmbeddedBroker
from journey_engine.run.clock import wall_ms
from tests.broker.rig import PATIENCE_S, Rig, Sent
from tests.broker.shipped import ShippedRig
from tests.run.shop import DAY, MINUTE, START, line

DEATHS = (signal.SIGTERM, signal.SIGKILL, signal.SIGKILL)


async def run_and_die(rig: Rig, expected: int, seed: int, **settings: str) -> int:
    """Start the worker anew after each death, which comes at a seeded count of outputs; how many
    deaths left work behind.
    """
    counts = sorted(random.Random(seed).sample(range(expected // 10, expected * 9 // 10), 3))
    unfinished = 0
    for count, death in zip(counts, DEATHS, strict=True):
        with rig.start(JOURNEY_COMMIT_RECORDS="20", **settings) as worker:
            await rig.has_written(count)
            worker.popen.send_signal(death)
            worker.popen.wait(PATIENCE_S)
        unfinished += len(await rig.written()) < expected
    return unfinished


@pytest.mark.parametrize(
    ("fixture", "store"),
    [
        pytest.param("embedded_broker", "memory", marks=pytest.mark.embedded),
        pytest.param("kafka_broker", "disk", marks=pytest.mark.kafka),
    ],
)
async def test_deaths_lose_nothing_and_repeat_at_most_the_same_bytes(
    new_rig: Callable[..., ShippedRig], fixture: str, store: str
) -> None:
    rig = new_rig(fixture)
    rig.exactly_once = fixture == "kafka_broker"
    await rig.create()
    records = rig.shop_records()
    expected = rig.expected(records)
    await rig.publish(records)
    assert await run_and_die(rig, len(expected), seed=7, JOURNEY_STORE=store) > 0
    with rig.start(JOURNEY_STORE=store) as worker:
        await worker.ready()
        written = await rig.written_at_least(len(expected))
        assert worker.stop() == 0
    assert rig.compared(written) == rig.compared(expected)
    assert await rig.states() == rig.expected_states(records)


def months_ago(now: int, customers: int = 600) -> list[LogLine]:
    """Failed payments in a long backlog of one topic; what follows each hangs on no time of day."""
    start = now - 40 * DAY - START
    return [
        line("PaymentFailed", f"c{number}", start + number * MINUTE, event_id=str(number))
        for number in range(customers)
    ]


@pytest.mark.embedded
async def test_on_wall_time_the_ledger_makes_a_repeat_the_same(
    embedded_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    rig = Rig(embedded_broker.address, f"shop-{uuid4().hex[:8]}", tmp_path, clock="wall")
    await rig.create()
    await rig.publish([r for r in rig.records(months_ago(wall_ms())) if r.value is not None])
    # For each customer: three transitions, two commands, the delayed one decided on twice.
    total = 600 * (3 + 2 + 3)
    await run_and_die(rig, total, seed=11)
    with rig.start() as worker:
        await worker.ready()
        sent = await rig.sent_once(lambda sent: len(by_id(sent)) >= 1200)
        assert worker.stop() == 0
    bodies = by_id(sent)
    assert {len(each) for each in bodies.values()} == {1}
    assert Counter(customer for customer, _ in bodies) == {f"c{n}": 2 for n in range(600)}
    moves = {repr(transition) for transition in sent.transitions}
    assert len(moves) == 600 * 3


def by_id(sent: Sent) -> Mapping[Any, set[str]]:
    """The different bodies of each command."""
    bodies = defaultdict(set)
    for command in sent.commands:
        bodies[command["customer_id"], command["command_id"]].add(repr(command))
    return bodies
