"""`journey-engine topics`."""

import cyclopts

from journey_engine.cli.connection import run, settings_of
from journey_engine.cli.console import out, print_json
from journey_engine.cli.groups import OPERATORS
from journey_engine.cli.options import FROM_SETTINGS, HERE, Broker, Definitions

topics = cyclopts.App(
    name="topics",
    help="Make and check the topics that `topics.yaml` declares.",
    group=OPERATORS,
    version_flags=[],
)


@topics.command
def create(
    *,
    broker: Broker = FROM_SETTINGS,
    definitions: Definitions = HERE,
    json: bool = False,
) -> int:
    """Make the topics that are missing; those that exist are left as they are.

    For example:

        journey-engine topics create --broker localhost:9092

    Args:
        json: Print what was made as one JSON document.
    """
    from journey_engine.run.definitions import load_topics
    from journey_engine.run.topics import create_topics

    settings = settings_of(broker)
    declared = load_topics(definitions.topologies, settings.app_id)
    made = run(create_topics(settings, declared), settings)
    if json:
        print_json({"made": made})
    else:
        for name in made:
            out.print(f"made {name}", highlight=False)
        out.print(f"{len(made)} made, {len(declared.all) - len(made)} there already")
    return 0


@topics.command
def check(
    *,
    broker: Broker = FROM_SETTINGS,
    definitions: Definitions = HERE,
) -> int:
    """See that every topic is there and as the engine needs it; exit code 1 if not.

    For example:

        journey-engine topics check --broker localhost:9092
    """
    from journey_engine.run.definitions import load_topics
    from journey_engine.run.topics import check_topics

    settings = settings_of(broker)
    declared = load_topics(definitions.topologies, settings.app_id)
    run(check_topics(settings, declared), settings)
    out.print(f"{len(declared.all)} topics are as declared", highlight=False)
    return 0
