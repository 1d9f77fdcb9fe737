"""`journey-engine topics`."""

import sys

import cyclopts

from journey_engine.cli.connection import run, settings_of
from journey_engine.cli.console import out, print_json
from journey_engine.cli.groups import OPERATORS
from journey_engine.cli.options import FROM_SETTINGS, HERE, Broker, Definitions

topics = cyclopts.App(
    name="topics",
    help="Make, check and describe the topics that `topics.yaml` declares.",
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


@topics.command
def asyncapi(
    *,
    broker: Broker = FROM_SETTINGS,
    definitions: Definitions = HERE,
    json: bool = False,
) -> int:
    """Print the AsyncAPI 3 document of the topics: channels, messages, schemas, examples.

    It is for people and generators of other teams, and talks to no broker.

    For example:

        journey-engine topics asyncapi > asyncapi.yaml

    Args:
        json: JSON in place of YAML.
    """
    from importlib.metadata import version

    from journey_engine.contract.asyncapi import asyncapi_document, asyncapi_text
    from journey_engine.run.company import golden_messages, load_company

    settings = settings_of(broker)
    company = load_company(definitions.topologies, definitions.schemas, settings.app_id)
    document = asyncapi_document(
        company,
        golden_messages(company),
        prefix=settings.topic_prefix,
        group=settings.group,
        version=version("journey-engine"),
    )
    if json:
        print_json(document)
    else:
        sys.stdout.write(asyncapi_text(document))
    return 0
