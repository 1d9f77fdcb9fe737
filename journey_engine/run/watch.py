"""What is told of the partitions that run here: how far behind they are, whether brokers answer."""

import time
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

from faust.types import TP

if TYPE_CHECKING:
    from journey_engine.observe.metrics import Metrics
    from journey_engine.run.naming import Names
    from journey_engine.run.partition import Partition
    from journey_engine.run.transport import End

STANDS_S = 10.0
"""What was fetched counts as behind once the first of it has waited for so long: under load some
records always wait for the next step.
"""
SILENT_S = 30.0
"""Without an answer for so long a worker is not ready: an idle topic's fetch is answered after
`fetch_max_wait_ms`.
"""
_UNANSWERED = -1


class Watch:
    """Looks at those that are `running`, by number, when the loop says so: some times a second.
    Times are monotonic, in seconds.
    """

    def __init__(
        self, names: "Names", running: Callable[[], Mapping[int, "Partition"]], metrics: "Metrics"
    ) -> None:
        self._topics = names.read
        self._running = running
        self._metrics = metrics
        self._marks: dict[TP, tuple[int, float]] = {}
        """An offset up to which all was handed out, and since when that is so."""
        self._answers: dict[TP, tuple[int, float]] = {}
        """The broker's time of the last answer, and when it was seen."""
        metrics.begins(names.partitions, names.read, self._serving)
        metrics.broker_silent.set_function(lambda: self._silent()[0])

    def _serving(self) -> int:
        return sum(each.running for each in self._running().values())

    def plan_hashes(self) -> set[str]:
        """The definitions that are in force in one of them."""
        return {each.task.plan_hash for each in self._running().values()}

    def look(self, ends: Mapping[TP, "End"], paused: Collection[TP], now_s: float) -> None:
        """Show how far each of the partitions is behind, and note which were answered."""
        behind: dict[TP, int] = {}
        running = self._running()
        for number, partition in running.items():
            for topic in self._topics:
                tp = TP(topic, number)
                end = ends.get(tp)
                asked_at = _UNANSWERED if end is None else end.asked_at
                known = self._answers.get(tp)
                if not partition.running or tp in paused or known is None or known[0] != asked_at:
                    self._answers[tp] = (asked_at, now_s)
                if end is not None:
                    standing = self._standing(tp, end, partition, now_s)
                    behind[tp] = max(0, end.stable - end.position) + standing
        for tp in [tp for tp in self._answers if tp.partition not in running]:
            del self._answers[tp]
        self._metrics.lag(behind)

    def _standing(self, tp: TP, end: "End", partition: "Partition", now_s: float) -> int:
        """How many records were handed out and stand."""
        waiting = partition.task.waiting(tp.topic)
        upto, since = self._marks.setdefault(tp, (end.position, now_s))
        if not waiting or waiting[0].offset >= upto:
            self._marks[tp] = (end.position, now_s)
            return 0
        return len(waiting) if now_s - since >= STANDS_S else 0

    def _silent(self) -> tuple[float, TP | None]:
        """The longest time without an answer, and of which partition."""
        if not self._answers:
            return 0.0, None
        tp = min(self._answers, key=lambda tp: self._answers[tp][1])
        return max(0.0, time.monotonic() - self._answers[tp][1]), tp

    def trouble(self) -> str | None:
        """Why nothing can be read; None while brokers answer."""
        seconds, tp = self._silent()
        if tp is None or seconds < SILENT_S:
            return None
        return f"no broker has answered for {seconds:.0f} s: {tp.topic}, partition {tp.partition}"

    def reassigned(self) -> None:
        """Other partitions run here from now on, or none."""
        self._marks.clear()
        self._answers.clear()
        self._metrics.reassigned()
