"""States of one app read from its changelog and written to that of another.

Until its position is written a new partition carries a mark on which no worker begins.
"""

import shutil
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from hashlib import blake2b
from itertools import islice
from typing import Any, NamedTuple

from journey_engine.define.topics import Topics
from journey_engine.encode.position import (
    MOVING,
    POSITION_KEY,
    Position,
    decode_position,
    encode_position,
)
from journey_engine.run.memory import tail_bytes
from journey_engine.run.merge import BufferLimits
from journey_engine.run.naming import Names, names_of
from journey_engine.run.producers import Output
from journey_engine.run.producing import Message
from journey_engine.run.restoration import Restoration
from journey_engine.run.restore import KafkaChangelogs
from journey_engine.run.settings import Settings, StoreKind
from journey_engine.run.store import POSITION_KEY as POSITION
from journey_engine.run.store import Store
from journey_engine.run.stores import Stores

BATCH = 5_000
"""States written before the next acknowledgement is waited for."""
FIRST_FLUSH = 1
FOLDER = "moving"
"""Below `data_dir`: both apps' states while they are moved."""

Show = Callable[[str, int, int], None]
"""Is told what is being done, how much of it is done and of how much (0: not known)."""


class MoveError(Exception):
    """States cannot be moved; the message says why and what to do."""


class App(NamedTuple):
    """One of the two apps: `settings` carry its id and prefix."""

    settings: Settings
    topics: Topics

    @property
    def names(self) -> Names:
        """Its topics."""
        return names_of(self.topics, self.settings)


class Sum(NamedTuple):
    """States of one partition: how many, and a digest that does not depend on their order."""

    states: int = 0
    digest: int = 0

    def with_state(self, key: bytes, value: bytes) -> "Sum":
        """The sum with one more."""
        one = int.from_bytes(blake2b(key + b"\0" + value, digest_size=8).digest())
        return Sum(self.states + 1, (self.digest + one) % 2**64)


@contextmanager
def stores_of(app: App, partitions: int) -> Iterator[Mapping[int, Store]]:
    """Stores for a move alone: the workers' own may be in use, or on other machines."""
    folder = app.settings.data_dir / FOLDER
    place = {"store": StoreKind.DISK, "data_dir": folder}
    shutil.rmtree(folder / app.settings.group, ignore_errors=True)
    stores = Stores(app.settings.model_copy(update=place))
    opened: dict[int, Store] = {}
    try:
        for partition in range(partitions):
            opened[partition] = stores.open(partition)
        yield opened
    finally:
        for store in opened.values():
            store.close()
        shutil.rmtree(folder / app.settings.group, ignore_errors=True)


async def restored(app: App, stores: Mapping[int, Store], doing: str, show: Show) -> None:
    """Bring the stores to the end of the app's changelog, as a worker does.

    Raises:
        RestorationError: it does not end as a worker leaves it.
        UnresolvedError: the broker cannot be read.
    """
    for restoration in await read_states(app, stores, doing, show):
        restoration.finish()


async def read_states(
    app: App, stores: Mapping[int, Store], doing: str, show: Show
) -> Iterable[Restoration]:
    """Bring the stores to the end of the app's changelog."""
    limits = BufferLimits(tail_bytes=tail_bytes(app.settings.memory_mib, len(stores)))
    restorations = {partition: Restoration(store, limits) for partition, store in stores.items()}
    done = 0

    def apply(partition: int, records: Sequence[Any]) -> None:
        nonlocal done
        done += len(records)
        restorations[partition].apply(records)

    def progress(remaining: Mapping[int, int]) -> None:
        show(doing, done, done + sum(max(count, 0) for count in remaining.values()))

    starts = {partition: store.changelog_offset() or 0 for partition, store in stores.items()}
    await KafkaChangelogs(app.settings, app.names).restore(starts, apply, progress)
    return restorations.values()


def position_of(store: Store) -> Position | None:
    """Where the app stands; None where it has never flushed, or states are still being moved."""
    data = store.get(POSITION)
    return None if data in (None, MOVING) else decode_position(data)


@asynccontextmanager
async def output_of(app: App) -> AsyncIterator[Output]:
    """A connection to write by."""
    output = Output(app.settings)
    await output.start()
    try:
        yield output
    finally:
        await output.stop()


class Placed(NamedTuple):
    """A state and the partition on which it is to lie."""

    partition: int
    key: str
    value: bytes


async def write_states(new: App, states: Iterator[Placed], count: int, show: Show) -> list[Sum]:
    """Write the states behind a mark on each partition; `count` is how many, for `show`."""
    topic, partitions = new.names.changelog, new.topics.partitions
    sums = [Sum() for _ in range(partitions)]
    async with output_of(new) as output:
        for partition in range(partitions):
            await output.write(topic, partition, [Message(POSITION_KEY, MOVING)])
        done = 0
        while chunk := list(islice(states, BATCH)):
            by_partition: dict[int, list[Message]] = {}
            for partition, key, value in chunk:
                name = key.encode()
                sums[partition] = sums[partition].with_state(name, value)
                by_partition.setdefault(partition, []).append(Message(name, value))
            for partition, messages in by_partition.items():
                await output.write(topic, partition, messages)
            done += len(chunk)
            show("writing", done, count)
    return sums


async def begin(new: App, positions: Mapping[int, Position]) -> None:
    """Write the positions: from now on workers may begin."""
    async with output_of(new) as output:
        for partition, position in positions.items():
            last = [Message(POSITION_KEY, encode_position(position))]
            await output.write(new.names.changelog, partition, last)


def compare(new: App, stores: Mapping[int, Store], sums: Sequence[Sum]) -> None:
    """What a worker will restore against what was written."""
    for partition, store in stores.items():
        found, wrote = Sum(), sums[partition]
        for key, value in store.states():
            found = found.with_state(key.encode(), value)
        if found != wrote:
            raise MoveError(
                f"{new.names.changelog}, partition {partition}, holds {found.states} states of "
                f"digest {found.digest:016x}, not {wrote.states} of {wrote.digest:016x}: something "
                "else was in it. Delete that topic, make it anew and run this again."
            )
