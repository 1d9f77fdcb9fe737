"""`journey-engine definitions`."""

from typing import TYPE_CHECKING, Annotated

import cyclopts
from cyclopts import Parameter

from journey_engine.cli.connection import Refused, names_of, run, settings_of
from journey_engine.cli.console import out, print_json
from journey_engine.cli.groups import OPERATORS
from journey_engine.cli.options import FROM_SETTINGS, HERE, Broker, Definitions

if TYPE_CHECKING:
    from collections import Counter

    from journey_engine.define.plan import Plan
    from journey_engine.encode.definition import Contents, PublishedPlan
    from journey_engine.run.census import Standing
    from journey_engine.run.settings import Settings

definitions = cyclopts.App(
    name="definitions",
    help="Change the definitions of workers that run: publish, preview, activate, roll back.",
    group=OPERATORS,
    version_flags=[],
)


@definitions.command
def publish(
    *,
    drop: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    broker: Broker = FROM_SETTINGS,
    definitions: Definitions = HERE,
    json: bool = False,
) -> int:
    """Write the definitions to their topic, made where it is missing. They are not in force yet.

    The versions of these journeys that are in force stay beside them, for those who are in.

    For example:

        journey-engine definitions publish

    Args:
        drop: A version that is not to be kept any longer, as `cart-rescue@1`.
        json: Print the plan as one JSON document.
    """
    from journey_engine.run.definitions import definition_texts, load, load_schemas, load_topics
    from journey_engine.run.publishing import compose, topic_of, write
    from journey_engine.run.topics import create_topic

    settings = settings_of(broker)
    load(definitions.topologies, definitions.schemas, settings.app_id)  # everything must be right
    topics = load_topics(definitions.topologies, settings.app_id)
    run(create_topic(settings, topic_of(topics)), settings)
    texts, schemas = definition_texts(definitions.topologies), load_schemas(definitions.schemas)
    contents = read_contents(settings, definitions)
    _check_dropped(contents, drop)
    plan, records = compose(contents, texts, schemas, drop)
    run(write(settings, records), settings)
    if json:
        print_json({"hash": plan.hash, "journeys": _parts(plan)})
    else:
        out.print(f"published {plan.hash}", highlight=False)
        out.print(f"put it in force: journey-engine definitions activate {plan.hash[:12]}")
    return 0


@definitions.command(name="list")
def list_(
    *, broker: Broker = FROM_SETTINGS, definitions: Definitions = HERE, json: bool = False
) -> int:
    """Show what was published, and what is in force.

    For example:

        journey-engine definitions list

    Args:
        json: Print it as one JSON document.
    """
    from journey_engine.define.iso import iso_utc

    contents = read_contents(settings_of(broker), definitions)
    active = None if contents.active is None else contents.active.hash
    plans = sorted(contents.plans.values(), key=lambda plan: plan.at)
    if json:
        print_json(
            {
                "active": active,
                "plans": [{"hash": p.hash, "at": p.at, "journeys": _parts(p)} for p in plans],
            }
        )
        return 0
    for plan in plans:
        mark = "*" if plan.hash == active else " "
        parts = ", ".join(_parts(plan))
        out.print(
            f"{mark} {plan.hash[:12]} {iso_utc(plan.at)} {parts}", markup=False, highlight=False
        )
    return 0


@definitions.command
def activate(
    plan: str, /, *, broker: Broker = FROM_SETTINGS, definitions: Definitions = HERE
) -> int:
    """Put published definitions in force: each partition changes at one point of its inputs.

    For example:

        journey-engine definitions activate 0f3a9c

    Args:
        plan: The hash, or its beginning.
    """
    settings = settings_of(broker)
    contents = read_contents(settings, definitions)
    return _activate(settings, definitions, contents, _chosen(contents, plan))


@definitions.command
def rollback(*, broker: Broker = FROM_SETTINGS, definitions: Definitions = HERE) -> int:
    """Put the definitions in force that were so before. Who has entered since stays on the version
    entered.

    For example:

        journey-engine definitions rollback
    """
    from journey_engine.run.definitions import load_schemas
    from journey_engine.run.publishing import former, write

    settings = settings_of(broker)
    contents = read_contents(settings, definitions)
    found = former(contents, load_schemas(definitions.schemas))
    if found is None:
        raise Refused("nothing was in force before")
    plan, records = found
    run(write(settings, records), settings)
    return _activate(settings, definitions, contents, plan)


@definitions.command
def preview(
    plan: str, /, *, broker: Broker = FROM_SETTINGS, definitions: Definitions = HERE
) -> int:
    """Count who lives on which version and in which stage, and say what these definitions make of
    them. The app's changelog is read whole.

    For example:

        journey-engine definitions preview 0f3a9c

    Args:
        plan: The hash, or its beginning.
    """
    from journey_engine.define.compiler import compile_plan
    from journey_engine.run.census import census
    from journey_engine.run.definitions import load_schemas
    from journey_engine.run.tailing import tail
    from journey_engine.run.topics import require_topics
    from journey_engine.run.zones import load_zones

    settings = settings_of(broker)
    contents = read_contents(settings, definitions)
    chosen = _chosen(contents, plan)
    schemas = load_schemas(definitions.schemas)
    compiled = compile_plan(contents.texts(chosen), schemas, load_zones())
    wanted = names_of(settings, definitions)
    run(require_topics(settings, [wanted.changelog], partitions=wanted.partitions), settings)
    changelog = tail(settings, [wanted.changelog], wanted.partitions)
    _show(run(census(changelog), settings).living, compiled)
    return 0


def _check_dropped(contents: "Contents", dropped: tuple[str, ...]) -> None:
    from journey_engine.define.place import suggestion
    from journey_engine.define.versions import file_stem

    active = None if contents.active is None else contents.plans.get(contents.active.hash)
    parts = [] if active is None else active.journeys
    there = [file_stem(part.journey, part.version) for part in parts]
    for name in dropped:
        if name not in there:
            raise Refused(f"--drop {name}: no such version is in force; {suggestion(name, there)}")


def _show(counted: "Counter[Standing]", plan: "Plan") -> None:
    from journey_engine.decide.versions import fate

    for (journey, version, stage), count in sorted(counted.items()):
        accounts = plan.accounts
        of_account = accounts is not None and journey in accounts.by_name
        said = fate(accounts if accounts and of_account else plan, journey, version, stage)
        line = f"{count:>9,}  {journey} {version} {stage}: {said}"
        out.print(line, markup=False, highlight=False)


def _activate(
    settings: "Settings", where: Definitions, contents: "Contents", plan: "PublishedPlan"
) -> int:
    from journey_engine.run.definitions import load_topics
    from journey_engine.run.publishing import activate as put_in_force

    topics = load_topics(where.topologies, settings.app_id)
    partitions = run(put_in_force(settings, topics, contents, plan), settings)
    out.print(f"{plan.hash}: told to {partitions} partitions", highlight=False)
    return 0


def read_contents(settings: "Settings", where: Definitions) -> "Contents":
    """What the topic of definitions holds.

    Raises:
        Refused: it cannot be read, or is not there.
    """
    from journey_engine.run.definitions import load_schemas, load_topics
    from journey_engine.run.published import PUBLISH, TOPIC, Published, read_all
    from journey_engine.run.topics import require_topics
    from journey_engine.run.zones import load_zones

    topics = load_topics(where.topologies, settings.app_id)
    published = Published(load_schemas(where.schemas), load_zones(), topics)
    run(require_topics(settings, [settings.topic_prefix + TOPIC], PUBLISH), settings)
    run(read_all(settings, published), settings)
    return published.contents


def _chosen(contents: "Contents", plan: str) -> "PublishedPlan":
    found = [one for name, one in sorted(contents.plans.items()) if name.startswith(plan)]
    if len(found) != 1:
        raise Refused(f"{len(found)} published plans begin with {plan}: see `definitions list`")
    return found[0]


def _parts(plan: "PublishedPlan") -> list[str]:
    marks = {True: " (kept)", False: ""}
    return [f"{part.journey}@{part.version}{marks[part.kept]}" for part in plan.journeys]
