"""The command line, its spans a line of JSON each in the file that the first argument names."""

import sys
from pathlib import Path

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

from journey_engine.cli.app import main


def line(span: ReadableSpan) -> str:
    return f"{span.to_json(indent=None)}\n"


if __name__ == "__main__":
    with Path(sys.argv.pop(1)).open("a", encoding="utf-8") as sink:
        provider = TracerProvider()
        provider.add_span_processor(
            SimpleSpanProcessor(ConsoleSpanExporter(out=sink, formatter=line))
        )
        trace.set_tracer_provider(provider)
        main()
