"""Writing records to Kafka in batches, in a transaction where the broker has them.

`aiokafka` takes 1 µs a record this way, and 6 to 14 one by one. Order within a partition is the
order given. Nothing is fire-and-forget: a call returns when the broker has everything. aiokafka
would commit a transaction in which a batch failed; here the failure is raised before.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidProducerEpoch,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    ProducerFenced,
    UnknownError,
)
from aiokafka.structs import TopicPartition

from journey_engine.run.producing import FencedError, Message, Producer, UnresolvedError
from journey_engine.run.settings import Settings

if TYPE_CHECKING:
    from aiokafka.structs import RecordMetadata

CLOSE_WITHIN_S = 2.0
"""How long a stop waits for what is still under way."""
RECONNECT_S = 0.2
"""Between two attempts to reach a lost broker."""

_NO_HEADERS: list[tuple[str, bytes | None]] = []
_CLOSING: set[asyncio.Task[None]] = set()
"""Kept from the garbage collector."""

Offsets = dict[tuple[str, int], int]
"""By topic and partition the group's next offset."""


class Output:
    """A producer outside of transactions."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()
        self._idempotent = settings.idempotent_producer

    async def start(self) -> None:
        """Connect; nothing to do where it is.

        Raises:
            KafkaError: no broker, or not let in.
        """
        async with self._starting:
            if self._producer is not None:
                return
            self._producer, self._idempotent = await start_plain(
                self._settings.clients(),
                idempotent=self._idempotent,
                max_batch_size=self._settings.producer_batch_bytes,
                linger_ms=0,
            )

    async def stop(self) -> None:
        """Close the connection; what is not acknowledged within `CLOSE_WITHIN_S` is given up."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(producer.stop(), CLOSE_WITHIN_S)

    async def write(self, topic: str, partition: int, messages: Iterable[Message]) -> int:
        """Write to one partition; the offset of the last record, or -1 of none. Where the last
        record is there, so are all before it.

        Raises:
            KafkaError: a batch was refused, or not acknowledged within `request_timeout_s`,
                retries included.
        """
        producer, seconds = self._producer, self._settings.request_timeout_s
        if producer is None:
            raise KafkaError("the producer is not connected")
        try:
            async with asyncio.timeout(seconds):
                return await _written(producer, topic, partition, messages, careful=True)
        except TimeoutError as error:
            raise KafkaTimeoutError(
                f"{topic}, partition {partition}: not acknowledged within {seconds:g} s"
            ) from error
        except KafkaError as error:
            raise KafkaError(f"{topic}, partition {partition}: {error!r}") from error


class PlainProducers:
    """Makes the producers of a worker that delivers at least once; they share one connection.

    `noted` holds the group offsets that wait to be recorded, for lag tools alone.
    """

    def __init__(self, settings: Settings) -> None:
        self.noted: Offsets = {}
        self._output = Output(settings)
        self._users: set[PlainProducer] = set()

    def __call__(self, partition: int) -> Producer:
        """The producer of a partition."""
        del partition
        return PlainProducer(self)

    async def write(self, topic: str, partition: int, messages: Sequence[Message]) -> int:
        """As in `Producer`."""
        try:
            return await self._output.write(topic, partition, messages)
        except KafkaError as error:
            raise UnresolvedError(str(error)) from error

    async def enter(self, producer: "PlainProducer") -> None:
        """Connect for this producer."""
        self._users.add(producer)
        try:
            await self._output.start()
        except KafkaError as error:
            raise UnresolvedError(repr(error)) from error

    async def leave(self, producer: "PlainProducer") -> None:
        """Close the connection when this was the last one."""
        self._users.discard(producer)
        if not self._users:
            await self._output.stop()


class PlainProducer:
    """Writes at least once. As `Producer` says, so nothing is begun, committed or aborted."""

    transactional = False

    def __init__(self, shared: PlainProducers) -> None:
        self._shared = shared

    async def start(self) -> None:
        """As in `Producer`."""
        await self._shared.enter(self)

    async def begin(self) -> None:
        """As in `Producer`."""

    async def write(self, topic: str, partition: int, messages: Sequence[Message]) -> int:
        """As in `Producer`."""
        return await self._shared.write(topic, partition, messages)

    async def send_offsets(self, offsets: Mapping[tuple[str, int], int]) -> None:
        """As in `Producer`."""
        self._shared.noted.update(offsets)

    async def commit(self) -> None:
        """As in `Producer`."""

    async def abort(self) -> None:
        """As in `Producer`."""

    async def stop(self) -> None:
        """As in `Producer`."""
        await self._shared.leave(self)


class TransactionalProducer:
    """Writes exactly once: one transactional id, one connection, made anew at each `start`.

    The id alone fences a previous owner, since aiokafka sends no group generation with a
    transaction (KIP-98 and not KIP-447).
    """

    transactional = True

    def __init__(self, settings: Settings, owner: int | str) -> None:
        """`owner` is the partition, or the name of an operator's work."""
        self._settings = settings
        self._id = f"{settings.group}-{owner}"
        self._producer: AIOKafkaProducer | None = None
        self._open = False

    async def start(self) -> None:
        """As in `Producer`; waits for the broker up to the request time-out."""
        await self.stop()
        deadline = time.monotonic() + self._settings.request_timeout_s
        async with self._resolving("start"):
            while True:
                producer = new_transactional(self._settings, self._id)
                try:
                    await producer.start()
                except KafkaConnectionError:
                    await discard(producer)
                    if time.monotonic() > deadline:
                        raise
                    await asyncio.sleep(RECONNECT_S)
                except BaseException:
                    await discard(producer)
                    raise
                else:
                    self._producer = producer
                    return

    async def begin(self) -> None:
        """As in `Producer`."""
        async with self._resolving("begin"):
            await self._connected().begin_transaction()
            self._open = True

    async def write(self, topic: str, partition: int, messages: Sequence[Message]) -> int:
        """As in `Producer`."""
        async with self._resolving(f"{topic}, partition {partition}"):
            return await _written(self._connected(), topic, partition, messages)

    async def send_offsets(self, offsets: Mapping[tuple[str, int], int]) -> None:
        """As in `Producer`."""
        wanted = {TopicPartition(*place): offset for place, offset in offsets.items()}
        async with self._resolving("offsets"):
            await self._connected().send_offsets_to_transaction(wanted, self._settings.group)

    async def commit(self) -> None:
        """As in `Producer`."""
        async with self._resolving("commit"):
            await self._connected().commit_transaction()
            self._open = False

    async def abort(self) -> None:
        """As in `Producer`."""
        if not self._open:
            return
        self._open = False
        async with self._resolving("abort"):
            await self._connected().abort_transaction()

    async def stop(self) -> None:
        """As in `Producer`."""
        producer, self._producer, self._open = self._producer, None, False
        if producer is not None:
            await discard(producer)

    def _connected(self) -> AIOKafkaProducer:
        if self._producer is None:
            raise KafkaError("the producer is not connected")
        return self._producer

    @asynccontextmanager
    async def _resolving(self, what: str) -> AsyncIterator[None]:
        """Time out, and name failures as `Producer` does."""
        seconds = self._settings.request_timeout_s
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError as error:
            raise UnresolvedError(
                f"{self._id}, {what}: not acknowledged within {seconds:g} s"
            ) from error
        except (KafkaError, AssertionError) as error:  # aiokafka asserts the transaction's state
            cause = _cause(self._producer, error)
            if isinstance(cause, (ProducerFenced, InvalidProducerEpoch)):
                raise FencedError(f"{self._id}, {what}: {cause!r}") from error
            raise UnresolvedError(f"{self._id}, {what}: {cause!r}") from error


async def start_plain(
    clients: Mapping[str, Any], *, idempotent: bool, **options: int
) -> tuple[AIOKafkaProducer, bool]:
    """A producer outside of transactions that is connected, and whether it is idempotent: as asked
    for, but not on a broker without `InitProducerId`, such as the embedded one. There a retry may
    write twice, which at-least-once allows and the ids of commands and events show.

    Raises:
        KafkaError: no broker, or not let in.
    """
    try:
        return await _started(clients, idempotent=idempotent, **options), idempotent
    except UnknownError:
        if not idempotent:
            raise
        return await _started(clients, idempotent=False, **options), False


async def _started(
    clients: Mapping[str, Any], *, idempotent: bool, **options: int
) -> AIOKafkaProducer:
    producer = AIOKafkaProducer(**clients, acks="all", enable_idempotence=idempotent, **options)
    try:
        await producer.start()
    except BaseException:
        await producer.stop()
        raise
    return producer


def new_transactional(settings: Settings, transactional_id: str) -> AIOKafkaProducer:
    """Not started."""
    return AIOKafkaProducer(
        **settings.clients(),
        transactional_id=transactional_id,
        transaction_timeout_ms=int(settings.transaction_timeout_s * 1000),
        max_batch_size=settings.producer_batch_bytes,
        linger_ms=0,
    )


def _cause(producer: AIOKafkaProducer | None, error: BaseException) -> BaseException:
    """What ended the sender, where something did: the next call says only that it has ended."""
    task = None if producer is None else producer._sender.sender_task  # noqa: SLF001 - shown nowhere else
    if task is not None and task.done() and not task.cancelled():
        return task.exception() or error
    return error


async def discard(producer: AIOKafkaProducer) -> None:
    """Close at once, with what is under way lost: aiokafka's own stop first delivers it.

    Beside us, as it may hang on a lost broker and swallow the cancellation that a time-out is.
    """
    closing = asyncio.create_task(_close(producer))
    _CLOSING.add(closing)
    closing.add_done_callback(_CLOSING.discard)
    await asyncio.wait([closing], timeout=CLOSE_WITHIN_S)
    closing.cancel()


async def _close(producer: AIOKafkaProducer) -> None:
    sender = producer._sender.sender_task  # noqa: SLF001 - it would go on without a connection
    if sender is not None:
        sender.cancel()
    producer._message_accumulator.fail_all(KafkaError("given up"))  # noqa: SLF001 - or stop waits
    _look_at_failures(producer)
    with contextlib.suppress(KafkaError):
        await producer.client.close()
        await producer.stop()


def _look_at_failures(producer: AIOKafkaProducer) -> None:
    """See what nobody waits for any more; asyncio would log each as an error of its own."""
    batches = producer._message_accumulator._batches.values()  # noqa: SLF001 - shown nowhere else
    drained = [batch._drain_waiter for each in batches for batch in each]  # noqa: SLF001 - as above
    for waiter in (*drained, producer._txn_manager._transaction_waiter):  # noqa: SLF001 - as above
        if waiter is not None and waiter.done() and not waiter.cancelled():
            waiter.exception()


async def _written(
    producer: AIOKafkaProducer,
    topic: str,
    partition: int,
    messages: Iterable[Message],
    *,
    careful: bool = False,
) -> int:
    """The offset of the last record. If `careful`, the last batch waits for those before it: the
    broker also takes a batch behind one that it refused.
    """
    acknowledgements: list[Awaitable[RecordMetadata]] = []
    batch, count = producer.create_batch(), 0
    append = batch.append
    for key, value, headers, timestamp in messages:
        held = list(headers) if headers else _NO_HEADERS
        if append(key=key, value=value, timestamp=timestamp, headers=held) is None:
            batch.close()
            acknowledgements.append(await producer.send_batch(batch, topic, partition=partition))
            batch, count = producer.create_batch(), 0
            append = batch.append
            if append(key=key, value=value, timestamp=timestamp, headers=held) is None:
                raise KafkaError("a record does not fit into an empty batch")
        count += 1
    if careful:
        await asyncio.gather(*acknowledgements)
    if count:
        batch.close()
        acknowledgements.append(await producer.send_batch(batch, topic, partition=partition))
    if not acknowledgements:
        return -1
    results = await asyncio.gather(*acknowledgements)
    last: int = results[-1].offset + count - 1
    return last
