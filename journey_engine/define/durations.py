"""Durations as authors write them (rule F2)."""

from typing import Final

_UNITS: Final = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000))


def duration_text(milliseconds: int) -> str:
    """In the largest unit of which it is a whole number, else in seconds with their fraction."""
    for unit, size in _UNITS:
        if milliseconds and milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds / 1_000:.15g}s"
