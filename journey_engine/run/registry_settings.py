"""The settings that name a Schema Registry."""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from journey_engine.run.environment import Sources


class RegistrySettings(Sources):
    """Where it is, who we are to it, and whether its ids are written."""

    registry_urls: Annotated[tuple[str, ...], NoDecode] = ()
    """A Schema Registry with the Confluent API, the next one asked where one does not answer. None:
    events name their schemas by fingerprints alone.
    """
    registry_username: str | None = None
    registry_password: SecretStr | None = None
    registry_ca_file: Path | None = None
    """Whose certificates to trust of it, in place of the public ones."""
    registry_timeout_s: float = Field(5.0, ge=0.1, le=60)
    registry_write_ids: bool = False
    """What is written here, events and commands, begins with the registry's id of its schema, in
    place of the fingerprint; the schemas must be registered before.
    """

    @field_validator("registry_urls", mode="before")
    @classmethod
    def _split_registries(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("registry_urls")
    @classmethod
    def _check_registries(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for url in value:
            named = urlsplit(url)
            if named.scheme not in ("http", "https", "mock"):
                raise ValueError("a registry's URL begins with http:// or https://")
            if named.username is not None:
                raise ValueError("set registry_username and registry_password, not in the URL")
        return value

    @model_validator(mode="after")
    def _check_registry(self) -> "RegistrySettings":
        if self.registry_username is not None and self.registry_password is None:
            raise ValueError("registry_username needs registry_password")
        if self.registry_write_ids and not self.registry_urls:
            raise ValueError("registry_write_ids needs registry_urls")
        return self
