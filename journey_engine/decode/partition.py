"""Which partition a key lies on: murmur2 over its bytes, as Java's producers do (contracts)."""

try:
    from journey_engine.decode.native_partition import murmur2
except ImportError:
    from functools import lru_cache

    from aiokafka.partitioner import murmur2 as hashed

    murmur2 = lru_cache(maxsize=65_536)(hashed)  # not compiled: it takes 5 µs

_POSITIVE = 0x7FFFFFFF


def partition_of(key: bytes | None, partitions: int) -> int:
    """The key's partition; a record without key lies on partition 0."""
    return 0 if key is None else (int(murmur2(key)) & _POSITIVE) % partitions
