"""Bugs sown on purpose, each of which the simulation must find, and those that it once found.

They exchange one thing of the real data plane and leave the rest as it is.
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from journey_engine.run.partition import Partition
from journey_engine.run.producing import Message, Producer, Seams, UnresolvedError
from journey_engine.run.store import Store
from journey_engine.run.timers import Timers, Unwritten
from tests.simulation.shop import NAMES
from tests.simulation.worker import SimulatedWorker
from tests.simulation.world import Make


class _Through:
    """A producer that does as another does."""

    def __init__(self, inner: Producer) -> None:
        self.inner = inner
        self.transactional = inner.transactional

    async def start(self) -> None:
        await self.inner.start()

    async def begin(self) -> None:
        await self.inner.begin()

    async def write(self, topic: str, partition: int, messages: Sequence[Message]) -> int:
        return await self.inner.write(topic, partition, messages)

    async def send_offsets(self, offsets: Mapping[tuple[str, int], int]) -> None:
        await self.inner.send_offsets(offsets)

    async def commit(self) -> None:
        await self.inner.commit()

    async def abort(self) -> None:
        await self.inner.abort()

    async def stop(self) -> None:
        await self.inner.stop()


class _StateFirst(_Through):
    def __init__(self, inner: Producer, store: Store) -> None:
        super().__init__(inner)
        self._store = store

    async def write(self, topic: str, partition: int, messages: Sequence[Message]) -> int:
        last = await self.inner.write(topic, partition, messages)
        if topic == NAMES.changelog:
            states = {(each.key or b"").decode(): each.value for each in messages}
            self._store.write(states, last + 1)
        return last


class _PositionFirst(_Through):
    """What is for others is written in a transaction after that of the position."""

    def __init__(self, inner: Producer) -> None:
        super().__init__(inner)
        self._later: list[tuple[str, int, Sequence[Message]]] = []

    async def write(self, topic: str, partition: int, messages: Sequence[Message]) -> int:
        if topic in (NAMES.ledger, NAMES.changelog):
            return await self.inner.write(topic, partition, messages)
        self._later.append((topic, partition, messages))
        return -1

    async def commit(self) -> None:
        later, self._later = self._later, []
        await self.inner.commit()
        await self.inner.begin()
        for topic, partition, messages in later:
            await self.inner.write(topic, partition, messages)
        await self.inner.commit()


class _Careless(_Through):
    async def write(self, topic: str, partition: int, messages: Sequence[Message]) -> int:
        if topic in (NAMES.ledger, NAMES.changelog):
            return await self.inner.write(topic, partition, messages)
        with contextlib.suppress(UnresolvedError):
            await self.inner.write(topic, partition, messages)
        return -1


class _Hasty(_Through):
    """Writes the last message, too, where one before it was refused."""

    async def write(self, topic: str, partition: int, messages: Sequence[Message]) -> int:
        last, failure = -1, None
        for message in messages:
            try:
                last = await self.inner.write(topic, partition, [message])
            except UnresolvedError as error:
                failure = failure or error
        if failure is not None:
            raise failure
        return last


class _OnceIndexed:
    """A store that looks for timers when first asked, and gives that index for ever."""

    def __init__(self, inner: Store) -> None:
        self._inner = inner
        self._index: Timers | None = None

    def timers(self, unwritten: Unwritten) -> Timers:
        if self._index is None:
            self._index = self._inner.timers(unwritten)
        return self._index

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def _state_first(seams: Seams) -> Seams:
    stores: dict[int, Store] = {}

    def store(number: int) -> Store:
        stores[number] = seams.store(number)
        return stores[number]

    return seams._replace(
        store=store, producer=lambda number: _StateFirst(seams.producer(number), stores[number])
    )


def _position_first(seams: Seams) -> Seams:
    return seams._replace(producer=lambda number: _PositionFirst(seams.producer(number)))


def _batch_ignored(seams: Seams) -> Seams:
    return seams._replace(producer=lambda number: _Careless(seams.producer(number)))


def _hasty(seams: Seams) -> Seams:
    return seams._replace(producer=lambda number: _Hasty(seams.producer(number)))


def _index_trusted(seams: Seams) -> Seams:
    return seams._replace(store=lambda number: _OnceIndexed(seams.store(number)))


class _ResumesFirst(SimulatedWorker):
    def resume(self, partition: Partition) -> None:
        partition.run()
        for topic in NAMES.read:
            if (topic, partition.number) in self.consumer.positions:
                records, end, at = self.consumer.fetch(topic, partition.number)
                partition.feed(topic, records, end, at)
        super().resume(partition)


class _RevokesUnflushed(SimulatedWorker):
    async def release(self, partition: Partition, *, commit: bool) -> None:
        del commit
        await super().release(partition, commit=False)


class _Forgetful(Partition):
    """A reading that failed half-way is forgotten."""

    async def fence(self) -> int:
        self._behind = False
        return await super().fence()

    def apply(self, records: Sequence[Any]) -> None:
        self._behind = self._behind or bool(records)
        self.task.restore(records)

    def restored(self) -> None:
        self._trusted = self._trusted and not self._behind
        super().restored()


class _RunsOn(Partition):
    """The clock of a partition that comes back is where it had run on to."""

    def restored(self) -> None:
        before = self.task.clock.now
        super().restored()
        self.task.clock.now = max(before, self.task.clock.now)


@dataclass(frozen=True, slots=True)
class Bug:
    """`seed` is one that finds it, with that kind of producer."""

    made_of: Make
    seed: int
    transactional: bool = True


SOWN: Mapping[str, Bug] = {
    "state written before the commit": Bug(Make(seams=_state_first), 1),
    "position committed before the outputs": Bug(Make(seams=_position_first), 1),
    "a failed batch ignored": Bug(Make(seams=_batch_ignored), 2),
    "resumed before it is sought": Bug(Make(worker=_ResumesFirst), 1),
    "timer index trusted over the states": Bug(Make(seams=_index_trusted), 1),
    "revoked without a flush": Bug(Make(worker=_RevokesUnflushed), 4),
}

FOUND: Mapping[str, Bug] = {
    "a changelog read in part is forgotten": Bug(Make(partition=_Forgetful), 367),
    "the clock of a warm partition runs on": Bug(Make(partition=_RunsOn), 193, transactional=False),
    "the position beside a refused batch": Bug(Make(seams=_hasty), 63, transactional=False),
}
