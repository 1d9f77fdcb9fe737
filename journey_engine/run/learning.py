"""Ids of a registry for who reads records one after the other: asked for as they come."""

import asyncio
from types import TracebackType
from typing import Self

import structlog

from journey_engine.decode.frame import Unframed, unframe
from journey_engine.decode.record import Headers
from journey_engine.decode.registered import registered, unregistered
from journey_engine.run.registry import NotRegisteredError, Registry, RegistryError
from journey_engine.run.settings import Settings
from journey_engine.schemas import RegistryId, Schemas

log = structlog.get_logger(__name__)

AGAIN_S = 1.0
"""So long a patient reader waits before it asks again."""


class Learner:
    """Fills `schemas.by_registry_id` with what the records need that are read; nothing where no
    registry is configured. An async context manager.
    """

    def __init__(self, settings: Settings, schemas: Schemas, *, patient: bool) -> None:
        self._registry = Registry(settings) if settings.registry_urls else None
        self._schemas = schemas
        self._patient = patient

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._registry is not None:
            await self._registry.close()

    async def learn(self, value: bytes | None, headers: Headers) -> None:
        """Have the registry tell what a record's schema is; one that is patient waits for it.

        Raises:
            RegistryError: it does not answer.
        """
        if self._registry is None or value is None:
            return
        try:
            schema_id, _ = unframe(value, headers)
        except Unframed:
            return
        if isinstance(schema_id, bytes) or schema_id in self._schemas.by_registry_id:
            return
        try:
            text = await self._text(self._registry, schema_id)
        except NotRegisteredError:
            self._schemas.by_registry_id[schema_id] = unregistered(schema_id)
        else:
            self._schemas.by_registry_id[schema_id] = registered(schema_id, text, self._schemas)

    async def _text(self, registry: Registry, schema_id: RegistryId) -> str:
        while True:
            try:
                return await registry.text(schema_id)
            except RegistryError as error:
                if not self._patient:
                    raise
                log.warning("registry_unreachable", reason=str(error))
                await asyncio.sleep(AGAIN_S)
