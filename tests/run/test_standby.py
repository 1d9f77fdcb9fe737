"""Copies of others' partitions."""

import asyncio
from typing import TYPE_CHECKING, Any, Never, cast

import pytest

from journey_engine.observe.metrics import Metrics
from journey_engine.run.standby import Standbys
from journey_engine.run.store import StoreError

if TYPE_CHECKING:
    from journey_engine.run.partition import Partition
    from journey_engine.run.producing import Changelogs


class Copy:
    """As much of a partition as a copy needs, on a disk that fails."""

    def copied(self) -> int:
        return 0

    def copy(self, records: Any) -> Never:
        raise StoreError(f"the disk fails at {records}")


class Reading:
    """A changelog with one record."""

    async def follow(self, starts: Any, sink: Any, progress: Any) -> None:
        for partition in starts:
            sink(partition, ["record"])
        progress(dict.fromkeys(starts, 0))


async def test_a_copy_that_cannot_be_written_is_told_of_at_once() -> None:
    standbys = Standbys(cast("Changelogs", Reading()), Metrics())
    standbys.check()
    standbys.follow({3: cast("Partition", Copy())})
    standbys.check()
    await asyncio.sleep(0)
    with pytest.raises(StoreError, match="the disk fails"):
        standbys.check()
