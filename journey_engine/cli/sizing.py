"""`journey-engine sizing`."""

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number
from rich.table import Table

from journey_engine.cli.console import print_json, show_table
from journey_engine.cli.options import HERE, Definitions
from journey_engine.cli.values import Amount

MOST = 1_000_000_000
"""Events a second, or bytes of one of them or of a state: more than anybody has."""

Rate = Annotated[float, Parameter(validator=Number(gt=0, lte=MOST))]
Bytes = Annotated[int, Parameter(validator=Number(gt=0, lte=MOST))]


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """What is not known before; each has a value to begin with."""

    event_bytes: Bytes = 200
    """Of an event's value."""

    state_bytes: Bytes = 1024
    """Of a customer's state, on average."""

    standbys: Annotated[int, Parameter(validator=Number(gte=0, lte=3))] = 0
    """Copies of each partition's state (`JOURNEY_STANDBYS`)."""

    replication: Annotated[int, Parameter(validator=Number(gt=0))] = 3
    """Of the topics."""


USUAL = Sizes()


def sizing(
    *,
    customers: Amount,
    events_per_second: Rate,
    average_per_second: Rate | None = None,
    sizes: Sizes = USUAL,
    definitions: Definitions = HERE,
    json: bool = False,
) -> int:
    """Partitions, workers, disk and memory for so many customers and events.

    The formulas and the measurements that they rest on are in deploy/README.md. Measure your own
    with `make bench` and `make bench-restore` where it matters.

    For example:

        journey-engine sizing --customers 10M --events-per-second 5000

    Args:
        customers: How many are remembered; 10M and 500k are understood.
        events_per_second: At the peak.
        average_per_second: On average: what the topics keep follows from it. A third of the peak
            where it is not said.
        json: One JSON document.
    """
    from journey_engine.define.topics import APP_DEFAULT
    from journey_engine.run.definitions import load_topics
    from journey_engine.run.sizing import Load, size

    average = events_per_second / 3 if average_per_second is None else average_per_second
    load = Load(
        customers,
        events_per_second,
        average,
        sizes.event_bytes,
        sizes.state_bytes,
        sizes.standbys,
    )
    found = size(load, load_topics(definitions.topologies, APP_DEFAULT), sizes.replication)
    if json:
        print_json(found._asdict())
        return 0
    table = Table("what", "how much")
    for name, value in found._asdict().items():
        table.add_row(name.replace("_", " "), f"{value:,}")
    show_table(table)
    return 0
