"""What can be measured of a worker, in Prometheus' terms: `journey_…`, seconds, own registry.

Fed once a commit or a poll, never once an event. Labels are closed lists or names of definitions;
none is a customer's.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, generate_latest

if TYPE_CHECKING:
    from faust.types import TP

    from journey_engine.run.outbox import Statistics
    from journey_engine.run.transport import End

CONTENT_TYPE = "text/plain; version=0.0.4"
DECISION_BUCKETS = (5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 1e-2, 0.1)
COMMIT_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
LATENESS_BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 600, 3600, 86400)


class Metrics:
    """The metrics of one worker."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._count_decisions(self.registry)
        self._watch_the_worker(self.registry)

    def _count_decisions(self, registry: CollectorRegistry) -> None:
        self.inputs = Counter(
            "journey_inputs", "Inputs taken.", ["type", "outcome"], registry=registry
        )
        self.entries = Counter(
            "journey_entries", "Entry clauses looked at.", ["journey", "outcome"], registry=registry
        )
        self.transitions = Counter(
            "journey_transitions", "Transitions, ends by reason.", ["journey", "end"],
            registry=registry,
        )  # fmt: skip
        self.commands = Counter(
            "journey_commands", "Commands sent.", ["channel", "action"], registry=registry
        )
        self.sends = Counter(
            "journey_send_decisions", "Candidates by outcome.", ["journey", "outcome"],
            registry=registry,
        )  # fmt: skip
        self.messages = Counter(
            "journey_messages", "Messages between partitions.", ["kind", "way"], registry=registry
        )
        self.dead_letters = Counter(
            "journey_dead_letters", "Records refused.", ["code"], registry=registry
        )
        self.guard_errors = Counter(
            "journey_guard_errors", "Guards that failed.", ["journey"], registry=registry
        )
        self.dropped = Counter(
            "journey_dropped", "Forgotten over a bound.", ["what"], registry=registry
        )
        self.forwarded = Counter(
            "journey_forwarded", "Inputs that lay on a wrong partition.", registry=registry
        )
        self.state_sizes = Counter(
            "journey_states_written", "States written, by size.", ["below_bytes"], registry=registry
        )
        self.oversized = Counter(
            "journey_oversized_states", "States over their bound.", registry=registry
        )

    def _watch_the_worker(self, registry: CollectorRegistry) -> None:
        self.decision_seconds = Histogram(
            "journey_decision_seconds", "Time of one input or timer, mean of a step.",
            buckets=DECISION_BUCKETS, registry=registry,
        )  # fmt: skip
        self._watch_the_commits(registry)
        self.timer_lateness_seconds = Histogram(
            "journey_timer_lateness_seconds", "From due to fired.", buckets=LATENESS_BUCKETS,
            registry=registry,
        )  # fmt: skip
        self.lag_records = Gauge(
            "journey_lag_records", "Records not yet fetched.", ["topic", "partition"],
            registry=registry,
        )  # fmt: skip
        self.restore_remaining = Gauge(
            "journey_restore_remaining_records", "Changelog records still to be read.",
            ["partition"], registry=registry,
        )  # fmt: skip
        self.standby_remaining = Gauge(
            "journey_standby_remaining_records", "Changelog records that a copy lacks.",
            ["partition"], registry=registry,
        )  # fmt: skip
        self.lost = Counter(
            "journey_lost_records", "Inputs that retention deleted unread.", ["topic"],
            registry=registry,
        )  # fmt: skip
        self.partitions = Gauge("journey_partitions", "Partitions that run.", registry=registry)
        self.commit_failures = Counter(
            "journey_offset_commit_failures", "Group offsets not recorded.", registry=registry
        )

    def _watch_the_commits(self, registry: CollectorRegistry) -> None:
        self.commit_seconds = Histogram(
            "journey_commit_seconds", "Time of a partition's commit.", buckets=COMMIT_BUCKETS,
            registry=registry,
        )  # fmt: skip
        self.aborted = Counter(
            "journey_aborted_commits", "Commits undone, their inputs taken again.",
            registry=registry,
        )  # fmt: skip
        self.unresolved = Counter(
            "journey_unresolved_commits", "Commits that failed; the changelog told the outcome.",
            registry=registry,
        )  # fmt: skip
        self.fenced = Counter(
            "journey_fenced_partitions", "Partitions dropped since another owner had begun.",
            registry=registry,
        )  # fmt: skip
        self.quarantined = Gauge(
            "journey_definitions_quarantined", "Journeys left out since their definition is wrong.",
            registry=registry,
        )  # fmt: skip
        self.guarantee = Info("journey_guarantee", "What outputs are worth.", registry=registry)

    def stepped(self, inputs: int, seconds: float) -> None:
        """`inputs` and timers were decided in so many seconds."""
        if inputs:
            self.decision_seconds.observe(seconds / inputs)

    def committed(self, statistics: "Statistics", seconds: float | None) -> None:
        """A unit of work is durable, after so many seconds; None where that came out later. Count
        what it did.
        """
        for counter, counts in (
            (self.inputs, statistics.inputs),
            (self.entries, statistics.entries),
            (self.transitions, statistics.transitions),
            (self.commands, statistics.commands),
            (self.sends, statistics.sends),
            (self.messages, statistics.messages),
        ):
            for labels, count in counts.items():
                counter.labels(*labels).inc(count)
        for counter, single in (
            (self.dead_letters, statistics.dead_letters),
            (self.guard_errors, statistics.guard_errors),
            (self.dropped, statistics.dropped),
        ):
            for label, count in single.items():
                counter.labels(label).inc(count)
        self.forwarded.inc(statistics.forwarded)
        for below, count in statistics.state_sizes.items():
            self.state_sizes.labels(below).inc(count)
        self.oversized.inc(statistics.oversized_states)
        for late in statistics.timer_lateness:
            self.timer_lateness_seconds.observe(late / 1000)
        if seconds is not None:
            self.commit_seconds.observe(seconds)

    def lag(self, ends: Mapping["TP", "End"]) -> None:
        """Show how far each input partition is behind."""
        for tp, end in ends.items():
            behind = max(0, end.stable - end.position)
            self.lag_records.labels(tp.topic, tp.partition).set(behind)

    def restoring(self, remaining: Mapping[int, int]) -> None:
        """Show how many changelog records each partition has still to read."""
        for partition, count in remaining.items():
            self.restore_remaining.labels(partition).set(max(0, count))

    def standing_by(self, remaining: Mapping[int, int]) -> None:
        """Show how many changelog records the copies of others' partitions lack."""
        for partition, count in remaining.items():
            self.standby_remaining.labels(partition).set(count)

    def running(self, partitions: int) -> None:
        """Show how many partitions run; the lag of those that left is no longer ours."""
        self.partitions.set(partitions)
        self.lag_records.clear()

    def exposition(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self.registry)
