"""Traces by OpenTelemetry, from the publisher over the decision to the sender's handler.

    publish OrderPlaced    in the publisher, below its own span
      decide OrderPlaced   in the worker: from when the broker had the event
      handle SEND          in the sender

What a timer decides is a trace of its own, linked to that of the event that set the timer. Events
without a sampled `traceparent` (W3C) leave no spans. Only OpenTelemetry's API is used: whoever runs
the program says where spans go, as with `opentelemetry-instrument`. No span names a customer.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from journey_engine.decide.event import Event
from journey_engine.decide.message import Forwarded, Input
from journey_engine.decide.verdict import Decision

_HEADER = "traceparent"
_W3C = TraceContextTextMapPropagator()
_MS = 1_000_000
"""Nanoseconds of a millisecond."""


class Traces:
    """The spans of one program."""

    def __init__(self) -> None:
        self._tracer = trace.get_tracer("journey_engine")

    @staticmethod
    def lost() -> bool:
        """Whether spans go nowhere, since nobody has set OpenTelemetry's SDK up in this process."""
        return isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)

    @contextmanager
    def publishing(self, event_type: str, topic: str) -> Iterator[str | None]:
        """A span around the publication of an event; its `traceparent`, if it is sampled."""
        about = {"messaging.system": "kafka", "messaging.destination.name": topic}
        name = f"publish {event_type}"
        with self._tracer.start_as_current_span(name, kind=SpanKind.PRODUCER, attributes=about):
            carrier: dict[str, str] = {}
            _W3C.inject(carrier)
            yield carrier.get(_HEADER)

    def decided(self, taken: Input, now: int, decision: Decision) -> None:
        """A span of what an input or a timer led to; an observer of a partition's decisions."""
        del now
        event = taken.event if isinstance(taken, Forwarded) else taken
        if isinstance(event, Event):
            self._event(event, decision)
        elif decision.commands:
            self._linked(decision)

    def _event(self, event: Event, decision: Decision) -> None:
        origin = event.origin
        parent = _context(origin.traceparent)
        if parent is None:
            return
        ended = time.time_ns()
        span = self._tracer.start_span(
            f"decide {event.type}",
            parent,
            SpanKind.CONSUMER,
            {
                "messaging.system": "kafka",
                "messaging.destination.name": origin.topic,
                "messaging.destination.partition.id": str(origin.partition),
                "messaging.kafka.offset": origin.offset,
                "journey.outcome": decision.outcome,
            },
            start_time=min(ended, event.recorded_at * _MS),
        )
        _tell(span, decision)
        span.end(ended)

    def _linked(self, decision: Decision) -> None:
        causes = {command.causation.traceparent for command in decision.commands}
        contexts = [found for cause in causes if (found := _context(cause)) is not None]
        if not contexts:
            return
        links = [Link(trace.get_current_span(each).get_span_context()) for each in contexts]
        span = self._tracer.start_span("decide timers", Context(), SpanKind.INTERNAL, links=links)
        _tell(span, decision)
        span.end()

    @contextmanager
    def handling(
        self, action: str, send_id: str, cause: str | None, *, linked: bool
    ) -> Iterator[None]:
        """A span around what a sender does for a command; `cause` is the `traceparent` in it."""
        parent = _context(cause)
        if parent is None:
            yield
            return
        links = [Link(trace.get_current_span(parent).get_span_context())] if linked else []
        with self._tracer.start_as_current_span(
            f"handle {action}",
            Context() if linked else parent,
            SpanKind.CONSUMER,
            {"messaging.system": "kafka", "journey.send": send_id},
            links,
        ):
            yield


def _context(traceparent: str | None) -> Context | None:
    """What a `traceparent` says; None where its trace is not recorded."""
    if traceparent is None:
        return None
    found = _W3C.extract({_HEADER: traceparent}, Context())
    return found if trace.get_current_span(found).get_span_context().trace_flags.sampled else None


def _tell(span: Span, decision: Decision) -> None:
    for step in decision.transitions:
        places = {"from": step.from_stage or "", "to": step.to_stage or "", "end": step.end or ""}
        span.add_event(f"transition {step.journey}", places)
    for command in decision.commands:
        about = {"journey": command.journey.name, "command_id": command.command_id}
        span.add_event(f"command {command.channel} {command.action}", about)
