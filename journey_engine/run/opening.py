"""What a partition is opened with."""

from journey_engine.run.clock import Clock, StreamClock, WallClock
from journey_engine.run.settings import ClockKind, Settings


def new_clock(settings: Settings) -> Clock:
    """The clock of one partition."""
    if settings.clock is ClockKind.STREAM:
        return StreamClock()
    return WallClock(merge_idle_ms=settings.merge_idle_ms)
