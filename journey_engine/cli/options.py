"""What several commands ask for in the same words."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

EMBEDDED = "embedded"
ON_EMBEDDED: dict[str, Any] = {
    "security_protocol": "PLAINTEXT",
    "guarantee": "auto",
    "idempotent_producer": False,
}
"""The settings of who talks to an embedded broker, whatever the environment says of another."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Definitions:
    """Where the definitions lie; what is not said comes from the settings (`cli.folders`)."""

    topologies: Path = Path("topologies")
    """The folder of the definitions (the company's files and `journeys/`); else
    `JOURNEY_TOPOLOGIES`.
    """

    schemas: Path = Path("schemas")
    """The folder of the Avro schemas; else `JOURNEY_SCHEMAS`."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """An event log."""

    events: Annotated[tuple[Path, ...], Parameter(consume_multiple=True, negative="")]
    """The log's files: JSON lines, Avro object container files (.avro) or CSV, also .gz."""

    map: Path | None = None
    """The mapping of a CSV file's columns to event types and fields (`.map.yaml`)."""


HERE = Definitions()
"""The definitions that the settings name, or those of the folder where the command runs."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """Which broker to talk to; what is not said comes from the settings (`JOURNEY_*`)."""

    broker: str | None = None
    """The broker as HOST:PORT, several with commas; else `JOURNEY_BROKERS`."""

    prefix: str | None = None
    """What stands before every topic's name; else `JOURNEY_TOPIC_PREFIX`."""

    config: Path | None = None
    """A settings file in YAML; the environment wins over it."""


FROM_SETTINGS = Broker()
"""The broker that the settings name."""
