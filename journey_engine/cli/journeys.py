"""`journey-engine journeys`."""

from typing import TYPE_CHECKING, Annotated

import cyclopts
from cyclopts import Parameter

from journey_engine.cli.connection import Refused, run, settings_of
from journey_engine.cli.console import out
from journey_engine.cli.groups import OPERATORS
from journey_engine.cli.options import FROM_SETTINGS, HERE, Broker, Definitions

if TYPE_CHECKING:
    from journey_engine.run.orders import Make

journeys = cyclopts.App(
    name="journeys",
    help="Pause, resume, stop and close journeys that run.",
    group=OPERATORS,
    version_flags=[],
)


@journeys.command
def pause(
    journey: str,
    *,
    entries: Annotated[bool, Parameter(negative="--no-entries")] = False,
    broker: Broker = FROM_SETTINGS,
    definitions: Definitions = HERE,
) -> int:
    """Keep back what the journey would send; customers in it move on.

    For example:

        journey-engine journeys pause cart-rescue

    Args:
        journey: The journey's name.
        entries: Let customers enter meanwhile.
    """
    from journey_engine.decide.message import Order
    from journey_engine.run.orders import operates

    return _tell(journey, operates(Order.PAUSE, journey, admits=entries), broker, definitions)


@journeys.command
def resume(
    journey: str,
    *,
    over: str = "",
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

    make = operates(Order.RESUME, journey, over=_duration(over) if over else 0)
    return _tell(journey, make, broker, definitions)


@journeys.command
def stop(journey: str, *, broker: Broker = FROM_SETTINGS, definitions: Definitions = HERE) -> int:
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
def close(journey: str, *, broker: Broker = FROM_SETTINGS, definitions: Definitions = HERE) -> int:
    """Let nobody enter the journey; customers in it finish.

    For example:

        journey-engine journeys close cart-rescue

    Args:
        journey: The journey's name.
    """
    from journey_engine.decide.message import Order
    from journey_engine.run.orders import operates

    return _tell(journey, operates(Order.CLOSE, journey), broker, definitions)


def _duration(text: str) -> int:
    from pydantic_core import PydanticCustomError

    from journey_engine.define.form import parse_duration

    try:
        return parse_duration(text)
    except PydanticCustomError as error:
        raise Refused(f"--over {text}: {error.message()}") from error


def _tell(journey: str, make: "Make", broker: Broker, definitions: Definitions) -> int:
    from journey_engine.run.definitions import load_topics
    from journey_engine.run.orders import tell

    settings = settings_of(broker)
    topics = load_topics(definitions.topologies, settings.app_id)
    partitions = run(tell(settings, topics, make), settings)
    out.print(f"{journey}: told to {partitions} partitions", highlight=False)
    return 0
