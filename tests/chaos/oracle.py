"""What the engine must have written, from the input as it lies in the topics.

On wall time: the pure core over the input in the order that the ledger tells, with a state dict
and a heap of its own; nothing of the engine's shell takes part. On the `stream` clock: the same
`PartitionTask` as a replay's over the input alone, so nothing leans on what the engine wrote.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush

from journey_engine.decide.decide import decide
from journey_engine.decide.due import next_due
from journey_engine.decide.event import Event
from journey_engine.decide.keys import state_key
from journey_engine.decide.message import CHANNEL, Message, timers_of
from journey_engine.decide.room import decide_room
from journey_engine.decide.room_state import EMPTY_CHANNEL, ChannelState
from journey_engine.decide.state import EMPTY, CustomerState, State
from journey_engine.decide.verdict import Decision
from journey_engine.decode.decode import NeedSchema, Reader, Rejected, decode
from journey_engine.decode.partition import partition_of
from journey_engine.decode.record import Fetched, Headers, Record
from journey_engine.encode.deadletter import Failure
from journey_engine.encode.ledger import LedgerEntry, Run, Tick
from journey_engine.encode.message import (
    HEADERS,
    decode_message,
    encode_message,
    is_message,
    key_of,
)
from journey_engine.encode.state import encode_state
from journey_engine.errors import DeadLetterCode
from journey_engine.run.clock import StreamClock
from journey_engine.run.definitions import Definitions
from journey_engine.run.naming import Names
from journey_engine.run.outbox import DeadLetter, Forward, Output, encode_output, unforwarded
from journey_engine.run.store import MemoryStore
from journey_engine.run.task import PartitionTask
from journey_engine.run.wiring import Wiring
from tests.chaos.reading import Contents, Place

Body = tuple[bytes | None, bytes | None, Headers]
"""Key, value and headers of a record."""
_BATCH = 5_000


@dataclass
class Expected:
    """Outputs by place in order, what partitions say to each other by place in any order, final
    states by partition.
    """

    outputs: defaultdict[Place, list[Body]] = field(default_factory=lambda: defaultdict(list))
    forwards: defaultdict[Place, list[Body]] = field(default_factory=lambda: defaultdict(list))
    states: dict[int, dict[str, bytes]] = field(default_factory=dict)


@dataclass(frozen=True)
class Shop:
    """What a run works with: definitions and the names of its topics."""

    definitions: Definitions
    names: Names

    @property
    def reader(self) -> Reader:
        """Reads the input just as the engine does."""
        defined = self.definitions
        return Reader(defined.schemas, defined.plan.fields, defined.topics.input_bytes_max)

    def add(self, expected: Expected, partition: int, outputs: Iterable[Output]) -> None:
        """Encode outputs and put them where they belong."""
        limit = self.definitions.topics.outputs["deadletters"].max_bytes
        for output in outputs:
            record = encode_output(output, self.definitions.schemas, deadletter_bytes_max=limit)
            place = Place(self.names.of(record), partition)
            expected.outputs[place].append((record.key, record.value, tuple(record.headers)))


def by_ledger(
    shop: Shop, inputs: Contents, ledger: Mapping[int, Iterable[LedgerEntry]]
) -> Expected:
    """What follows from the input in the ledger's order and at its times."""
    expected = Expected()
    reader = shop.reader
    for partition, entries in ledger.items():
        follower = _Follower(shop, partition, inputs, reader)
        for entry in entries:
            follower.follow(entry)
        shop.add(expected, partition, follower.outputs)
        expected.states[partition] = {
            key: encode_state(state)
            for key, state in follower.states.items()
            if state not in (EMPTY, EMPTY_CHANNEL)
        }
        for forward in follower.forwards:
            record = forward.record
            body = (record.key, record.value, forward.headers())
            expected.forwards[Place(shop.names.inbox, forward.partition)].append(body)
        for message in follower.messages:
            key = key_of(message.target)
            place = Place(shop.names.inbox, partition_of(key, shop.names.partitions))
            expected.forwards[place].append((key, encode_message(message), HEADERS))
    return expected


class _Follower:
    """One partition, step by step as the ledger says."""

    def __init__(self, shop: Shop, partition: int, inputs: Contents, reader: Reader) -> None:
        self.states: dict[str, State] = {}
        self.outputs: list[Output] = []
        self.messages: list[Message] = []
        self.forwards: list[Forward] = []
        self._shop, self._partition, self._reader = shop, partition, reader
        self._dues: list[tuple[int, str]] = []
        self._inputs = {
            topic: {record.offset: record for record in inputs[Place(topic, partition)]}
            for topic in shop.names.read
        }

    def follow(self, entry: LedgerEntry) -> None:
        for step in entry.steps:
            if isinstance(step, Tick):
                self._fire(step.count, step.now or 0)
            else:
                self._take(step)

    def _take(self, run: Run) -> None:
        lying = self._inputs.get(run.topic, {})
        for offset in range(run.first, run.last + 1):
            record = lying.get(offset)
            if record is not None:
                self._record(run.topic, record, run.now or 0)

    def _record(self, topic: str, record: Record, now: int) -> None:
        inbox = topic == self._shop.names.inbox
        if inbox and is_message(record.headers):
            self._message(decode_message(record.value or b""), record, now)
            return
        original = unforwarded(record) if inbox else record
        content = decode(original, self._reader)
        if isinstance(content, NeedSchema):
            message = f"schema id {content.id}: no Schema Registry is configured"
            content = Rejected(DeadLetterCode.SCHEMA_UNKNOWN, message)
        if isinstance(content, Rejected):
            self._refuse(original, content.code, content.message, "decode", now)
        elif isinstance(content, Event):
            self._event(content, original, now, inbox=inbox)

    def _event(self, event: Event, record: Fetched, now: int, *, inbox: bool) -> None:
        key = state_key(event.customer_id, event.anonymous_id)
        state = self._customer(key)
        home = partition_of(record.key, self._shop.names.partitions)
        if state == EMPTY and not inbox and home != self._partition:
            self.forwards.append(Forward(record, home))
            return
        decision = decide(self._shop.definitions.plan, state, event, now)
        self._keep(key, decision, record, now)

    def _message(self, message: Message, record: Record, now: int) -> None:
        key = message.target
        if key.startswith(CHANNEL):
            self._room(key, message, now)
        else:
            plan = self._shop.definitions.plan
            self._keep(key, decide(plan, self._customer(key), message, now), record, now)

    def _room(self, key: str, message: Message | None, now: int) -> None:
        before = self.states.get(key)
        known = before if isinstance(before, ChannelState) else EMPTY_CHANNEL
        room = decide_room(self._shop.definitions.plan, key, known, message, now)
        self._remember(key, room.state)
        self.messages += room.messages

    def _customer(self, key: str) -> CustomerState:
        state = self.states.get(key)
        return state if isinstance(state, CustomerState) else EMPTY

    def _fire(self, count: int, now: int) -> None:
        for _ in range(count):
            entry = self._next_due()
            if entry is None:
                return
            due, key = entry
            if key.startswith(CHANNEL):
                self._room(key, None, now)
                continue
            plan, timers = self._shop.definitions.plan, timers_of(key, due)
            self._keep(key, decide(plan, self._customer(key), timers, now))

    def _next_due(self) -> tuple[int, str] | None:
        while self._dues:
            due, key = heappop(self._dues)
            if next_due(self.states.get(key, EMPTY)) == due:
                return due, key
        return None

    def _keep(
        self, key: str, decision: Decision, record: Fetched | None = None, now: int = 0
    ) -> None:
        """Keep what a decision leaves; `record` is what may be refused by it."""
        error = decision.rejected
        self._remember(key, decision.state)
        self.outputs += [*decision.commands, *decision.transitions, *decision.sends]
        self.messages += decision.messages
        if error is not None and record is not None:
            self._refuse(record, error.code, error.message, "decide", now)

    def _remember(self, key: str, state: State) -> None:
        self.states[key] = state
        due = next_due(state)
        if due is not None:
            heappush(self._dues, (due, key))

    def _refuse(
        self, record: Fetched, code: DeadLetterCode, message: str, stage: str, now: int
    ) -> None:
        self.outputs.append(DeadLetter(record, Failure(code, message, stage, max(now, 0))))


def by_stream(shop: Shop, inputs: Contents) -> Expected:
    """What follows from the input alone, on the log's own time."""
    expected = Expected()
    names, plan = shop.names, shop.definitions.plan
    wiring = Wiring(plan, shop.reader, names.inputs, None, names.partitions)
    for partition in range(names.partitions):
        store = MemoryStore()
        task = PartitionTask(partition, wiring, store, StreamClock())
        for topic in names.inputs:
            task.feed(topic, inputs[Place(topic, partition)])
        while any(task.step(0, _BATCH)[:2]):
            flush = task.take_flush()
            if flush is not None:
                task.confirm(flush, flush.number)
                shop.add(expected, partition, flush.outputs)
        expected.states[partition] = dict(store.states())
    return expected
