"""What one worker's process takes of memory: `memory_mib`, divided.

All sizes are in bytes but those called `mib`. The shares are described in `README.md` beside this
file; `make bench-memory` holds them against what the process really takes.
"""

from math import ceil

from journey_engine.run.merge import BufferLimits
from journey_engine.run.states import StateCache

MIB = 1024 * 1024
PROCESS_MIB = 144
"""The interpreter, code and definitions, clients that are idle."""
STORE_SHARE = 0.3
STATES_SHARE = 0.4
WORK_SHARE = 0.3
"""Of what is left beside the process."""
PARTITION = 2 * MIB
"""A partition's connection, its database's own structures, its next timers."""
INPUT = 6 * 1024
"""An input that waits for its commit: the state that it brought about, what goes out."""
LANE_LEAST, LANE_MOST = 64 * 1024, 8 * MIB
FETCH_MOST = MIB
INPUTS_LEAST = 50
RESTORE_MOST = 48 * MIB
TAIL_SHARE = 0.2
"""Of what is left beside the process; what a restore fetched and the store take the rest then."""


def store_mib(memory_mib: int) -> int:
    """What RocksDB may take, for all partitions together."""
    return int((memory_mib - PROCESS_MIB) * STORE_SHARE)


def restore_bytes(memory_mib: int) -> int:
    """What one fetch of a restore may bring; decoded it takes some three times as much, beside
    caches and buffers that are empty meanwhile.
    """
    return min(RESTORE_MOST, (memory_mib - PROCESS_MIB) * MIB // 8)


def tail_bytes(memory_mib: int, partitions: int) -> int:
    """What the restore of each of so many partitions may hold back of states that no position
    record followed yet.
    """
    return int((memory_mib - PROCESS_MIB) * MIB * TAIL_SHARE) // max(partitions, 1)


class Memory:
    """The shares of the partitions of one worker, which reads so many `topics`.

    `states` is shared by all partitions, `buffers` holds for each; `fetch_bytes` is what the
    client may fetch of a topic's partition while all `declared` partitions are here.
    """

    def __init__(self, memory_mib: int, topics: int, declared: int) -> None:
        free = (memory_mib - PROCESS_MIB) * MIB
        self._mib = memory_mib
        self._work = int(free * WORK_SHARE)
        self._topics = topics
        self._least = 3 * max(topics * LANE_LEAST, 2 * INPUTS_LEAST * INPUT)
        self.states = StateCache(int(free * STATES_SHARE))
        self.buffers = BufferLimits()
        self.fetch_bytes = min(FETCH_MOST, self._lane(declared))
        self.divide(1)

    def divide(self, partitions: int) -> int | None:
        """Give each of so many partitions its part of the work's share.

        None; or where the parts are too small to work with, the least `memory_mib` that is not:
        each then gets the least, and the process may come to take more than it should.
        """
        part = self._part(partitions)
        flush = max(part, self._least) // 6
        self.buffers.bytes = self._lane(partitions)
        self.buffers.flush_bytes = min(LANE_MOST, max(flush, LANE_LEAST))
        self.buffers.inputs = max(INPUTS_LEAST, flush // INPUT)
        self.buffers.tail_bytes = tail_bytes(self._mib, partitions)
        if part >= self._least:
            return None
        return PROCESS_MIB + ceil(partitions * (PARTITION + self._least) / WORK_SHARE / MIB)

    def _part(self, partitions: int) -> int:
        return self._work // max(partitions, 1) - PARTITION

    def _lane(self, partitions: int) -> int:
        """A third of the part is for records that were fetched and not taken, as much for those
        that the client holds; the last one for two commits.
        """
        return min(LANE_MOST, max(LANE_LEAST, self._part(partitions) // 3 // self._topics))
