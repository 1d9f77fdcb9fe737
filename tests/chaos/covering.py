"""Waiting until the ledger tells that inputs were taken."""

import asyncio
from collections.abc import Mapping

from journey_engine.encode.ledger import Run, decode_ledger
from journey_engine.run.naming import Names
from journey_engine.run.settings import Settings
from journey_engine.run.tailing import tail
from tests.chaos.reading import Place, read

STUCK_AFTER_S = 60.0
"""Without a commit of any partition, while there is something to take."""


class StuckError(Exception):
    """The workers did not take all input in time; the message says what is left."""


async def covered(settings: Settings, names: Names, last: Mapping[Place, int]) -> None:
    """Wait until the ledger tells of these offsets, for as long as it comes nearer to that.

    Raises:
        StuckError: it did not.
    """
    left = {place: offset for place, offset in last.items() if offset >= 0}
    if not left:
        return
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(STUCK_AFTER_S) as patience:
            async for record in tail(settings, (names.ledger,), names.partitions, follow=True):
                patience.reschedule(loop.time() + STUCK_AFTER_S)
                for step in decode_ledger(record.value or b"").steps:
                    place = Place(step.topic if isinstance(step, Run) else "", record.partition)
                    if isinstance(step, Run) and left.get(place, step.last + 1) <= step.last:
                        del left[place]
                if not left:
                    break
    except TimeoutError:
        raise StuckError(f"last offsets not taken: {left}") from None


async def inbox_ends(settings: Settings, names: Names) -> Mapping[Place, int]:
    """The last offset of each of the inbox's partitions, -1 where nothing lies."""
    said = await read(settings, (names.inbox,), names.partitions)
    return {place: lying[-1].offset if lying else -1 for place, lying in said.items()}


async def settled(settings: Settings, names: Names) -> None:
    """Wait until all that partitions have said to each other is taken, and what that led to.

    Raises:
        StuckError: it was not.
    """
    before: Mapping[Place, int] = {}
    while (ends := await inbox_ends(settings, names)) != before:
        await covered(settings, names, ends)
        before = ends
