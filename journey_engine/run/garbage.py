"""How often Python looks for cycles that reference counts do not free.

Records, states and decisions hold no cycles. By default the collector looks after every 700
allocations all the same, and walks through buffers and states on their way over and over: a third
of a replay's CPU, and still a tenth after every 50,000. Cycles of libraries (tracebacks, futures)
still have to go, so it only looks less often.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

THRESHOLDS = (500_000, 50, 100)
"""Allocations, then young and middle collections, after which the next generation is looked at."""


@contextmanager
def collected_rarely() -> Iterator[None]:
    """Set apart what is there already (modules, the plan), and look rarely at what comes."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
