"""Commands of one channel, each handed to its sender when it may be carried out."""

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from itertools import chain

from aiokafka import AIOKafkaConsumer
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import CommitFailedError, IllegalStateError
from aiokafka.structs import ConsumerRecord, TopicPartition

from journey_engine.client.agenda import METADATA_MAX, Agenda, Outset, Position
from journey_engine.client.command import read_command
from journey_engine.client.handling import Handler, Handling
from journey_engine.run.definitions import load_schemas
from journey_engine.run.learning import Learner
from journey_engine.run.settings import Settings, load
from journey_engine.run.topics import cluster_of, require_topics
from journey_engine.run.tracing import traces_of

COMMIT_EVERY_S = 1.0
REVOKE_WITHIN_S = 10.0
"""How long handlers under way may take when their partition goes to another consumer."""
_REBALANCE_S = REVOKE_WITHIN_S + 5.0
"""How long the group waits for one of its consumers; with less the commit after that would come
too late, and the next owner would handle again what was handled.
"""
_POLL_MS = 100
_POLL_RECORDS = 100


class CommandConsumer:
    """Takes the commands of one channel, as one of the consumers of `group`.

    A command reaches the handler once its `not_before` has come, unless a CANCEL came first or its
    `not_after` has passed. A CANCEL of one that the handler has had, or may have had in an earlier
    run, reaches it, too. Repeats of a command id are passed over. Commands of one customer follow
    one another; those of different ones run beside each other, `at_once` of them at most.

    A command is acknowledged when its handler has returned. After a crash those that were under
    way come again, and those handled within `COMMIT_EVERY_S` before: their ids show it. So does, on
    a rebalance, one whose handler takes longer than `REVOKE_WITHIN_S`. What the broker needs to be
    told of security, and where the schemas lie, comes from the `JOURNEY_` settings.
    """

    def __init__(
        self,
        channel: str,
        *,
        group: str,
        brokers: str | None = None,
        at_once: int = 1,
        settings: Settings | None = None,
    ) -> None:
        self._settings = settings or load(brokers=brokers)
        self._topic = f"{self._settings.own_prefix}commands.{channel}.v1"
        self._group = group
        self._schemas = load_schemas(self._settings.schemas)
        self._at_once = at_once
        self._agendas: dict[TopicPartition, Agenda] = {}
        self._committed: dict[TopicPartition, Position] = {}
        self._committing = asyncio.Lock()
        self._past: Counter[str] = Counter()
        self._stopped = threading.Event()
        self._began = asyncio.Event()
        self._trouble: Exception | None = None
        """Why the partitions that were assigned could not be begun with."""

    @property
    def counts(self) -> Counter[str]:
        """What became of the commands, as `Agenda` counts it, of all partitions it has had."""
        return sum((agenda.counts for agenda in self._agendas.values()), Counter(self._past))

    async def ready(self) -> None:
        """Return when `run` has its first partitions, so that what is decided from now on comes at
        once; or has ended without.
        """
        await self._began.wait()

    def stop(self) -> None:
        """Let `run` finish what is under way and return; for good, and from any thread."""
        self._stopped.set()

    async def run(self, handle: Handler) -> None:
        """Take commands until `stop`; what the handler raises ends it, unacknowledged, once the
        other handlers under way are done. It may then be run again.

        Raises:
            BrokerAbsentError, TopicsError: no broker lets us in; the channel has no topic.
            CommandError: a record cannot be read; nothing behind it is taken.
            KafkaError: the broker refuses what a consumer does.
        """
        try:
            await require_topics(self._settings, [self._topic])
            await self._run(Handling(handle, self._at_once, traces_of(self._settings)))
        finally:
            self._began.set()

    async def _run(self, handling: Handling) -> None:
        consumer = AIOKafkaConsumer(
            **self._settings.clients(),
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            session_timeout_ms=int(self._settings.session_timeout_s * 1000),
            rebalance_timeout_ms=int(_REBALANCE_S * 1000),
        )
        try:
            await consumer.start()
            consumer.subscribe([self._topic], listener=_Rebalance(self, consumer, handling))
            async with Learner(self._settings, self._schemas, patient=True) as learner:
                await self._take(consumer, handling, learner)
        finally:
            try:
                await self.release(consumer, handling, list(self._agendas), within_s=None)
            finally:
                handling.abandon()
                await consumer.stop()
                self._agendas, self._committed, self._trouble = {}, {}, None
                self._committing = asyncio.Lock()  # the next run may have another loop
        handling.clear_up()

    async def _take(self, consumer: AIOKafkaConsumer, handling: Handling, learner: Learner) -> None:
        loop = asyncio.get_running_loop()
        commit_at = loop.time() + COMMIT_EVERY_S
        while not self._stopped.is_set():
            polled = await consumer.getmany(timeout_ms=_POLL_MS, max_records=_POLL_RECORDS)
            if self._trouble is not None:
                raise self._trouble
            polled = self._begun(consumer, polled)
            held = {place: self._agendas[place] for place in polled}
            for record in chain.from_iterable(polled.values()):
                await learner.learn(record.value, record.headers)
            for place, records in polled.items():
                if self._agendas.get(place) is held[place]:  # else they come again
                    self._add(held[place], records)
                self._hold_back(consumer, place)
            now = datetime.now(UTC)
            for agenda in self._agendas.values():
                handling.hand_out(agenda, now)
            handling.clear_up()
            if loop.time() >= commit_at:
                await self._commit(consumer, self._agendas)
                for place in self._agendas:
                    self._hold_back(consumer, place)
                commit_at = loop.time() + COMMIT_EVERY_S

    def _begun(
        self,
        consumer: AIOKafkaConsumer,
        polled: Mapping[TopicPartition, list[ConsumerRecord]],
    ) -> dict[TopicPartition, list[ConsumerRecord]]:
        """What was polled of partitions that are begun with. The others' were faster than `begin`,
        which asks the broker as well, and are read again: nothing may be awaited between the poll
        and this, or `begin` ends in between and they are neither.
        """
        begun = {place: polled[place] for place in polled if place in self._agendas}
        for place in polled.keys() - begun.keys():
            consumer.seek(place, polled[place][0].offset)
        return begun

    def _add(self, agenda: Agenda, records: list[ConsumerRecord]) -> None:
        for record in records:
            command = read_command(record.value, record.headers, self._schemas)
            agenda.add(record.offset, record.key, command)

    def _hold_back(self, consumer: AIOKafkaConsumer, place: TopicPartition) -> None:
        """Fetch no more of a partition while too much of it is open."""
        agenda = self._agendas.get(place)
        if agenda is None or place not in consumer.assignment():
            return
        if agenda.is_full:
            consumer.pause(place)
        elif place in consumer.paused():
            consumer.resume(place)

    async def begin(self, consumer: AIOKafkaConsumer, places: Collection[TopicPartition]) -> None:
        """Go on with these partitions where the group stands in them."""
        admin = AIOKafkaAdminClient(**self._settings.clients())
        await admin.start()
        try:
            found = await admin.list_consumer_group_offsets(self._group, partitions=list(places))
        finally:
            await admin.close()
        cluster = await cluster_of(self._settings)
        ends = await consumer.end_offsets(list(places))
        now = datetime.now(UTC)
        for place in places:
            committed = found.get(place)
            known = committed is not None and committed.offset >= 0
            position = Position(committed.offset, committed.metadata) if known else None
            self._agendas[place] = Agenda(position, Outset(cluster, ends[place], now))
        self._began.set()

    def fail(self, error: Exception) -> None:
        """End `run` with this error."""
        self._trouble = error

    async def release(
        self,
        consumer: AIOKafkaConsumer,
        handling: Handling,
        places: Collection[TopicPartition],
        *,
        within_s: float | None,
    ) -> None:
        """Begin nothing more of these partitions, wait for what is under way, commit."""
        given_up = {place: self._agendas[place] for place in places if place in self._agendas}
        for agenda in given_up.values():
            agenda.close()
        await handling.finish(given_up.values(), within_s)
        try:
            await self._commit(consumer, given_up)
        finally:
            for place, agenda in given_up.items():
                if self._agendas.get(place) is agenda:
                    del self._agendas[place]
                    self._committed.pop(place, None)
                    self._past += agenda.counts

    async def _commit(
        self, consumer: AIOKafkaConsumer, agendas: Mapping[TopicPartition, Agenda]
    ) -> None:
        async with self._committing:  # one that is tried again must not undo a newer one
            positions = {place: agenda.position() for place, agenda in agendas.items()}
            new = {
                place: position
                for place, position in positions.items()
                if position != self._committed.get(place) and len(position.metadata) <= METADATA_MAX
            }
            if not new:
                return
            # A partition that is gone already is the next consumer's, who goes on from the last
            # commit.
            with contextlib.suppress(CommitFailedError, IllegalStateError):
                await consumer.commit({place: tuple(position) for place, position in new.items()})
                self._committed.update(new)


class _Rebalance(ConsumerRebalanceListener):  # type: ignore[misc]  # it ships no types
    """Hands on which partitions come and go."""

    def __init__(
        self, owner: CommandConsumer, consumer: AIOKafkaConsumer, handling: Handling
    ) -> None:
        self._owner = owner
        self._consumer = consumer
        self._handling = handling

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        await self._owner.release(self._consumer, self._handling, revoked, within_s=REVOKE_WITHIN_S)

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        try:
            await self._owner.begin(self._consumer, assigned)
        except Exception as error:  # noqa: BLE001 - aiokafka would log it and go on
            self._owner.fail(error)
