"""When the commits of a worker's partitions begin, and how long a poll may wait meanwhile."""

from collections.abc import Collection
from typing import Final

from journey_engine.run.partition import Partition, Parts

TICK_S: Final = 0.02
"""How long an idle poll waits: the most by which a timer is late for it."""


def beginning(idle: Collection[Partition], now_s: float, running: int) -> list[Partition]:
    """Of those that do not commit, the ones that begin now, where so many run: once one is due, all
    that are half as far. What they write at one time goes to the broker in one request.
    """
    if not any(each.due(now_s, running) for each in idle):
        return []
    return [each for each in idle if each.due(now_s, running) or each.joins(now_s, running)]


def tick_s(running: Collection[Partition], parts: Parts) -> float:
    """How long the next poll may wait for records."""
    if not any(partition.waits for partition in running):
        return TICK_S
    return min(TICK_S, parts.interval_s(len(running)) / 4)
