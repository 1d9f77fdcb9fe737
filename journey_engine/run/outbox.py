"""What a partition's decisions leave for others, until it is flushed. Data only, nothing is sent.

`Output`s are in the order in which they were decided, which is also the order of their times.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from journey_engine.decide.decision import Command, Decision, SendDecision, Transition
from journey_engine.decide.message import CHANNEL, Message
from journey_engine.decide.state import STATE_BYTES_MAX
from journey_engine.decode.record import Headers, Record
from journey_engine.encode.command import encode_command
from journey_engine.encode.deadletter import Failure, encode_deadletter
from journey_engine.encode.ledger import LedgerEntry
from journey_engine.encode.outgoing import OutRecord
from journey_engine.encode.position import POSITION_KEY, Position, encode_position
from journey_engine.encode.send_decision import encode_send_decision
from journey_engine.encode.transition import encode_transition
from journey_engine.errors import DeadLetterCode
from journey_engine.run.merge import Fetched
from journey_engine.schemas import Schemas

ORIGIN = "__journey.origin."
"""Prefix of the headers of a forwarded record: where it lay."""


class DeadLetter(NamedTuple):
    """A record that could not be applied, and why."""

    record: Record
    failure: Failure


class Forward(NamedTuple):
    """A record that lay on the wrong partition, for the inbox of the right one."""

    record: Record
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

    inputs: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By (event type, input outcome); `SKIPPED` where nobody reads the type (T9)."""
    entries: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By (journey, entry outcome)."""
    transitions: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By (journey, end reason, "" where the instance lives on)."""
    commands: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By (channel, action)."""
    sends: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By (journey, candidate outcome)."""
    messages: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By (kind, `sent` or `taken`)."""
    dead_letters: Counter[str] = field(default_factory=Counter)
    rejected: int = 0
    """Records that could not be decoded; they are among `dead_letters`, not among `inputs`."""
    guard_errors: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    """What went over a bound and was forgotten (law 6)."""
    timer_lateness: list[int] = field(default_factory=list)
    """Milliseconds from due to decided, one for each timer."""
    marks: int = 0
    forwarded: int = 0
    state_sizes: Counter[int] = field(default_factory=Counter)
    """States written, by the power of two that their bytes stay below."""
    oversized_states: int = 0
    """States over their bound even after law 6: a fault of ours to be looked at."""

    def wrote(self, changes: Mapping[str, bytes | None]) -> None:
        """Add customers' states written, None where nothing was left; a channel's has bounds of its
        own.
        """
        for key, data in changes.items():
            if data is not None and not key.startswith(CHANNEL):
                self.state_sizes[1 << len(data).bit_length()] += 1
                self.oversized_states += len(data) > STATE_BYTES_MAX

    def count(self, decision: Decision, fired_at: int) -> None:
        """Add a decision's; timers fired at that time."""
        for journey, entry in decision.entries:
            self.entries[journey, entry] += 1
        for transition in decision.transitions:
            self.transitions[transition.journey, transition.end or ""] += 1
        for command in decision.commands:
            self.commands[command.channel, command.action] += 1
        for send in decision.sends:
            self.sends[send.journey, send.outcome] += 1
        for journey, _ in decision.guard_errors:
            self.guard_errors[journey] += 1
        for what, count in decision.dropped.items():
            self.dropped[what] += count
        for due in decision.timers_fired:
            self.timer_lateness.append(max(0, fired_at - due))


@dataclass(slots=True)
class Gathered:
    """What was left for others since the last flush."""

    outputs: list[Output] = field(default_factory=list)
    forwards: list[Forward] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    statistics: Statistics = field(default_factory=Statistics)

    def add(self, decision: Decision, fired_at: int) -> None:
        """Add a decision's; timers fired at that time."""
        self.outputs += decision.commands
        self.outputs += decision.transitions
        self.outputs += decision.sends
        if decision.messages:
            self.tell(decision.messages)
        self.statistics.count(decision, fired_at)

    def reject_if(self, decision: Decision, record: Record, now: int) -> None:
        """Add the record, if the decision refuses it."""
        error = decision.rejected
        if error is not None:
            self.reject(record, error.code, error.message, "decide", now)

    def tell(self, messages: list[Message]) -> None:
        """Add messages for other partitions."""
        self.messages += messages
        for message in messages:
            self.statistics.messages[type(message).__name__, "sent"] += 1

    def forward(self, record: Record, partition: int) -> None:
        """Add a record that lay on a wrong partition."""
        self.forwards.append(Forward(record, partition))
        self.statistics.forwarded += 1

    def reject(
        self, record: Record, code: DeadLetterCode, message: str, stage: str, now: int
    ) -> None:
        """Add a record that could not be applied."""
        self.statistics.dead_letters[code] += 1
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
            ),
        )

    def changelog(self) -> list[tuple[bytes, bytes | None]]:
        """The changelog's records by key; None is a tombstone. The position comes last (D3)."""
        records = [(key.encode(), value) for key, value in self.changes.items()]
        return [*records, (POSITION_KEY, encode_position(self.position))]
