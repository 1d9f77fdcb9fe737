"""`journey-engine repartition`."""

from typing import TYPE_CHECKING

from journey_engine.cli.connection import Refused, run, settings_of
from journey_engine.cli.console import amount, out, print_json
from journey_engine.cli.options import FROM_SETTINGS, HERE, Broker, Definitions

if TYPE_CHECKING:
    from journey_engine.run.moving import App, Show
    from journey_engine.run.repartition import Moved


def repartition(
    *,
    to: int,
    from_app: str,
    to_app: str,
    from_prefix: str | None = None,
    broker: Broker = FROM_SETTINGS,
    definitions: Definitions = HERE,
    json: bool = False,
) -> int:
    """Move the states of a stopped app to a new app id with another number of partitions.

    Each customer's state goes to the partition that its key hashes to. The new app begins where
    the old one stood; the old one's topics stay as they are, so the way back is open.

    1. Stop the publishers, let the workers read to the end (`journey_lag_records` 0), stop them.
    2. Set `partitions` in topics.yaml. Give the channels' topics that number: add partitions to
       those there are, or choose another `--prefix` for new ones; for fewer, only the latter.
    3. `JOURNEY_APP_ID=<to-app> journey-engine topics create`, then this.
    4. Start the workers with the new app id, then the publishers.

    Broken off, it is run again. At the end count and digest of what a worker would restore are
    compared with what was moved; exit code 1 if anything is not as it must be.

    For example:

        journey-engine repartition --to 16 --from-app shop --to-app shop-16

    Args:
        to: The new number of partitions, that of topics.yaml.
        from_app: The app whose states are moved.
        to_app: The app that takes them; it must never have run.
        from_prefix: The prefix of the old app's topics, where it is not that of the new one.
        json: Print count and digests as one JSON document.
    """
    from journey_engine.run.definitions import load_topics
    from journey_engine.run.moving import App

    settings = settings_of(broker)
    new_topics = load_topics(definitions.topologies, to_app)
    if new_topics.partitions != to:
        raise Refused(
            f"topics.yaml says `partitions: {new_topics.partitions}`, not {to}: set it first, the "
            "new app's workers read it, too."
        )
    prefix = settings.topic_prefix if from_prefix is None else from_prefix
    before = settings.model_copy(update={"app_id": from_app, "topic_prefix": prefix})
    after = settings.model_copy(update={"app_id": to_app})
    old = App(before, load_topics(definitions.topologies, from_app))
    with amount("states", quiet=json) as show:
        moved = run(_move(old, App(after, new_topics), show), settings)
    _tell(moved, to, json=json)
    return 0


def _tell(moved: "Moved", to: int, *, json: bool) -> None:
    if json:
        print_json(
            {
                "states": moved.states,
                "digest": moved.digest,
                "from_partitions": moved.from_partitions,
                "partitions": [each.states for each in moved.partitions],
            }
        )
    else:
        out.print(
            f"{moved.states:,} states moved from {moved.from_partitions} to {to} partitions and "
            f"checked, digest {moved.digest}",
            highlight=False,
        )


async def _move(old: "App", new: "App", show: "Show") -> "Moved":
    from journey_engine.run.moving import MoveError
    from journey_engine.run.producing import FencedError, UnresolvedError
    from journey_engine.run.repartition import repartition
    from journey_engine.run.restoration import RestorationError
    from journey_engine.run.store import StoreError

    try:
        return await repartition(old, new, show)
    except (MoveError, RestorationError, StoreError) as error:
        raise Refused(str(error)) from error
    except (FencedError, UnresolvedError, TimeoutError) as error:
        reason = str(error) or "the broker does not answer in time"
        raise Refused(f"broken off, run it again: {reason}") from error
