"""The contract of /metrics: each metric's name, unit, labels, buckets and meaning.

Names and labels change only on purpose: dashboards and alerts read them. What a label may say is a
closed list, or names that the definitions, schemas and topics bound; none is a customer's. From
this list the collectors are made, and the table in this folder's README.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from journey_engine.decide.message import Message
from journey_engine.define.action_plan import ActionKind
from journey_engine.errors import (
    SKIPPED,
    CandidateOutcome,
    DeadLetterCode,
    EndReason,
    EntryOutcome,
    InputOutcome,
)


class Kind(StrEnum):
    """What a number does: counts up, goes up and down, is a distribution, is a fact (1)."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    INFO = "info"


class Source(StrEnum):
    """Where the values of an open label come from, which bounds them."""

    EVENT_TYPES = "event types of the schemas"
    JOURNEYS = "journeys of the definitions"
    STAGES = "stages of the journeys"
    CHANNELS = "channels of the definitions"
    TOPICS = "topics that are read"
    PARTITIONS = "partitions of the app"


@dataclass(frozen=True, slots=True)
class Label:
    """A label, and what it may say: one of a closed list, or a name of a source."""

    name: str
    values: frozenset[str] | Source


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `name` is without the suffixes that the format adds; `exposed` has them."""

    kind: Kind
    name: str
    unit: str
    meaning: str
    labels: tuple[Label, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def exposed(self) -> str:
        """The name that queries use: a counter's ends in `_total`, a fact's in `_info`."""
        return self.name + {Kind.COUNTER: "_total", Kind.INFO: "_info"}.get(self.kind, "")

    def samples(self) -> frozenset[str]:
        """The names of all its samples."""
        if self.kind is not Kind.HISTOGRAM:
            return frozenset({self.exposed})
        return frozenset(self.name + suffix for suffix in ("_bucket", "_sum", "_count"))


METRICS: Final[list[Metric]] = []
"""All of them, in the order in which they are explained."""


def _metric(
    kind: Kind,
    name: str,
    unit: str,
    meaning: str,
    *labels: Label,
    buckets: tuple[float, ...] = (),
) -> Metric:
    metric = Metric(kind, f"journey_{name}", unit, meaning, labels, buckets)
    METRICS.append(metric)
    return metric


def _one_of(name: str, values: Sequence[str]) -> Label:
    return Label(name, frozenset(values))


DROPPED = (
    "aliases",
    "asked",
    "consent",
    "contact",
    "context",
    "ended",
    "event",
    "features",
    "keys",
    "macro_history",
    "members",
    "no_account",
    "open",
    "patterns",
    "pending",
    "seen",
    "sent",
    "timers",
    "values",
)
"""What a customer's state forgets over a bound (law 6)."""

REFUSED_IN = ("decode", "decide", "message", "encode")
"""Where a record was refused."""

SECONDS = "seconds"
WAIT_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600, 21600)
"""From milliseconds in a quiet hour to the backlog of a night."""
LATENESS_BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 600, 3600, 86400)
DECISION_BUCKETS = (5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 1e-2, 0.1)
COMMIT_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
RESTORE_BUCKETS = (0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)

_TYPE = Label("type", Source.EVENT_TYPES)
_JOURNEY = Label("journey", Source.JOURNEYS)
_TOPIC = Label("topic", Source.TOPICS)
_PARTITION = Label("partition", Source.PARTITIONS)

RECORDS = _metric(
    Kind.COUNTER,
    "records",
    "records",
    "Records of the inputs taken, whatever became of them.",
    _TOPIC,
)
MARKS = _metric(Kind.COUNTER, "marks", "records", "Time marks among them.")
INPUTS = _metric(
    Kind.COUNTER,
    "inputs",
    "events",
    "Events taken, by what became of them.",
    _TYPE,
    _one_of("outcome", (*InputOutcome, SKIPPED)),
)
INPUT_DELAY = _metric(
    Kind.HISTOGRAM,
    "input_delay_seconds",
    SECONDS,
    "From when the broker had a record to the commit of what it led to, to 64 ms; its count is "
    "that of all records taken, refused ones included. With the clock `stream` it is 0.",
    buckets=WAIT_BUCKETS,
)
ENTRIES = _metric(
    Kind.COUNTER,
    "entries",
    "clauses",
    "Entry clauses looked at.",
    _JOURNEY,
    _one_of("outcome", tuple(EntryOutcome)),
)
TRANSITIONS = _metric(
    Kind.COUNTER,
    "transitions",
    "transitions",
    "Transitions; `end` is the reason of an end, empty where the instance lives on.",
    _JOURNEY,
    _one_of("end", ("", *EndReason)),
)
STAGES = _metric(
    Kind.COUNTER,
    "stage_entries",
    "instances",
    "Instances that came to a stage.",
    _JOURNEY,
    Label("stage", Source.STAGES),
)
COMMANDS = _metric(
    Kind.COUNTER,
    "commands",
    "commands",
    "Commands written and committed.",
    Label("channel", Source.CHANNELS),
    _one_of("action", (*ActionKind, "CANCEL")),
)
COMMANDS_DECIDED = _metric(
    Kind.COUNTER,
    "commands_decided",
    "commands",
    "Commands decided, counted before they are written: those of a commit that is undone are "
    "decided again.",
)
PUBLISH_DELAY = _metric(
    Kind.HISTOGRAM,
    "publish_delay_seconds",
    SECONDS,
    "For each command committed: from the first decision of its unit of work to the commit, so the "
    "most that it waited.",
    buckets=COMMIT_BUCKETS,
)
SENDS = _metric(
    Kind.COUNTER,
    "send_decisions",
    "candidates",
    "What became of actions that were asked for; `DEFERRED` is on the way.",
    _JOURNEY,
    _one_of("outcome", tuple(CandidateOutcome)),
)
DEAD_LETTERS = _metric(
    Kind.COUNTER,
    "dead_letters",
    "records",
    "Records refused: inputs in `decode` and `decide`, a `message` between partitions, what a "
    "topic would not take, or no topic takes, in `encode`.",
    _one_of("code", tuple(DeadLetterCode)),
    _one_of("stage", REFUSED_IN),
)
GUARD_ERRORS = _metric(
    Kind.COUNTER,
    "guard_errors",
    "guards",
    "Guards that had no value, each counted as false.",
    _JOURNEY,
)
DROPPINGS = _metric(
    Kind.COUNTER,
    "dropped",
    "entries",
    "What was forgotten over a bound of the state.",
    _one_of("what", DROPPED),
)
FORWARDED = _metric(
    Kind.COUNTER,
    "forwarded",
    "events",
    "Inputs that lay on a wrong partition. A producer's partitioner is not murmur2.",
)
MESSAGES = _metric(
    Kind.COUNTER,
    "messages",
    "messages",
    "Messages between partitions: requests for room on a channel, identities, accounts, erasures, "
    "what operators say.",
    _one_of("kind", tuple(sorted(each.__name__ for each in Message.__subclasses__()))),
    _one_of("way", ("sent", "taken")),
)
STATE_SIZES = _metric(
    Kind.COUNTER,
    "states_written",
    "states",
    "States written, by the power of two that their bytes stay below: 4096 and less is usual.",
    _one_of("below_bytes", tuple(str(1 << bit) for bit in range(1, 25))),
)
OVERSIZED = _metric(
    Kind.COUNTER, "oversized_states", "states", "States that stayed over their bound."
)
DECISION = _metric(
    Kind.HISTOGRAM,
    "decision_seconds",
    SECONDS,
    "For each input and timer: the time that deciding it took, the mean of its step.",
    buckets=DECISION_BUCKETS,
)
TIMER_LATENESS = _metric(
    Kind.HISTOGRAM,
    "timer_lateness_seconds",
    SECONDS,
    "From due to decided, in wall time. It grows while a partition is behind; the command is out "
    "one commit later.",
    buckets=LATENESS_BUCKETS,
)
COMMIT = _metric(
    Kind.HISTOGRAM,
    "commit_seconds",
    SECONDS,
    "A partition's commit; its count is that of the commits.",
    buckets=COMMIT_BUCKETS,
)
UNRESOLVED = _metric(
    Kind.COUNTER,
    "unresolved_commits",
    "commits",
    "Commits that failed: time-out, lost connection, refused batch. The changelog tells what "
    "became of them.",
)
ABORTED = _metric(
    Kind.COUNTER,
    "aborted_commits",
    "commits",
    "Those of them that were undone; their inputs are taken again.",
)
FENCED = _metric(
    Kind.COUNTER,
    "fenced_partitions",
    "partitions",
    "Partitions dropped since another owner had begun.",
)
OFFSETS_NOT_COMMITTED = _metric(
    Kind.COUNTER,
    "offset_commit_failures",
    "commits",
    "Group offsets not recorded. Only lag tools miss them.",
)
PARTITIONS = _metric(Kind.GAUGE, "partitions", "partitions", "Partitions that run here.")
DECLARED = _metric(
    Kind.GAUGE,
    "partitions_declared",
    "partitions",
    "Partitions of the app, by topics.yaml: as many must run in all its workers together.",
)
LAG = _metric(
    Kind.GAUGE,
    "lag_records",
    "records",
    "Records not taken: not fetched yet, or fetched, where the first of them has waited for 10 s.",
    _TOPIC,
    _PARTITION,
)
BROKER_SILENT = _metric(
    Kind.GAUGE,
    "broker_silent_seconds",
    SECONDS,
    "Since a broker last answered a fetch, of the input partition for which that is longest. Those "
    "whose fetch is paused, and partitions that recover, are left out.",
)
LOST = _metric(
    Kind.COUNTER,
    "lost_records",
    "records",
    "Inputs that retention deleted before a worker read them. Any is a loss: the worker was away "
    "or behind for longer than the retention.",
    _TOPIC,
)
RESTORE = _metric(
    Kind.HISTOGRAM,
    "restore_seconds",
    SECONDS,
    "For each partition that was opened: how long it took until it could work.",
    buckets=RESTORE_BUCKETS,
)
RESTORE_REMAINING = _metric(
    Kind.GAUGE,
    "restore_remaining_records",
    "records",
    "Changelog records still to be read.",
    _PARTITION,
)
STANDBY_REMAINING = _metric(
    Kind.GAUGE,
    "standby_remaining_records",
    "records",
    "Changelog records that a copy of another worker's partition lacks (setting `standbys`).",
    _PARTITION,
)
QUARANTINED = _metric(
    Kind.GAUGE,
    "definitions_quarantined",
    "journeys",
    "Journeys left out of the definitions in force, since theirs is wrong; the log says why "
    "(`definition_quarantined`). Who is in them lies dormant.",
)
REGISTRY_WANTED = _metric(
    Kind.GAUGE,
    "registry_wanted_ids",
    "ids",
    "Schema ids that the Schema Registry has not told yet; the partitions that came to them wait.",
)
REGISTRY_LOOKUPS = _metric(
    Kind.COUNTER,
    "registry_lookups",
    "questions",
    "Questions to the Schema Registry: `unknown` is an id that it does not have, asked for twice, "
    "`failed` no answer, asked again.",
    _one_of("outcome", ("found", "unknown", "failed")),
)
GUARANTEE = _metric(
    Kind.INFO,
    "guarantee",
    "",
    "What outputs are worth, as the broker allows.",
    _one_of("guarantee", ("exactly_once", "at_least_once")),
)
