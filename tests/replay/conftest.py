"""Replays of a log through the project's own definitions."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from journey_engine.decode.log import LogLine, route
from journey_engine.define.compiler import compile_plan
from journey_engine.define.plan import Plan
from journey_engine.run.outbox import Output
from journey_engine.run.replay import Replay
from journey_engine.run.zones import load_zones
from journey_engine.schemas import Schemas

ROOT = Path(__file__).parents[2]
CHANNELS = ("app", "callcenter", "chat", "crm", "email", "web")
PARTITIONS = 4


Replaying = Callable[[Iterable[LogLine], tuple[str, ...]], Iterator[Output]]
"""All outputs of these journeys over the log, in their order."""


@pytest.fixture(scope="session")
def replayed(schemas: Schemas) -> Replaying:
    def run(lines: Iterable[LogLine], journeys: tuple[str, ...]) -> Iterator[Output]:
        topics = {channel: f"interactions.{channel}.v1" for channel in CHANNELS}
        replay = Replay(_plan(schemas, journeys), schemas, topics.values(), PARTITIONS)
        records = route(lines, schemas, topics, PARTITIONS)
        return (logged.output for logged in replay.outputs(records))

    return run


def _plan(schemas: Schemas, journeys: tuple[str, ...]) -> Plan:
    """The company's files with these journeys."""
    # The onboarding leads to it, though nobody in the logs goes there.
    led_to = {"upgrade"} if "onboarding" in journeys else set()
    listed = [f"journeys/{name}" for name in sorted(led_to.union(journeys))]
    names = ("lifecycle", "customer", "policies", "channels", *listed)
    paths = [f"topologies/{name}.yaml" for name in names]
    return compile_plan({path: (ROOT / path).read_text() for path in paths}, schemas, load_zones())
