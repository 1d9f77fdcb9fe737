"""`journey-engine journeys`."""

from typing import TYPE_CHECKING

import cyclopts

from journey_engine.cli.connection import Refused, run, settings_of
from journey_engine.cli.console import out
from journey_engine.cli.groups import OPERATORS
from journey_engine.cli.options import FROM_SETTINGS, HERE, Broker, Definitions
from journey_engine.cli.values import Duration

if TYPE_CHECKING:
    from journey_engine.run.orders import Make
    from journey_engine.run.settings import Settings

journeys = cyclopts.App(
    name="journeys",
    help="Pause, resume, stop and close journeys that run.",
    group=OPERATORS,
    version_flags=[],
)


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
