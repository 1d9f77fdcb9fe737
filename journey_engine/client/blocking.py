"""The client for programs without an event loop: a loop of its own runs in a thread."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, ThreadPoolExecutor
from datetime import datetime
from threading import Lock, Thread
from types import TracebackType
from typing import Any, Self, TypeVar

from journey_engine.client.command import Command
from journey_engine.client.consumer import CommandConsumer
from journey_engine.client.errors import ClientError
from journey_engine.client.publisher import EventPublisher, Receipt
from journey_engine.run.settings import Settings

T = TypeVar("T")


class BlockingEventPublisher:
    """An `EventPublisher` whose calls return when they are done; a context manager, safe to use
    from several threads.
    """

    def __init__(
        self,
        source: str,
        *,
        channel: str,
        brokers: str | None = None,
        settings: Settings | None = None,
    ) -> None:
        self._publisher = EventPublisher(
            source, channel=channel, brokers=brokers, settings=settings
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._handing_over = Lock()
        """Held by who gives the loop work, or takes the loop away."""

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="events", daemon=True)
        self._thread.start()
        try:
            self._wait(self._publisher.start())
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._wait(self._publisher.stop())
        finally:
            self._end()

    def publish(
        self,
        type_: str,
        /,
        *,
        customer_id: str | None = None,
        anonymous_id: str | None = None,
        event_id: str | None = None,
        occurred_at: datetime | None = None,
        traceparent: str | None = None,
        **fields: Any,  # noqa: ANN401 - as there
    ) -> Receipt:
        """As `EventPublisher.publish`."""
        return self._wait(
            self._publisher.publish(
                type_,
                customer_id=customer_id,
                anonymous_id=anonymous_id,
                event_id=event_id,
                occurred_at=occurred_at,
                traceparent=traceparent,
                **fields,
            )
        )

    def answer(self, command: Command, type_: str, /, **fields: Any) -> Receipt:  # noqa: ANN401
        """As `EventPublisher.answer`."""
        return self._wait(self._publisher.answer(command, type_, **fields))

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        with self._handing_over:
            if self._loop is None:  # nobody would ever answer
                work.close()
                raise ClientError("the publisher is not connected: use it in a `with`")
            result = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return result.result()
        except CancelledError:
            raise ClientError("the publisher was closed before the event was out") from None

    def _end(self) -> None:
        with self._handing_over:
            loop, self._loop = self._loop, None
        if loop is None:
            return
        asyncio.run_coroutine_threadsafe(_cancel_others(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        self._thread.join()
        loop.close()


async def _cancel_others() -> None:
    """End what else this loop has to do, so that whoever waits for it is told."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


class BlockingCommandConsumer:
    """A `CommandConsumer` whose handler is a plain function, called in threads: `at_once` of them,
    those of one customer one after the other.
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
        self._consumer = CommandConsumer(
            channel, group=group, brokers=brokers, at_once=at_once, settings=settings
        )
        self._at_once = at_once

    @property
    def counts(self) -> Counter[str]:
        """As `CommandConsumer.counts`."""
        return self._consumer.counts

    def run(self, handle: Callable[[Command], None]) -> None:
        """As `CommandConsumer.run`."""
        # The loop's own threads are few: four more than there are processors.
        with ThreadPoolExecutor(self._at_once, "commands") as threads:

            def call(command: Command) -> None:
                try:
                    handle(command)
                except StopIteration as error:  # no future takes it: nobody would see it end
                    raise RuntimeError("the handler raised StopIteration") from error

            async def in_thread(command: Command) -> None:
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(threads, call, command)

            asyncio.run(self._consumer.run(in_thread))

    def stop(self) -> None:
        """As `CommandConsumer.stop`, a handler may call it, too."""
        self._consumer.stop()
