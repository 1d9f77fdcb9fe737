"""A time as text for machines."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_REST: Final = [f".{rest:03}Z" for rest in range(1000)]
"""The milliseconds, and the zone."""


def iso_utc(ms: int) -> str:
    """Milliseconds since the epoch as ISO 8601 in UTC, with milliseconds.

    Raises:
        OverflowError: no calendar has it.
    """
    second, rest = divmod(ms, 1000)
    return _iso_second(second) + _REST[rest]


@lru_cache(maxsize=256)
def _iso_second(second: int) -> str:
    """Commands of one flush were decided within few seconds."""
    return (_EPOCH + timedelta(seconds=second)).replace(tzinfo=None).isoformat()
