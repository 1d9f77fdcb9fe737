"""Whether a program leaves spans: OpenTelemetry is an extra, and off costs nothing."""

from typing import TYPE_CHECKING

import structlog

from journey_engine.run.settings import Settings

if TYPE_CHECKING:
    from journey_engine.observe.traces import Traces

log = structlog.get_logger(__name__)


def traces_of(settings: Settings) -> "Traces | None":
    """What makes the spans; None with `traces` off."""
    if not settings.traces:
        return None
    from journey_engine.observe.traces import Traces  # noqa: PLC0415 - an extra

    return Traces()


def workers_traces(settings: Settings) -> "Traces | None":
    """As `traces_of`, of a worker: by its start it is known whether its spans are kept."""
    traces = traces_of(settings)
    if traces is not None and traces.lost():
        log.warning(
            "spans_lost",
            hint="nothing takes them: start by `opentelemetry-instrument journey-engine worker`, "
            "with opentelemetry-distro, an exporter and OTEL_ variables, or set traces to false",
        )
    return traces
