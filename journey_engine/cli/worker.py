"""`journey-engine worker`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from journey_engine.cli.connection import settings_of
from journey_engine.cli.console import print_json
from journey_engine.cli.options import Broker


def worker(
    *,
    config: Path | None = None,
    print_config: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Run a worker: it takes its share of the partitions and goes on until SIGTERM.

    All settings come from the environment (`JOURNEY_BROKERS`, `JOURNEY_APP_ID`, …), a folder of
    secrets and a YAML file; `--print-config` shows them, secrets as stars.

    For example:

        JOURNEY_BROKERS=localhost:9092 journey-engine worker

    Args:
        config: A settings file in YAML; the environment wins over it.
        print_config: Print the settings as one JSON document and leave.
    """
    settings = settings_of(Broker(config=config))
    if print_config:
        print_json(settings.redacted())
        return 0
    from journey_engine.run.definitions import load
    from journey_engine.run.lifecycle import run

    return run(settings, load(settings.topologies, settings.schemas, settings.app_id))
