"""An app's states moved to a new app id with another number of partitions.

    the app at rest    nobody in either group, the old owners fenced; all inputs read to their end
    states read        the old changelog restored, as a worker does it
    states written     each to the partition that its key hashes to; the position last
    checked            the new changelog restored, its count and digest compared

Until its position is written a new partition carries a mark on which no worker begins, so a move
that was broken off shows. Run again it writes all of it again, which changes nothing.
"""

import shutil
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from hashlib import blake2b
from itertools import islice
from typing import Any, NamedTuple

from aiokafka.errors import OffsetOutOfRangeError

from journey_engine.decide import governing
from journey_engine.decide.governing_state import NOTHING_SAID, PartitionState
from journey_engine.decide.message import PARTITION
from journey_engine.decode.partition import partition_of
from journey_engine.define.topics import Topics
from journey_engine.encode.ledger import decode_ledger
from journey_engine.encode.position import (
    MOVING,
    POSITION_KEY,
    Position,
    decode_position,
    encode_position,
)
from journey_engine.encode.state import decode_any_state, encode_state
from journey_engine.run.guarantee import guarantee_of
from journey_engine.run.merge import NEVER
from journey_engine.run.naming import Names, names
from journey_engine.run.producers import Output, TransactionalProducer
from journey_engine.run.producing import Message
from journey_engine.run.restoration import Restoration
from journey_engine.run.restore import KafkaChangelogs, unread
from journey_engine.run.settings import Guarantee, Settings, StoreKind
from journey_engine.run.store import POSITION_KEY as POSITION
from journey_engine.run.store import Store
from journey_engine.run.stores import Stores
from journey_engine.run.topics import check_topics, members, partitions_of, require_topics

BATCH = 5_000
"""States written before the next acknowledgement is waited for."""
FIRST_FLUSH = 1
FOLDER = "repartition"
"""Below `data_dir`: both apps' states while they are moved."""

_PARTITION = PARTITION.encode()

Show = Callable[[str, int, int], None]
"""Is told what is being done, how much of it is done and of how much (0: not known)."""


class RepartitionError(Exception):
    """States cannot be moved; the message says why and what to do."""


class App(NamedTuple):
    """One of the two apps: `settings` carry its id and prefix."""

    settings: Settings
    topics: Topics

    @property
    def names(self) -> Names:
        """Its topics."""
        return names(self.topics, self.settings.topic_prefix)


class Sum(NamedTuple):
    """States of one partition: how many, and a digest that does not depend on their order."""

    states: int = 0
    digest: int = 0

    def with_state(self, key: bytes, value: bytes) -> "Sum":
        """The sum with one more."""
        one = int.from_bytes(blake2b(key + b"\0" + value, digest_size=8).digest())
        return Sum(self.states + 1, (self.digest + one) % 2**64)


class Moved(NamedTuple):
    """What was moved. `partitions` are the sums of the new partitions, in their order."""

    from_partitions: int
    partitions: Sequence[Sum]

    @property
    def states(self) -> int:
        """All states."""
        return sum(each.states for each in self.partitions)

    @property
    def digest(self) -> str:
        """One digest for all."""
        return f"{sum(each.digest for each in self.partitions) % 2**64:016x}"


async def repartition(old: App, new: App, show: Show) -> Moved:
    """Move the states of `old` to `new`; `new.topics.partitions` is the number of partitions.

    Raises:
        RepartitionError: either app is at work, or something is not as it must be.
        TopicsError: the new app's topics are not as declared.
        RestorationError: a changelog is not as a worker leaves it.
        StoreError: the disk fails.
        FencedError: a worker of the old app begins.
        UnresolvedError, TimeoutError: the broker does not answer.
        KafkaError: the broker refuses.
    """
    await _check_rest(old, new)
    before = await partitions_of(old.settings, old.names.changelog)
    await _fence(old.settings, before)
    with _stores(old, before) as sources, _stores(new, new.topics.partitions) as found:
        await _check_not_begun(new, found, show)
        await _restored(old, sources, "reading", show)
        standing = {partition: _position(store) for partition, store in sources.items()}
        await _check_all_read(old, standing)
        await _check_ledger(old, standing)
        count = sum(1 for store in sources.values() for _ in store.states())
        everything = (state for store in sources.values() for state in store.states())
        states = (state for state in everything if state[0] != PARTITION)
        sums = await _write(new, states, _said(sources.values()), count, show)
        await _check_nobody(old, new)  # one that was only paused comes back
        await _begin(new, _positions(old, new, standing))
        await _restored(new, found, "checking", show)
        _compare(new, found, sums)
    return Moved(before, sums)


async def _check_rest(old: App, new: App) -> None:
    if old.names.changelog == new.names.changelog:
        raise RepartitionError("both apps have the same changelog: give the new one another id")
    await _check_nobody(old, new)
    names_ = old.names
    await require_topics(old.settings, {names_.changelog, names_.ledger, *names_.read})
    await check_topics(new.settings, new.topics)


async def _check_nobody(*apps: App) -> None:
    for app in apps:
        count = await members(app.settings)
        if count:
            raise RepartitionError(
                f"the app {app.settings.app_id} is at work: its group has {count} members. Stop "
                "its workers; one that was killed leaves the group after session_timeout_s."
            )


async def _fence(settings: Settings, partitions: int) -> None:
    """Keep all that ever owned a partition from writing, and end what they left open: a worker may
    only be paused, or killed in the middle of a commit. Without transactions nothing can.
    """
    asked = settings.model_copy(update={"guarantee": Guarantee.AUTO})  # its workers' may differ
    if await guarantee_of(asked) is not Guarantee.EXACTLY_ONCE:
        return
    for partition in range(partitions):
        producer = TransactionalProducer(settings, partition)
        await producer.start()
        await producer.stop()


async def _check_not_begun(new: App, found: Mapping[int, Store], show: Show) -> None:
    await _read(new, found, "looking", show)
    flushes = [0 if (at := _position(store)) is None else at.flush for store in found.values()]
    ledger: list[Any] = []
    tails = KafkaChangelogs(new.settings, new.names).ledger_tails
    await tails(sorted(found), lambda _, records: ledger.extend(records))
    if ledger or max(flushes) > FIRST_FLUSH:
        raise RepartitionError(
            f"the app {new.settings.app_id} has worked already: choose an app id that never ran"
        )


@contextmanager
def _stores(app: App, partitions: int) -> Iterator[Mapping[int, Store]]:
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


async def _restored(app: App, stores: Mapping[int, Store], doing: str, show: Show) -> None:
    for restoration in await _read(app, stores, doing, show):
        restoration.finish()


async def _read(
    app: App, stores: Mapping[int, Store], doing: str, show: Show
) -> Iterable[Restoration]:
    """Bring the stores to the end of the app's changelog."""
    restorations = {partition: Restoration(store) for partition, store in stores.items()}
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


def _said(stores: Iterable[Store]) -> bytes | None:
    """What every new partition is told, None where nothing was said."""
    states = (decode_any_state(data) for one in stores if (data := one.get(PARTITION)) is not None)
    said = governing.joined(one for one in states if isinstance(one, PartitionState))
    return None if said == NOTHING_SAID else encode_state(said)


def _position(store: Store) -> Position | None:
    data = store.get(POSITION)
    return None if data in (None, MOVING) else decode_position(data)


async def _check_all_read(old: App, standing: Mapping[int, Position | None]) -> None:
    """The old app must have taken all its inputs: the new one begins behind them."""
    left: dict[str, int] = {}
    for topic in old.names.read:
        starts = {p: each.next_offsets.get(topic, 0) if each else 0 for p, each in standing.items()}
        try:
            count = await unread(old.settings, topic, starts)
        except OffsetOutOfRangeError as error:
            raise RepartitionError(
                f"{topic} ends before the app's position {error.args[0]}: it was deleted and made "
                "anew. Make new inputs under another prefix, and leave the old ones until all is "
                "moved (--from-prefix)."
            ) from error
        if count:
            left[topic] = count
    if left:
        listed = ", ".join(f"{topic}: {count}" for topic, count in sorted(left.items()))
        raise RepartitionError(
            f"the app {old.settings.app_id} has not taken all its inputs ({listed}). Stop the "
            "publishers, let its workers read to the end, then stop them."
        )


async def _check_ledger(old: App, standing: Mapping[int, Position | None]) -> None:
    """At least once, a flush may have been sent and not noted: only the old app can repeat it."""
    ahead: set[int] = set()

    def look(partition: int, records: Sequence[Any]) -> None:
        position = standing[partition]
        done = 0 if position is None else position.flush
        if any(decode_ledger(record.value).flush > done for record in records):
            ahead.add(partition)

    await KafkaChangelogs(old.settings, old.names).ledger_tails(sorted(standing), look)
    if ahead:
        raise RepartitionError(
            f"the app {old.settings.app_id} was killed in the middle of a flush of partitions "
            f"{sorted(ahead)}: start it once more, and stop it when it is ready."
        )


def _positions(
    old: App, new: App, standing: Mapping[int, Position | None]
) -> Mapping[int, Position]:
    """Where each new partition begins.

    Inputs that both apps read keep their offsets; new partitions of them, and other inputs, are
    read from their beginning. No customer's clock goes back: each takes the latest.
    """
    begun = [position for position in standing.values() if position is not None]
    clock = max((position.clock for position in begun), default=NEVER)
    plan_hash = begun[0].plan_hash if begun else ""
    kept = set(old.names.inputs) & set(new.names.inputs)
    positions = {}
    for partition in range(new.topics.partitions):
        before = standing.get(partition)
        offsets = {} if before is None else before.next_offsets
        times = {} if before is None else before.merge_times
        positions[partition] = Position(
            next_offsets={topic: at for topic, at in offsets.items() if topic in kept},
            plan_hash=plan_hash,
            clock=clock,
            flush=FIRST_FLUSH,
            merge_times={topic: at for topic, at in times.items() if topic in kept},
        )
    return positions


@asynccontextmanager
async def _output(app: App) -> AsyncIterator[Output]:
    output = Output(app.settings)
    await output.start()
    try:
        yield output
    finally:
        await output.stop()


async def _write(
    new: App, states: Iterator[tuple[str, bytes]], said: bytes | None, count: int, show: Show
) -> list[Sum]:
    """`said` is what operators told every partition: the new ones are told, too."""
    topic, partitions = new.names.changelog, new.topics.partitions
    sums = [Sum() for _ in range(partitions)]
    async with _output(new) as output:
        for partition in range(partitions):
            await output.write(topic, partition, [Message(POSITION_KEY, MOVING)])
        done = 0
        while chunk := list(islice(states, BATCH)):
            for partition, messages in _placed(chunk, partitions, sums).items():
                await output.write(topic, partition, messages)
            done += len(chunk)
            show("writing", done, count)
        if said is not None:
            for partition in range(partitions):
                await output.write(topic, partition, [Message(_PARTITION, said)])
                sums[partition] = sums[partition].with_state(_PARTITION, said)
    return sums


async def _begin(new: App, positions: Mapping[int, Position]) -> None:
    """Write the positions: from now on workers may begin."""
    async with _output(new) as output:
        for partition, position in positions.items():
            last = [Message(POSITION_KEY, encode_position(position))]
            await output.write(new.names.changelog, partition, last)


def _placed(
    states: Sequence[tuple[str, bytes]], partitions: int, sums: list[Sum]
) -> Mapping[int, list[Message]]:
    placed: dict[int, list[Message]] = {}
    for state_key, value in states:
        key = state_key.encode()
        partition = partition_of(key[2:], partitions)
        sums[partition] = sums[partition].with_state(key, value)
        placed.setdefault(partition, []).append(Message(key, value))
    return placed


def _compare(new: App, stores: Mapping[int, Store], sums: Sequence[Sum]) -> None:
    """What a worker will restore against what was written."""
    for partition, store in stores.items():
        found, wrote = Sum(), sums[partition]
        for key, value in store.states():
            found = found.with_state(key.encode(), value)
        if found != wrote:
            raise RepartitionError(
                f"{new.names.changelog}, partition {partition}, holds {found.states} states of "
                f"digest {found.digest:016x}, not {wrote.states} of {wrote.digest:016x}: something "
                "else was in it. Delete that topic, make it anew and run this again."
            )
