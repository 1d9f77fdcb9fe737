"""The store on disk: RocksDB, one database for each partition (D3, D6).

What may go wrong with a directory is said as `StoreError`; the states themselves are safe in the
changelog, so that the cure is always `discard` and a restore.
"""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, cast

from rocksdict import BlockBasedOptions, Cache, Options, Rdict, WriteBatch

from journey_engine.run.store import POSITION_KEY

MIB = 1024 * 1024
OFFSET_KEY = b"m:changelog_offset"
POSITION_KEY_BYTES = POSITION_KEY.encode()
META_KEYS = frozenset({OFFSET_KEY, POSITION_KEY_BYTES})


class StoreError(Exception):
    """A store's directory cannot be used; the message says what to do."""


class RocksLimits(NamedTuple):
    """Memory and files that one partition's database may take."""

    cache_bytes: int = 16 * MIB
    write_buffer_bytes: int = 8 * MIB
    write_buffers: int = 2
    open_files: int = 64
    log_files: int = 2


DEFAULT_LIMITS = RocksLimits()


class RocksStore:
    """A `Store` in the directory `path`, made where it is absent.

    Raises `StoreError` where the directory is damaged or held by another process.
    """

    def __init__(self, path: Path, limits: RocksLimits = DEFAULT_LIMITS) -> None:
        self._path = path
        self._limits = limits
        self._db = self._open()

    def _open(self) -> Rdict:
        self._path.mkdir(parents=True, exist_ok=True)
        try:
            return Rdict(str(self._path), _options(self._limits))
        except Exception as error:  # rocksdict raises nothing narrower
            message = (
                f"the store {self._path} cannot be opened: {error}. Stop any other worker that "
                "uses it; if it is damaged, delete the directory: the worker restores the states "
                "from the changelog topic."
            )
            raise StoreError(message) from error

    def get(self, key: str) -> bytes | None:
        """As in `Store`."""
        return cast("bytes | None", self._db.get(key.encode()))

    def write(self, changes: Mapping[str, bytes | None], changelog_offset: int) -> None:
        """As in `Store`."""
        batch = WriteBatch(raw_mode=True)
        for key, value in changes.items():
            if value is None:
                batch.delete(key.encode())
            else:
                batch.put(key.encode(), value)
        batch.put(OFFSET_KEY, changelog_offset.to_bytes(8, "big"))
        self._db.write(batch)

    def changelog_offset(self) -> int | None:
        """As in `Store`."""
        value = self._db.get(OFFSET_KEY)
        return None if value is None else int.from_bytes(value, "big")

    def states(self) -> Iterator[tuple[str, bytes]]:
        """As in `Store`; the bytes are read as iteration goes."""
        for key, value in cast("Iterator[tuple[bytes, bytes]]", self._db.items()):
            if key not in META_KEYS:
                yield key.decode(), value

    def wipe(self) -> None:
        """As in `Store`."""
        self._db.close()
        discard(self._path)
        self._db = self._open()

    def close(self) -> None:
        """As in `Store`."""
        self._db.close()


def discard(path: Path) -> None:
    """Delete a store's directory, damaged or not."""
    shutil.rmtree(path, ignore_errors=True)


def last_used_ms(path: Path) -> int | None:
    """When the store in `path` was last written to, None where there is none.

    One unused for longer than the changelog keeps its tombstones must be discarded (D3): states
    deleted meanwhile would come back to life.
    """
    times = [file.stat().st_mtime_ns for file in path.glob("*") if file.is_file()]
    return max(times) // 1_000_000 if times else None


def _options(limits: RocksLimits) -> Options:
    table = BlockBasedOptions()
    table.set_block_cache(Cache(limits.cache_bytes))
    table.set_cache_index_and_filter_blocks(v=True)
    table.set_bloom_filter(10, block_based=False)
    options = Options(raw_mode=True)
    options.create_if_missing(create_if_missing=True)
    options.set_block_based_table_factory(table)
    options.set_write_buffer_size(limits.write_buffer_bytes)
    options.set_max_write_buffer_number(limits.write_buffers)
    options.set_max_total_wal_size(limits.write_buffer_bytes * limits.write_buffers)
    options.set_max_open_files(limits.open_files)
    options.set_keep_log_file_num(limits.log_files)
    return options
