"""An app's states moved to a new app id with another number of partitions.

    the app at rest    nobody in either group, the old owners fenced; all inputs read to their end
    states read        the old changelog restored, as a worker does it
    states written     each to the partition that its key hashes to; the position last
    checked            the new changelog restored, its count and digest compared

Until its position is written a new partition carries a mark on which no worker begins, so a move
that was broken off shows. Run again it writes all of it again, which changes nothing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from aiokafka.errors import OffsetOutOfRangeError

from journey_engine.decide import governing
from journey_engine.decide.governing_state import NOTHING_SAID, PartitionState
from journey_engine.decide.message import PARTITION
from journey_engine.decode.partition import partition_of
from journey_engine.encode.ledger import decode_ledger
from journey_engine.encode.position import Position
from journey_engine.encode.state import decode_any_state, encode_state
from journey_engine.run.guarantee import guarantee_of
from journey_engine.run.merge import NEVER
from journey_engine.run.moving import (
    FIRST_FLUSH,
    App,
    MoveError,
    Placed,
    Show,
    Sum,
    begin,
    compare,
    position_of,
    read_states,
    restored,
    stores_of,
    write_states,
)
from journey_engine.run.producers import TransactionalProducer
from journey_engine.run.restore import KafkaChangelogs, unread
from journey_engine.run.settings import Guarantee, Settings
from journey_engine.run.store import Store
from journey_engine.run.topics import check_topics, members, partitions_of, require_topics


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
        MoveError: either app is at work, or something is not as it must be.
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
    with stores_of(old, before) as sources, stores_of(new, new.topics.partitions) as found:
        await _check_not_begun(new, found, show)
        await restored(old, sources, "reading", show)
        standing = {partition: position_of(store) for partition, store in sources.items()}
        await _check_all_read(old, standing)
        await _check_ledger(old, standing)
        count = sum(1 for store in sources.values() for _ in store.states())
        placed = _placed(sources.values(), _said(sources.values()), new.topics.partitions)
        sums = await write_states(new, placed, count, show)
        await _check_nobody(old, new)  # one that was only paused comes back
        await begin(new, _positions(old, new, standing))
        await restored(new, found, "checking", show)
        compare(new, found, sums)
    return Moved(before, sums)


async def _check_rest(old: App, new: App) -> None:
    if old.names.changelog == new.names.changelog:
        raise MoveError("both apps have the same changelog: give the new one another id")
    await _check_nobody(old, new)
    names_ = old.names
    await require_topics(old.settings, {names_.changelog, names_.ledger, *names_.read})
    await check_topics(new.settings, new.topics)


async def _check_nobody(*apps: App) -> None:
    for app in apps:
        count = await members(app.settings)
        if count:
            raise MoveError(
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
    await read_states(new, found, "looking", show)
    flushes = [0 if (at := position_of(store)) is None else at.flush for store in found.values()]
    ledger: list[Any] = []
    tails = KafkaChangelogs(new.settings, new.names).ledger_tails
    await tails(sorted(found), lambda _, records: ledger.extend(records))
    if ledger or max(flushes) > FIRST_FLUSH:
        raise MoveError(
            f"the app {new.settings.app_id} has worked already: choose an app id that never ran"
        )


def _said(stores: Iterable[Store]) -> bytes | None:
    """What every new partition is told, None where nothing was said."""
    states = (decode_any_state(data) for one in stores if (data := one.get(PARTITION)) is not None)
    said = governing.joined(one for one in states if isinstance(one, PartitionState))
    return None if said == NOTHING_SAID else encode_state(said)


async def _check_all_read(old: App, standing: Mapping[int, Position | None]) -> None:
    """The old app must have taken all its inputs: the new one begins behind them."""
    left: dict[str, int] = {}
    for topic in old.names.read:
        starts = {p: each.next_offsets.get(topic, 0) if each else 0 for p, each in standing.items()}
        try:
            count = await unread(old.settings, topic, starts)
        except OffsetOutOfRangeError as error:
            raise MoveError(
                f"{topic} ends before the app's position {error.args[0]}: it was deleted and made "
                "anew. Make new inputs under another prefix, and leave the old ones until all is "
                "moved (--from-prefix)."
            ) from error
        if count:
            left[topic] = count
    if left:
        listed = ", ".join(f"{topic}: {count}" for topic, count in sorted(left.items()))
        raise MoveError(
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
        raise MoveError(
            f"the app {old.settings.app_id} was killed in the middle of a flush of partitions "
            f"{sorted(ahead)}: start it once more, and stop it when it is ready."
        )


def _positions(
    old: App, new: App, standing: Mapping[int, Position | None]
) -> Mapping[int, Position]:
    """Where each new partition begins.

    Inputs that both apps read keep their offsets, as do those that the old one once read; new
    partitions of them, and other inputs, are read from their beginning. No customer's clock goes
    back: each takes the latest.
    """
    begun = [position for position in standing.values() if position is not None]
    clock = max((position.clock for position in begun), default=NEVER)
    plan_hash, cluster = (begun[0].plan_hash, begun[0].cluster) if begun else ("", "")
    left = set(old.names.read) - set(new.names.inputs)
    positions = {}
    for partition in range(new.topics.partitions):
        before = standing.get(partition)
        offsets = {} if before is None else before.next_offsets
        times = {} if before is None else before.merge_times
        positions[partition] = Position(
            next_offsets={topic: at for topic, at in offsets.items() if topic not in left},
            plan_hash=plan_hash,
            clock=clock,
            flush=FIRST_FLUSH,
            merge_times={topic: at for topic, at in times.items() if topic not in left},
            cluster=cluster,
        )
    return positions


def _placed(stores: Iterable[Store], said: bytes | None, partitions: int) -> Iterator[Placed]:
    """Each state for the partition that its key hashes to; `said` is what operators told every
    partition: the new ones are told, too.
    """
    for store in stores:
        for key, value in store.states():
            if key != PARTITION:
                yield Placed(partition_of(key[2:].encode(), partitions), key, value)
    if said is not None:
        for partition in range(partitions):
            yield Placed(partition, PARTITION, said)
