"""A Schema Registry with the Confluent API, through its official client.

The client is an extra: where no registry is configured it is never imported.
"""

import ssl
from collections.abc import Awaitable
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self, TypeVar
from uuid import UUID

from journey_engine.run import tls
from journey_engine.run.settings import Settings
from journey_engine.schemas import RegistryId

if TYPE_CHECKING:
    from confluent_kafka.schema_registry import AsyncSchemaRegistryClient, ServerConfig

T = TypeVar("T")

_NOT_FOUND = 404
_CODED = range(40400, 40500)
"""What a registry itself answers of a thing that it does not have; whoever else is at the URL sends
another 404, or one without a code."""
_REFUSED = (409, 422)
"""What a registry answers to a schema that it does not take."""


class RegistryError(Exception):
    """The registry cannot be reached, or does not let us in; asked again, it may."""


class _NoPageError(RegistryError):
    """A 404 as anybody may send it."""


class NotRegisteredError(Exception):
    """The registry answers, and does not have it."""


class RefusedSchemaError(Exception):
    """The registry does not take a schema; the message is its own."""


class RegisteredVersion(NamedTuple):
    """A version of a subject, and the schema's text."""

    version: int
    text: str


class Registry:
    """A connection; an async context manager. Each call raises `RegistryError` where there is no
    answer, and none tries twice.
    """

    def __init__(self, settings: Settings) -> None:
        try:
            from confluent_kafka import schema_registry  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise RegistryError(
                "the registry's client is not installed: pip install 'journey-engine[registry]'"
            ) from error
        self._settings = settings
        self._schema = schema_registry.Schema
        self._refusal = schema_registry.SchemaRegistryError
        self._config = schema_registry.ServerConfig
        self.client: AsyncSchemaRegistryClient = (
            schema_registry.AsyncSchemaRegistryClient.new_client(_configuration(settings))
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Let the connections go."""
        await self.client.aclose()

    async def greet(self) -> None:
        """See that a registry is there."""
        try:
            await self._asked(self.client.get_subjects(limit=1))
        except NotRegisteredError as error:
            raise self._unreachable(error) from None

    async def text(self, schema_id: RegistryId) -> str:
        """The schema of an id.

        Raises:
            NotRegisteredError: there is none.
        """
        try:
            if isinstance(schema_id, UUID):
                found = await self._asked(self.client.get_schema_by_guid(str(schema_id)))
            else:
                found = await self._asked(self.client.get_schema(schema_id))
        except _NoPageError:
            await self.greet()  # else this is no registry at all
            raise NotRegisteredError("it knows no ids of this kind") from None
        if not found.schema_str:
            raise self._unreachable(ValueError(f"an answer without a schema for {schema_id}"))
        return found.schema_str

    async def id_of(self, subject: str, text: str) -> int:
        """The id of a schema under a subject.

        Raises:
            NotRegisteredError: it is not registered there.
        """
        wanted = self._schema(text)
        found = await self._asked(self.client.lookup_schema(subject, wanted))
        if found.schema_id is None:
            raise NotRegisteredError(subject)
        return found.schema_id

    async def register(self, subject: str, text: str) -> int:
        """The id that the schema has from now on under the subject, at once the newest version.

        Raises:
            RefusedSchemaError: it is not compatible with those before it.
        """
        wanted = self._schema(text)
        return await self._asked(self.client.register_schema(subject, wanted), refusals=True)

    async def versions(self, subject: str) -> list[RegisteredVersion]:
        """All versions of a subject, the oldest first; none where there is no such subject."""
        try:
            numbers = sorted(await self._asked(self.client.get_versions(subject)))
        except NotRegisteredError:
            return []
        found = [await self._asked(self.client.get_version(subject, each)) for each in numbers]
        texts = [each.schema.schema_str or "" for each in found]
        return [RegisteredVersion(*each) for each in zip(numbers, texts, strict=True)]

    async def subjects(self) -> frozenset[str]:
        """The names of all subjects."""
        return frozenset(await self._asked(self.client.get_subjects()))

    async def level(self, subject: str | None = None) -> str | None:
        """How compatible a subject's versions must be, None: as the registry's default says; or
        that default.
        """
        try:
            # The client's mock keeps no levels.
            found: ServerConfig | None = await self._asked(self.client.get_config(subject))
        except NotRegisteredError:
            return None
        level = None if found is None else found.compatibility_level or found.compatibility
        return None if level is None else str(level)

    async def set_level(self, subject: str, level: str) -> None:
        """Have the registry refuse what is less compatible, from now on."""
        config = self._config.from_dict({"compatibility": level})
        await self._asked(self.client.set_config(subject, config))

    async def _asked(self, answer: Awaitable[T], *, refusals: bool = False) -> T:
        try:
            return await answer
        except self._refusal as refusal:
            status, code = refusal.http_status_code, refusal.error_code
            if status == _NOT_FOUND and code in _CODED:
                raise NotRegisteredError(refusal.error_message) from None
            if refusals and status in _REFUSED:
                raise RefusedSchemaError(refusal.error_message) from None
            if status == _NOT_FOUND:
                raise _NoPageError(str(self._unreachable(refusal))) from None
            raise self._unreachable(refusal) from refusal
        except Exception as error:  # whatever a client makes of a foreign answer
            raise self._unreachable(error) from error

    def _unreachable(self, error: Exception) -> RegistryError:
        return RegistryError(
            f"no answer of a Schema Registry at {', '.join(self._settings.registry_urls)}: "
            f"{str(error) or repr(error)}"
        )


def _configuration(settings: Settings) -> dict[str, object]:
    """What the client needs to know; attempts are counted here, so that each shows in the log."""
    configuration: dict[str, object] = {
        "url": ",".join(settings.registry_urls),
        "timeout": settings.registry_timeout_s,
        "max.retries": 0,
    }
    if settings.registry_ca_file is not None:
        with tls.naming("registry_ca_file", settings.registry_ca_file):
            ssl.create_default_context(cafile=settings.registry_ca_file)  # the client names no file
        configuration["ssl.ca.location"] = str(settings.registry_ca_file)
    password = settings.registry_password
    if settings.registry_username is not None and password is not None:
        user = f"{settings.registry_username}:{password.get_secret_value()}"
        configuration["basic.auth.user.info"] = user
    return configuration
