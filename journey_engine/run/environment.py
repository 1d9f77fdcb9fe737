"""The environment, and the other places that settings are read from.

The only reader of it. What is given in code wins over the environment, that over the secrets, those
over the file named by `JOURNEY_CONFIG`. A secret may lie in a file of its own, named by its
variable with `_FILE` behind it (`JOURNEY_SASL_PASSWORD_FILE`), or all of them in the folder
`JOURNEY_SECRETS_DIR`.
"""

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

import yaml
from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    YamlConfigSettingsSource,
)

PREFIX = "JOURNEY_"
CONFIG_VARIABLE = f"{PREFIX}CONFIG"
SECRETS_VARIABLE = f"{PREFIX}SECRETS_DIR"
FILE_SUFFIX = "_FILE"
"""Behind a secret's variable: it names the file that holds the secret."""

_NOT_SETTINGS = f"{PREFIX}ENGINE_"
"""What Kubernetes tells of a service `journey-engine`, and how a wheel is built."""


class Sources(BaseSettings):
    """Settings that are read from these places."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        frozen=True,
        hide_input_in_errors=True,  # a password may be among them
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic names its sources
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources, the strongest first."""
        named = InitSettingsSource(settings_cls, _read_secrets(settings_cls))
        file = YamlConfigSettingsSource(settings_cls)
        return init_settings, env_settings, named, file_secret_settings, file


class Folders(Sources):
    """Where the definitions lie."""

    model_config = SettingsConfigDict(extra="ignore")

    topologies: Path = Path("topologies")
    schemas: Path = Path("schemas")


S = TypeVar("S", bound=Sources)


def read(kind: type[S], config: Path | None = None, **overrides: object) -> S:
    """Settings of this kind; `config` stands in for the variable `JOURNEY_CONFIG`.

    Raises:
        pydantic.ValidationError: a setting is unknown, missing or out of its range.
        SettingsError: a secret is given twice, or a file cannot be understood.
        FileNotFoundError: a file or folder that was named does not exist.
    """
    environ = os.environ  # noqa: TID251 - this module is the one reader
    path = config or (Path(named) if (named := environ.get(CONFIG_VARIABLE)) else None)
    if path is not None and not path.is_file():
        raise FileNotFoundError(f"no settings file {path}")
    secrets = environ.get(SECRETS_VARIABLE) or None
    if secrets is not None and not Path(secrets).is_dir():
        raise FileNotFoundError(
            f"no folder of secrets {secrets}: mount them there, or unset {SECRETS_VARIABLE}"
        )
    places = SettingsConfigDict(yaml_file=path, secrets_dir=secrets, title=kind.__name__)
    located = cast("type[S]", type(kind.__name__, (kind,), {"model_config": places}))
    try:
        return located(**{k: v for k, v in overrides.items() if v is not None})  # type: ignore[arg-type]  # checked by pydantic
    except (ValidationError, SettingsError):
        raise
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)  # what is there may be a secret
        why = f"line {mark.line + 1}, column {mark.column + 1}" if mark else error
        raise SettingsError(f"{path} is no mapping of settings in YAML: {why}") from error


def unknown(kind: type[Sources]) -> dict[str, str]:
    """The variables that are named like settings of this kind and that nobody reads, each with what
    to do about it.
    """
    environ = os.environ  # noqa: TID251 - this module is the one reader
    fields = {PREFIX + name.upper(): field for name, field in kind.model_fields.items()}
    files = {name + FILE_SUFFIX for name, field in fields.items() if _is_secret(field)}
    known = {*fields, *files, CONFIG_VARIABLE, SECRETS_VARIABLE}
    return {
        name: _hint(name, sorted(known))
        for name in sorted(environ)
        if name.startswith(PREFIX) and name not in known and not name.startswith(_NOT_SETTINGS)
    }


def _hint(name: str, known: list[str]) -> str:
    own = [each.removeprefix(PREFIX) for each in known]  # what all begin with makes nothing alike
    if near := difflib.get_close_matches(name.removeprefix(PREFIX), own, n=1):
        return f"did you mean `{PREFIX}{near[0]}`?"
    return "`worker --print-config` lists the settings"


def _is_secret(field: FieldInfo) -> bool:
    return field.annotation == SecretStr | None


def _read_secrets(settings_cls: type[BaseSettings]) -> dict[str, Any]:
    """Of each secret whose variable with `_FILE` behind it is set, what that file holds.

    Raises:
        OSError: it cannot be read.
        SettingsError: the secret is in the environment as well.
    """
    environ = os.environ  # noqa: TID251 - this module is the one reader
    return {
        name: _read_secret(PREFIX + name.upper(), environ)
        for name, field in settings_cls.model_fields.items()
        if _is_secret(field) and PREFIX + name.upper() + FILE_SUFFIX in environ
    }


def _read_secret(variable: str, environ: Mapping[str, str]) -> str:
    if variable in environ:
        raise SettingsError(f"{variable} and {variable}{FILE_SUFFIX} are both set")
    path = Path(environ[variable + FILE_SUFFIX])
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise SettingsError(f"{variable}{FILE_SUFFIX}: {path} is not UTF-8") from error


def not_ours() -> dict[str, str]:
    """The variables that are no settings of ours."""
    environ = os.environ  # noqa: TID251 - this module is the one reader
    return {name: value for name, value in environ.items() if not name.startswith(PREFIX)}
