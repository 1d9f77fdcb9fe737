"""`journey-engine worker`."""

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from journey_engine.cli.connection import Refused, settings_of
from journey_engine.cli.connection import run as run_on_broker
from journey_engine.cli.console import print_json
from journey_engine.cli.options import Broker

if TYPE_CHECKING:
    from journey_engine.run.definitions import Definitions
    from journey_engine.run.settings import Settings


def worker(
    *,
    config: Path | None = None,
    processes: Annotated[int, Parameter(validator=Number(gte=1, lte=64))] = 1,
    print_config: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Run a worker: it takes its share of the partitions and goes on until SIGTERM.

    All settings come from the environment (`JOURNEY_BROKERS`, `JOURNEY_APP_ID`, …), a folder of
    secrets and a YAML file; `--print-config` shows them, secrets as stars.

    A worker uses one core. With `--processes N` this command runs N of them and starts again the
    one that dies; process i has the web port `JOURNEY_WEB_PORT` + i, the folder i of
    `JOURNEY_DATA_DIR` and the name `JOURNEY_GROUP_INSTANCE_ID`-i in the group.

    For example:

        JOURNEY_BROKERS=localhost:9092 journey-engine worker

        journey-engine worker --processes 4

    Args:
        config: A settings file in YAML; the environment wins over it.
        processes: How many workers to run on this host.
        print_config: Print the settings as one JSON document and leave.
    """
    settings = settings_of(Broker(config=config))
    if print_config:
        print_json(settings.redacted())
        return 0
    # Until the worker has handlers of its own there is nothing to leave. It ends at once: what is
    # raised out of a signal handler may leave asyncio a task that never ends, and a loop that
    # waits for it.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    from journey_engine.run.lifecycle import configure_logs, run, warn_of_unknown

    configure_logs(settings)
    warn_of_unknown()
    definitions = _definitions(settings)
    if processes == 1:
        return run(settings, definitions)
    return _run_several(settings, definitions, processes)


def _definitions(settings: "Settings") -> "Definitions":
    from journey_engine.run.definitions import in_force, load_sound
    from journey_engine.run.settings import Source

    if settings.definitions is Source.FILES:
        return load_sound(settings.topologies, settings.schemas, settings.app_id)
    found = run_on_broker(in_force(settings), settings)
    if found is None:
        raise Refused(
            "no definitions are in force that this worker can run: `journey-engine definitions "
            "publish`, then `definitions activate`; what is wrong is logged above"
        )
    return found


def _run_several(settings: "Settings", definitions: "Definitions", processes: int) -> int:
    """Check what each worker would check, once, and run them."""
    from journey_engine.run.supervisor import PortsTakenError, supervise
    from journey_engine.run.topics import check_topics

    run_on_broker(check_topics(settings, definitions.topics), settings)
    try:
        return supervise(settings, processes, (sys.executable, "-m", "journey_engine", "worker"))
    except PortsTakenError as error:
        raise Refused(str(error)) from error
