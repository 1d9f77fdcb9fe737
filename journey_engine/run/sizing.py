"""What a deployment needs, reckoned from measurements. Sizes are bytes, rates are a second's.

The measurements are named where they are used; `deploy/README.md` says what they rest on.
"""

from collections.abc import Mapping
from math import ceil
from typing import NamedTuple

from journey_engine.define.topics import Topics, TopicSpec
from journey_engine.run.memory import Memory

EVENTS_PER_CORE = 20_000
"""Events that a worker decides in a second of CPU: exactly once, store `disk`, 8 partitions."""
CORE_OF_WORKER = 0.15
CORE_PER_PARTITION = 0.02
"""Of a core, for a worker that has little to do, and for the commits of each of its partitions.
With 1, 8 and 32 of them 0.17, 0.41 and 0.72 were measured, at 1,000 events a second.
"""
BUSY = 0.5
"""Of its core a worker uses so much: the other half reads a backlog, and another's partitions."""
PARTITIONS_PER_WORKER = 4
"""So the number of workers can be that many times as high: that of partitions stays."""
WORKERS_MIN = 2
RESTORED_PER_S = 80_000
RESTORED_BYTES_PER_S = 32_000_000
"""A restore's customers, or bytes, whatever is reached first: 1,000,000 of 400 bytes in 12.3 s."""
RESTORE_MAX_S = 600
RESTORE_MAX_BYTES = RESTORE_MAX_S * RESTORED_BYTES_PER_S
STORE_FACTOR = 2.0
"""Disk for a byte of state: what is rewritten in the background lies there twice for a while."""
STORE_WAITING = 100 * 1024 * 1024
"""Disk for what a partition's store wrote out and did not merge yet, however few its customers: the
files of level 0 that `rocks_options` waits for.
"""
MEMORY_MIB = 2048
"""`memory_mib` of a worker, where its partitions do not need more: less costs CPU."""
RECORD_OVERHEAD = 80
"""Of a record on a broker: its key, headers, its part of the batch's."""
OUTPUTS = {"commands": (0.06, 260), "transitions": (0.17, 135), "decisions": (0.07, 235)}
"""For each event of the log that ships: how many records, and their bytes."""


class Load(NamedTuple):
    """What is asked of it. `events_per_s` is the peak; the average decides what retention keeps."""

    customers: int
    events_per_s: float
    average_per_s: float
    event_bytes: int
    state_bytes: int
    standbys: int


class Sizing(NamedTuple):
    """What it needs. Disk and memory of a worker are its own; those of Kafka are of all brokers
    together, replicas included.
    """

    partitions: int
    workers: int
    core_used: float
    customers_per_worker: int
    worker_disk: int
    worker_memory_mib: int
    restore_s: int
    kafka_disk: int
    kafka_write_per_s: int


def size(load: Load, topics: Topics, replication: int) -> Sizing:
    """Reckon it; retentions are those of `topics`."""
    workers = _workers(load)
    partitions = _partitions(workers)
    owned = ceil(partitions / workers)
    customers = ceil(load.customers / workers)
    held, read = owned * (1 + load.standbys), len(topics.inputs) + 1
    written = _kafka_write(load)
    return Sizing(
        partitions=partitions,
        workers=workers,
        core_used=round(_core(load, workers), 2),
        customers_per_worker=customers,
        worker_disk=round(customers * load.state_bytes * STORE_FACTOR * (1 + load.standbys))
        + held * STORE_WAITING,
        worker_memory_mib=max(MEMORY_MIB, Memory(MEMORY_MIB, read, partitions).divide(held) or 0),
        restore_s=_restore_s(customers, load.state_bytes),
        kafka_disk=round(_kafka_kept(load, topics) * replication),
        kafka_write_per_s=round(written * replication),
    )


def _workers(load: Load) -> int:
    """The fewest that are half busy at the peak, have their states back in ten minutes, and have
    room for each copy on another one.
    """
    restored = min(RESTORE_MAX_S * RESTORED_PER_S, RESTORE_MAX_BYTES // load.state_bytes)
    workers = max(WORKERS_MIN, load.standbys + 1, ceil(load.customers / max(restored, 1)))
    while _core(load, workers) > BUSY:
        workers += 1
    return workers


def _partitions(workers: int) -> int:
    return 1 << (workers * PARTITIONS_PER_WORKER - 1).bit_length()


def _core(load: Load, workers: int) -> float:
    """What a worker uses of its core at the peak."""
    owned = ceil(_partitions(workers) / workers)
    idle = CORE_OF_WORKER + owned * CORE_PER_PARTITION
    return idle + load.events_per_s / workers / EVENTS_PER_CORE


def _restore_s(customers: int, state_bytes: int) -> int:
    return ceil(max(customers / RESTORED_PER_S, customers * state_bytes / RESTORED_BYTES_PER_S))


def _kafka_write(load: Load) -> float:
    """Bytes a second at the peak, once: each event, what follows from it, the state it changes."""
    event = load.event_bytes + RECORD_OVERHEAD
    follows = sum(share * (size_ + RECORD_OVERHEAD) for share, size_ in OUTPUTS.values())
    return load.events_per_s * (event + follows + load.state_bytes + RECORD_OVERHEAD)


def _kafka_kept(load: Load, topics: Topics) -> float:
    """Bytes that the topics hold, once."""
    event = load.event_bytes + RECORD_OVERHEAD
    kept = load.average_per_s * event * _longest_s(topics.inputs)
    lasting = {"commands": _longest_s(topics.commands)}
    lasting |= {name: spec.retention / 1000 for name, spec in topics.outputs.items()}
    for name, (share, size_) in OUTPUTS.items():
        kept += load.average_per_s * share * (size_ + RECORD_OVERHEAD) * lasting[name]
    state = load.state_bytes + RECORD_OVERHEAD
    lag_s = topics.internal["customers-changelog"].compaction_lag / 1000
    # Twice: what was compacted, and as much again until it is compacted the next time.
    return kept + 2 * load.customers * state + load.average_per_s * state * lag_s


def _longest_s(topics: Mapping[str, TopicSpec]) -> float:
    return max(spec.retention for spec in topics.values()) / 1000
