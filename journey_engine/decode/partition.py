"""Which partition a key lies on: murmur2 over its bytes, as Java's producers do (contracts)."""

from functools import lru_cache

from aiokafka.partitioner import murmur2

_POSITIVE = 0x7FFFFFFF


@lru_cache(maxsize=65_536)
def partition_of(key: bytes | None, partitions: int) -> int:
    """The key's partition; a record without key lies on partition 0."""
    return 0 if key is None else (int(murmur2(key)) & _POSITIVE) % partitions
