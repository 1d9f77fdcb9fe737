"""Several partitions on a broker in memory that exchange messages; each may be killed at any time.

A unit of work is one transaction: its outputs, messages and states lie there together or not at
all. Who works when, how far each has read and how late each clock is come from a seed.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from journey_engine.decide.decision import Command, SendDecision, Transition
from journey_engine.decode.partition import partition_of
from journey_engine.decode.record import Record
from journey_engine.encode.message import HEADERS, encode_message, key_of
from journey_engine.encode.position import POSITION_KEY
from journey_engine.encode.state import decode_any_state
from journey_engine.errors import CandidateOutcome
from journey_engine.run.clock import WallClock
from journey_engine.run.store import MemoryStore
from journey_engine.run.task import PartitionTask
from journey_engine.run.wiring import Wiring

if TYPE_CHECKING:
    from journey_engine.run.outbox import Output


class Exchange:
    """Partitions with the wall clock; a record can be read once wall time has come to it. Each host
    has its own idea of what time it is.
    """

    def __init__(self, wiring: Wiring, records: Iterable[Record], seed: int, skew: int = 0) -> None:
        self._wiring = wiring
        self._random = random.Random(seed)
        self.partitions = wiring.partitions
        assert wiring.inbox is not None
        self._inbox = wiring.inbox
        self.logs: dict[tuple[str, int], list[Record]] = defaultdict(list)
        for record in records:
            self.logs[record.topic, record.partition].append(record)
        self.outputs: list[Output] = []
        self.changelogs: dict[int, list[Record]] = defaultdict(list)
        self._skew = [self._random.randint(0, skew) for _ in range(self.partitions)]
        self._tasks: dict[int, PartitionTask] = {}
        self._fed: dict[tuple[str, int], int] = {}
        for number in range(self.partitions):
            self._start(number)

    def run(self, until: int, step: int, kills: float = 0.05) -> None:
        """Let wall time pass in such steps; at its end everybody catches up."""
        times = [record.timestamp for log in self.logs.values() for record in log]
        wall = min(times, default=until)
        while wall < until:
            for number in self._random.sample(range(self.partitions), self.partitions):
                if self._random.random() < 0.6:
                    self._work(number, wall, self._random.randint(1, 20))
                if self._random.random() < kills:
                    self._start(number)
            wall += self._random.randint(1, step)
        while sum(self._work(number, until, 1_000) for number in range(self.partitions)):
            pass

    def states(self) -> Mapping[str, object]:
        """What every partition remembers."""
        kept: dict[str, bytes] = {}
        for log in self.changelogs.values():
            for record in log:
                if record.key != POSITION_KEY:
                    kept[(record.key or b"").decode()] = record.value or b""
        return {key: decode_any_state(data) for key, data in kept.items() if data}

    def commands(self, channel: str) -> list[Command]:
        return [o for o in self.outputs if isinstance(o, Command) and o.channel == channel]

    def _start(self, number: int) -> None:
        """A new process: what was not committed never was."""
        task = PartitionTask(number, self._wiring, MemoryStore(), WallClock())
        task.restore(self.changelogs[number])
        task.restored()
        self._tasks[number] = task
        for topic in (*self._wiring.inputs, self._inbox):
            self._fed[topic, number] = task.positions().get(topic, 0)

    def _work(self, number: int, wall: int, budget: int) -> bool:
        task = self._tasks[number]
        wall -= self._skew[number]
        for topic in (*self._wiring.inputs, self._inbox):
            place = (topic, number)
            log = [r for r in self.logs[place] if topic == self._inbox or r.timestamp <= wall]
            first = self._fed[place]
            records = log[first : first + self._random.choice((1, 5, 1_000))]
            self._fed[place] = first + len(records)
            task.feed(topic, records, end=len(log))
        progress = task.step(wall, budget)
        if progress == (0, 0, False) or self._random.random() < 0.5:
            self._flush(number, wall)
        return progress.taken + progress.fired > 0

    def _flush(self, number: int, wall: int) -> None:
        task = self._tasks[number]
        flush = task.take_flush()
        if flush is None:
            return
        self.outputs += flush.outputs
        for message in flush.messages:
            key = key_of(message.target)
            home = partition_of(key, self.partitions)
            log = self.logs[self._inbox, home]
            value = encode_message(message)
            log.append(Record(self._inbox, home, len(log), wall, key, value, HEADERS))
        changelog = self.changelogs[number]
        for state_key, data in flush.changelog():
            changelog.append(Record("changelog", number, len(changelog), wall, state_key, data))
        task.confirm(flush, len(changelog))


def once_each(outputs: Sequence["Output"], end: Callable[[Transition], object]) -> None:
    """Each candidate ends once (law 7), each command is written once, each end of an
    instance, told from others by `end`, comes once.
    """
    decisions = [o for o in outputs if isinstance(o, SendDecision)]
    final = Counter(o.command_id for o in decisions if o.outcome is not CandidateOutcome.DEFERRED)
    assert set(final.values()) <= {1}
    assert {o.command_id for o in decisions} == set(final)
    written = Counter(o.command_id for o in outputs if isinstance(o, Command))
    assert set(written.values()) <= {1}
    transitions = [o for o in outputs if isinstance(o, Transition)]
    ended = Counter(end(o) for o in transitions if o.end is not None)
    assert set(ended.values()) <= {1}
