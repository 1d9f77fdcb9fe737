"""`make bench`: the same job for the engine and for its peers, in turn, each checked; then latency
at half load and a restore. The last line is JSON: events for a CPU-second of each.
"""

import argparse
import asyncio
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from tests.bench.contestants import CONTESTANTS
from tests.bench.figures import Figures
from tests.bench.job import Shop
from tests.bench.latency import latency
from tests.bench.measuring import Broker, measure
from tests.bench.outcome import DifferentError
from tests.bench.restore import restored_per_s
from tests.bench.results import WIDTH, keep

TIMED = ("engine_alo", "engine_eos")
QUICK_LEAVES_OUT = ("kafka_streams_alo", "kafka_streams_eos")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--events", type=int, default=1_000_000, help="after the arrivals")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument("--restored", type=int, default=1_000_000, help="customers; 0: none")
    parser.add_argument("--only", nargs="+", choices=CONTESTANTS, help="instead of all")
    parser.add_argument(
        "--timed", nargs="*", choices=CONTESTANTS, default=TIMED, help="whose latency is taken"
    )
    parser.add_argument("--rate", type=float, help="events a second for it, instead of half load")
    parser.add_argument("--embedded", action="store_true", help="not on Kafka")
    parser.add_argument("--broker", help="HOST:PORT of a Kafka, instead of a new one")
    parser.add_argument("--quick", action="store_true", help="without Kafka Streams")
    parser.add_argument("--keep", type=Path, help="the results file")
    return parser.parse_args()


def names(chosen: argparse.Namespace) -> list[str]:
    """Who takes part."""
    left_out = set(QUICK_LEAVES_OUT if chosen.quick else ())
    if chosen.embedded:
        left_out |= {name for name, make in CONTESTANTS.items() if not make().embedded}
    return [name for name in chosen.only or CONTESTANTS if name not in left_out]


def main() -> int:
    """The exit code: 1 where an engine did something else than the job."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # new topics have no leader at first
    chosen, console, figures = arguments(), Console(highlight=False, width=WIDTH), Figures()
    broker = Broker(embedded=chosen.embedded, address=chosen.broker)
    try:
        rounds(chosen, broker, console, figures)
        timed(chosen, broker, console, figures)
    except DifferentError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    finally:
        broker.stop()
    if chosen.restored and not chosen.embedded:
        figures.restored_per_s = restored_per_s(chosen.restored)
    console.print(figures.table())
    if chosen.keep is not None:
        keep(chosen.keep, vars(chosen), figures.kept())
    print(json.dumps(figures.line()))  # noqa: T201 - machines read the last line
    return 0


def rounds(chosen: argparse.Namespace, broker: Broker, console: Console, figures: Figures) -> None:
    """Everyone in turn; every second round the other way round."""
    for number in range(chosen.rounds):
        for name in _turned(names(chosen), number):
            contestant = CONTESTANTS[name]()
            events = int(chosen.events * contestant.share)
            shop = Shop(chosen.customers, events, chosen.partitions)
            run = asyncio.run(measure(contestant, broker, shop))
            figures.add(name, run)
            checked = "" if run.commands is None else f", {run.commands:,} commands as they must be"
            console.print(
                f"round {number + 1}, {name}: {run.per_cpu_second:,.0f} events for a CPU-second, "
                f"{run.per_second:,.0f} a second, in {run.cpu_s:.1f} CPU-s{checked}"
            )


def timed(chosen: argparse.Namespace, broker: Broker, console: Console, figures: Figures) -> None:
    """Latencies at half of the rate that was reached, in turn as the runs."""
    for number in range(chosen.rounds):
        for name in _turned([name for name in chosen.timed if name in figures.runs], number):
            rate = chosen.rate or figures.per_second(name) / 2
            shop = Shop(chosen.customers, 0, chosen.partitions)
            found = asyncio.run(latency(CONTESTANTS[name](), broker, shop, rate))
            figures.delayed(name, found)
            console.print(
                f"round {number + 1}, {name} at {found.rate:,.0f} events a second: p50 "
                f"{found.p50_ms:.0f} ms, p99 {found.p99_ms:.0f} ms of {found.commands:,} commands"
            )


def _turned(names: Sequence[str], number: int) -> Sequence[str]:
    return names[::-1] if number % 2 else names


if __name__ == "__main__":
    sys.exit(main())
