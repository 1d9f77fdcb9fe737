"""The store of a partition, opened as the settings say; what was found in its place is logged."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING

import structlog

from journey_engine.run.clock import wall_ms
from journey_engine.run.memory import store_mib
from journey_engine.run.settings import Settings, StoreKind
from journey_engine.run.store import MemoryStore, Store, StoreError

if TYPE_CHECKING:
    from journey_engine.run.rocks import RocksMemory

log = structlog.get_logger(__name__)

CLUSTER_FILE = "cluster"
"""Beside the stores of a group: the id of the cluster that they belong to."""
INSTALL = "pip install 'journey-engine[rocksdb]'"


class Stores:
    """Opens the stores of one process, which share RocksDB's part of `memory_mib`.

    `cluster` is the id of the Kafka cluster whose changelogs they are copies of; "": nobody asks.

    Raises `StoreError` where the settings want a disk and RocksDB is not installed, and where the
    stores are another cluster's; nothing is deleted.
    """

    def __init__(
        self, settings: Settings, now_ms: Callable[[], int] = wall_ms, cluster: str = ""
    ) -> None:
        self._settings = settings
        self._now_ms = now_ms
        self._memory: RocksMemory | None = None
        if settings.store is StoreKind.VOLATILE:
            return
        if find_spec("rocksdict") is None:
            if settings.store is StoreKind.DISK:
                raise StoreError(f"store `disk` needs RocksDB: {INSTALL}")
            log.warning("store_volatile", reason="RocksDB is not installed", hint=INSTALL)
            return
        from journey_engine.run import rocks  # noqa: PLC0415 - an extra

        self._memory = rocks.RocksMemory(store_mib(settings.memory_mib))
        if cluster:
            self._claim(cluster)

    def open(self, partition: int) -> Store:
        """The partition's store; one that is damaged or too old to be used is empty.

        Raises:
            StoreError: another process holds the directory, or the disk fails.
        """
        if self._memory is None:
            return MemoryStore()
        from journey_engine.run import rocks  # noqa: PLC0415 - an extra

        settings = self._settings
        path = settings.data_dir / settings.group / settings.store / str(partition)
        kind = rocks.DiskStore if settings.store is StoreKind.DISK else rocks.SnapshotStore
        try:
            return kind(path, self._memory, self._now_ms)
        except rocks.OutdatedError as error:
            log.warning("store_discarded", path=str(path), reason=str(error))
        except rocks.DamagedError as error:
            log.error("store_discarded", path=str(path), reason=str(error))  # noqa: TRY400 - said, and cured
        rocks.discard(path)
        return kind(path, self._memory, self._now_ms)

    def _claim(self, cluster: str) -> None:
        """Those of another cluster hold what `failover` undid, and their offsets are others."""
        folder = self._settings.data_dir / self._settings.group
        note = folder / CLUSTER_FILE
        try:
            whose = note.read_text() if note.exists() else ""
            if not whose:
                folder.mkdir(parents=True, exist_ok=True)
                note.write_text(cluster)
        except OSError as error:
            raise StoreError(f"{note}: {error}") from error
        if whose not in ("", cluster):
            raise StoreError(
                f"the states in {folder} are of the Kafka cluster {whose}, and this is {cluster}. "
                "They may be the only copy left. To go on with what the topics hold here, behind "
                f"`journey-engine failover`, delete {folder} (data_dir)."
            )
