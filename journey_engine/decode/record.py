"""A record as it lay in a topic."""

from typing import NamedTuple

Headers = tuple[tuple[str, bytes | None], ...]
"""Names and contents; Kafka lets a content be null."""


class Record(NamedTuple):
    """One record; `timestamp` is its own, in milliseconds (rule T2)."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
