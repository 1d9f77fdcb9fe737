"""What commands work on: settings, brokers and logs, with errors that say what to do."""

from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from journey_engine.cli.options import Broker, Definitions

if TYPE_CHECKING:
    from pathlib import Path

    from journey_engine.run.environment import Folders
    from journey_engine.run.naming import Names
    from journey_engine.run.settings import Settings

T = TypeVar("T")


class Refused(Exception):  # noqa: N818 - what a command says when it cannot go on
    """A command cannot go on; the message says why and what to do."""


class Misused(Exception):  # noqa: N818 - what a command says when it was called wrongly
    """A command was called wrongly; the message says how to call it."""


def require_files(log: "Sequence[Path]") -> None:
    """See that a log can be read twice.

    Raises:
        Refused: a part of it comes from a pipe.
    """
    from journey_engine.run.log_files import read_once

    if once := read_once(log):
        raise Refused(f"{once[0]} is no file, and the log is read twice: write it to a file first")


def settings_of(broker: Broker) -> "Settings":
    """The settings, with what the command line says in place of theirs.

    Raises:
        Refused: a setting is wrong.
    """
    return load_settings(broker.config, brokers=broker.broker, topic_prefix=broker.prefix)


def names_of(settings: "Settings", definitions: Definitions) -> "Names":
    """The names of the topics that are declared, with the prefix of the settings.

    Raises:
        DefinitionErrors: what is wrong in topics.yaml.
    """
    from journey_engine.run import naming
    from journey_engine.run.definitions import load_topics

    return naming.names_of(load_topics(definitions.topologies, settings.app_id), settings)


def load_settings(config: "Path | None" = None, **overrides: object) -> "Settings":
    """The settings with these overrides; from here on warnings are logged, to standard error.

    Raises:
        Refused: a setting is wrong.
    """
    from journey_engine.observe import logs
    from journey_engine.run.settings import load

    with _refusing():
        settings = load(config, **overrides)
    logs.configure(json=settings.log_format == "json", level="warning")
    return settings


def load_folders(config: "Path | None" = None) -> "Folders":
    """Of the settings the folders alone: who works offline may have no others.

    Raises:
        Refused: they cannot be read.
    """
    from journey_engine.run.environment import Folders, read

    with _refusing():
        return read(Folders, config)


@contextmanager
def _refusing() -> Iterator[None]:
    from pydantic import ValidationError
    from pydantic_settings import SettingsError

    try:
        yield
    except ValidationError as error:
        faults = (
            f"  {'.'.join(str(part) for part in fault['loc']) or 'together'}: {fault['msg']}"
            for fault in error.errors(include_url=False, include_input=False)
        )
        raise Refused("\n".join(("settings are wrong:", *faults))) from error
    except (FileNotFoundError, SettingsError) as error:
        raise Refused(f"settings: {error}") from error


def run(work: Coroutine[Any, Any, T], settings: "Settings") -> T:
    """Run what talks to the broker.

    Raises:
        Refused: the broker is absent or refuses.
    """
    import asyncio

    from aiokafka.errors import KafkaConnectionError, KafkaError

    from journey_engine.run.topics import BrokerAbsentError, TopicsError

    try:
        return asyncio.run(work)
    except (BrokerAbsentError, TopicsError) as error:
        raise Refused(str(error)) from error
    except KafkaConnectionError as error:
        raise Refused(f"no broker answers at {', '.join(settings.brokers)}: {error}") from error
    except KafkaError as error:
        raise Refused(f"the broker refuses: {error}") from error
