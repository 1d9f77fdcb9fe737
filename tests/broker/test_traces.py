"""A trace goes from the publisher over the worker's decision to the sender's handler."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from journey_engine.client import Command, CommandConsumer, EventPublisher
from tests.broker.shipped import ShippedRig

pytestmark = [pytest.mark.timeout(240), pytest.mark.kafka]


async def test_one_trace_from_the_event_to_the_handler(
    spans: InMemorySpanExporter, new_rig: Callable[..., ShippedRig], tmp_path: Path
) -> None:
    rig = new_rig("kafka_broker", clock="wall")
    await rig.create()
    file = tmp_path / "spans"
    rig.program = ("tests.broker.traced_program", str(file), "worker")
    traced = rig.settings.model_copy(update={"traces": True})
    calls = CommandConsumer("callcenter", group="calls", settings=traced)
    led: list[Command] = []

    async def lead(command: Command) -> None:
        led.append(command)
        calls.stop()

    with rig.start(JOURNEY_TRACES="true") as worker:
        await worker.ready()
        async with EventPublisher("shop", channel="web", settings=traced) as web:
            await web.publish("WebTaskFailed", customer_id="kunde-7", intent="change-card")
        async with EventPublisher("calls", channel="callcenter", settings=traced) as events:
            await events.publish("CallStarted", customer_id="kunde-7", call_id="call-7")
        await calls.run(lead)
        assert worker.stop() == 0

    mine = {span.name: span for span in spans.get_finished_spans()}
    published, handled = mine["publish CallStarted"], mine["handle ROUTE"]
    decided = named(file, "decide CallStarted")
    assert published.context is not None
    assert handled.context is not None
    assert handled.parent is not None
    within = f"0x{published.context.trace_id:032x}"
    span = f"0x{published.context.span_id:016x}"
    assert handled.context.trace_id == published.context.trace_id
    assert handled.parent.span_id == published.context.span_id
    assert decided["context"]["trace_id"] == within
    assert decided["parent_id"] == span
    assert decided["attributes"]["journey.outcome"] == "APPLIED"
    told = {event["name"]: event["attributes"] for event in decided["events"]}
    assert told["command callcenter ROUTE"]["command_id"] == led[0].command_id
    assert told["transition skip-the-bot"]["to"] == "routed"
    assert "kunde-7" not in file.read_text()
    assert not any("kunde-7" in span.to_json() for span in spans.get_finished_spans())


def named(file: Path, name: str) -> Any:
    (span,) = [
        span for span in map(json.loads, file.read_text().splitlines()) if span["name"] == name
    ]
    return span
