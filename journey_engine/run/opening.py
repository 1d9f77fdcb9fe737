"""Opening partitions: a task each, restored to its last position, with what must be retaken (D3).

The changelog goes into the store, and where the ledger is one flush ahead of the position that
flush is prescribed, so that what was sent already is sent again with the same ids and bodies.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from journey_engine.encode.ledger import decode_ledger
from journey_engine.run.clock import Clock, StreamClock, WallClock, wall_ms
from journey_engine.run.naming import Names
from journey_engine.run.restore import Progress, read_tail, read_to_end
from journey_engine.run.settings import ClockKind, Settings, StoreKind
from journey_engine.run.store import MemoryStore, Store
from journey_engine.run.task import PartitionTask, Wiring
from journey_engine.run.topics import TOMBSTONES_KEPT_MS

if TYPE_CHECKING:
    from journey_engine.observe.metrics import Metrics

log = structlog.get_logger(__name__)


class Opening:
    """Opens and closes the partitions of one worker."""

    def __init__(
        self, settings: Settings, names: Names, wiring: Wiring, metrics: "Metrics"
    ) -> None:
        self._settings = settings
        self._names = names
        self._wiring = wiring
        self._metrics = metrics
        self._stores: dict[int, Store] = {}

    async def open(self, partitions: Collection[int]) -> Mapping[int, PartitionTask]:
        """Restore the partitions.

        Raises:
            KafkaError: the broker cannot be read.
            StoreError: a directory is damaged, or another process holds it.
            RestorationError: the changelog does not end as a worker leaves it.
        """
        if not partitions:
            return {}
        self.close()
        begun = time.monotonic()
        try:
            tasks = {partition: self._new_task(partition) for partition in partitions}
            await self._restore(tasks)
            await self._prescribe(tasks)
        except BaseException:
            self.close()
            raise
        seconds = round(time.monotonic() - begun, 3)
        log.info("partitions_opened", partitions=sorted(partitions), seconds=seconds)
        return tasks

    def close(self) -> None:
        """Let go of all stores."""
        for store in self._stores.values():
            store.close()
        self._stores = {}

    def _new_task(self, partition: int) -> PartitionTask:
        self._stores[partition] = store = self._new_store(partition)
        return PartitionTask(partition, self._wiring, store, self._new_clock())

    def _new_clock(self) -> Clock:
        if self._settings.clock is ClockKind.STREAM:
            return StreamClock()
        return WallClock(merge_idle_ms=self._settings.merge_idle_ms)

    def _new_store(self, partition: int) -> Store:
        if self._settings.store is StoreKind.MEMORY:
            return MemoryStore()
        return _on_disk(self._settings.data_dir / self._settings.app_id / str(partition))

    async def _restore(self, tasks: Mapping[int, PartitionTask]) -> None:
        starts = {p: store.changelog_offset() or 0 for p, store in self._stores.items()}

        def apply(partition: int, records: Sequence[Any]) -> None:
            tasks[partition].restore(records)

        def show(progress: Progress) -> None:
            self._metrics.restoring(progress.remaining)

        await read_to_end(self._settings, self._names.changelog, starts, apply, show)
        for task in tasks.values():
            task.restored()

    async def _prescribe(self, tasks: Mapping[int, PartitionTask]) -> None:
        def look(partition: int, records: Sequence[Any]) -> None:
            position = tasks[partition].position
            done = 0 if position is None else position.flush
            for record in records:
                entry = decode_ledger(record.value)
                if entry.flush == done + 1:
                    log.info("flush_retaken", partition=partition, flush=entry.flush)
                    if entry.plan_hash != self._wiring.plan.hash:
                        log.warning("flush_retaken_with_another_plan", partition=partition)
                    tasks[partition].prescribe(entry)

        await read_tail(self._settings, self._names.ledger, sorted(tasks), look)


def _on_disk(path: Path, now_ms: Callable[[], int] = wall_ms) -> Store:
    from journey_engine.run import rocks  # noqa: PLC0415 - an extra that memory stores do without

    used = rocks.last_used_ms(path)
    if used is not None and now_ms() - used > TOMBSTONES_KEPT_MS:
        log.warning("store_too_old", path=str(path))
        rocks.discard(path)
    return rocks.RocksStore(path)
