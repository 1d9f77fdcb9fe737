"""What a partition does with an input or a timer in its turn: look up, decide, put away (D2).

No order of things is made here: the task says what comes next, and at what time.
"""

from collections.abc import Callable
from typing import Final

from journey_engine.decide import governing
from journey_engine.decide.accounts import governed, plan_of
from journey_engine.decide.decide import decide
from journey_engine.decide.due import UNKNOWN, next_due
from journey_engine.decide.event import Event
from journey_engine.decide.governing_state import SWEEP
from journey_engine.decide.keys import state_key
from journey_engine.decide.message import (
    CHANNEL,
    PARTITION,
    Forwarded,
    Input,
    JourneyOperated,
    Message,
    PlanActivated,
    timers_of,
)
from journey_engine.decide.room import decide_room
from journey_engine.decide.state import EMPTY, CustomerState, State
from journey_engine.decide.verdict import Decision
from journey_engine.decode.decode import Mark, NeedSchema, Reader, Rejected, Skipped
from journey_engine.decode.partition import partition_of
from journey_engine.errors import SKIPPED
from journey_engine.run.clock import Clock
from journey_engine.run.contents import read_input
from journey_engine.run.merge import Item
from journey_engine.run.outbox import Gathered, tally
from journey_engine.run.states import States
from journey_engine.run.wiring import Definition, Wiring

_NEVER_DUE: Final = -1
"""No timer fires up to then: the input is only to bring its customer in line."""

Observer = Callable[[Input, int, Decision], None]
"""Is shown each input, its `now` and its decision."""


class Deciding:
    """Decides for the states of one partition; `gathered` is what that leaves for others.

    The definitions in force are those of the wiring until others are activated (rule V2).
    """

    def __init__(
        self,
        partition: int,
        wiring: Wiring,
        states: States,
        clock: Clock,
        observer: Observer | None,
    ) -> None:
        self.gathered = Gathered()
        self._partition = partition
        self._wiring = wiring
        self._states = states
        self._clock = clock
        self._observer = observer
        self._awaited: str | None = None
        """The hash of the definitions in force, where they are not known."""
        self._put_in_force(Definition(wiring.plan, wiring.reader))

    @property
    def plan_hash(self) -> str:
        """That of the definitions in force."""
        return self._plan.hash if self._awaited is None else self._awaited

    @property
    def awaits(self) -> bool:
        """Whether nothing can be decided before `found`."""
        return self._awaited is not None

    @property
    def reader(self) -> Reader:
        """What decodes events for them."""
        return self._definition.reader

    def load(self, plan_hash: str | None) -> None:
        """Go on with the definitions of this hash, and with what operators said; where they are
        not known, from when they are `found`.
        """
        wiring = self._wiring
        wiring.waiting.pop(self._partition, None)
        self._awaited = None
        self._put_in_force(Definition(wiring.plan, wiring.reader))
        if wiring.catalogue is not None and plan_hash not in (None, wiring.plan.hash):
            # Another worker may have read more of their topic than this one by now.
            self._awaited = plan_hash
            self.found()

    def found(self) -> bool:
        """Whether the definitions in force are known, by now at least."""
        if self._awaited is None:
            return True
        found = self._find(self._awaited)
        if found is None:
            return False
        self._awaited = None
        self._put_in_force(found)
        return True

    def _find(self, plan_hash: str) -> Definition | None:
        """From the catalogue; where it has none, the worker says for what the partition waits."""
        catalogue, waiting = self._wiring.catalogue, self._wiring.waiting
        found = None if catalogue is None else catalogue.find(plan_hash)
        if found is None:
            waiting[self._partition] = plan_hash
        else:
            waiting.pop(self._partition, None)
        return found

    def _put_in_force(self, definition: Definition) -> None:
        operations = self._states.partition().operations
        self._definition = definition
        self._plan = definition.plan
        if operations:
            self._plan = governed(self._plan, operations)

    def ready(self, item: Item) -> bool:
        """Read the item where it was not; whether it can be taken: not before its schema, or the
        definitions that it activates, are known.
        """
        content, catalogue = item.content, self._wiring.catalogue
        if content is None:
            content = item.content = read_input(item.record, self.reader, self._wiring.registry)
        if isinstance(content, Event):
            return True
        if isinstance(content, NeedSchema):
            return False
        if catalogue is None or not isinstance(content, PlanActivated):
            return True
        return self._find(content.plan_hash) is not None

    def take(self, item: Item, now: int) -> bool:
        """Decide what an item does; whether other definitions are in force from here on."""
        content, before = item.content, self._definition
        if isinstance(content, Event):
            self._event(item, content, now)
        elif isinstance(content, Message):
            self._message(item, content, now)
        elif isinstance(content, Skipped):
            tally(self.gathered.statistics.inputs, content.type, SKIPPED)
        elif isinstance(content, Mark):
            self.gathered.statistics.marks += 1
        elif isinstance(content, Rejected):
            stage = "decode" if item.record.topic != self._wiring.inbox else "message"
            self.gathered.reject(item.record, content.code, content.message, stage, now)
        return self._definition is not before

    def _event(self, item: Item, event: Event, now: int) -> None:
        key = state_key(event.customer_id, event.anonymous_id)
        known = self._states.look(key)
        state = known.state
        if not isinstance(state, CustomerState):
            state = EMPTY
        if state is EMPTY and item.topic != self._wiring.inbox:
            partition = partition_of(item.record.key, self._wiring.partitions)
            if partition != self._partition:
                self.gathered.forward(item.record, partition)
                return
        decision = decide(self._plan, state, event, now, known.due)
        self._collect(key, state, event, now, decision)
        self._count(event, item, now, decision)

    def _message(self, item: Item, message: Message, now: int) -> None:
        key, statistics = message.target, self.gathered.statistics
        tally(statistics.messages, type(message).__name__, "taken")
        if key.startswith(CHANNEL):
            self._room(key, message, now)
            return
        if key == PARTITION:
            self._govern(message, now)
            return
        state = self._states.get(key)
        decision = decide(plan_of(self._plan, key), state, message, now)
        self._collect(key, state, message, now, decision)
        if isinstance(message, Forwarded):
            self._count(message.event, item, now, decision)

    def _count(self, event: Event, item: Item, now: int, decision: Decision) -> None:
        """An input is counted by its outcome, or is a dead letter."""
        error = decision.rejected
        if error is None:
            tally(self.gathered.statistics.inputs, event.type, decision.outcome)
        else:
            self.gathered.reject(item.record, error.code, error.message, "decide", now)

    def _room(self, key: str, message: Message | None, now: int) -> None:
        """The owner's part of a channel's capacity (rule C6)."""
        room = decide_room(self._plan, key, self._states.channel(key), message, now)
        self._states.put(key, room.state)
        self.gathered.tell(room.messages)

    def _govern(self, message: Message, now: int) -> None:
        """What is said to the partition itself (rules V2, V3)."""
        state, catalogue = self._states.partition(), self._wiring.catalogue
        if isinstance(message, JourneyOperated):
            self._states.put(PARTITION, governing.operated(state, message, now))
            self._put_in_force(self._definition)
        elif isinstance(message, PlanActivated) and catalogue is not None:
            found = catalogue.find(message.plan_hash)
            if found is not None and found.plan.hash != self.plan_hash:
                self._put_in_force(found)
                self._states.put(PARTITION, governing.activated(state, self._plan, now))

    def fire(self, key: str, up_to: int, now: int) -> int:
        """Fire what is due of a state that was taken out of the timers; at how many it looked."""
        if key == PARTITION:
            return 1 + self._sweep(now)
        if key.startswith(CHANNEL):
            self._room(key, None, now)
        else:
            self._fire_customer(key, up_to, now)
        return 1

    def _fire_customer(self, key: str, up_to: int, now: int) -> None:
        timers = timers_of(key, up_to)
        decision = decide(plan_of(self._plan, key), self._states.get(key), timers, now)
        left = decision.due
        if left == UNKNOWN:
            left = next_due(decision.state)
        if left is not None and left <= up_to:
            raise RuntimeError(f"timers due at {left} did not fire up to {up_to}")
        self._collect(key, None, timers, now, decision)

    def _sweep(self, now: int) -> int:
        """Bring the next customers in line with definitions and operators; how many there were."""
        state = self._states.partition()
        keys = self._states.customers(state.after or "", SWEEP)
        for key in keys:
            before = self._states.get(key)
            timers = timers_of(key, _NEVER_DUE)
            decision = decide(plan_of(self._plan, key), before, timers, now)
            self._collect(key, before, timers, now, decision)
        last = keys[-1] if len(keys) == SWEEP else None
        self._states.put(PARTITION, governing.sweep_on(state, last))
        if last is None:
            self._put_in_force(self._definition)
        return len(keys)

    def _collect(
        self, key: str, before: State | None, taken: Input, now: int, decision: Decision
    ) -> None:
        """`before` None: the state was taken out of the timers, and must be put back."""
        if decision.state is not before:
            self._states.put(key, decision.state, decision.due)
        if self._observer is not None:
            self._observer(taken, now, decision)
        self.gathered.add(decision, self._clock.fired_at(now))
