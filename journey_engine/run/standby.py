"""Partitions that others work on and this worker keeps a copy of, to take them over at once (D8).

The changelog is read as it grows, and only what is committed; so a take-over reads what came since
the last poll and not the whole topic.
"""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

import structlog

from journey_engine.run.partition import Partition
from journey_engine.run.producing import Changelogs, UnresolvedError
from journey_engine.run.restoration import RestorationError

if TYPE_CHECKING:
    from journey_engine.observe.metrics import Metrics

log = structlog.get_logger(__name__)

AGAIN_AFTER_S = 2.0
"""The wait after a broker that could not be read."""
CANCEL_AGAIN_S = 1.0


class Standbys:
    """Follows the changelogs of partitions that are not this worker's own."""

    def __init__(self, changelogs: Changelogs, metrics: "Metrics") -> None:
        self._changelogs = changelogs
        self._metrics = metrics
        self._following: asyncio.Task[None] | None = None

    def follow(self, partitions: Mapping[int, Partition]) -> None:
        """Keep these up to date, until `stop`; it must have been called since the last time."""
        if partitions:
            self._following = asyncio.create_task(self._follow(partitions))

    async def stop(self) -> None:
        """Leave all of them as they are: they may be opened or closed now."""
        following = self._following
        if following is None:
            return
        while not following.done():  # aiokafka may swallow a cancellation
            following.cancel()
            await asyncio.wait([following], timeout=CANCEL_AGAIN_S)
        self._following = None
        self._metrics.standby_remaining.clear()

    def check(self) -> None:
        """See that they are followed still.

        Raises:
            StoreError: a copy's directory is damaged, or the disk fails.
        """
        following = self._following
        if following is not None and following.done() and not following.cancelled():
            following.result()

    async def _follow(self, partitions: Mapping[int, Partition]) -> None:
        log.info("standing_by", partitions=sorted(partitions))
        while True:
            starts = {number: each.copied() for number, each in partitions.items()}
            try:
                await self._changelogs.follow(
                    starts,
                    lambda number, records: partitions[number].copy(records),
                    self._metrics.standing_by,
                )
            except (UnresolvedError, RestorationError) as error:
                # Its own work goes on; a take-over will read more, and say what is wrong.
                log.warning("standby_behind", partitions=sorted(partitions), reason=str(error))
                await asyncio.sleep(AGAIN_AFTER_S)
