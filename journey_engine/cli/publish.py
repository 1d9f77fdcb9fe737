"""`journey-engine publish`."""

from collections import deque
from typing import TYPE_CHECKING

from journey_engine.cli.connection import require_files, run, settings_of
from journey_engine.cli.console import out, print_json, progress
from journey_engine.cli.options import FROM_SETTINGS, HERE, Broker, Definitions, Log

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from journey_engine.decode.record import Record
    from journey_engine.run.settings import Settings


def publish(
    log: Log,
    *,
    broker: Broker = FROM_SETTINGS,
    definitions: Definitions = HERE,
    marks: bool = False,
    json: bool = False,
) -> int:
    """Send an event log to the channels' topics, each event to its customer's partition.

    The whole log is read and checked first: nothing is sent of one that has a fault. It must lie in
    files, a pipe cannot be read twice.

    For example:

        journey-engine publish --events today.jsonl --broker localhost:9092

    Args:
        marks: For workers on the `stream` clock: keep the log's own times on the records, and write
            time marks to every partition of every input topic.
        json: Print the count as one JSON document.
    """
    from journey_engine.run.definitions import load_schemas, load_topics
    from journey_engine.run.log_files import read_records
    from journey_engine.run.topics import require_topics

    require_files(log.events)
    settings = settings_of(broker)
    schemas = load_schemas(definitions.schemas)
    topics = load_topics(definitions.topologies)

    def records(doing: str) -> "Iterator[Record]":
        read = read_records(log.events, log.map, schemas, topics, marks=marks)
        return progress(read, doing, quiet=json)

    deque(records("checking"), maxlen=0)
    names = [settings.topic_prefix + spec.name for spec in topics.inputs.values()]
    run(require_topics(settings, names, partitions=topics.partitions), settings)
    sent = run(_send(settings, records("publishing"), keep_times=marks), settings)
    if json:
        print_json({"sent": sent})
    else:
        out.print(f"{sent:,} records sent", highlight=False)
    return 0


async def _send(settings: "Settings", records: "Iterable[Record]", *, keep_times: bool) -> int:
    from journey_engine.run.producers import Output
    from journey_engine.run.publisher import publish as send

    output = Output(settings)
    await output.start()
    try:
        return await send(output, records, prefix=settings.topic_prefix, keep_times=keep_times)
    finally:
        await output.stop()
