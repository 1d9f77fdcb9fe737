"""`journey-engine failover`."""

from typing import TYPE_CHECKING

from rich.table import Table

from journey_engine.cli.connection import Refused, run, settings_of
from journey_engine.cli.console import print_json, show_table
from journey_engine.cli.options import FROM_SETTINGS, HERE, Broker, Definitions
from journey_engine.cli.values import Instant

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from journey_engine.run.failover import Mapped


def failover(
    *,
    syncs: str,
    copied_until: Instant,
    broker: Broker = FROM_SETTINGS,
    definitions: Definitions = HERE,
    json: bool = False,
) -> int:
    """Make a lost cluster's app go on on another one, to which MirrorMaker 2 copied its topics.

    Records have other offsets there. Each partition goes back to its last flush before a time up to
    which everything had been copied, and its positions become those of this cluster. Until then a
    worker refuses to begin.

    1. The lost cluster's workers are gone, and so is the mirror.
    2. This, with `--broker` of the other cluster; once more where it was broken off.
    3. Start the workers there with an empty `JOURNEY_DATA_DIR`, then the senders.
    4. The publishers send again what they sent after that time: known events are passed over.

    Exit code 1 if something is not as it must be.

    For example:

        journey-engine failover --syncs mm2-offset-syncs.a.internal --copied-until 2027-03-01T09:00Z

    Args:
        syncs: The mirror's topic of offset syncs, on this cluster (offset-syncs.topic.location).
        copied_until: Every topic was copied up to then at least: the loss less the mirror's
            highest latency. Earlier is safe, within `compaction_lag` of topics.yaml.
        json: One JSON document: by partition what went back and where its inputs go on.
    """
    import time

    from journey_engine.run.definitions import load_topics
    from journey_engine.run.failover import fail_over

    settings = settings_of(broker)
    if settings.shadow:
        raise Refused("a shadow is not mapped: unset JOURNEY_SHADOW, or start it anew there")
    now = round(time.time() * 1000)
    if copied_until > now:
        raise Refused("--copied-until lies in the future: nothing was copied up to then")
    topics = load_topics(definitions.topologies, settings.app_id)
    moved = run(_told(fail_over(settings, topics, syncs, copied_until, now)), settings)
    if json:
        print_json([each._asdict() for each in moved])
        return 0
    table = Table("partition", "flushes gone back", "states")
    for each in moved:
        counts = (each.flushes, each.states)
        told = ("done before",) if each.done else (f"{count:,}" for count in counts)
        table.add_row(str(each.partition), *told)
    show_table(table)
    return 0


async def _told(work: "Coroutine[None, None, Sequence[Mapped]]") -> "Sequence[Mapped]":
    from journey_engine.run.failover import FailoverError
    from journey_engine.run.producing import FencedError, UnresolvedError
    from journey_engine.run.restoration import RestorationError
    from journey_engine.run.store import StoreError

    try:
        return await work
    except (FailoverError, RestorationError, StoreError, ValueError) as error:
        raise Refused(str(error)) from error
    except (FencedError, UnresolvedError, TimeoutError) as error:
        reason = str(error) or "the broker does not answer in time"
        raise Refused(f"broken off, run it again: {reason}") from error
