"""`journey-engine state` and `journey-engine erase`."""

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import cyclopts

from journey_engine.cli.connection import Refused, names_of, run, settings_of
from journey_engine.cli.console import out, print_json
from journey_engine.cli.groups import OPERATORS
from journey_engine.cli.options import FROM_SETTINGS, HERE, Broker, Definitions

if TYPE_CHECKING:
    from journey_engine.decide.identity_state import Erased
    from journey_engine.decide.state import CustomerState
    from journey_engine.define.personal import Personal
    from journey_engine.run.naming import Names
    from journey_engine.run.person import Identity
    from journey_engine.run.settings import Settings

state = cyclopts.App(
    name="state",
    help="Look at what is kept of a customer.",
    group=OPERATORS,
    version_flags=[],
)


@state.command
def get(
    customer: str,
    /,
    *,
    visitor: bool = False,
    reveal: bool = False,
    broker: Broker = FROM_SETTINGS,
    definitions: Definitions = HERE,
    json: bool = False,
) -> int:
    """Show what is kept of a customer: traits, features, journeys, timers, sends.

    It is read from the changelog, so the broker's access control says who may; the customer's
    partition is read whole. Exit code 1 where nothing is kept.

    For example:

        journey-engine state get c-17 --broker localhost:9092

    Args:
        customer: The customer's id.
        visitor: It is a visitor's id, of somebody who is no customer yet.
        reveal: Show personal values, too: of fields that the schemas mark, and of what is kept of
            them.
        json: One JSON document.
    """
    from journey_engine.encode.state import StateError
    from journey_engine.run.readable import masked_state, named

    settings = settings_of(broker)
    names = names_of(settings, definitions)
    try:
        found = run(_read(settings, names, _who(customer, visitor=visitor)), settings)
    except StateError as error:
        raise Refused(str(error)) from error
    if found is None:
        raise Refused(f"nothing is kept of {customer!r} in {names.changelog}")
    shown = named(found) if reveal else masked_state(found, _personal(definitions))
    if json:
        print_json(shown)
    else:
        out.print(shown, soft_wrap=True)
    return 0


async def _read(settings: "Settings", names: "Names", who: "Identity") -> "CustomerState | None":
    from journey_engine.run.person import read_state
    from journey_engine.run.topics import require_topics

    await require_topics(settings, [names.changelog], partitions=names.partitions)
    return await read_state(settings, names, who)


def _personal(where: Definitions) -> "Personal":
    from journey_engine.define.personal import personal
    from journey_engine.run.definitions import load_sound

    defined = load_sound(where.topologies, where.schemas)
    return personal(defined.plan, defined.schemas)


def erase(
    customer: str,
    /,
    *,
    visitor: bool = False,
    channel: str = "crm",
    wait: int = 60,
    broker: Broker = FROM_SETTINGS,
    definitions: Definitions = HERE,
    json: bool = False,
) -> int:
    """Erase a customer: end and take back everything, forget them, and show the proof.

    Says `CustomerErased` on the channel and waits for the worker that owns the customer. What
    happened before then no longer counts; what happens later begins a new life.

    For example:

        journey-engine erase c-17 --broker localhost:9092

    Args:
        customer: The customer's id.
        visitor: It is a visitor's id, of somebody who is no customer yet.
        channel: On whose input topic it is said.
        wait: Seconds to wait for the proof.
        json: Print the proof as one JSON document.
    """
    from journey_engine.client import EventError

    settings = settings_of(broker)
    names = names_of(settings, definitions)
    settings = settings.model_copy(update={"schemas": definitions.schemas})
    who = _who(customer, visitor=visitor)
    try:
        proof = run(_erase(settings, names, who, channel, wait), settings)
    except EventError as error:
        raise Refused(str(error)) from error
    except TimeoutError:
        raise Refused(
            f"it was said, but no worker has committed it within {wait} s: it counts when one does "
            "(see `journey-engine lag`), unless this machine's clock is ahead of the broker's (see "
            "`journey-engine deadletters list`)"
        ) from None
    told = {
        "proof": proof.proof.hex(),
        "at": _moment(proof.at).isoformat(timespec="milliseconds"),
        "life": proof.life,
    }
    if json:
        print_json(told)
    else:
        out.print(f"erased: proof {told['proof']}, at {told['at']}, life {told['life']}")
    return 0


async def _erase(
    settings: "Settings", names: "Names", who: "Identity", channel: str, wait: int
) -> "Erased":
    from journey_engine.client import EventPublisher
    from journey_engine.define.identity import ERASED
    from journey_engine.run.clock import wall_ms
    from journey_engine.run.person import await_proof
    from journey_engine.run.topics import require_topics

    await require_topics(settings, [names.changelog], partitions=names.partitions)
    at = wall_ms()
    ids: dict[str, Any] = {"customer_id": who.customer_id, "anonymous_id": who.anonymous_id}
    async with EventPublisher("operator", channel=channel, settings=settings) as events:
        await events.publish(ERASED, occurred_at=_moment(at), **ids)
    async with asyncio.timeout(wait):
        return await await_proof(settings, names, who, at)


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _who(identity: str, *, visitor: bool) -> "Identity":
    from journey_engine.run.person import Identity

    return Identity(None, identity) if visitor else Identity(identity, None)
