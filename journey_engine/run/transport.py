"""Faust's Kafka transport, with each poll's records handed over whole.

Faust passes records one by one through two queues and an acknowledgement tree; here a poll is a
mapping from partition to its list of records, and the data plane takes it in one call. Group
membership, co-partitioning, rebalance and flow control stay Faust's. What is overridden or
relied upon is listed in `README.md` beside this file, all of it.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import aiokafka
from aiokafka.consumer import fetcher
from aiokafka.errors import KafkaError, NoOffsetForPartitionError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport
from faust.types import TP
from mode import Service

from journey_engine.decode.record import Record, laid
from journey_engine.run.header_names import KeptRecords, read_batch

if TYPE_CHECKING:
    from journey_engine.run.app import JourneyApp

LIVENESS_INTERVAL_S = 1.0
RECORD_WITHIN_S = 2.0


class End(NamedTuple):
    """What the last answer to a fetch said of a partition.

    `position` is the next offset to be handed out, `stable` the one after the last record that is
    committed (the last stable offset), `asked_at` the broker's answer in milliseconds since the
    epoch.
    """

    position: int
    stable: int
    asked_at: int


class Plane(Protocol):
    """What the transport drives: see `journey_engine.run.worker.Worker`."""

    async def drive(self, consumer: "BatchConsumer") -> None:
        """Poll, work and commit until the worker stops."""

    async def release(self, *, flush: bool = True) -> None:
        """Let all partitions go, after a last commit while they are still ours."""


class BareRecords(fetcher.PartitionRecords):  # type: ignore[misc]  # aiokafka's is untyped
    """What a fetch brought of a partition, as `Record`s: the larger ones that aiokafka makes of
    them cost as much as decoding. Which records there are, checksums and aborted transactions
    stay the business of `_unpack_records`.
    """

    _tp: TopicPartition
    _records: KeptRecords
    _records_iterator: Iterator[Record]
    next_fetch_offset: int

    def __iter__(self) -> Iterator[Record]:
        """The rest of them, without a call of Python's for each; `getall` comes again for more."""
        return self._records_iterator

    def _unpack_records(self) -> Iterator[Record]:
        while True:
            try:
                yield from super()._unpack_records()
            except UnicodeDecodeError:
                data, offset = self._records.data, self.next_fetch_offset
                records, behind, rest = read_batch(data, offset)
                for record in records:
                    if record.offset >= offset:
                        self.next_fetch_offset = record.offset + 1
                        yield self._consumer_record(self._tp, record)
                self.next_fetch_offset = behind
                self._records = KeptRecords(rest)
            else:
                return

    def _consumer_record(self, tp: TopicPartition, record: Any) -> Record:  # noqa: ANN401 - aiokafka's
        return laid(
            (
                tp.topic,
                tp.partition,
                record.offset,
                record.timestamp,
                record.key,
                record.value,
                tuple(record.headers),
            )
        )


# `_proc_fetch_request` makes what has these names.
fetcher.PartitionRecords = BareRecords
fetcher.MemoryRecords = KeptRecords


class BatchThread(AIOKafkaConsumerThread):
    """aiokafka's consumer in its own thread, as Faust runs it."""

    app: "JourneyApp"
    mundane_level = "debug"

    def _create_worker_consumer(self, transport: Transport) -> aiokafka.AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        # Faust fixes 1.5 s: an idle topic's long poll would delay a busy one after each seek.
        consumer._fetch_max_wait_ms = self.app.settings.fetch_max_wait_ms  # noqa: SLF001 - no setting for it
        # The inbox is written in transactions; Faust reads uncommitted unless it has its own.
        consumer._isolation_level = "read_committed"  # noqa: SLF001 - as above
        return consumer

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Leave Faust's livelock detector out: it counts acknowledgements, and we have none."""

    def end(self, tp: TP) -> End | None:
        """What is known of the partition's end; None before the first answer to a fetch."""
        consumer = self._ensure_consumer()
        assignment = consumer._subscription.subscription.assignment  # noqa: SLF001 - no accessor without a round trip
        if assignment is None or tp not in assignment.tps:
            return None
        state = assignment.state_value(tp)
        if state.lso is None or not state.has_valid_position:
            return None
        # The time first: aiokafka's thread may be noting another answer, the end before the time,
        # and an old end with a new time would hide the records between.
        asked_at = int(state.timestamp)
        return End(state.position, state.lso, asked_at)

    async def rejoin(self) -> None:
        """Have the group assign anew."""
        await self.call_thread(self._rejoin)

    async def _rejoin(self) -> None:
        self._ensure_consumer()._coordinator.request_rejoin()  # noqa: SLF001 - no accessor

    def generation(self) -> int:
        """The group's generation as this member knows it; -1 once the group has put it out."""
        generation: int = self._ensure_consumer()._coordinator.generation  # noqa: SLF001 - no accessor
        return generation

    async def hold(self, tps: Sequence[TP]) -> None:
        """Keep aiokafka from fetching partitions that are read elsewhere."""
        partitions = [TopicPartition(tp.topic, tp.partition) for tp in tps]
        await self.call_thread(self._ensure_consumer().pause, *partitions)

    async def record_offsets(self, offsets: Mapping[TP, int]) -> str | None:
        """Commit group offsets, for lag tools alone; what went wrong, if something did."""
        wanted = {
            TopicPartition(tp.topic, tp.partition): OffsetAndMetadata(offset, "")
            for tp, offset in offsets.items()
        }
        try:
            await self.call_thread(self._record, wanted)
        except (KafkaError, TimeoutError) as error:
            return repr(error)
        return None

    async def _record(self, offsets: Mapping[TopicPartition, OffsetAndMetadata]) -> None:
        """Commit, or give up soon: aiokafka looks for a lost coordinator for ever, and the data
        plane waits.
        """
        async with asyncio.timeout(RECORD_WITHIN_S):
            await self._ensure_consumer().commit(offsets)

    async def check(self) -> None:
        """Raise what broke in group membership, which no poll of ours would show.

        Raises:
            Exception: whatever ended the coordination.
        """
        await self.call_thread(self._check)

    async def _check(self) -> None:
        self._ensure_consumer()._coordinator.check_errors()  # noqa: SLF001 - called by aiokafka's own polls only


class BatchConsumer(Consumer):
    """A consumer that hands over polls, not messages."""

    app: "JourneyApp"
    mundane_level = "debug"
    _thread: BatchThread

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - Faust's own
        super().__init__(*arguments, **options)
        self._polling = asyncio.Lock()

    def _new_consumer_thread(self) -> BatchThread:
        return BatchThread(self, loop=self.loop, beacon=self.beacon)

    @property
    def thread(self) -> BatchThread:
        """The thread that owns aiokafka's consumer."""
        return self._thread

    async def _drain_messages(self, fetcher: object) -> None:  # noqa: ARG002 - Faust's signature
        try:
            await self.app.plane.drive(self)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            await self.app.crash(error)
            raise

    async def poll(self, timeout_s: float) -> Mapping[TP, list[Any]]:
        """Records by partition, of partitions that are neither paused nor on their way out."""
        active = set(self._get_active_partitions())
        generation = self.app.consumer_generation_id
        if not self.flow_active or not active:
            await asyncio.sleep(timeout_s or 0.001)
            return {}
        async with self._polling:
            try:
                records: Mapping[TP, list[Any]] = await self._getmany(active, timeout_s)
            except NoOffsetForPartitionError:
                # After a rebalance aiokafka may look for a committed offset before the plane has
                # set the position, which it does of every partition that it opens.
                return {}
        if self._is_stale(generation):
            return {}  # they belong to an assignment that is gone; the next begins with a seek
        return records

    async def seek_between_polls(self, offsets: Mapping[TP, int]) -> None:
        """Seek when no poll is under way: one that began before would take records from behind the
        seek, and they are dropped.
        """
        async with self._polling:
            await self.seek_wait(offsets)

    def _is_stale(self, generation: int) -> bool:
        return not self.flow_active or generation != self.app.consumer_generation_id

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Flush before the partitions leave; the group waits for this.

        A member that the group has put out flushes nothing: others may own its partitions.
        """
        self.stop_flow()
        member = self._thread.generation() == self.app.consumer_generation_id
        try:
            await self.app.plane.release(flush=member)
        except Exception as error:
            await self.app.crash(error)  # aiokafka would log it and go on
            raise
        await super().on_partitions_revoked(revoked)

    @Service.task
    async def _watch_membership(self) -> None:
        while not self.should_stop:
            await self.sleep(LIVENESS_INTERVAL_S)
            try:
                if self._thread.started:
                    await self._thread.check()
            except Exception as error:  # noqa: BLE001 - whatever it is, the worker must not go on
                # On a stop the thread may end between the question and the call.
                if not self._thread.should_stop:
                    await self.app.crash(error)


class BatchTransport(Transport):
    """Faust's transport with our consumer in it."""

    Consumer = BatchConsumer
