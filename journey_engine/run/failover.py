"""An app goes on on another cluster, to which MirrorMaker 2 copied its topics.

    the app at rest    nobody in its group, the old owners fenced, no transaction of the mirror open
    back in time       each partition to its last flush before `copied_until`: what that flush and
                       those before it wrote is on this cluster whole
    positions mapped   the offsets of the lost cluster to those of this one

A mirror copies each topic at its own pace. A state may have come over without the command that was
written with it: that is why the states go back, and inputs are taken again. What is taken again
has the same ids, so whoever goes by them sees it once (rules A6, T6).
"""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from journey_engine.decode.record import Record
from journey_engine.define.topics import Topics
from journey_engine.encode.ledger import decode_ledger
from journey_engine.encode.position import (
    MOVING,
    POSITION_KEY,
    Position,
    decode_position,
    encode_position,
)
from journey_engine.run.guarantee import guarantee_of
from journey_engine.run.merge import NEVER
from journey_engine.run.naming import Names, names
from journey_engine.run.offset_syncs import Syncs, find
from journey_engine.run.producers import PlainProducers, TransactionalProducer
from journey_engine.run.producing import Message, Producer
from journey_engine.run.restoration import Restoration
from journey_engine.run.restore import KafkaChangelogs, open_transactions
from journey_engine.run.settings import Guarantee, Settings, StoreKind
from journey_engine.run.store import POSITION_KEY as POSITION
from journey_engine.run.store import Store
from journey_engine.run.stores import Stores
from journey_engine.run.topics import check_topics, cluster_of, members

FOLDER = "failover"
"""Below `data_dir`: one partition's states while it is mapped."""
SETTLED_WITHIN_S = 180.0
"""By then a broker has ended what a mirror left open: Connect's transactions last a minute."""
_LOOK_S = 2.0


class FailoverError(Exception):
    """The app cannot go on here; the message says why and what to do."""


class Mapped(NamedTuple):
    """What became of a partition: to the flush of which time (in milliseconds; None: to none) it
    went back, how many flushes and states that undid, and by topic where its inputs go on. `done`
    says that it stood at offsets of this cluster already: nothing was written.
    """

    partition: int
    back_to: int | None
    flushes: int
    states: int
    offsets: Mapping[str, int]
    done: bool


async def fail_over(
    settings: Settings, topics: Topics, syncs_topic: str, copied_until: int, now: int
) -> list[Mapped]:
    """Make the app's changelog one of this cluster; the partitions, in their order.

    Broken off, it is run again. `copied_until` and `now` are milliseconds since the epoch.

    Raises:
        FailoverError: the app is at work, or something is not as it must be.
        TopicsError: a topic was not copied, or is not as declared.
        RestorationError: the changelog is not as a worker leaves it.
        StoreError: the disk fails.
        FencedError: a worker begins.
        UnresolvedError, TimeoutError: the broker does not answer.
        KafkaError: the broker refuses.
    """
    await check_topics(settings, topics)
    if await members(settings):
        raise FailoverError(
            f"the app {settings.app_id} is at work here: stop its workers; one that was killed "
            "leaves the group after session_timeout_s"
        )
    cluster, guarantee = await cluster_of(settings), await guarantee_of(settings)
    if not cluster:
        raise FailoverError("this broker's cluster has no id: is it Apache Kafka?")
    await _settled(settings, names(topics, settings.topic_prefix))
    syncs = await Syncs.read(settings, syncs_topic)
    move = _Move(settings, topics, syncs, copied_until, now, cluster)
    exactly = guarantee is Guarantee.EXACTLY_ONCE
    plain = PlainProducers(settings)
    return [
        await move.partition(
            number, TransactionalProducer(settings, number) if exactly else plain(number)
        )
        for number in range(topics.partitions)
    ]


async def _settled(settings: Settings, names: Names) -> None:
    """Wait until no transaction is open: a mirror that was killed leaves some, and behind them
    nobody sees what is written here.
    """
    deadline = time.monotonic() + SETTLED_WITHIN_S
    while places := await open_transactions(settings, names.all, names.partitions):
        if time.monotonic() > deadline:
            topic, partition = places[0]
            raise FailoverError(
                f"{topic}, partition {partition}, has an open transaction, as have "
                f"{len(places) - 1} more: stop the mirror and whoever else writes; the broker ends "
                "what they left open after their transaction.timeout.ms; then run this again"
            )
        await asyncio.sleep(_LOOK_S)


class _Read:
    """A partition's changelog up to its last flush before the time, in a store; what came after."""

    def __init__(self, store: Store, until: int) -> None:
        self._restoration = Restoration(store)
        self._store = store
        self._until = until
        self._back = False
        self.later: set[bytes] = set()
        """The keys written by flushes that go back, or by one that never came to its end."""
        self.flushes = 0
        self.back_to: int | None = None
        self.last: Position | None = None
        """Of all that were read."""

    def take(self, _: int, records: Sequence[Any]) -> None:
        """Take the next records."""
        kept = 0
        for record in records:
            if record.key != POSITION_KEY:
                self.later.add(record.key)
            elif record.value != MOVING:
                self.last = decode_position(record.value)
                self._back = self._back or record.timestamp > self._until
                self.flushes += self._back
                if not self._back:
                    self.back_to = record.timestamp
                    self.later.clear()
            kept += not self._back
        self._restoration.apply(records[:kept])

    def end(self) -> Position | None:
        """All was read: the position to go on from."""
        self._restoration.finish()
        data = self._store.get(POSITION)
        return None if data is None else decode_position(data)


class _Move(NamedTuple):
    settings: Settings
    topics: Topics
    syncs: Syncs
    copied_until: int
    now: int
    cluster: str

    async def partition(self, number: int, producer: Producer) -> Mapped:
        """Map one partition."""
        changelogs = KafkaChangelogs(self.settings, self._names)
        await producer.start()
        try:
            async with _store(self.settings, number) as store:
                read = _Read(store, self.copied_until)
                await changelogs.restore({number: 0}, read.take, lambda _: None)
                position = read.end()
                if read.last is not None and read.last.cluster == self.cluster:
                    return Mapped(number, read.back_to, 0, 0, read.last.next_offsets, done=True)
                self._check_kept(number, read)
                flush = max(await _last_flush(changelogs, number), _flush(read.last)) + 1
                offsets = await self._mapped(number, position)
                messages = [Message(key, store.get(key.decode())) for key in sorted(read.later)]
                last = Message(POSITION_KEY, encode_position(self._at(position, offsets, flush)))
                await producer.begin()
                await producer.write(self._names.changelog, number, messages)
                await producer.write(self._names.changelog, number, [last])
                places = {(topic, number): at for topic, at in offsets.items()}
                await producer.send_offsets(places)
                await producer.commit()
        finally:
            await producer.stop()
        return Mapped(number, read.back_to, read.flushes, len(messages), offsets, done=False)

    @property
    def _names(self) -> Names:
        return names(self.topics, self.settings.topic_prefix)

    def _check_kept(self, number: int, read: _Read) -> None:
        """Older states may have gone to compaction, and the newer ones would look like them."""
        kept_for = self.topics.internal["customers-changelog"].compaction_lag
        if read.flushes and self.now - self.copied_until > kept_for:
            raise FailoverError(
                f"partition {number} has {read.flushes} flushes after the time to go back to, and "
                f"that is longer ago than the {kept_for // 60_000} minutes for which the "
                "changelog keeps every state (`compaction_lag` in topics.yaml): name a later time"
            )

    async def _mapped(self, number: int, position: Position | None) -> dict[str, int]:
        """By topic from which offset here the inputs are read."""
        stood = {} if position is None else position.next_offsets
        offsets = {}
        for topic in self._names.read:
            place = (topic, number)
            span = self.syncs.span(place, stood.get(topic, 0))
            offsets[topic] = await find(self.settings, place, span)
        return offsets

    def _at(self, before: Position | None, offsets: Mapping[str, int], flush: int) -> Position:
        return Position(
            next_offsets=offsets,
            plan_hash="" if before is None else before.plan_hash,
            clock=NEVER if before is None else before.clock,
            flush=flush,
            merge_times={} if before is None else before.merge_times,
            cluster=self.cluster,
        )


@asynccontextmanager
async def _store(settings: Settings, number: int) -> AsyncIterator[Store]:
    """A store for this alone."""
    folder = settings.data_dir / FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    place = {"store": StoreKind.DISK, "data_dir": folder}
    store = Stores(settings.model_copy(update=place)).open(number)
    try:
        yield store
    finally:
        store.close()
        shutil.rmtree(folder, ignore_errors=True)


def _flush(position: Position | None) -> int:
    return 0 if position is None else position.flush


async def _last_flush(changelogs: KafkaChangelogs, number: int) -> int:
    """The last flush that the ledger tells of: no later one may bear its number."""
    found = 0

    def look(_: int, records: Sequence[Record]) -> None:
        nonlocal found
        found = max([found, *(decode_ledger(record.value or b"").flush for record in records)])

    await changelogs.ledger_tails([number], look)
    return found
