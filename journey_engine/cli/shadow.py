"""`journey-engine shadow`."""

import re
from typing import TYPE_CHECKING, Any, TypeVar

import cyclopts

from journey_engine.cli.connection import Misused, Refused, run, settings_of
from journey_engine.cli.console import amount, out, print_json
from journey_engine.cli.groups import OPERATORS
from journey_engine.cli.options import FROM_SETTINGS, HERE, Broker, Definitions

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from journey_engine.run.moving import App

T = TypeVar("T")

shadow = cyclopts.App(
    name="shadow",
    help="Run changed definitions beside the live app; `diff` tells what they would change.",
    group=OPERATORS,
    version_flags=[],
)


@shadow.command
def start(
    name: str,
    /,
    *,
    empty: bool = False,
    broker: Broker = FROM_SETTINGS,
    definitions: Definitions = HERE,
    json: bool = False,
) -> int:
    """Make a shadow's topics, and copy to them what the live app stands on now.

    The live app works on. The shadow then runs like any worker, with the changed definitions and
    JOURNEY_SHADOW set; it reads the live inputs from where the copy was made, and writes to topics
    under `shadow-NAME.` alone.

    For example:

        journey-engine shadow start summer --broker localhost:9092

        JOURNEY_SHADOW=summer JOURNEY_TOPOLOGIES=changed journey-engine worker

    Args:
        name: What the shadow is called: small letters, digits, dashes.
        empty: Copy nothing: it knows nobody, and reads the inputs from their beginning.
        json: Print the counts as one JSON document.
    """
    from journey_engine.run.shadow import start as begin

    live, made = apps(name, broker, definitions)
    with amount("states", quiet=json) as show:
        started = _moved(begin(live, made, show, empty=empty), live)
    if json:
        print_json({"shadow": name, "states": started.states, "clocks": started.clocks})
        return 0
    begins = "from the inputs' beginning" if empty else f"with {started.states:,} states"
    out.print(
        f"the shadow {name} begins {begins}; run it with JOURNEY_SHADOW={name}", highlight=False
    )
    return 0


@shadow.command
def drop(
    name: str,
    /,
    *,
    broker: Broker = FROM_SETTINGS,
    definitions: Definitions = HERE,
    json: bool = False,
) -> int:
    """Delete a shadow's topics, once its workers are stopped.

    For example:

        journey-engine shadow drop summer --broker localhost:9092

    Args:
        name: What it is called.
        json: Print what is left to do as one JSON document.
    """
    from journey_engine.run.shadow import drop as delete

    live, made = apps(name, broker, definitions)
    _moved(delete(made), live)
    folder = made.settings.data_dir / made.settings.group
    if json:
        print_json({"shadow": name, "dropped": True, "left": str(folder)})
    else:
        out.print(f"dropped; on its workers delete {folder}", highlight=False)
    return 0


def apps(name: str, broker: Broker, definitions: Definitions) -> "tuple[App, App]":
    """The live app and the shadow of this name."""
    from journey_engine.run.definitions import load_topics
    from journey_engine.run.moving import App
    from journey_engine.run.settings import SHADOW_NAME

    if not name or not re.fullmatch(SHADOW_NAME, name):
        raise Misused(f"{name!r} is no shadow's name: small letters, digits and dashes are")
    settings = settings_of(broker)
    topics = load_topics(definitions.topologies, settings.app_id)
    return App(settings.shadowed(""), topics), App(settings.shadowed(name), topics)


def _moved(work: "Coroutine[Any, Any, T]", live: "App") -> T:
    from journey_engine.run.moving import MoveError
    from journey_engine.run.producing import UnresolvedError
    from journey_engine.run.restoration import RestorationError
    from journey_engine.run.store import StoreError

    try:
        return run(work, live.settings)
    except (MoveError, RestorationError, StoreError) as error:
        raise Refused(str(error)) from error
    except (UnresolvedError, TimeoutError) as error:
        reason = str(error) or "the broker does not answer in time"
        raise Refused(f"broken off: {reason}; `shadow drop` it and start again") from error
