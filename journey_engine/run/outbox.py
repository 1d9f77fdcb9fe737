"""What a partition's decisions leave for others, until it is flushed. Data only, nothing is sent.

`Output`s are in the order in which they were decided, which is also the order of their times.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from journey_engine.decide.decision import Command, SendDecision, Transition
from journey_engine.decide.message import CHANNEL, Message
from journey_engine.decide.state import STATE_BYTES_MAX
from journey_engine.decide.verdict import Decision
from journey_engine.decode.record import Fetched, Headers, Record
from journey_engine.encode.command import encode_command
from journey_engine.encode.deadletter import Failure, encode_deadletter
from journey_engine.encode.ledger import LedgerEntry
from journey_engine.encode.message import encode_message
from journey_engine.encode.outgoing import OutRecord
from journey_engine.encode.position import POSITION_KEY, Position, encode_position
from journey_engine.encode.send_decision import encode_send_decision
from journey_engine.encode.transition import encode_transition
from journey_engine.errors import DeadLetterCode
from journey_engine.schemas import Schemas

ORIGIN = "__journey.origin."
"""Prefix of the headers of a forwarded record: where it lay."""


class DeadLetter(NamedTuple):
    """A record that could not be applied, and why."""

    record: Fetched
    failure: Failure


class Forward(NamedTuple):
    """A record that lay on the wrong partition, for the inbox of the right one."""

    record: Fetched
    partition: int

    def headers(self) -> Headers:
        """The record's own, and where it lay."""
        origin = self.record
        places = {"topic": origin.topic, "partition": origin.partition, "offset": origin.offset}
        times = {"timestamp": origin.timestamp}
        ours = ((ORIGIN + name, str(value).encode()) for name, value in (places | times).items())
        return (*origin.headers, *ours)


def unforwarded(record: Fetched) -> Fetched:
    """The record as it lay on the wrong partition; any other record as it is."""
    origin = {name: value or b"" for name, value in record.headers if name.startswith(ORIGIN)}
    try:
        partition = int(origin[ORIGIN + "partition"])
        offset = int(origin[ORIGIN + "offset"])
        timestamp = int(origin[ORIGIN + "timestamp"])
        topic = origin[ORIGIN + "topic"].decode()
    except (KeyError, ValueError):
        return record
    headers = tuple(pair for pair in record.headers if pair[0] not in origin)
    return Record(topic, partition, offset, timestamp, record.key, record.value, headers)


ARRIVAL_MS = 64
"""Records that arrived within so many milliseconds are counted together."""

Pairs = dict[tuple[str, str], int]
"""How often, by two labels."""
Counts = dict[str, int]
Output = Command | Transition | SendDecision | DeadLetter


def logged_at(output: Output) -> int:
    """The partition's clock when it was decided."""
    if isinstance(output, Command):
        return output.created_at
    if isinstance(output, Transition):
        return output.logged_at
    return output.decided_at if isinstance(output, SendDecision) else output.failure.at


def encode_output(output: Output, schemas: Schemas, *, deadletter_bytes_max: int) -> OutRecord:
    """The record to be produced to the partition of its input."""
    if isinstance(output, Command):
        return encode_command(output, schemas)
    if isinstance(output, Transition):
        return encode_transition(output, schemas)
    if isinstance(output, SendDecision):
        return encode_send_decision(output, schemas)
    return encode_deadletter(output.record, output.failure, record_bytes_max=deadletter_bytes_max)


@dataclass(slots=True)
class Statistics:
    """Counts since the last flush, for metrics; labels are closed lists or names of definitions."""

    records: Counts = field(default_factory=dict)
    """Records of the inputs taken, by topic; one that was forwarded is counted where it lay."""
    inputs: Pairs = field(default_factory=dict)
    """By (event type, input outcome); `SKIPPED` where nobody reads the type (T9). What went to the
    dead letters is not among them.
    """
    entries: Pairs = field(default_factory=dict)
    """By (journey, entry outcome)."""
    transitions: Pairs = field(default_factory=dict)
    """By (journey, end reason, "" where the instance lives on)."""
    stages: Pairs = field(default_factory=dict)
    """By (journey, stage that was come to)."""
    commands: Pairs = field(default_factory=dict)
    """By (channel, action)."""
    sends: Pairs = field(default_factory=dict)
    """By (journey, candidate outcome)."""
    messages: Pairs = field(default_factory=dict)
    """By (kind, `sent` or `taken`)."""
    dead_letters: Pairs = field(default_factory=dict)
    """By (code, stage): inputs refused in `decode` or `decide`, messages (`message`)."""
    guard_errors: Counts = field(default_factory=dict)
    dropped: Counts = field(default_factory=dict)
    """What went over a bound and was forgotten (law 6)."""
    arrivals: dict[int, int] = field(default_factory=dict)
    """Records taken, by when the broker had them: milliseconds, a multiple of `ARRIVAL_MS`."""
    timer_lateness: list[int] = field(default_factory=list)
    """Milliseconds from due to decided, one for each timer."""
    marks: int = 0
    forwarded: int = 0
    state_sizes: dict[int, int] = field(default_factory=dict)
    """States written, by the power of two that their bytes stay below."""
    oversized_states: int = 0
    """States over their bound even after law 6: a fault of ours to be looked at."""

    def took(self, topic: str) -> None:
        """One more record of an input."""
        self.records[topic] = self.records.get(topic, 0) + 1

    def wrote(self, changes: Mapping[str, bytes | None]) -> None:
        """Add customers' states written, None where nothing was left; a channel's has bounds of its
        own.
        """
        sizes = self.state_sizes
        for key, data in changes.items():
            if data is not None and not key.startswith(CHANNEL):
                below = 1 << len(data).bit_length()
                sizes[below] = sizes.get(below, 0) + 1
                self.oversized_states += len(data) > STATE_BYTES_MAX

    def arrived(self, at: int) -> None:
        """Add a record taken, which the broker had at that time."""
        slot = at // ARRIVAL_MS * ARRIVAL_MS
        self.arrivals[slot] = self.arrivals.get(slot, 0) + 1

    def count(self, decision: Decision, fired_at: int) -> None:
        """Add a decision's; timers fired at that time."""
        for journey, entry in decision.entries:
            tally(self.entries, journey, entry)
        if decision.dropped:
            for what, count in decision.dropped.items():
                self.dropped[what] = self.dropped.get(what, 0) + count
        if decision.acted:
            self._acted(decision, fired_at)

    def _acted(self, decision: Decision, fired_at: int) -> None:
        for transition in decision.transitions:
            journey, stage = transition.journey, transition.to_stage
            tally(self.transitions, journey, transition.end or "")
            if stage is not None and transition.milestone is None:
                tally(self.stages, journey, stage)
        for command in decision.commands:
            tally(self.commands, command.channel, command.action)
        for send in decision.sends:
            tally(self.sends, send.journey, send.outcome)
        for journey, _ in decision.guard_errors:
            self.guard_errors[journey] = self.guard_errors.get(journey, 0) + 1
        for due in decision.timers_fired:
            self.timer_lateness.append(max(0, fired_at - due))


def tally(counts: Pairs, first: str, second: str) -> None:
    """One more of a pair."""
    pair = (first, second)
    counts[pair] = counts.get(pair, 0) + 1


class Gathered:
    """What was left for others since the last flush."""

    def __init__(self) -> None:
        self.outputs: list[Output] = []
        self.forwards: list[Forward] = []
        self.messages: list[Message] = []
        self.statistics = Statistics()
        self.told_bytes = 0
        """Of the messages: a short question may have a long answer."""

    def add(self, decision: Decision, fired_at: int) -> None:
        """Add a decision's; timers fired at that time."""
        self.statistics.count(decision, fired_at)
        if not decision.acted:
            return
        self.outputs += decision.commands
        self.outputs += decision.transitions
        self.outputs += decision.sends
        if decision.messages:
            self.tell(decision.messages)

    def tell(self, messages: list[Message]) -> None:
        """Add messages for other partitions."""
        self.messages += messages
        for message in messages:
            self.told_bytes += len(encode_message(message))
            tally(self.statistics.messages, type(message).__name__, "sent")

    def forward(self, record: Fetched, partition: int) -> None:
        """Add a record that lay on a wrong partition."""
        self.forwards.append(Forward(record, partition))
        self.statistics.forwarded += 1

    def reject(
        self, record: Fetched, code: DeadLetterCode, message: str, stage: str, now: int
    ) -> None:
        """Add a record that could not be applied."""
        tally(self.statistics.dead_letters, code, stage)
        self.outputs.append(DeadLetter(record, Failure(code, message, stage, max(now, 0))))


@dataclass(frozen=True, slots=True)
class Flush:
    """One unit of what must be made durable, in this order: ledger, outputs, forwards and
    messages, changelog; then `PartitionTask.confirm`.
    """

    ledger: LedgerEntry
    outputs: list[Output]
    forwards: list[Forward]
    messages: list[Message]
    """For the inbox, in order; each goes to the partition of its target."""
    changes: dict[str, bytes | None]
    """By state key the last state, None where nothing is left to remember."""
    position: Position
    statistics: Statistics

    @property
    def number(self) -> int:
        """Counts the partition's flushes from 1."""
        return self.position.flush

    def ledgered(self, offset: int) -> "Flush":
        """The same flush, its ledger record lying at `offset`."""
        position = self.position
        return replace(
            self,
            position=Position(
                position.next_offsets,
                position.plan_hash,
                position.clock,
                position.flush,
                offset,
                position.merge_times,
                position.cluster,
            ),
        )

    def changelog(self) -> list[tuple[bytes, bytes | None]]:
        """The changelog's records by key; None is a tombstone. The position comes last (D3)."""
        records = [(key.encode(), value) for key, value in self.changes.items()]
        return [*records, (POSITION_KEY, encode_position(self.position))]
