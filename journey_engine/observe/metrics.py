"""What can be measured of a worker, as the contract says; own registry.

Fed once a commit or a poll, never once an event.
"""

from collections.abc import Callable, Iterable, Mapping
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Info,
    disable_created_metrics,
    generate_latest,
)

from journey_engine.observe import contract
from journey_engine.observe.contract import Metric
from journey_engine.observe.distribution import Distribution

if TYPE_CHECKING:
    from faust.types import TP

    from journey_engine.run.outbox import Statistics

CONTENT_TYPE = "text/plain; version=0.0.4"

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each counter, which no query of ours reads


class Committed(NamedTuple):
    """When a unit of work became durable.

    `now` is wall time in milliseconds (None: records tell another time), `since_decided` the
    seconds since the first decision in it, `seconds` those of the commit; None where the outcome
    came out later.
    """

    now: int | None
    since_decided: float
    seconds: float | None


class Metrics:
    """The metrics of one worker."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._count_decisions()
        self._count_troubles()
        self._watch_the_worker()

    def _count_decisions(self) -> None:
        self.records = self._counter(contract.RECORDS)
        self.marks = self._counter(contract.MARKS)
        self.inputs = self._counter(contract.INPUTS)
        self.entries = self._counter(contract.ENTRIES)
        self.transitions = self._counter(contract.TRANSITIONS)
        self.stages = self._counter(contract.STAGES)
        self.commands_decided = self._counter(contract.COMMANDS_DECIDED)
        self.commands = self._counter(contract.COMMANDS)
        self.sends = self._counter(contract.SENDS)
        self.messages = self._counter(contract.MESSAGES)
        self.state_sizes = self._counter(contract.STATE_SIZES)
        self.input_delay = self._distribution(contract.INPUT_DELAY)
        self.publish_delay = self._distribution(contract.PUBLISH_DELAY)
        self.decision_seconds = self._distribution(contract.DECISION)
        self.timer_lateness = self._distribution(contract.TIMER_LATENESS)
        self.commit_seconds = self._distribution(contract.COMMIT)

    def _count_troubles(self) -> None:
        self.dead_letters = self._counter(contract.DEAD_LETTERS)
        self.guard_errors = self._counter(contract.GUARD_ERRORS)
        self.dropped = self._counter(contract.DROPPINGS)
        self.forwarded = self._counter(contract.FORWARDED)
        self.oversized = self._counter(contract.OVERSIZED)
        self.aborted = self._counter(contract.ABORTED)
        self.unresolved = self._counter(contract.UNRESOLVED)
        self.fenced = self._counter(contract.FENCED)
        self.commit_failures = self._counter(contract.OFFSETS_NOT_COMMITTED)
        self.lost = self._counter(contract.LOST)
        self.registry_lookups = self._counter(contract.REGISTRY_LOOKUPS)

    def _watch_the_worker(self) -> None:
        self.restore_seconds = self._distribution(contract.RESTORE)
        self.lag_records = self._gauge(contract.LAG)
        self.broker_silent = self._gauge(contract.BROKER_SILENT)
        self.restore_remaining = self._gauge(contract.RESTORE_REMAINING)
        self.standby_remaining = self._gauge(contract.STANDBY_REMAINING)
        self.partitions = self._gauge(contract.PARTITIONS)
        self.declared = self._gauge(contract.DECLARED)
        self.quarantined = self._gauge(contract.QUARANTINED)
        self.registry_wanted = self._gauge(contract.REGISTRY_WANTED)
        guarantee = contract.GUARANTEE
        self.guarantee = Info(guarantee.name, guarantee.meaning, registry=self.registry)

    def _counter(self, metric: Metric) -> Counter:
        """From 0 on where its labels are closed lists: no first increase goes unseen."""
        names = [label.name for label in metric.labels]
        counter = Counter(metric.name, metric.meaning, names, registry=self.registry)
        closed = [each.values for each in metric.labels if isinstance(each.values, frozenset)]
        if names and len(closed) == len(names):
            for values in product(*closed):
                counter.labels(*values)
        return counter

    def _gauge(self, metric: Metric) -> Gauge:
        names = [label.name for label in metric.labels]
        return Gauge(metric.name, metric.meaning, names, registry=self.registry)

    def _distribution(self, metric: Metric) -> Distribution:
        return Distribution(metric, self.registry)

    def begins(self, partitions: int, topics: Iterable[str], serving: Callable[[], int]) -> None:
        """Show of how many partitions the app is and how many are `serving` here; and that none
        of what the topics held is lost so far.
        """
        self.declared.set(partitions)
        self.partitions.set_function(serving)
        for topic in topics:
            self.lost.labels(topic)

    def stepped(self, inputs: int, seconds: float) -> None:
        """`inputs` and timers were decided in so many seconds."""
        if inputs:
            self.decision_seconds.add(seconds / inputs, inputs)

    def decided(self, statistics: "Statistics") -> None:
        """A unit of work is to be committed."""
        self.commands_decided.inc(sum(statistics.commands.values()))

    def committed(self, statistics: "Statistics", committed: Committed) -> None:
        """A unit of work is durable: count what it did."""
        for counter, counts in (
            (self.inputs, statistics.inputs),
            (self.entries, statistics.entries),
            (self.transitions, statistics.transitions),
            (self.stages, statistics.stages),
            (self.commands, statistics.commands),
            (self.sends, statistics.sends),
            (self.messages, statistics.messages),
            (self.dead_letters, statistics.dead_letters),
        ):
            for labels, count in counts.items():
                counter.labels(*labels).inc(count)
        for counter, single in (
            (self.records, statistics.records),
            (self.guard_errors, statistics.guard_errors),
            (self.dropped, statistics.dropped),
            (self.state_sizes, statistics.state_sizes),
        ):
            for label, count in single.items():
                counter.labels(label).inc(count)
        self.marks.inc(statistics.marks)
        self.forwarded.inc(statistics.forwarded)
        self.oversized.inc(statistics.oversized_states)
        self._time(statistics, committed)

    def _time(self, statistics: "Statistics", committed: Committed) -> None:
        arrivals, now = statistics.arrivals, committed.now
        if now is None:
            self.input_delay.add(0.0, sum(arrivals.values()))
        else:
            waits = (((now - at) / 1000 if at < now else 0.0, n) for at, n in arrivals.items())
            self.input_delay.add_all(waits)
        for late in statistics.timer_lateness:
            self.timer_lateness.add(late / 1000)
        commands = sum(statistics.commands.values())
        self.publish_delay.add(committed.since_decided, commands)
        if committed.seconds is not None:
            self.commit_seconds.add(committed.seconds)

    def opened(self, partitions: int, seconds: float) -> None:
        """So many partitions were opened together, after so many seconds."""
        self.restore_seconds.add(seconds, partitions)

    def lag(self, behind: Mapping["TP", int]) -> None:
        """Show by how many records each input partition is behind."""
        for tp, records in behind.items():
            self.lag_records.labels(tp.topic, tp.partition).set(records)

    def restoring(self, remaining: Mapping[int, int]) -> None:
        """Show how many changelog records each partition has still to read."""
        for partition, count in remaining.items():
            self.restore_remaining.labels(partition).set(max(0, count))

    def standing_by(self, remaining: Mapping[int, int]) -> None:
        """Show how many changelog records the copies of others' partitions lack."""
        for partition, count in remaining.items():
            self.standby_remaining.labels(partition).set(count)

    def reassigned(self) -> None:
        """The lag of partitions that left is no longer ours."""
        self.lag_records.clear()

    def exposition(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self.registry)
