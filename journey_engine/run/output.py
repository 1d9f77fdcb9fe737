"""Writing records in batches, each acknowledged or an error.

`aiokafka` takes 1 µs a record this way, and 6 to 14 one by one. Order within a partition is the
order given. Nothing is fire-and-forget: the call returns when the broker has everything.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError, UnknownError

from journey_engine.decode.record import Headers
from journey_engine.run.settings import Settings

if TYPE_CHECKING:
    from aiokafka.structs import RecordMetadata


CLOSE_WITHIN_S = 2.0
"""How long a stop waits for what is still under way."""


class Message(NamedTuple):
    """A record to be written; topic and partition are said beside it.

    `timestamp` is in milliseconds since the epoch; None: the time of writing.
    """

    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    timestamp: int | None = None


class Output:
    """The process's one producer."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._producer: AIOKafkaProducer | None = None
        self.idempotent = settings.idempotent_producer

    async def start(self) -> None:
        """Connect; nothing to do where it is.

        Raises:
            KafkaError: no broker, or not let in.
        """
        if self._producer is not None:
            return
        try:
            self._producer = await self._started(idempotent=self.idempotent)
        except UnknownError:
            if not self.idempotent:
                raise
            # The embedded broker has no InitProducerId: a retry may then write a batch twice,
            # which at-least-once allows and the command ids show.
            self.idempotent = False
            self._producer = await self._started(idempotent=False)

    async def _started(self, *, idempotent: bool) -> AIOKafkaProducer:
        settings = self._settings
        producer = AIOKafkaProducer(
            **settings.clients(),
            acks="all",
            enable_idempotence=idempotent,
            max_batch_size=settings.producer_batch_bytes,
            linger_ms=0,
        )
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        return producer

    async def stop(self) -> None:
        """Close the connection; what is not acknowledged within `CLOSE_WITHIN_S` is given up."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(producer.stop(), CLOSE_WITHIN_S)

    async def write(self, topic: str, partition: int, messages: Iterable[Message]) -> int:
        """Write to one partition; the offset of the last record, or -1 of none.

        Raises:
            KafkaError: a batch was refused, or not acknowledged within `request_timeout_s`,
                retries included.
        """
        producer, seconds = self._producer, self._settings.request_timeout_s
        if producer is None:
            raise KafkaError("the producer is not connected")
        try:
            async with asyncio.timeout(seconds):
                return await _written(producer, topic, partition, messages)
        except TimeoutError as error:
            raise KafkaTimeoutError(
                f"{topic}, partition {partition}: not acknowledged within {seconds:g} s"
            ) from error
        except KafkaError as error:
            raise KafkaError(f"{topic}, partition {partition}: {error!r}") from error


async def _written(
    producer: AIOKafkaProducer, topic: str, partition: int, messages: Iterable[Message]
) -> int:
    acknowledgements: list[Awaitable[RecordMetadata]] = []
    batch, count = producer.create_batch(), 0
    for message in messages:
        if not _append(batch, message):
            batch.close()
            acknowledgements.append(await producer.send_batch(batch, topic, partition=partition))
            batch, count = producer.create_batch(), 0
            if not _append(batch, message):
                raise KafkaError("a record does not fit into an empty batch")
        count += 1
    if count:
        batch.close()
        acknowledgements.append(await producer.send_batch(batch, topic, partition=partition))
    if not acknowledgements:
        return -1
    results = await asyncio.gather(*acknowledgements)
    last: int = results[-1].offset + count - 1
    return last


def _append(batch: Any, message: Message) -> bool:  # noqa: ANN401 - aiokafka's, untyped
    metadata = batch.append(
        key=message.key,
        value=message.value,
        timestamp=message.timestamp,
        headers=list(message.headers),
    )
    return metadata is not None
