"""Which spans are left, of which inputs, and what they are linked to."""

import subprocess
import sys

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic import ValidationError

from journey_engine.client.command import Command, read_command
from journey_engine.decide.decision import Command as Decided
from journey_engine.decode.log import LogLine, route
from journey_engine.encode.command import encode_command
from journey_engine.observe.traces import Traces
from journey_engine.run import settings
from journey_engine.run.clock import StreamClock
from journey_engine.run.store import MemoryStore
from journey_engine.run.task import PartitionTask
from journey_engine.run.tracing import traces_of
from tests.run.shop import CHANNEL_TOPICS, DAY, INPUTS, SCHEMAS, START, line, wiring

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED = f"00-{TRACE}-{SPAN}-01"
UNSAMPLED = f"00-{TRACE}-{SPAN}-00"

SET_UP = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
trace.set_tracer_provider(TracerProvider())
"""
BEGIN = """
from journey_engine.run.settings import load
from journey_engine.run.tracing import workers_traces
workers_traces(load(traces=True))
"""


def decided(event: LogLine, traceparent: str | None) -> list[Decided]:
    """The commands of one event and of the days after it, each decision shown to the traces."""
    task = PartitionTask(0, wiring(), MemoryStore(), StreamClock(), Traces().decided)
    record = next(iter(route([event], SCHEMAS, CHANNEL_TOPICS, 1)))
    trace = () if traceparent is None else (("traceparent", traceparent.encode()),)
    mark = (("journey-mark", str(START + 10 * DAY).encode()),)
    for topic in (*INPUTS, "shop-inbox"):
        marks = [record._replace(topic=topic, offset=1, key=None, value=None, headers=mark)]
        mine = [record._replace(headers=trace)] if topic == record.topic else []
        task.feed(topic, [*mine, *marks])
    while any(task.step(0, 100)[:2]):
        pass
    flush = task.take_flush()
    assert flush is not None
    return [output for output in flush.outputs if isinstance(output, Decided)]


def cart() -> LogLine:
    return line("CartUpdated", "kunde-7", 0, event_id="e1")


def test_an_event_is_below_its_publisher_and_what_a_timer_decides_is_linked(
    spans: InMemorySpanExporter,
) -> None:
    (reminder,) = decided(cart(), SAMPLED)
    event, timers = spans.get_finished_spans()
    assert (event.name, timers.name) == ("decide CartUpdated", "decide timers")
    assert event.context is not None
    assert event.parent is not None
    assert f"{event.context.trace_id:032x}" == TRACE
    assert f"{event.parent.span_id:016x}" == SPAN
    assert event.start_time == START * 1_000_000, "from when the broker had it"
    assert [each.name for each in event.events] == ["transition cart"]
    assert timers.context is not None
    assert timers.parent is None
    assert f"{timers.context.trace_id:032x}" != TRACE
    assert [f"{link.context.span_id:016x}" for link in timers.links] == [SPAN]
    told = {each.name: each.attributes or {} for each in timers.events}
    assert told["command email SEND"]["command_id"] == reminder.command_id
    assert not any("kunde-7" in span.to_json() for span in (event, timers))


@pytest.mark.parametrize("traceparent", [None, UNSAMPLED, "00-broken"])
def test_an_event_that_nobody_traces_leaves_no_span(
    spans: InMemorySpanExporter, traceparent: str | None
) -> None:
    assert decided(cart(), traceparent)
    assert spans.get_finished_spans() == ()


def read_back(command: Decided) -> Command:
    record = encode_command(command, SCHEMAS)
    return read_command(record.value, record.headers, SCHEMAS)


def test_a_handler_is_linked_to_what_a_timer_decided(spans: InMemorySpanExporter) -> None:
    (reminder,) = decided(cart(), SAMPLED)
    command = read_back(reminder)
    assert (command.traceparent, command.linked) == (SAMPLED, True)
    spans.clear()
    cause = command.traceparent
    with Traces().handling(command.action, command.send_id, cause, linked=command.linked):
        pass
    (handled,) = spans.get_finished_spans()
    assert handled.name == "handle SEND"
    assert handled.parent is None
    assert [f"{link.context.span_id:016x}" for link in handled.links] == [SPAN]


def test_a_command_of_no_trace_is_handled_without_a_span(spans: InMemorySpanExporter) -> None:
    (reminder,) = decided(cart(), None)
    command = read_back(reminder)
    assert (command.traceparent, command.linked) == (None, False)
    with Traces().handling(command.action, command.send_id, command.traceparent, linked=False):
        pass
    assert spans.get_finished_spans() == ()


def test_a_publisher_leaves_a_span_and_tells_of_it(spans: InMemorySpanExporter) -> None:
    with Traces().publishing("CartUpdated", "interactions.web.v1") as traceparent:
        pass
    (published,) = spans.get_finished_spans()
    assert published.context is not None
    at = published.context
    assert traceparent == f"00-{at.trace_id:032x}-{at.span_id:016x}-{at.trace_flags:02x}"
    assert at.trace_flags.sampled


def test_off_it_is_nothing_and_without_the_extra_it_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert traces_of(settings.load()) is None
    assert isinstance(traces_of(settings.load(traces=True)), Traces)
    monkeypatch.setattr(settings, "find_spec", lambda _: None)
    with pytest.raises(ValidationError, match=r"pip install 'journey-engine\[otel\]'"):
        settings.load(traces=True)


@pytest.mark.parametrize(("set_up", "said"), [("", 1), (SET_UP, 0)])
def test_a_worker_says_that_its_spans_go_nowhere(set_up: str, said: int) -> None:
    """In a process of its own: what is set up once stays."""
    done = subprocess.run(
        [sys.executable, "-c", f"{set_up}\n{BEGIN}"], capture_output=True, text=True, check=True
    )
    assert done.stdout.count("spans_lost") == said
    assert done.stdout.count("opentelemetry-instrument") == said
