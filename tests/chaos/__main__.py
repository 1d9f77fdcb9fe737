"""Runs of the given seeds, one JSON line each; the exit code is 1 unless all are clean.

Beside the first line stands that of stock Faust's exactly-once, under the same load and faults.
"""

import argparse
import asyncio
import json
import logging
import sys
import tempfile
from pathlib import Path

from aiokafka.errors import KafkaError

from tests.chaos.baseline import baseline
from tests.chaos.chaos_run import ChaosRun, Outcome, Plan, total
from tests.chaos.schedule import POINTS

LONG_MINUTES = 5
"""From here on there are ten seeds."""
THOROUGH_MINUTES = 25
"""From here on their schedules are long enough to aim at everything: it must have been hit, too."""
OVERHEAD_S = 75
"""Of a run, beside its load: start, drain, reading back, the oracle."""
SHORT_S = 20
BASELINE_SLOWER = 6
"""Stock Faust keeps up with a sixth of the rate; what it does not get to would count as lost."""


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=0, help="in all; 0: the short form")
    parser.add_argument("--seed", type=int, help="this one alone")
    parser.add_argument("--rate", type=int, default=3000, help="events a second")
    parser.add_argument(
        "--guarded", action="store_true", help="all clients over TLS, with SCRAM-SHA-512"
    )
    parser.add_argument("--keep", type=Path, help="keep logs and data in this folder")
    return parser.parse_args()


def plans(asked: argparse.Namespace) -> list[Plan]:
    """Ten seeds in the long form, two in the short one, one where it is named."""
    long = asked.minutes >= LONG_MINUTES
    seeds = [asked.seed] if asked.seed is not None else list(range(1, 11 if long else 3))
    seconds = max(SHORT_S, asked.minutes * 60 / (10 if long else 2) - OVERHEAD_S)
    return [Plan(seed, seconds, asked.rate, asked.guarded) for seed in seeds]


def run(plan: Plan, keep: Path | None) -> Outcome:
    """One run, its line on the standard output, examples of what is wrong on the other."""
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        path = Path(folder) if keep is None else keep / f"seed-{plan.seed}"
        path.mkdir(parents=True, exist_ok=True)
        outcome = asyncio.run(ChaosRun(plan, path).run())
    sys.stdout.write(json.dumps(outcome.line) + "\n")
    sys.stdout.flush()
    for what, examples in outcome.found.examples.items():
        sys.stderr.writelines(f"{what}: {example}\n" for example in examples)
    return outcome


def run_baseline(plan: Plan, keep: Path | None) -> None:
    """The same seed for stock Faust; whatever comes of it is no failure of ours."""
    rate = plan.rate // BASELINE_SLOWER
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        path = Path(folder) if keep is None else keep / f"baseline-{plan.seed}"
        path.mkdir(parents=True, exist_ok=True)
        try:
            line = asyncio.run(baseline(plan.seed, plan.seconds, rate, path))
        except (KafkaError, OSError, TimeoutError) as error:
            sys.stderr.write(f"no baseline, it broke off: {error!r}\n")
            return
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def aimed(outcomes: list[Outcome]) -> list[str]:
    """What a thorough run must have hit and has not."""
    missed = [name for name in ("aborted_records", "fenced_producers") if not total(outcomes, name)]
    hit = {point for outcome in outcomes for point in outcome.hits}
    return missed + [point for point in POINTS if point not in hit]


def main() -> int:
    """The exit code."""
    asked = arguments()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it tells of each fault at length
    outcomes: list[Outcome] = []
    for plan in plans(asked):
        outcomes.append(run(plan, asked.keep))
        if asked.minutes and len(outcomes) == 1:
            run_baseline(plan, asked.keep)
    if not asked.minutes:
        sys.stderr.write("short form, without stock Faust beside it: CHAOS_MINUTES=5 has it\n")
    wrong = not all(outcome.clean for outcome in outcomes)
    if asked.minutes >= THOROUGH_MINUTES and (missed := aimed(outcomes)):
        sys.stderr.write(f"never seen: {', '.join(missed)}\n")
        wrong = True
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
