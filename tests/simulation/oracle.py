"""What should have come out: the pure core over the committed input, without the data plane.

With the `stream` clock the input log alone says the order (T3); with the wall clock the ledger
does (T5). No merge, no timer index, no cache, no store: every state is looked at for what is due.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from journey_engine.decide.decide import decide
from journey_engine.decide.due import next_due
from journey_engine.decide.event import Event, TimersDue
from journey_engine.decide.keys import state_key
from journey_engine.decide.message import ids_of
from journey_engine.decide.state import EMPTY, CustomerState
from journey_engine.decide.verdict import Decision
from journey_engine.decode.decode import Mark, Rejected, decode
from journey_engine.decode.partition import partition_of
from journey_engine.decode.record import Fetched, Record
from journey_engine.encode.deadletter import Failure
from journey_engine.encode.ledger import LedgerEntry, Run
from journey_engine.encode.message import decode_message, encode_message, is_message, key_of
from journey_engine.encode.state import encode_state
from journey_engine.run.outbox import DeadLetter, Forward, Output, encode_output, unforwarded
from tests.run.shop import SCHEMAS
from tests.simulation.shop import NAMES, PARTITIONS, PLAN, READER

Written = tuple[bytes | None, bytes | None]
"""Key and value of a record."""


class LedgerError(Exception):
    """The ledger tells of what cannot have happened."""


class Core:
    """One partition's run of the pure core."""

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.clock = -1
        self.written: defaultdict[str, list[Written]] = defaultdict(list)
        """By topic."""
        self.forwarded: list[tuple[int, Written]] = []
        self.said: list[tuple[int, Written]] = []
        """Messages, by the partition that takes them."""
        self._states: dict[str, CustomerState] = {}

    def stream(self, log: Sequence[Record]) -> None:
        """All records of all topics by (merge time, topic, offset), each timer at its time."""
        for time, record in _merged(log):
            self._fire_up_to(time)
            if _mark(record) is None:
                self.clock = max(self.clock, time)
                self.take(record, self.clock)

    def wall(self, log: Mapping[tuple[str, int], Record], entries: Sequence[LedgerEntry]) -> None:
        """As the ledger says."""
        for entry in entries:
            for step in entry.steps:
                if isinstance(step, Run):
                    for offset in range(step.first, step.last + 1):
                        record = log.get((step.topic, offset))
                        if record is not None:
                            self.take(record, step.now or 0)
                else:
                    for _ in range(step.count):
                        self._fire_next(step.now or 0)

    def states(self) -> dict[str, bytes]:
        """What is remembered of each customer."""
        known = self._states.items()
        return {key: encode_state(state) for key, state in known if state != EMPTY}

    def take(self, record: Record, now: int) -> None:
        if is_message(record.headers):
            message = decode_message(record.value or b"")
            state = self._states.get(message.target, EMPTY)
            decision = decide(PLAN, state, message, now)
            self._refused(record, decision, now)
            self._decided(message.target, decision)
            return
        record_ = unforwarded(record) if record.topic == NAMES.inbox else record
        content = decode(record_, READER)
        if isinstance(content, Rejected):
            failure = Failure(content.code, content.message, "decode", max(now, 0))
            self._write([DeadLetter(record_, failure)])
        elif isinstance(content, Event):
            key = state_key(content.customer_id, content.anonymous_id)
            home = partition_of(record_.key, PARTITIONS)
            known = key in self._states and self._states[key] != EMPTY
            if not known and record.topic != NAMES.inbox and home != self.partition:
                self.forwarded.append((home, (record_.key, record_.value)))
                assert Forward(record_, home)
                return
            decision = decide(PLAN, self._states.get(key, EMPTY), content, now)
            self._refused(record_, decision, now)
            self._decided(key, decision)

    def _refused(self, record: Fetched, decision: Decision, now: int) -> None:
        error = decision.rejected
        if error is not None:
            failure = Failure(error.code, error.message, "decide", max(now, 0))
            self._write([DeadLetter(record, failure)])

    def _fire_up_to(self, limit: int) -> None:
        while (due := self._first_due(limit)) is not None:
            self.clock = max(self.clock, due[0])
            self._tick(due[1], due[0], self.clock)

    def _fire_next(self, now: int) -> None:
        due = self._first_due(now)
        if due is None:
            raise LedgerError(f"a timer fires at {now}, and none is due")
        self._tick(due[1], due[0], now)

    def _first_due(self, limit: int) -> tuple[int, str] | None:
        dues = [(next_due(state), key) for key, state in self._states.items()]
        return min(((d, k) for d, k in dues if d is not None and d <= limit), default=None)

    def _tick(self, key: str, up_to: int, now: int) -> None:
        timers = TimersDue(*ids_of(key), up_to)
        self._decided(key, decide(PLAN, self._states[key], timers, now))

    def _decided(self, key: str, decision: Decision) -> None:
        self._states[key] = decision.state
        self._write([*decision.commands, *decision.transitions, *decision.sends])
        for message in decision.messages:
            written = (key_of(message.target), encode_message(message))
            self.said.append((partition_of(written[0], PARTITIONS), written))

    def _write(self, outputs: Sequence[Output]) -> None:
        for output in outputs:
            record = encode_output(output, SCHEMAS, deadletter_bytes_max=1_000_000)
            self.written[NAMES.of(record)].append((record.key, record.value))


def _merged(log: Sequence[Record]) -> list[tuple[int, Record]]:
    tails: dict[str, int] = {}
    placed = []
    for record in log:
        content, tail = decode(record, READER), tails.get(record.topic, -1)
        if isinstance(content, Event):
            tail = max(tail, content.occurred_at)
        elif isinstance(content, Mark):
            tail = max(tail, content.time)
        tails[record.topic] = tail
        placed.append((tail, record))
    return sorted(placed, key=lambda each: (each[0], each[1].topic, each[1].offset))


def _mark(record: Record) -> int | None:
    content = decode(record, READER)
    return content.time if isinstance(content, Mark) else None
