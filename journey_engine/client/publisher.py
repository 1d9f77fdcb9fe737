"""Events of one source to the topic of its channel."""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from uuid import uuid4

from journey_engine.client.command import Command
from journey_engine.client.errors import ClientError, EventError
from journey_engine.decode.decode import VALUE_BYTES_MAX, invalid
from journey_engine.decode.frame import BODY_OF_SINGLE_OBJECT, id_frame
from journey_engine.decode.log import Place, encode_event, read_event
from journey_engine.decode.partition import partition_of
from journey_engine.errors import DefinitionErrors
from journey_engine.run.definitions import load_schemas
from journey_engine.run.producers import start_plain
from journey_engine.run.registry import Registry
from journey_engine.run.settings import Settings, load
from journey_engine.run.subjects import subject_of
from journey_engine.run.topics import require_topics
from journey_engine.run.tracing import traces_of
from journey_engine.run.writing_ids import id_of
from journey_engine.schemas import EVENT_NAMESPACE

if TYPE_CHECKING:
    from aiokafka import AIOKafkaProducer

_LINGER_MS = 5
_WRITTEN_HERE = Place("event", 1)
_SAID_HERE = frozenset({"type", "channel", "source", "recorded_at"})
"""What the caller's fields may not replace, or would be passed over."""


class Receipt(NamedTuple):
    """Where an event lies."""

    event_id: str
    topic: str
    partition: int
    offset: int


class _Encoded(NamedTuple):
    event_id: str
    key: bytes
    value: bytes


class EventPublisher:
    """Publishes the events of one system (`source`) on one channel; an async context manager.

    Each event is checked against the newest version of its schema, lies on its customer's
    partition, and is on the broker's disks when `publish` returns. Events of one customer keep
    their order where each is awaited before the next. What the broker needs to be told of
    security, and where the schemas lie, comes from the `JOURNEY_` settings.
    """

    def __init__(
        self,
        source: str,
        *,
        channel: str,
        brokers: str | None = None,
        settings: Settings | None = None,
    ) -> None:
        self._settings = settings or load(brokers=brokers)
        self._schemas = load_schemas(self._settings.schemas)
        self._source = source
        self._channel = channel
        self._topic = f"{self._settings.topic_prefix}interactions.{channel}.v1"
        self._producer: AIOKafkaProducer | None = None
        self._partitions = 0
        self._registry: Registry | None = None
        self._frames: dict[str, bytes] = {}
        """By type what its events begin with, once the registry has told."""
        self._traces = traces_of(self._settings)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Connect.

        Raises:
            BrokerAbsentError, TopicsError: no broker lets us in; the channel has no topic.
        """
        await require_topics(self._settings, [self._topic])
        self._producer, _ = await start_plain(
            self._settings.clients() | {"client_id": self._source},
            idempotent=self._settings.idempotent_producer,
            linger_ms=_LINGER_MS,
        )
        if self._settings.registry_write_ids:
            self._registry = Registry(self._settings)
        self._partitions = len(await self._producer.partitions_for(self._topic))

    async def stop(self) -> None:
        """Wait for what is under way, and disconnect."""
        producer, self._producer = self._producer, None
        registry, self._registry = self._registry, None
        if registry is not None:
            await registry.close()
        if producer is not None:
            await producer.stop()

    async def publish(
        self,
        type_: str,
        /,
        *,
        customer_id: str | None = None,
        anonymous_id: str | None = None,
        event_id: str | None = None,
        occurred_at: datetime | None = None,
        traceparent: str | None = None,
        **fields: Any,  # noqa: ANN401 - the schema says which, and of which types
    ) -> Receipt:
        """Publish an event; returns when the broker has it.

        Without `event_id` it gets a new one: give one of your own, such as a row's id, where you
        may publish the same event again, and it counts once. Without `occurred_at` (with an offset
        from UTC) it is now. `traceparent` is carried to the commands that follow; without it, and
        with the setting `traces`, there is a span below the current one.

        Raises:
            EventError: the schema knows no such type or field, or a value does not fit it, or every
                engine would refuse it: an id too long, a time before 1970 or minutes ahead.
            RegistryError: with `registry_write_ids`, the registry has no id of it, or no answer.
            KafkaError: the broker did not take it; it may be published again with the same id.
        """
        if not (anonymous_id if customer_id is None else customer_id):
            raise EventError(f"{type_}: give a customer_id, or an anonymous_id for a visitor")
        if said := sorted(_SAID_HERE & fields.keys()):
            raise EventError(f"{type_}: the publisher itself says {', '.join(said)}")
        when = datetime.now(UTC) if occurred_at is None else occurred_at
        line = {
            **fields,
            "type": type_,
            "event_id": event_id or str(uuid4()),
            "customer_id": customer_id,
            "anonymous_id": anonymous_id,
            "occurred_at": when,
            "channel": self._channel,
            "source": self._source,
        }
        encoded = await self._named(type_, self._encoded(line))
        if self._traces is None or traceparent:
            return await self._send(encoded, traceparent)
        with self._traces.publishing(type_, self._topic) as current:
            return await self._send(encoded, current)

    async def answer(self, command: Command, type_: str, /, **fields: Any) -> Receipt:  # noqa: ANN401
        """Publish what became of a command, such as `MessageDelivered`; as `publish`.

        The event's id is made of the command's and the type: said twice it counts once.
        """
        return await self.publish(
            type_,
            customer_id=command.customer_id,
            anonymous_id=command.anonymous_id,
            event_id=f"{command.command_id}/{type_}",
            command_id=command.command_id,
            **fields,
        )

    async def _named(self, type_: str, event: _Encoded) -> _Encoded:
        """The event with its schema named as the settings want it."""
        if self._registry is None:
            return event
        frame = self._frames.get(type_)
        if frame is None:
            subject = subject_of(self._topic, f"{EVENT_NAMESPACE}.{type_}")
            text = self._schemas.texts[self._schemas.events[type_].fingerprint]
            frame = self._frames[type_] = id_frame(await id_of(self._registry, subject, text))
        return event._replace(value=frame + event.value[BODY_OF_SINGLE_OBJECT:])

    def _encoded(self, line: Mapping[str, object]) -> _Encoded:
        try:
            event = read_event(line, self._schemas, _WRITTEN_HERE)
            value = encode_event(event, self._schemas.events[event.type])
        except DefinitionErrors as errors:
            raise EventError("; ".join(error.message for error in errors.errors)) from None
        if len(value) > VALUE_BYTES_MAX:
            raise EventError(f"{event.type}: {len(value):,} bytes, above {VALUE_BYTES_MAX:,}")
        said = event.fields
        who = said["anonymous_id"] if said["customer_id"] is None else said["customer_id"]
        key, now = who.encode(), int(datetime.now(UTC).timestamp() * 1000)
        refused = invalid(key, now, said["event_id"], who, said["occurred_at"], said["source"])
        if refused is not None:
            raise EventError(f"{event.type}: {refused.message}")
        return _Encoded(said["event_id"], key, value)

    async def _send(self, event: _Encoded, traceparent: str | None) -> Receipt:
        if self._producer is None:
            raise ClientError("the publisher is not connected: use it as `async with`")
        partition = partition_of(event.key, self._partitions)
        headers = [("traceparent", traceparent.encode())] if traceparent else []
        lies = await self._producer.send_and_wait(
            self._topic, event.value, event.key, partition, headers=headers
        )
        return Receipt(event.event_id, lies.topic, lies.partition, lies.offset)
