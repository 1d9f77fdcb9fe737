"""`journey-engine journeys`."""

from typing import TYPE_CHECKING, Any

import cyclopts
from rich.markup import escape
from rich.table import Table

from journey_engine.cli.connection import Refused, names_of, run, settings_of
from journey_engine.cli.console import out, print_json, show_table
from journey_engine.cli.groups import OPERATORS
from journey_engine.cli.options import FROM_SETTINGS, HERE, Broker, Definitions
from journey_engine.cli.values import Duration

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from journey_engine.run.orders import Make
    from journey_engine.run.settings import Settings

journeys = cyclopts.App(
    name="journeys",
    help="See which journeys run; pause, resume, stop and close them.",
    group=OPERATORS,
    version_flags=[],
)


@journeys.command(name="list")
def list_(
    *, broker: Broker = FROM_SETTINGS, definitions: Definitions = HERE, json: bool = False
) -> int:
    """Show which journeys run: versions, how they stand, who is in them, whose they are.

    A version that nobody enters any more is marked as kept; one that somebody is in though these
    definitions do not have it, as gone. The app's changelog is read whole.

    For example:

        journey-engine journeys list

    Args:
        json: One JSON document: a list with journey, version, kept, status, instances, owner,
            review_by and overdue.
    """
    import datetime as dt

    settings = settings_of(broker)
    today = dt.datetime.now(dt.UTC).date()
    rows = _rows(settings, definitions, today)
    if json:
        print_json(rows)
        return 0
    table = Table("journey", "version", "status", "in it", "owner", "review by")
    for row in rows:
        marks = {None: " (gone)", True: " (kept)", False: ""}
        due = "" if row["review_by"] is None else row["review_by"] + " overdue" * row["overdue"]
        version = f"{row['version']}{marks[row['kept']]}"
        count = f"{row['instances']:,}"
        told = (row["journey"], version, row["status"], count, row["owner"] or "", due)
        table.add_row(*map(escape, told))
    show_table(table)
    return 0


def _rows(settings: "Settings", where: Definitions, today: "dt.date") -> list[dict[str, Any]]:
    from collections import Counter

    from journey_engine.define.versions import Card, cards
    from journey_engine.run.census import census
    from journey_engine.run.tailing import tail
    from journey_engine.run.topics import require_topics

    names = names_of(settings, where)
    known = cards(_texts(settings, where))
    run(require_topics(settings, [names.changelog], partitions=names.partitions), settings)
    found = run(census(tail(settings, [names.changelog], names.partitions)), settings)
    living: Counter[tuple[str, int]] = Counter()
    for (journey, version, _), count in found.living.items():
        living[journey, version] += count
    gone = living.keys() - {(card.journey, card.version) for card in known}
    every: list[Card | tuple[str, int]] = sorted([*known, *gone])
    return [
        {
            "journey": each[0],
            "version": each[1],
            "kept": each.kept if isinstance(each, Card) else None,
            "status": found.status(each[0], names.partitions),
            "instances": living[each[0], each[1]],
            "owner": each.owner if isinstance(each, Card) else None,
            "review_by": each.review_by if isinstance(each, Card) else None,
            "overdue": isinstance(each, Card) and each.review_by < today.isoformat(),
        }
        for each in every
    ]


def _texts(settings: "Settings", where: Definitions) -> "Mapping[str, str]":
    """The files of what is in force."""
    from journey_engine.cli.definitions import read_contents
    from journey_engine.run.definitions import definition_texts
    from journey_engine.run.settings import Source

    if settings.definitions is Source.FILES:
        return definition_texts(where.topologies)
    contents = read_contents(settings, where)
    if contents.active is None:
        raise Refused("no definitions are in force: `definitions publish`, then `activate`")
    return contents.texts(contents.plans[contents.active.hash])


@journeys.command
def pause(
    journey: str,
    /,
    *,
    entries: bool = False,
    broker: Broker = FROM_SETTINGS,
    definitions: Definitions = HERE,
) -> int:
    """Keep back what the journey would send; customers in it move on.

    For example:

        journey-engine journeys pause cart-rescue

    Args:
        journey: The journey's name.
        entries: Let customers enter meanwhile; else they are refused (`PAUSED`).
    """
    from journey_engine.decide.message import Order
    from journey_engine.run.orders import operates

    return _tell(journey, operates(Order.PAUSE, journey, admits=entries), broker, definitions)


@journeys.command
def resume(
    journey: str,
    /,
    *,
    over: Duration = None,
    broker: Broker = FROM_SETTINGS,
    definitions: Definitions = HERE,
) -> int:
    """Lift a pause, a stop or a close; what waited is decided anew.

    For example:

        journey-engine journeys resume cart-rescue --over 2h

    Args:
        journey: The journey's name.
        over: Spread what waited over this time, such as 30m.
    """
    from journey_engine.decide.message import Order
    from journey_engine.run.orders import operates

    make = operates(Order.RESUME, journey, over=over or 0)
    return _tell(journey, make, broker, definitions)


@journeys.command
def stop(
    journey: str, /, *, broker: Broker = FROM_SETTINGS, definitions: Definitions = HERE
) -> int:
    """End the journey for everybody in it, take back what it has out, and let nobody enter.

    For example:

        journey-engine journeys stop cart-rescue

    Args:
        journey: The journey's name.
    """
    from journey_engine.decide.message import Order
    from journey_engine.run.orders import operates

    return _tell(journey, operates(Order.STOP, journey), broker, definitions)


@journeys.command
def close(
    journey: str, /, *, broker: Broker = FROM_SETTINGS, definitions: Definitions = HERE
) -> int:
    """Let nobody enter the journey; customers in it finish.

    For example:

        journey-engine journeys close cart-rescue

    Args:
        journey: The journey's name.
    """
    from journey_engine.decide.message import Order
    from journey_engine.run.orders import operates

    return _tell(journey, operates(Order.CLOSE, journey), broker, definitions)


def _tell(journey: str, make: "Make", broker: Broker, definitions: Definitions) -> int:
    from journey_engine.run.definitions import load_topics
    from journey_engine.run.orders import tell

    settings = settings_of(broker)
    _check(journey, settings, definitions)
    topics = load_topics(definitions.topologies, settings.app_id)
    partitions = run(tell(settings, topics, make), settings)
    out.print(f"{journey}: told to {partitions} partitions", highlight=False)
    return 0


def _check(journey: str, settings: "Settings", where: Definitions) -> None:
    """Refuse a name that no worker knows: the order would be taken, and nothing would happen."""
    from journey_engine.cli.definitions import read_contents
    from journey_engine.define.place import suggestion
    from journey_engine.run.definitions import journey_names
    from journey_engine.run.settings import Source

    if settings.definitions is Source.FILES:
        known = journey_names(where.topologies)
    else:
        contents = read_contents(settings, where)
        active = None if contents.active is None else contents.plans.get(contents.active.hash)
        known = {part.journey for part in active.journeys} if active is not None else set()
    if journey not in known:
        raise Refused(f"no journey is called {journey!r}; {suggestion(journey, sorted(known))}")
