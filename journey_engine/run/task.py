"""One partition's work, from records in to what must be flushed (D2). No I/O, no clock of its own.

The worker and `replay` drive the same task:

    feed(topic, records, ...)   decode into the lanes of the merge
    step(wall_now, budget)      take inputs and fire timers in order, decide, collect
    take_flush() -> Flush       the ledger entry, the outputs, the changelog
    confirm(flush, offset)      all of it is acknowledged: write the store
    restored()                  something was not: back to what the store holds

and at start `restore`, `restored` and, where the ledger is ahead of the position, `prescribe`.
"""

import sys
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from journey_engine.decide.decide import decide
from journey_engine.decide.decision import Decision
from journey_engine.decide.event import Event, Input, TimersDue, state_key
from journey_engine.decide.state import EMPTY, STATE_BYTES_MAX, next_due
from journey_engine.decode.decode import Mark, NeedSchema, Rejected, Skipped, decode
from journey_engine.decode.partition import partition_of
from journey_engine.decode.record import Record
from journey_engine.encode.deadletter import Failure
from journey_engine.encode.ledger import LedgerEntry, Run, Tick
from journey_engine.encode.position import Position, decode_position, encode_position
from journey_engine.errors import DeadLetterCode
from journey_engine.run.clock import Clock
from journey_engine.run.ledger import Notes, Prescription
from journey_engine.run.merge import (
    NEVER,
    Fetched,
    Item,
    Merge,
    size,
)
from journey_engine.run.outbox import (
    DeadLetter,
    Flush,
    Forward,
    Output,
    Statistics,
    unforwarded,
)
from journey_engine.run.restoration import Restoration
from journey_engine.run.states import States
from journey_engine.run.store import POSITION_KEY, Store
from journey_engine.run.wiring import Wiring

SKIPPED = "SKIPPED"
TURN = 64
"""With the wall clock: so many timers, then so many events, while there are both."""

Observer = Callable[[Input, int, Decision], None]
"""Is shown each input, its `now` and its decision."""


class Progress(NamedTuple):
    """What a step did. Nothing taken and nothing fired: it waits for records or for time.

    `flush_now`: nothing more happens before a flush is taken.
    """

    taken: int
    fired: int
    flush_now: bool


class PartitionTask:
    """The states, timers, clock, lanes and open flush of one partition.

    With a store that holds something it works from `restored` on: its timers are looked up once.
    """

    def __init__(
        self,
        partition: int,
        wiring: Wiring,
        store: Store,
        clock: Clock,
        observer: Observer | None = None,
    ) -> None:
        self.partition = partition
        self.clock = clock
        inbox = () if wiring.inbox is None else (wiring.inbox,)
        self._wiring = wiring
        self._store = store
        self._observer = observer
        self._merge = Merge(wiring.inputs, inbox, wiring.buffers)
        self._states = States(store, wiring.cached_states)
        self._restoration = Restoration(store)
        self._position: Position | None = None
        self._in_flight: Flush | None = None
        self._prescription: Prescription | None = None
        self._flush_now = False
        self._turn = 0
        self._begin()
        if store.changelog_offset() is None:
            self.restored()

    @property
    def position(self) -> Position | None:
        """The last position that is durable; None for a partition that never flushed."""
        return self._position

    @property
    def retaking(self) -> bool:
        """Whether a prescribed run is under way: flushed half, it would be another run."""
        return self._prescription is not None

    def positions(self) -> Mapping[str, int]:
        """The next offset of each topic to be fetched after `restored` or `rewind`."""
        return self._merge.offsets()

    def reached(self) -> int:
        """Nothing that an input yet to be fed brings about is logged before this time."""
        return max(self.clock.now, self._merge.lowest_bound())

    def full(self) -> frozenset[str]:
        """The topics whose fetch must pause."""
        return self._merge.full()

    def awaited(self) -> frozenset[str]:
        """The topics without which nothing can be taken: their fetch must not pause."""
        step = None if self._prescription is None else self._prescription.step()
        if isinstance(step, Run):
            return frozenset({step.topic})
        return self._merge.awaited()

    def pending(self) -> int:
        """Changed states and outputs that wait for a flush."""
        return self._states.changed() + len(self._outputs)

    def feed(
        self,
        topic: str,
        records: Iterable[Fetched],
        end: int | None = None,
        position: int | None = None,
        asked_at: int | None = None,
    ) -> None:
        """Buffer what was fetched, in offset order; records already here are passed over.

        `end` is the offset after the last record that can be read, `position` the next one to
        fetch where it is not the one after the last record, `asked_at` the wall time of the answer
        that told of `end` where it is not that of the next step: what was appended later is not
        known, so no timer may overtake it. All matter to the wall clock only. May be called
        without records.
        """
        lane = self._merge.lanes[topic]
        tail = lane.tail
        fetched = lane.fetched or 0
        items = []
        for record in records:
            if record.offset < fetched:
                continue
            content, original = self._decode(topic, record)
            tail = self.clock.merge_time(tail, record, content)
            items.append(Item(tail, topic, record.offset, content, original))
            fetched = record.offset + 1
        self._merge.put(items)
        self._merge.fetched(topic, position if position is not None else fetched, end, asked_at)

    def step(self, wall_now: int, budget: int) -> Progress:
        """Take inputs and fire timers, at most `budget` of both together."""
        if self._flush_now:
            return Progress(0, 0, flush_now=True)
        if self._prescription is not None:
            return self._retake(self._prescription, budget)
        taken = fired = 0
        while taken + fired < budget and not self._flush_now:
            item = self.clock.ready(self._merge, wall_now)
            limit = self.clock.limit(self._merge, item, wall_now)
            self._turn = (self._turn + 1) % (2 * TURN)
            if (item is None or self.clock.timers_first or self._turn < TURN) and self._fire(limit):
                fired += 1
            elif item is None:
                break
            else:
                self._merge.take(item)
                self._take(item, self.clock.taken(self._merge, item, wall_now))
                taken += 1
        return Progress(taken, fired, self._flush_now)

    def _retake(self, prescription: Prescription, budget: int) -> Progress:
        """Follow the ledger, whatever else is in the lanes."""
        taken = fired = 0
        while (step := prescription.step()) is not None and taken + fired < budget:
            if isinstance(step, Tick):
                if step.now is not None:
                    self.clock.now = max(self.clock.now, step.now)
                if self._fire(sys.maxsize if step.now is None else step.now):
                    prescription.fired()
                    fired += 1
                else:
                    prescription.skip()
                continue
            items = self._merge.lanes[step.topic].items
            if not items:
                break
            item = items[0]
            prescription.took(item.offset)
            if item.offset <= step.last:
                self._merge.take(item)
                self._take(item, self.clock.retaken(item, step.now))
                taken += 1
        if prescription.step() is None:
            self._prescription = None
            self._flush_now = True
        return Progress(taken, fired, self._flush_now)

    def _decode(
        self, topic: str, record: Fetched
    ) -> tuple[Event | Skipped | Mark | Rejected, Fetched]:
        original = unforwarded(record) if topic == self._wiring.inbox else record
        content = decode(original, self._wiring.reader)
        if isinstance(content, NeedSchema):
            message = f"schema id {content.id}: no Schema Registry is configured"
            return Rejected(DeadLetterCode.SCHEMA_UNKNOWN, message), original
        return content, original

    def _take(self, item: Item, now: int) -> None:
        self._notes.took(item, self.clock.noted(now, item))
        self._bytes += size(item.record)
        if self._bytes >= self._wiring.buffers.bytes and self._prescription is None:
            self._flush_now = True
        content = item.content
        if isinstance(content, Event):
            self._event(item, content, now)
        elif isinstance(content, Skipped):
            self._statistics.inputs[content.type, SKIPPED] += 1
        elif isinstance(content, Mark):
            self._statistics.marks += 1
        else:
            self._statistics.rejected += 1
            self._dead_letter(item.record, content.code, content.message, "decode", now)

    def _event(self, item: Item, event: Event, now: int) -> None:
        key = state_key(event.customer_id, event.anonymous_id)
        state = self._states.get(key)
        if state is EMPTY and item.topic != self._wiring.inbox:
            partition = partition_of(item.record.key, self._wiring.partitions)
            if partition != self.partition:
                self._forwards.append(Forward(item.record, partition))
                self._statistics.forwarded += 1
                return
        decision = decide(self._wiring.plan, state, event, now)
        self._statistics.inputs[event.type, decision.outcome] += 1
        if decision.rejected is not None:
            error = decision.rejected
            self._dead_letter(item.record, error.code, error.message, "decide", now)
        if decision.state is not state:
            self._states.put(key, decision.state)
        self._collect(event, now, decision)

    def _fire(self, limit: int) -> bool:
        """Fire the timers of the next customer due within the limit, if there is one."""
        entry = self._states.timers.pop(limit)
        if entry is None:
            return False
        due, key = entry
        up_to, now = self.clock.firing(due)
        state = self._states.get(key)
        anonymous = key.startswith("a:")
        timers = TimersDue(None if anonymous else key[2:], key[2:] if anonymous else None, up_to)
        decision = decide(self._wiring.plan, state, timers, now)
        left = next_due(decision.state)
        if left is not None and left <= up_to:
            raise RuntimeError(f"timers due at {left} did not fire up to {up_to}")
        self._notes.fired(self.clock.noted_tick(now))
        self._states.put(key, decision.state)
        self._collect(timers, now, decision)
        return True

    def _collect(self, taken: Input, now: int, decision: Decision) -> None:
        if self._observer is not None:
            self._observer(taken, now, decision)
        self._outputs += decision.commands
        self._outputs += decision.transitions
        self._outputs += decision.sends
        self._statistics.count(decision, self.clock.fired_at(now))

    def _dead_letter(
        self, record: Fetched, code: DeadLetterCode, message: str, stage: str, now: int
    ) -> None:
        self._statistics.dead_letters[code] += 1
        self._outputs.append(DeadLetter(record, Failure(code, message, stage, max(now, 0))))

    def take_flush(self) -> Flush | None:
        """All that was done since the last flush; None where there is nothing, or where a
        prescribed run has not come to its end: its flush must be the same as before.

        One flush at a time: the last one must be confirmed before, or forgotten by `restored`.
        Work may go on meanwhile.
        """
        if self._in_flight is not None:
            raise RuntimeError("a flush is in flight: confirm it first")
        if self._prescription is not None:
            return None
        if not self._notes:
            self._flush_now = False
            return None
        number = 1 if self._position is None else self._position.flush + 1
        plan_hash = self._wiring.plan.hash
        changes = self._states.take()
        oversized = sum(len(data) > STATE_BYTES_MAX for data in changes.values() if data)
        self._statistics.oversized_states += oversized
        position = Position(
            next_offsets=self._merge.offsets(),
            plan_hash=plan_hash,
            clock=self.clock.now,
            flush=number,
            merge_times=self._merge.bounds(),
        )
        self._in_flight = Flush(
            LedgerEntry(plan_hash, number, self._notes.take()),
            self._outputs,
            self._forwards,
            changes,
            position,
            self._statistics,
        )
        self._begin()
        return self._in_flight

    def confirm(self, flush: Flush, changelog_offset: int) -> None:
        """The flush is acknowledged; `changelog_offset` is the one after its position record."""
        position = encode_position(flush.position)
        self._states.confirm({**flush.changes, POSITION_KEY: position}, changelog_offset)
        self._position = flush.position
        self._in_flight = None

    def _begin(self) -> None:
        self._notes = Notes()
        self._outputs: list[Output] = []
        self._forwards: list[Forward] = []
        self._statistics = Statistics()
        self._bytes = 0
        self._flush_now = False

    def restore(self, records: Iterable[Record]) -> None:
        """Apply records of the changelog, from the store's `changelog_offset` onwards."""
        self._restoration.apply(records)

    def restored(self) -> None:
        """The changelog was read to its end: work from the last position in it."""
        self._restoration.finish()
        self._begin()
        self._states.load()
        data = self._store.get(POSITION_KEY)
        self._position = None if data is None else decode_position(data)
        self._in_flight = self._prescription = None
        if self._position is None:
            self.clock.resume(NEVER)
            self._merge.resume({}, {})
        else:
            self.clock.resume(self._position.clock)
            self._merge.resume(self._position.next_offsets, self._position.merge_times)

    def rewind(self) -> None:
        """Everything taken was flushed: forget what was fetched and not taken; the fetch must be
        sought to `positions()`.
        """
        self.clock.resume(NEVER if self._position is None else self._position.clock)
        self._merge.resume(self._merge.offsets(), self._merge.bounds())

    def prescribe(self, entry: LedgerEntry) -> None:
        """Take exactly this run before anything else; call it after `restored`.

        An entry that is not the one after the position is passed over: its flush is done.
        """
        if entry.flush == (1 if self._position is None else self._position.flush + 1):
            self._prescription = Prescription(entry)
