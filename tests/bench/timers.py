"""`make bench-timers`: how late timers fire on Apache Kafka, exactly once, on the wall clock.

The shipped definitions, one worker, 4 partitions. First timers one by one on an idle worker, then
beside a stream of events, then very many due at the same instant beside the same stream. Late is
from due until the transition is written, so up to `commit_interval_ms` of it is the wait for the
commit. The last line is JSON.
"""

import argparse
import asyncio
import contextlib
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import quantiles
from typing import NamedTuple

from rich.console import Console

from journey_engine.decode.log import LogLine
from journey_engine.decode.whole import read_whole
from journey_engine.encode.outgoing import OutKind
from journey_engine.run.brokers import KafkaBroker
from journey_engine.run.clock import wall_ms
from journey_engine.run.producers import Output
from journey_engine.run.publisher import publish
from journey_engine.run.tailing import tail
from tests.broker.rig import Process
from tests.broker.shipped import ShippedRig, cart, event
from tests.run.shop import HOUR, SCHEMAS

WAIT = 4 * HOUR
"""From a cart to its reminder."""
FEW = 400
SPREAD_MS = 10_000
"""Over so long the few are due, one after another."""
TURN_S = 0.05
DEADLINE_S = 240.0


class Late(NamedTuple):
    """Milliseconds."""

    timers: int
    p50: float
    p99: float
    most: float


def carts(name: str, count: int, due: int, spread_ms: int) -> list[LogLine]:
    """Carts of so many customers whose reminders are due from then on."""
    return [cart(f"{name}-{n}", due - WAIT + n * spread_ms // count) for n in range(count)]


class Stream:
    """Product views, so many a second, until it is stopped."""

    def __init__(self, rig: ShippedRig, output: Output, rate: int) -> None:
        self._rig, self._output, self._rate = rig, output, rate
        self.sent = 0
        self._stopped = False

    async def run(self) -> None:
        begun = time.monotonic()
        while not self._stopped:
            wanted = int((time.monotonic() - begun) * self._rate)
            lines = list(self._views(wanted - self.sent))
            records = [r for r in self._rig.records(lines) if r.value is not None]
            await publish(self._output, records)
            self.sent += len(lines)
            await asyncio.sleep(TURN_S)

    def _views(self, count: int) -> Iterator[LogLine]:
        now = wall_ms()
        for n in range(self.sent, self.sent + count):
            yield event("ProductViewed", f"viewer-{n % 5_000}", now + n % 7, product_id=f"p{n}")

    def stop(self) -> None:
        self._stopped = True


async def send(rig: ShippedRig, output: Output, lines: list[LogLine]) -> None:
    """Publish events, without the marks of a log's end."""
    await publish(output, [record for record in rig.records(lines) if record.value is not None])


async def taken(worker: Process) -> int:
    """Inputs that the worker has committed so far."""
    while True:
        with contextlib.suppress(TimeoutError):  # it is busy
            samples = (await asyncio.to_thread(worker.metrics))["journey_inputs_total"]
            return int(sum(value for _, value in samples))


async def reached(worker: Process, count: int) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while await taken(worker) < count:
        if time.monotonic() > deadline or worker.popen.poll() is not None:
            raise SystemExit("the worker did not get there")
        await asyncio.sleep(0.1)


async def lateness(rig: ShippedRig, name: str, count: int) -> Late:
    """How late the reminders of these customers were, once all are there."""
    found: list[float] = []
    topic = rig.names.outputs[OutKind.TRANSITION]
    async with asyncio.timeout(DEADLINE_S):
        async for record in tail(rig.settings, (topic,), rig.topics.partitions, follow=True):
            fields = read_whole(record.value or b"", SCHEMAS)[1]
            whose = fields["customer_id"].startswith(f"{name}-")
            if whose and fields["from"] == "waiting" and fields["to"] == "reminded":
                found.append(record.timestamp - fields["occurred_at"].timestamp() * 1000)
            if len(found) == count:
                break
    cuts = quantiles(found, n=100, method="inclusive")
    return Late(count, round(cuts[49]), round(cuts[98]), round(max(found)))


async def measure(rate: int, burst: int, console: Console) -> dict[str, object]:
    """One run of the three parts."""
    with tempfile.TemporaryDirectory() as folder, KafkaBroker(Path(folder) / "kafka") as broker:
        rig = ShippedRig(broker.address, "timers", Path(folder) / "worker", clock="wall")
        await rig.create()
        output = Output(rig.settings)
        await output.start()
        with rig.start(JOURNEY_LOG_LEVEL="warning", JOURNEY_SESSION_TIMEOUT_S="10") as worker:
            await worker.ready()
            found: dict[str, object] = {"rate": rate}
            await send(rig, output, carts("idle", FEW, wall_ms() + 3_000, SPREAD_MS))
            found["idle"] = (await lateness(rig, "idle", FEW))._asdict()
            console.print("idle", found["idle"])
            # Loading takes longer than the timers are away: they are due when all is taken.
            due = wall_ms() + 30_000 + burst
            await send(rig, output, carts("burst", burst, due, 1))
            await reached(worker, FEW + burst)
            if wall_ms() > due - SPREAD_MS - 5_000:
                raise SystemExit("loading took too long: try a smaller --burst")
            stream = Stream(rig, output, rate)
            running = asyncio.create_task(stream.run())
            few = carts("half", FEW, wall_ms() + 3_000, min(SPREAD_MS, due - wall_ms() - 5_000))
            await send(rig, output, few)
            found["load"] = (await lateness(rig, "half", FEW))._asdict()
            console.print("load", found["load"])
            await asyncio.sleep((due - wall_ms()) / 1000)
            before, sent = await taken(worker), stream.sent
            found["burst"] = (await lateness(rig, "burst", burst))._asdict()
            meanwhile = {"sent": stream.sent - sent, "taken": await taken(worker) - before}
            found["events_in_burst"] = meanwhile
            console.print("burst", found["burst"], meanwhile)
            stream.stop()
            await running
            found["exit"] = worker.stop()
        await output.stop()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-timers", description=__doc__)
    parser.add_argument("--rate", type=int, default=3_000, help="events a second beside them")
    parser.add_argument("--burst", type=int, default=100_000, help="timers due at once")
    chosen = parser.parse_args()
    console = Console(highlight=False)
    found = asyncio.run(measure(chosen.rate, chosen.burst, console))
    print(json.dumps(found))  # noqa: T201 - machines read the last line


if __name__ == "__main__":
    main()
