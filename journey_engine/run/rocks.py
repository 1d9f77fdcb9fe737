"""The stores on disk: RocksDB, one database for each partition (D3, D4, D6).

What may go wrong with a directory is said as `StoreError`; the states themselves are safe in the
changelog, so that the cure of a damaged one is always `discard` and a restore.

What is written waits in memory for a while (`write_behind`), and there is no write-ahead log: it
would be the changelog once more, and a third of what a write costs. What was in memory when a
process was killed is missing from its store, which then stands at an earlier offset and is restored
from there. Both column families go to disk together; where that is asked for here, the timers
first, as those ahead of the states are put right by the restore.
"""

import contextlib
import os
import shutil
import struct
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, cast

from rocksdict import Cache, Rdict, ReadOptions, WriteBatch, WriteBufferManager

from journey_engine.encode.state import header_due
from journey_engine.run.clock import wall_ms
from journey_engine.run.rocks_options import database_options, write_options
from journey_engine.run.store import NOT_KNOWN, POSITION_KEY, Changes, Dues, MemoryStore, StoreError
from journey_engine.run.timers import Entry, StoredTimers, Timers, Unwritten
from journey_engine.run.topics import TOMBSTONES_KEPT_MS
from journey_engine.run.write_behind import Allowance, Stand, WriteBehind

MIB = 1024 * 1024
OFFSET_KEY = b"m:changelog_offset"
_STANDS = struct.Struct(">qq")
"""Under it: the changelog's offset, and up to when nothing lay behind it, in milliseconds."""
POSITION_KEY_BYTES = POSITION_KEY.encode()
TIMERS = "timers"
"""The column family of the timers; its keys are the due time and the state key, without values."""
DAMAGED = "DAMAGED"
"""A file that marks a directory in which damage was found."""
WAITING_SHARE = 0.25
"""The part of the memory for states before they are written to RocksDB."""
BUFFERS_SHARE = 0.25
"""The part of what RocksDB has for what was written to it before that goes to disk."""
FLUSH_MS = 480_000
"""How long what was written to RocksDB may be in memory only while more is written."""
_ZERO = 2**63
"""Added to a due time, so that its bytes sort as it does."""


class DamagedError(StoreError):
    """A store's directory is damaged; `discard` it and restore."""


class OutdatedError(StoreError):
    """A store stands where the changelog did longer ago than that keeps its tombstones: what was
    deleted since would come back to life (D3). `discard` it and restore.
    """


class RocksMemory:
    """The memory that all databases of a process share: states that wait, blocks read, and writes
    not yet on disk.
    """

    def __init__(self, mib: int) -> None:
        self.allowance = Allowance(int(mib * MIB * WAITING_SHARE))
        mib = int(mib * (1 - WAITING_SHARE))
        self.cache = Cache(mib * MIB)
        self.buffers = WriteBufferManager.new_write_buffer_manager_with_cache(
            int(mib * BUFFERS_SHARE) * MIB, allow_stall=False, cache=self.cache
        )


class Database:
    """States and changelog offset in the directory `path`, made where it is absent; where it is
    `ordered`, the timers in the order in which they are due, too.

    Raises `OutdatedError`; `StoreError` where another process holds it or the disk fails; and
    `DamagedError`, also from any later call.
    """

    def __init__(
        self, path: Path, memory: RocksMemory, now_ms: Callable[[], int], *, ordered: bool
    ) -> None:
        self._path = path
        self._ordered = ordered
        self._now_ms = now_ms
        self._flushed_ms = now_ms()
        options = database_options(memory.cache, memory.buffers)
        try:
            marked = (path / DAMAGED).exists()
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unusable(path, error) from error
        if marked:
            raise DamagedError(f"the store {path} was found damaged before")
        try:
            self._db = Rdict(str(path), options, column_families={TIMERS: options})
        except Exception as error:  # rocksdict raises nothing narrower
            raise _refusal(path, error) from error
        self._db.set_write_options(write_options())
        self._timers = self._db.get_column_family(TIMERS)
        self._timer_family = self._db.get_column_family_handle(TIMERS)
        try:
            self._refuse_outdated()
        except StoreError:
            self.close()
            raise

    def _refuse_outdated(self) -> None:
        stood_ms = self._stands()[1]
        if stood_ms is not None and self._flushed_ms - stood_ms > TOMBSTONES_KEPT_MS:
            raise OutdatedError(f"the store {self._path} stands too far behind its changelog")

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

    def write(self, changes: Changes, before: Dues, stand: Stand | None) -> None:
        """All or nothing, and lost with the process until RocksDB flushes it. `before` as in
        `Store`; without a stand it stands where it stood.
        """
        batch = WriteBatch(raw_mode=True)
        put = batch.put
        for name, value in changes.items():
            if value is None:
                batch.delete(name.encode())
            else:
                put(name.encode(), value)
        if stand is not None:
            put(OFFSET_KEY, _STANDS.pack(stand.offset, stand.stood_ms))
            if stand.position:
                put(POSITION_KEY_BYTES, stand.position)
            elif stand.position is not None:
                batch.delete(POSITION_KEY_BYTES)
        if self._ordered:
            self._move_timers(batch, changes, before)
        now = self._now_ms()
        try:
            self._db.write(batch)
            if not 0 <= now - self._flushed_ms < FLUSH_MS:  # also where the clock was set back
                self._flushed_ms = now
                self._timers.flush()
                self._db.flush()
        except Exception as error:
            raise self._failure(error) from error

    def _move_timers(self, batch: WriteBatch, changes: Changes, before: Dues) -> None:
        family = self._timer_family
        stored = self._stored([name for name in changes if name not in before])
        for name, new in changes.items():
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
        return self._stands()[0]

    def _stands(self) -> tuple[int | None, int | None]:
        try:
            value = cast("bytes | None", self._db.get(OFFSET_KEY))
        except Exception as error:
            raise self._failure(error) from error
        if value is None:
            return None, None
        offset, stood_ms = _STANDS.unpack(value.ljust(_STANDS.size, b"\0"))
        return offset, stood_ms

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

    def __init__(
        self, path: Path, memory: RocksMemory, now_ms: Callable[[], int] = wall_ms
    ) -> None:
        self._database = Database(path, memory, now_ms, ordered=True)
        self._behind = WriteBehind(self._database, memory.allowance, now_ms)

    def get(self, key: str) -> bytes | None:
        """As in `Store`."""
        return self._behind.get(key)

    def write(
        self,
        changes: Changes,
        changelog_offset: int,
        before: Dues = NOT_KNOWN,
        appended_ms: int | None = None,
    ) -> None:
        """As in `Store`."""
        self._behind.write(changes, before, changelog_offset, appended_ms)

    def changelog_offset(self) -> int | None:
        """As in `Store`."""
        stand = self._behind.stand
        return self._database.changelog_offset() if stand is None else stand.offset

    def states(self) -> Iterator[tuple[str, bytes]]:
        """As in `Store`; the bytes are read as iteration goes."""
        self._behind.empty()
        return (
            (key.decode(), value)
            for key, value in self._database.items()
            if key != POSITION_KEY_BYTES
        )

    def keys(self, after: str, before: str, count: int) -> Sequence[str]:
        """As in `Store`."""
        self._behind.empty()
        return self._database.keys(after, before, count)

    def timers(self, unwritten: Unwritten) -> Timers:
        """As in `Store`; nothing is read before the first is asked for."""
        return StoredTimers(self._database.due, lambda: chain(self._waiting(), unwritten()))

    def _waiting(self) -> Iterator[tuple[str, int | None]]:
        for key, data in self._behind.waiting():
            yield key, None if data is None else header_due(data)

    def close(self) -> None:
        """As in `Store`."""
        _close(self._behind, self._database)


class SnapshotStore(MemoryStore):
    """A `Store` that reads from memory and keeps a copy on disk, read whole when it is opened."""

    def __init__(
        self, path: Path, memory: RocksMemory, now_ms: Callable[[], int] = wall_ms
    ) -> None:
        super().__init__()
        self._database = Database(path, memory, now_ms, ordered=False)
        try:
            kept = {key.decode(): value for key, value in self._database.items()}
            offset = self._database.changelog_offset()
        except BaseException:
            self._database.close()
            raise
        if offset is not None:
            super().write(kept, offset)
        self._behind = WriteBehind(self._database, memory.allowance, now_ms)

    def write(
        self,
        changes: Changes,
        changelog_offset: int,
        before: Dues = NOT_KNOWN,
        appended_ms: int | None = None,
    ) -> None:
        """As in `Store`."""
        self._behind.write(changes, NOT_KNOWN, changelog_offset, appended_ms)
        super().write(changes, changelog_offset, before, appended_ms)

    def close(self) -> None:
        """As in `Store`."""
        _close(self._behind, self._database)
        super().close()


def _close(behind: WriteBehind, database: Database) -> None:
    """What cannot be written by now is in the changelog."""
    with contextlib.suppress(StoreError):
        behind.empty()
    behind.close()
    database.close()


def discard(path: Path) -> None:
    """Delete a store's directory, damaged or not; killed half way, it is not taken for a store.

    Raises `StoreError` where it cannot be.
    """
    gone = path.with_name(f"{path.name}.discarded")
    shutil.rmtree(gone, ignore_errors=True)
    try:
        if path.exists():
            path.rename(gone)
    except OSError as error:
        raise _unusable(path, error) from error
    shutil.rmtree(gone, ignore_errors=True)


def _timer_key(due: int, key: bytes) -> bytes:
    return (due + _ZERO).to_bytes(8, "big") + key


def _refusal(path: Path, error: Exception) -> StoreError:
    reason = str(error)
    failed = "IO error" in reason or "(os error " in reason
    if failed and "/LOCK:" in reason and "open a file" not in reason:
        return StoreError(
            f"the store {path} is held by another process: stop the other worker, or give this one "
            "a data_dir of its own."
        )
    if failed and "No such file" not in reason:
        return _unusable(path, error)
    return DamagedError(
        f"the store {path} is damaged: {reason}. Start the worker again: it discards the directory "
        "and restores the states from the changelog."
    )


def _unusable(path: Path, error: Exception) -> StoreError:
    return StoreError(f"the store {path} cannot be used by user {os.getuid()}: {error}")
