"""The stores on disk: RocksDB, one database for each partition (D3, D4, D6).

What may go wrong with a directory is said as `StoreError`; the states themselves are safe in the
changelog, so that the cure of a damaged one is always `discard` and a restore.

Index and filters are partitioned: with a bounded cache a get takes 7 µs, and 300 without, since a
whole file's index is then read for it.
"""

import contextlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from rocksdict import (
    BlockBasedIndexType,
    BlockBasedOptions,
    Cache,
    DBCompressionType,
    Options,
    Rdict,
    ReadOptions,
    WriteBatch,
    WriteBufferManager,
)

from journey_engine.encode.state import header_due
from journey_engine.run.store import NOT_KNOWN, POSITION_KEY, MemoryStore, StoreError
from journey_engine.run.timers import Entry, StoredTimers, Timers, Unwritten

MIB = 1024 * 1024
OFFSET_KEY = b"m:changelog_offset"
POSITION_KEY_BYTES = POSITION_KEY.encode()
META_KEYS = frozenset({OFFSET_KEY, POSITION_KEY_BYTES})
TIMERS = "timers"
"""The column family of the timers; its keys are the due time and the state key, without values."""
DAMAGED = "DAMAGED"
"""A file that marks a directory in which damage was found."""
BUFFERS_SHARE = 0.25
"""The part of the memory that writes may take up before they go to disk."""
OPEN_FILES = 256
_ZERO = 2**63
"""Added to a due time, so that its bytes sort as it does."""


class DamagedError(StoreError):
    """A store's directory is damaged; `discard` it and restore."""


class RocksMemory:
    """The memory that all databases of a process share: blocks read and writes not yet on disk."""

    def __init__(self, mib: int) -> None:
        self.cache = Cache(mib * MIB)
        self.buffers = WriteBufferManager.new_write_buffer_manager_with_cache(
            int(mib * BUFFERS_SHARE) * MIB, allow_stall=False, cache=self.cache
        )


class Database:
    """States, timers and changelog offset in the directory `path`, made where it is absent.

    Raises `StoreError` where another process holds it or the disk fails, and `DamagedError`, also
    from any later call.
    """

    def __init__(self, path: Path, memory: RocksMemory) -> None:
        self._path = path
        if (path / DAMAGED).exists():
            raise DamagedError(f"the store {path} was found damaged before")
        path.mkdir(parents=True, exist_ok=True)
        options = _options(memory)
        try:
            self._db = Rdict(str(path), options, column_families={TIMERS: options})
        except Exception as error:  # rocksdict raises nothing narrower
            raise _refusal(path, error) from error
        self._timers = self._db.get_column_family(TIMERS)
        self._timer_family = self._db.get_column_family_handle(TIMERS)

    def _failure(self, error: Exception) -> StoreError:
        """What is wrong; a damaged directory is marked, so that the next start discards it."""
        refusal = _refusal(self._path, error)
        if isinstance(refusal, DamagedError):
            with contextlib.suppress(
                OSError
            ):  # of a directory that is gone nothing is left to mark
                (self._path / DAMAGED).touch()
        return refusal

    def get(self, key: str) -> bytes | None:
        """The bytes under the key."""
        try:
            return cast("bytes | None", self._db.get(key.encode()))
        except Exception as error:
            raise self._failure(error) from error

    def write(
        self,
        changes: Mapping[str, bytes | None],
        changelog_offset: int,
        before: Mapping[str, int | None] | None,
    ) -> None:
        """All or nothing. With `before` (as in `Store`), which may be empty, the order of the due
        times is kept, too.
        """
        batch = WriteBatch(raw_mode=True)
        put = batch.put
        for name, value in changes.items():
            if value is None:
                batch.delete(name.encode())
            else:
                put(name.encode(), value)
        put(OFFSET_KEY, changelog_offset.to_bytes(8, "big"))
        if before is not None:
            self._move_timers(batch, changes, before)
        try:
            self._db.write(batch)
        except Exception as error:
            raise self._failure(error) from error

    def _move_timers(
        self,
        batch: WriteBatch,
        changes: Mapping[str, bytes | None],
        before: Mapping[str, int | None],
    ) -> None:
        family = self._timer_family
        states = [name for name in changes if name != POSITION_KEY]
        stored = self._stored([name for name in states if name not in before])
        for name in states:
            new = changes[name]
            was = before[name] if name in before else stored[name]
            due = None if new is None else header_due(new)
            if was == due:
                continue
            key = name.encode()
            if was is not None:
                batch.delete(_timer_key(was, key), family)
            if due is not None:
                batch.put(_timer_key(due, key), b"", family)

    def _stored(self, names: Sequence[str]) -> dict[str, int | None]:
        """When what is stored under these keys is due."""
        if not names:
            return {}
        keys = [name.encode() for name in names]
        try:
            found = cast("list[bytes | None]", self._db.get(cast("Any", keys)))
        except Exception as error:
            raise self._failure(error) from error
        dues = (None if data is None else header_due(data) for data in found)
        return dict(zip(names, dues, strict=True))

    def changelog_offset(self) -> int | None:
        """That of the last write; None before the first."""
        try:
            value = self._db.get(OFFSET_KEY)
        except Exception as error:
            raise self._failure(error) from error
        return None if value is None else int.from_bytes(value, "big")

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """All but the changelog offset, read as iteration goes."""
        key = b""
        for key, value in cast("Iterator[tuple[bytes, bytes]]", self._db.items()):
            if key != OFFSET_KEY:
                yield key, value
        self._check_end(key)

    def _check_end(self, last: bytes) -> None:
        """See that nothing follows: rocksdict's iteration ends at damage as at the end."""
        try:
            cursor = self._db.iter()
            cursor.seek(last)
            while cursor.valid() and cursor.key() <= last:
                cursor.next()
            cursor.status()
        except Exception as error:
            raise self._failure(error) from error

    def due(self, first: Entry, count: int) -> Sequence[Entry]:
        """The timers from `first` onwards, at most so many."""
        due, key = first
        found: list[Entry] = []
        try:
            cursor = self._timers.iter(ReadOptions())
            cursor.seek(_timer_key(max(due, 1 - _ZERO), key.encode()))
            while len(found) < count and cursor.valid():
                entry = cast("bytes", cursor.key())
                found.append((int.from_bytes(entry[:8], "big") - _ZERO, entry[8:].decode()))
                cursor.next()
            cursor.status()
        except Exception as error:
            raise self._failure(error) from error
        return found

    def keys(self, after: str, before: str, count: int) -> Sequence[str]:
        """The keys of states between the two, in order, at most so many."""
        found: list[str] = []
        try:
            cursor = self._db.iter()
            cursor.seek(after.encode() + b"\0")
            while len(found) < count and cursor.valid():
                key = cast("bytes", cursor.key()).decode()
                if key >= before:
                    break
                found.append(key)
                cursor.next()
            cursor.status()
        except Exception as error:
            raise self._failure(error) from error
        return found

    def close(self) -> None:
        """Let go of the directory, which any handle left would keep locked.

        What cannot be flushed by now is in the changelog.
        """
        del self._timer_family
        for handle in (self._timers, self._db):
            with contextlib.suppress(Exception):  # rocksdict raises nothing narrower
                handle.close()


class DiskStore:
    """A `Store` that reads from disk: memory does not grow with the customers."""

    def __init__(self, path: Path, memory: RocksMemory) -> None:
        self._database = Database(path, memory)

    def get(self, key: str) -> bytes | None:
        """As in `Store`."""
        return self._database.get(key)

    def write(
        self,
        changes: Mapping[str, bytes | None],
        changelog_offset: int,
        before: Mapping[str, int | None] = NOT_KNOWN,
    ) -> None:
        """As in `Store`."""
        self._database.write(changes, changelog_offset, before)

    def changelog_offset(self) -> int | None:
        """As in `Store`."""
        return self._database.changelog_offset()

    def states(self) -> Iterator[tuple[str, bytes]]:
        """As in `Store`; the bytes are read as iteration goes."""
        return (
            (key.decode(), value)
            for key, value in self._database.items()
            if key != POSITION_KEY_BYTES
        )

    def keys(self, after: str, before: str, count: int) -> Sequence[str]:
        """As in `Store`."""
        return self._database.keys(after, before, count)

    def timers(self, unwritten: Unwritten) -> Timers:
        """As in `Store`; nothing is read before the first is asked for."""
        return StoredTimers(self._database.due, unwritten)

    def close(self) -> None:
        """As in `Store`."""
        self._database.close()


class SnapshotStore(MemoryStore):
    """A `Store` that reads from memory and keeps a copy on disk, read whole when it is opened."""

    def __init__(self, path: Path, memory: RocksMemory) -> None:
        super().__init__()
        self._database = Database(path, memory)
        try:
            kept = {key.decode(): value for key, value in self._database.items()}
            offset = self._database.changelog_offset()
        except BaseException:
            self._database.close()
            raise
        if offset is not None:
            super().write(kept, offset)

    def write(
        self,
        changes: Mapping[str, bytes | None],
        changelog_offset: int,
        before: Mapping[str, int | None] = NOT_KNOWN,
    ) -> None:
        """As in `Store`."""
        self._database.write(changes, changelog_offset, None)
        super().write(changes, changelog_offset, before)

    def close(self) -> None:
        """As in `Store`."""
        self._database.close()
        super().close()


def discard(path: Path) -> None:
    """Delete a store's directory, damaged or not; killed half way, it is not taken for a store."""
    gone = path.with_name(f"{path.name}.discarded")
    shutil.rmtree(gone, ignore_errors=True)
    if path.exists():
        path.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)


def last_used_ms(path: Path) -> int | None:
    """When the store in `path` was last written to, None where there is none.

    One unused for longer than the changelog keeps its tombstones must be discarded (D3): states
    deleted meanwhile would come back to life.
    """
    times = [file.stat().st_mtime_ns for file in path.glob("*") if file.is_file()]
    return max(times) // 1_000_000 if times else None


def _timer_key(due: int, key: bytes) -> bytes:
    return (due + _ZERO).to_bytes(8, "big") + key


def _refusal(path: Path, error: Exception) -> StoreError:
    reason = str(error)
    failed = reason.startswith("IO error")
    if failed and "/LOCK:" in reason:
        return StoreError(
            f"the store {path} is held by another process: stop the other worker, or give this one "
            "a data_dir of its own."
        )
    if failed and "No such file" not in reason:
        return StoreError(f"the store {path} cannot be used: {reason}")
    return DamagedError(
        f"the store {path} is damaged: {reason}. Start the worker again: it discards the directory "
        "and restores the states from the changelog."
    )


def _options(memory: RocksMemory) -> Options:
    table = BlockBasedOptions()
    table.set_block_cache(memory.cache)
    table.set_cache_index_and_filter_blocks(v=True)
    table.set_index_type(BlockBasedIndexType.two_level_index_search())
    table.set_partition_filters(True)
    table.set_pin_top_level_index_and_filter(v=True)
    table.set_bloom_filter(10, block_based=False)
    options = Options(raw_mode=True)
    options.create_if_missing(create_if_missing=True)
    options.create_missing_column_families(create_missing_cfs=True)
    options.set_block_based_table_factory(table)
    options.set_compression_type(DBCompressionType.lz4())
    options.set_write_buffer_manager(memory.buffers)
    options.set_write_buffer_size(8 * MIB)
    options.set_max_total_wal_size(32 * MIB)
    options.set_max_open_files(OPEN_FILES)
    options.set_keep_log_file_num(2)
    return options
