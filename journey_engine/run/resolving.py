"""What a registry's ids stand for, found out beside the data plane.

A partition that comes to an unknown id waits for it, and it alone; what is known is known for good,
since an id never changes, and is kept on disk, so that a start needs no registry for it. While the
registry does not answer it is asked again and again. Only of an id that it says twice it does not
have, are the records dead letters.
"""

import asyncio
import random
import time
from collections.abc import Awaitable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

import structlog

from journey_engine.decode.registered import registered, unregistered
from journey_engine.run.registry import NotRegisteredError, Registry, RegistryError
from journey_engine.run.registry_ids import KeptIds
from journey_engine.run.settings import Settings
from journey_engine.schemas import Registered, RegistryId, Schemas

if TYPE_CHECKING:
    from journey_engine.observe.metrics import Metrics

T = TypeVar("T")

log = structlog.get_logger(__name__)

AT_ONCE = 8
"""So many questions are under way at once."""
BACKOFF_S = 0.2
BACKOFF_MOST_S = 5.0
"""The wait after a failure: doubled each time, drawn between half of it and all."""
SAID_EVERY_S = 30.0
"""So often the log says that there is still no answer."""
ASKED_AGAIN_S = 1.0
"""An id that the registry does not have is asked for once more: its nodes follow their leader."""
UNKNOWN_FOR_S = 60.0
"""Then an id that it did not have is asked for anew."""


class Resolver:
    """Asks the registry for ids, and fills `schemas.by_registry_id`; `follow` must run as long as
    ids are wanted.
    """

    def __init__(
        self, registry: Registry, settings: Settings, schemas: Schemas, metrics: "Metrics"
    ) -> None:
        self._registry = registry
        self._schemas = schemas
        self._metrics = metrics
        self._writing = asyncio.Lock()
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._asking: dict[RegistryId, asyncio.Task[None]] = {}
        """As many as records are buffered at most: each is wanted by one."""
        self._kept = KeptIds(settings)
        self._texts = self._kept.read()
        for schema_id, text in self._texts.items():
            schemas.by_registry_id[schema_id] = registered(schema_id, text, schemas)
        self._failing_since: float | None = None
        self._said_at = 0.0

    def want(self, schema_id: RegistryId) -> None:
        """As `Ids.want`."""
        if schema_id in self._asking or schema_id in self._schemas.by_registry_id:
            return
        self._asking[schema_id] = asyncio.get_running_loop().create_task(self._resolve(schema_id))
        self._metrics.registry_wanted.set(len(self._asking))

    def trouble(self) -> str | None:
        """As `Ids.trouble`."""
        if self._failing_since is None or not self._asking:
            return None
        return f"waiting for the Schema Registry to tell {len(self._asking)} schema ids"

    async def follow(self) -> None:
        """Say at the start whether the registry is there; let go of it in the end."""
        try:
            with suppress(RegistryError):
                await self._try(self._registry.greet())
            await asyncio.Event().wait()
        finally:
            for task in self._asking.values():
                task.cancel()
            await self._registry.close()

    async def _resolve(self, schema_id: RegistryId) -> None:
        found = await self._found(schema_id)
        self._schemas.by_registry_id[schema_id] = found
        del self._asking[schema_id]
        self._metrics.registry_wanted.set(len(self._asking))
        if schema_id in self._texts:
            await self._keep()
        else:
            asyncio.get_running_loop().call_later(UNKNOWN_FOR_S, self._forget, schema_id)

    async def _keep(self) -> None:
        async with self._writing:
            try:
                await asyncio.to_thread(self._kept.write, dict(self._texts))
            except OSError as error:
                log.warning("registry_ids_not_kept", reason=repr(error))

    def _forget(self, schema_id: RegistryId) -> None:
        del self._schemas.by_registry_id[schema_id]

    async def _found(self, schema_id: RegistryId) -> Registered:
        """What the registry says of an id, however long it takes it to answer."""
        wait, missed = BACKOFF_S, False
        while True:
            try:
                async with self._gate:
                    text = await self._try(self._registry.text(schema_id))
            except RegistryError:
                await asyncio.sleep(wait * random.uniform(0.5, 1))  # noqa: S311 - workers apart
                wait = min(2 * wait, BACKOFF_MOST_S)
            except NotRegisteredError:
                if missed:
                    log.warning("schema_id_unknown", schema_id=str(schema_id))
                    return unregistered(schema_id)
                missed = True
                await asyncio.sleep(ASKED_AGAIN_S)
            else:
                self._texts[schema_id] = text
                log.info("schema_id_told", schema_id=str(schema_id))
                return registered(schema_id, text, self._schemas)

    async def _try(self, answer: Awaitable[T]) -> T:
        """The registry's answer; counted, and said where it begins or ceases to answer."""
        try:
            found = await answer
        except RegistryError as error:
            self._metrics.registry_lookups.labels("failed").inc()
            self._failed(error)
            raise
        except NotRegisteredError:
            self._metrics.registry_lookups.labels("unknown").inc()
            self._answered()
            raise
        self._metrics.registry_lookups.labels("found").inc()
        self._answered()
        return found

    def _failed(self, error: RegistryError) -> None:
        now = time.monotonic()
        if self._failing_since is None:
            self._failing_since = now
        elif now - self._said_at < SAID_EVERY_S:
            return
        self._said_at = now
        log.warning(
            "registry_unreachable",
            reason=str(error),
            seconds=round(now - self._failing_since),
            waiting_ids=len(self._asking),
        )

    def _answered(self) -> None:
        if self._failing_since is not None or not self._said_at:
            log.info("registry_reached")
        self._failing_since, self._said_at = None, time.monotonic()
