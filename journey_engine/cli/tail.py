"""`journey-engine tail`."""

from typing import TYPE_CHECKING

from journey_engine.cli.connection import run, settings_of
from journey_engine.cli.console import fail, out, print_json
from journey_engine.cli.options import FROM_SETTINGS, HERE, Broker, Definitions

if TYPE_CHECKING:
    from journey_engine.run.settings import Settings
    from journey_engine.schemas import Schemas


def tail(
    topic: str,
    /,
    *,
    broker: Broker = FROM_SETTINGS,
    definitions: Definitions = HERE,
    follow: bool = False,
    json: bool = False,
) -> int:
    """Show a topic's records, decoded, from its beginning.

    For example:

        journey-engine tail commands.email.v1 --broker localhost:9092 --follow

    Args:
        topic: The topic's name, without the prefix.
        follow: Wait for more at the end.
        json: One JSON document a line.
    """
    from journey_engine.run.definitions import load_schemas, load_topics

    settings = settings_of(broker)
    schemas = load_schemas(definitions.schemas)
    topics = load_topics(definitions.topologies, settings.app_id)
    if topic not in topics.all:
        fail(f"no topic {topic!r} is declared; there are:\n  " + "\n  ".join(sorted(topics.all)))
        return 1
    name = settings.topic_prefix + topic
    run(_show(settings, name, topics.partitions, schemas, follow=follow, json=json), settings)
    return 0


async def _show(
    settings: "Settings",
    topic: str,
    partitions: int,
    schemas: "Schemas",
    *,
    follow: bool,
    json: bool,
) -> None:
    from journey_engine.run.readable import readable
    from journey_engine.run.tailing import tail as read
    from journey_engine.run.topics import require_topics

    await require_topics(settings, [topic])
    async for record in read(settings, [topic], partitions, follow=follow):
        shown = readable(record, schemas)
        if json:
            print_json(shown)
            continue
        place = f"{shown.pop('partition')}@{shown.pop('offset')}"
        when, key = shown.pop("timestamp"), shown.pop("key")
        shown.pop("topic")
        out.print(f"[bold]{place}[/bold] {when} [cyan]{key}[/cyan]", highlight=False)
        out.print(shown, soft_wrap=True)
