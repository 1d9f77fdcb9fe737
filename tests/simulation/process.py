"""A worker's process: each request it makes is a place where the schedule may hurt it.

SIGKILL loses what is in memory and keeps the disk. SIGSTOP freezes it between two requests, for
long enough that others take its partitions: it wakes up as a zombie.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from journey_engine.run.store import NOT_KNOWN, MemoryStore
from journey_engine.run.timers import Timers, Unwritten
from journey_engine.simulate.chance import Chance

T = TypeVar("T")
Step = tuple[float, str, str]
"""When, who, what."""


class KilledError(BaseException):
    """The process is no more: nothing catches this."""


@dataclass(frozen=True, slots=True)
class Rates:
    """How often each thing happens at a request, as a share."""

    kill: float = 0.0
    freeze: float = 0.0
    fail: float = 0.0
    """A request is refused, or times out, done or not."""
    slow: float = 0.0
    kill_at: str = ""
    """Kill where a request's name begins with this, more often."""


class Weather:
    """The faults of one schedule, from its seed."""

    def __init__(self, chance: Chance, rates: Rates) -> None:
        self.chance = chance
        self.rates = rates
        self.calm = False
        """No more faults."""
        self.faults = 0

    def strikes(self, share: float) -> bool:
        if self.calm or not self.chance.happens(share):
            return False
        self.faults += 1
        return True

    def latency(self) -> float:
        """Seconds that a message travels."""
        if not self.calm and self.chance.happens(self.rates.slow):
            return self.chance.between(50, 1_500) / 1_000
        return self.chance.often_small(1, 20) / 1_000


class Process:
    """One run of a worker, from its start to its end."""

    def __init__(
        self, name: str, loop: asyncio.AbstractEventLoop, weather: Weather, steps: list[Step]
    ) -> None:
        self.name = name
        self.weather = weather
        self.alive = True
        self._loop = loop
        self._steps = steps
        self._frozen_until = 0.0
        self.ended = loop.create_future()

    def note(self, what: str) -> None:
        self._steps.append((self._loop.time(), self.name, what))

    def kill(self, where: str) -> None:
        if self.alive:
            self.note(f"KILLED at {where}")
            self.alive = False
            self.ended.set_result(None)

    def freeze(self, seconds: float, where: str) -> None:
        self.note(f"STOPPED for {seconds:.1f} s at {where}")
        self._frozen_until = self._loop.time() + seconds

    def now(self) -> float:
        """Seconds, monotonic."""
        return self._loop.time()

    def frozen_for(self) -> float:
        """Seconds that it will still be stopped."""
        return self._frozen_until - self._loop.time()

    def check(self) -> None:
        if not self.alive:
            raise KilledError(self.name)

    async def travel(self, where: str) -> None:
        """One way of a request: time passes, and the process may be stopped or killed."""
        self.check()
        weather, rates = self.weather, self.weather.rates
        often = 20.0 if rates.kill_at and where.startswith(rates.kill_at) else 1.0
        await asyncio.sleep(weather.latency())
        if weather.strikes(min(rates.kill * often, 0.2)):
            self.kill(where)
        elif weather.strikes(rates.freeze):
            self.freeze(weather.chance.between(200, 8_000) / 1_000, where)
        while self.alive and (left := self.frozen_for()) > 0:  # noqa: ASYNC110 - of nobody else
            await asyncio.sleep(left)
        self.check()

    async def request(self, what: str, effect: Callable[[], T]) -> T:
        """There, its effect on the broker, and back."""
        await self.travel(what)
        answer = effect()
        await self.travel(f"{what}, answered")
        return answer


class DiskStore:
    """A store whose content outlives the process; a dead process changes nothing in it."""

    def __init__(self, process: Process, disk: MemoryStore) -> None:
        self._process = process
        self._disk = disk

    def get(self, key: str) -> bytes | None:
        return self._disk.get(key)

    def write(
        self,
        changes: Mapping[str, bytes | None],
        changelog_offset: int,
        before: Mapping[str, int | None] = NOT_KNOWN,
        appended_ms: int | None = None,
    ) -> None:
        self._process.check()
        self._disk.write(changes, changelog_offset, before, appended_ms)

    def changelog_offset(self) -> int | None:
        return self._disk.changelog_offset()

    def states(self) -> Iterator[tuple[str, bytes]]:
        return iter(list(self._disk.states()))

    def keys(self, after: str, before: str, count: int) -> Sequence[str]:
        return self._disk.keys(after, before, count)

    def timers(self, unwritten: Unwritten) -> Timers:
        return self._disk.timers(unwritten)

    def close(self) -> None:
        """The disk stays."""
