"""`journey-engine lag`."""

from typing import TYPE_CHECKING

from rich.table import Table

from journey_engine.cli.connection import names_of, run, settings_of
from journey_engine.cli.console import out, print_json, show_table
from journey_engine.cli.options import FROM_SETTINGS, HERE, Broker, Definitions

if TYPE_CHECKING:
    from journey_engine.run.lag import Lag
    from journey_engine.run.naming import Names
    from journey_engine.run.settings import Settings


def lag(
    *,
    broker: Broker = FROM_SETTINGS,
    definitions: Definitions = HERE,
    json: bool = False,
) -> int:
    """How many records of each input wait for the workers.

    For example:

        journey-engine lag --broker localhost:9092

    Args:
        json: One JSON document: a list with topic, partition, begin, committed, end and records.
    """
    settings = settings_of(broker)
    found = run(_read(settings, names_of(settings, definitions)), settings)
    if json:
        print_json([{**each._asdict(), "records": each.records} for each in found])
        return 0
    table = Table("topic", "records", "by partition")
    for topic in dict.fromkeys(each.topic for each in found):
        mine = [each.records for each in found if each.topic == topic]
        table.add_row(topic, f"{sum(mine):,}", " ".join(f"{records:,}" for records in mine))
    show_table(table)
    if all(each.committed is None for each in found):
        out.print(f"the group {settings.group} has committed nothing: has a worker ever run?")
    return 0


async def _read(settings: "Settings", known: "Names") -> "list[Lag]":
    from journey_engine.run.lag import read_lag
    from journey_engine.run.topics import require_topics

    await require_topics(settings, known.read, partitions=known.partitions)
    return await read_lag(settings, known)
