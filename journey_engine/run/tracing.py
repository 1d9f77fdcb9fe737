"""Whether a program leaves spans: OpenTelemetry is an extra, and off costs nothing."""

from typing import TYPE_CHECKING

from journey_engine.run.settings import Settings

if TYPE_CHECKING:
    from journey_engine.observe.traces import Traces


def traces_of(settings: Settings) -> "Traces | None":
    """What makes the spans; None with `traces` off."""
    if not settings.traces:
        return None
    from journey_engine.observe.traces import Traces  # noqa: PLC0415 - an extra

    return Traces()
