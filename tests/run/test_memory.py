"""One setting for a worker's memory, and what comes of it."""

from journey_engine.run.memory import (
    INPUT,
    MIB,
    PARTITION,
    PROCESS_MIB,
    Memory,
    restore_bytes,
    store_mib,
)
from journey_engine.run.settings import load

TOPICS = 5
SMALL = 512


def most(memory: Memory, partitions: int) -> int:
    """All that so many partitions hold when every buffer is full."""
    limits = memory.buffers
    lanes = 2 * TOPICS * limits.bytes  # as much again is with the client
    commits = 2 * limits.inputs * INPUT
    return partitions * (lanes + commits + PARTITION)


def test_the_parts_are_no_more_than_the_whole_however_many_partitions_there_are() -> None:
    for mib in (256, SMALL, 4096):
        memory = Memory(mib, TOPICS, declared=64)
        for partitions in (1, 2, 8, 32, 500):
            if memory.divide(partitions) is not None:
                continue
            caches = store_mib(mib) + memory.states.most / MIB
            taken = PROCESS_MIB + caches + most(memory, partitions) / MIB
            assert taken <= mib, (mib, partitions)
            tails = partitions * memory.buffers.tail_bytes
            restoring = (restore_bytes(mib) * 4 + tails) / MIB
            assert PROCESS_MIB + restoring + store_mib(mib) <= mib


def test_more_partitions_have_less_each() -> None:
    memory = Memory(SMALL, TOPICS, declared=8)
    limits, held = memory.buffers, []
    for partitions in (1, 4, 16):
        assert memory.divide(partitions) is None
        held.append((limits.bytes, limits.flush_bytes, limits.inputs))
    assert held == sorted(held, reverse=True)
    assert held[0] > held[-1]


def test_a_setting_too_small_for_its_partitions_is_told_with_one_that_is_not() -> None:
    memory = Memory(SMALL, TOPICS, declared=8)
    needed = memory.divide(64)
    assert needed is not None
    assert Memory(needed, TOPICS, declared=8).divide(64) is None
    assert Memory(needed - 8, TOPICS, declared=8).divide(64) == needed
    assert memory.buffers.inputs > 0
    assert memory.buffers.bytes > 0
    assert memory.divide(8) is None


def test_the_default_is_enough_for_eight_partitions_and_more() -> None:
    assert Memory(load().memory_mib, TOPICS, declared=8).divide(16) is None
