"""`python -m tests.simulation [SEED] [SCHEDULES]`: that many schedules from that seed on.

Prints one JSON line. Where a promise was broken it prints before it the first such schedule, step
by step, and ends with 1. Every fourth schedule is of a broker without transactions.
"""

import json
import logging
import sys
import time
from collections import Counter

import structlog

from tests.simulation.case import case
from tests.simulation.schedule import Verdict, run
from tests.simulation.world import Make

SCHEDULES = 1_000
PLAIN_EACH = 4


def main(arguments: list[str]) -> int:
    """Live through the schedules; 1 where one broke a promise."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    first, count = [int(x) for x in [*arguments, *("0", str(SCHEDULES))[len(arguments) :]]]
    begun, counts, found = time.perf_counter(), Counter[str](), Counter[str]()
    broken: list[Verdict] = []
    for seed in range(first, first + count):
        verdict = run(case(seed, transactional=seed % PLAIN_EACH != 0), Make())
        counts += verdict.counts
        found.update(verdict.found.counts())
        if not verdict.found.clean:
            broken.append(verdict)
    for verdict in broken[:1]:
        _show(verdict)
    seconds = round(time.perf_counter() - begun, 1)
    names = {"seed": first, "schedules": count, "seconds": seconds}
    seeds = [verdict.case.seed for verdict in broken]
    print(json.dumps({**names, **counts, **found, "broken": seeds}))  # noqa: T201 - its result
    return 1 if broken else 0


def _show(verdict: Verdict) -> None:
    print(verdict.case)  # noqa: T201 - for people
    for at, who, what in verdict.steps:
        print(f"{at:9.3f} s  {who:6} {what}")  # noqa: T201 - for people
    for example in verdict.found.examples:
        print(f"  {example}")  # noqa: T201 - for people


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
