"""`journey-engine tail`."""

from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number
from rich.markup import escape

from journey_engine.cli.connection import Refused, run, settings_of
from journey_engine.cli.console import out, print_json
from journey_engine.cli.options import FROM_SETTINGS, HERE, Broker, Definitions

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from journey_engine.decode.record import Record
    from journey_engine.run.settings import Settings
    from journey_engine.schemas import Schemas


def tail(
    topic: str,
    /,
    *,
    broker: Broker = FROM_SETTINGS,
    definitions: Definitions = HERE,
    follow: bool = False,
    count: Annotated[int, Parameter(validator=Number(gte=1))] | None = None,
    json: bool = False,
) -> int:
    """Show a topic's records, decoded, from its beginning.

    For example:

        journey-engine tail commands.email.v1 --broker localhost:9092 --follow

        journey-engine tail commands.email.v1 --follow --count 1

    Args:
        topic: The topic's name, without the prefix.
        follow: Wait for more at the end.
        count: End after so many records.
        json: One JSON document a line.
    """
    from journey_engine.run.definitions import load_schemas, load_topics
    from journey_engine.run.naming import full_names
    from journey_engine.run.published import TOPIC
    from journey_engine.run.tailing import tail as tail_topic
    from journey_engine.run.topics import require_topics

    settings = settings_of(broker)
    schemas = load_schemas(definitions.schemas)
    topics = load_topics(definitions.topologies, settings.app_id)
    known = {**full_names(topics, settings), TOPIC: settings.topic_prefix + TOPIC}
    if topic not in known:
        there = "\n  ".join(sorted(known))
        raise Refused(f"no topic {topic!r} is declared; there are:\n  {there}")
    name, partitions = known[topic], 1 if topic == TOPIC else topics.partitions
    read = tail_topic(settings, [name], partitions, follow=follow)
    run(require_topics(settings, [name], partitions=partitions), settings)
    run(_show(settings, read, schemas, count=count, json=json), settings)
    return 0


async def _show(
    settings: "Settings",
    records: "AsyncGenerator[Record, None]",
    schemas: "Schemas",
    *,
    count: int | None,
    json: bool,
) -> None:
    from journey_engine.run.learning import Learner
    from journey_engine.run.readable import readable
    from journey_engine.run.registry import RegistryError

    async with Learner(settings, schemas, patient=False) as learner, aclosing(records):
        async for record in records:
            with suppress(RegistryError):  # then it is shown as bytes
                await learner.learn(record.value, record.headers)
            _print(readable(record, schemas), json=json)
            count = None if count is None else count - 1
            if count == 0:
                return


def _print(shown: dict[str, Any], *, json: bool) -> None:
    if json:
        print_json(shown)
        return
    place = f"{shown.pop('partition')}@{shown.pop('offset')}"
    when, key = shown.pop("timestamp"), escape(str(shown.pop("key")))
    shown.pop("topic")
    out.print(f"[bold]{place}[/bold] {when} [cyan]{key}[/cyan]", highlight=False)
    out.print(shown, soft_wrap=True)
