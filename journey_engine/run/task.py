"""One partition's work, from records in to what must be flushed (D2). No I/O, no clock of its own.

The worker and `replay` drive the same task:

    feed(topic, records, ...)   decode into the lanes of the merge
    step(wall_now, budget)      take inputs and fire timers in order, decide, collect
    take_flush() -> Flush       the ledger entry, the outputs, the changelog
    confirm(flush, offset)      all of it is acknowledged: write the store
    restored()                  something was not: back to what the store holds

and at start `restore`, `restored` and, where the ledger is ahead of the position, `prescribe`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from journey_engine.decide.message import Message
from journey_engine.decode.decode import Mark, NeedSchema
from journey_engine.decode.record import Fetched, Record
from journey_engine.encode.ledger import LedgerEntry, Run, Tick
from journey_engine.encode.position import Position, decode_position, encode_position
from journey_engine.run.clock import Clock
from journey_engine.run.contents import read_inbox, read_input
from journey_engine.run.deciding import Deciding, Observer
from journey_engine.run.ledger import Notes, Prescription
from journey_engine.run.merge import FOREVER, NEVER, Ahead, Content, Item, Merge
from journey_engine.run.outbox import Flush, Gathered
from journey_engine.run.restoration import Restoration, check_cluster, check_inputs
from journey_engine.run.states import States
from journey_engine.run.store import POSITION_KEY, Store
from journey_engine.run.wiring import Wiring

TURN: Final = 64
"""With the wall clock: so many timers, then so many events, while there are both."""


class Progress(NamedTuple):
    """What a step did; each state at which a sweep looked counts as a timer fired. Nothing taken,
    nothing fired: it waits for records or for time. `flush_now`: first a flush must be taken.
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
        self._inbox, self._buffers = wiring.inbox, wiring.buffers
        self._store = store
        self._merge = Merge(wiring.inputs, inbox, wiring.buffers)
        self._states = States(store, wiring.states)
        self._deciding = Deciding(partition, wiring, self._states, clock, observer)
        self._restoration = Restoration(store, wiring.buffers)
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
    def plan_hash(self) -> str:
        """That of the definitions in force."""
        return self._deciding.plan_hash

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

    def lowest_tail(self) -> int:
        """No input yet to be fed has an earlier time (`stream`)."""
        return self._merge.lowest_tail()

    def ahead(self) -> Ahead | None:
        """What a step would do next; None: nothing (`stream`)."""
        item = self.clock.ready(self._merge, 0)
        timers = self._states.timers
        entry = timers.pop(self.clock.limit(self._merge, item, 0))
        if entry is not None:
            timers.set(entry[1], entry[0])
            return Ahead(entry[0], "", entry[1], 0)
        if item is None:
            return None
        time = NEVER if isinstance(item.content, Mark) else item.time
        return Ahead(time, item.topic, "", item.offset)

    @property
    def told(self) -> bool:
        """Whether messages for other partitions wait for a flush."""
        return bool(self._deciding.gathered.messages)

    def full(self) -> frozenset[str]:
        """The topics whose fetch must pause."""
        return self._merge.full()

    def awaited(self) -> frozenset[str]:
        """The topics without which nothing can be taken: their fetch must not pause."""
        step = None if self._prescription is None else self._prescription.step()
        if isinstance(step, Run):
            return frozenset({step.topic})
        return self._merge.awaited()

    def waiting(self, topic: str) -> Sequence[Item]:
        """What was fetched of a topic and not taken yet, in offset order."""
        return self._merge.lanes[topic].items

    def pending(self) -> int:
        """Changed states and outputs that wait for a flush."""
        return self._states.changed() + len(self._deciding.gathered.outputs)

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
        inbox, reader = topic == self._inbox, self._deciding.reader
        registry = self._wiring.registry
        late = self.clock.reads_late and registry is None  # which is asked ahead
        items = []
        for record in records:
            offset = record.offset
            if offset < fetched:
                continue
            content: Content | None = None
            original = record
            if inbox:
                content, original = read_inbox(record, reader, registry)
            elif not late:
                content = read_input(record, reader, registry)
            tail = self.clock.merge_time(tail, record, content, asked_at)
            items.append(Item(tail, topic, offset, content, original))
            fetched = offset + 1
        self._merge.put(items)
        self._merge.fetched(topic, position if position is not None else fetched, end, asked_at)

    def step(self, wall_now: int, budget: int, before: int = FOREVER) -> Progress:
        """Take inputs and fire timers, at most `budget` of both together, and but for marks only
        those `before` that merge time (`stream`).
        """
        if self._flush_now:
            return Progress(0, 0, flush_now=True)
        if self._deciding.awaits:
            if not self._deciding.found():
                return Progress(0, 0, flush_now=False)
            self._decode_again()
        if self._prescription is not None:
            return self._retake(self._prescription, budget)
        taken = fired = 0
        while taken + fired < budget and not self._flush_now:
            item = self.clock.ready(self._merge, wall_now)
            if item is not None and not self._deciding.ready(item):
                if self._schema_told(item):
                    continue
                break
            limit = min(self.clock.limit(self._merge, item, wall_now), before - 1)
            self._turn = (self._turn + 1) % (2 * TURN)
            timers = item is None or self.clock.timers_first or self._turn < TURN
            if timers and (looked_at := self._fire(limit)):
                fired += looked_at
                self._turn = min(self._turn + looked_at - 1, 2 * TURN - 1)
            elif item is None or (item.time >= before and not isinstance(item.content, Mark)):
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
                fired += self._fire_again(prescription, step.now)
                continue
            lane = self._merge.lanes[step.topic]
            if lane.passed(step.last):  # retention has deleted what was left of it
                prescription.took(step.last)
                continue
            item = lane.items[0] if lane.items else None
            if item is None or not self._deciding.ready(item):
                if item is not None and self._schema_told(item):
                    continue
                break
            prescription.took(item.offset)
            if item.offset <= step.last:
                self._merge.take(item)
                self._take(item, self.clock.retaken(item, step.now))
                taken += 1
        if prescription.step() is None:
            self._prescription = None
            self._flush_now = True
        return Progress(taken, fired, self._flush_now)

    def _fire_again(self, prescription: Prescription, now: int | None) -> int:
        if now is not None:
            self.clock.now = max(self.clock.now, now)
        looked_at = self._fire(FOREVER if now is None else now)
        if looked_at:
            prescription.fired()
        else:
            prescription.skip()
        return looked_at

    def _take(self, item: Item, now: int) -> None:
        self._notes.took(item, self.clock.noted(now, item))
        self._bytes += item.bytes
        self._deciding.gathered.statistics.arrived(max(item.time, item.record.timestamp))
        if item.topic != self._inbox:
            self._deciding.gathered.statistics.took(item.topic)
        if self._deciding.take(item, now):
            # The definitions changed: what was decoded by the former ones is so no more, and what
            # was decided by them is a flush of its own.
            self._decode_again()
            self._flush_now = True
        held = self._bytes + self._deciding.gathered.told_bytes
        if held >= self._buffers.flush_bytes and self._prescription is None:
            self._flush_now = True

    def _schema_told(self, item: Item) -> bool:
        """Whether what an item waits for was told; lanes take times from it: all is read anew."""
        content = item.content
        if not isinstance(content, NeedSchema):
            return False
        if content.id not in self._deciding.reader.schemas.by_registry_id:
            # What was told of an id that there is not is forgotten after a while.
            if self._wiring.registry is not None:
                self._wiring.registry.want(content.id)
            return False
        self._decode_again()
        return True

    def _decode_again(self) -> None:
        for lane, items in self._merge.emptied():
            tail, again = lane.tail, []
            for item in items:
                content = item.content
                if content is not None and not isinstance(content, Message):
                    registry = self._wiring.registry
                    content = read_input(item.record, self._deciding.reader, registry)
                tail = self.clock.merge_time(tail, item.record, content, lane.asked_at)
                again.append(Item(tail, lane.name, item.offset, content, item.record))
            self._merge.put(again)

    def _fire(self, limit: int) -> int:
        """Fire the next customer's timers due within the limit; at how many states it looked."""
        entry = self._states.timers.pop(limit)
        if entry is None:
            return 0
        up_to, now = self.clock.firing(entry[0])
        self._notes.fired(self.clock.noted_tick(now))
        return self._deciding.fire(entry[1], up_to, now)

    def take_gathered(self) -> Gathered:
        """What was left for others since the last flush, where nothing has to be made durable: the
        states wait for one all the same, `pending` of them.
        """
        gathered = self._deciding.gathered
        self._begin()
        return gathered

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
        changes = self._states.take()
        self._deciding.gathered.statistics.wrote(changes)
        position = Position(
            next_offsets=self._merge.offsets(),
            plan_hash=self._deciding.plan_hash,
            clock=self.clock.now,
            flush=number,
            merge_times=self._merge.bounds(),
            cluster=self._wiring.cluster,
        )
        self._in_flight = Flush(
            LedgerEntry(self._begun_with, number, self._notes.take()),
            self._deciding.gathered.outputs,
            self._deciding.gathered.forwards,
            self._deciding.gathered.messages,
            changes,
            position,
            self._deciding.gathered.statistics,
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
        self._deciding.gathered = Gathered()
        self._begun_with = self._deciding.plan_hash
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
        check_cluster(self.partition, self._position, self._wiring.cluster)
        self._deciding.load(None if self._position is None else self._position.plan_hash)
        self._begun_with = self._deciding.plan_hash
        self._in_flight = self._prescription = None
        if self._position is None:
            self._merge.resume({}, self.clock.resume(NEVER, {}))
        else:
            bounds = self.clock.resume(self._position.clock, self._position.merge_times)
            self._merge.resume(self._position.next_offsets, bounds)

    def rewind(self) -> None:
        """Everything taken was flushed: forget what was fetched and not taken; the fetch must be
        sought to `positions()`.
        """
        now = NEVER if self._position is None else self._position.clock
        self._merge.resume(self._merge.offsets(), self.clock.resume(now, self._merge.bounds()))

    def prescribe(self, entry: LedgerEntry) -> None:
        """Take exactly this run before anything else; call it after `restored`.

        An entry that is not the one after the position is passed over: its flush is done.

        Raises:
            RestorationError: it took from a topic that is read no more.
        """
        if entry.flush == (1 if self._position is None else self._position.flush + 1):
            check_inputs(self.partition, entry, self._merge.lanes)
            self._prescription = Prescription(entry)
