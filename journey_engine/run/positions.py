"""From where inputs are read: at the position, or behind what retention deleted unread."""

from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from faust.types import TP

    from journey_engine.observe.metrics import Metrics

log = structlog.get_logger(__name__)


class PositionError(Exception):
    """A topic is not the one that was read before; the message says what to do."""


class Positions:
    """Says and counts what was lost, once for each gap."""

    def __init__(self, metrics: "Metrics") -> None:
        self._metrics = metrics
        self._told: dict[TP, int] = {}
        """Up to where: a position stays before its gap until something behind it is taken."""

    def reachable(self, tp: "TP", position: int | None, first: int) -> int:
        """Where to go on: at the position, or at `first`, the first offset of the log."""
        if position is None:
            return first
        told = max(position, self._told.get(tp, 0))
        if told < first:
            self._told[tp] = first
            self._metrics.lost.labels(tp.topic).inc(first - told)
            log.error(
                "records_lost",
                topic=tp.topic,
                partition=tp.partition,
                position=told,
                first_offset=first,
                lost=first - told,
                hint="retention deleted them unread: the worker was away or behind for too long",
            )
        return max(position, first)

    def out_of_range(self, tp: "TP", position: int, first: int) -> int:
        """As `reachable`, for a position that the log does not have.

        Raises:
            PositionError: the log ends before it.
        """
        if position >= first:
            raise PositionError(
                f"{tp.topic}, partition {tp.partition}, ends before offset {position}, where this "
                "app stands. Was the topic deleted and made anew? Then delete the app's changelog "
                "and ledger too, or give it another app_id."
            )
        return self.reachable(tp, position, first)
