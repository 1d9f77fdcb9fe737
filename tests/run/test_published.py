"""Definitions from their topic under workers of two releases (rule V2)."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from journey_engine.decide.event import Origin
from journey_engine.decide.message import PARTITION
from journey_engine.decode.record import Record
from journey_engine.define.calendar_plan import Zones
from journey_engine.define.compiler import compile_plan
from journey_engine.define.topics import Topics
from journey_engine.encode.definition import (
    Part,
    PublishedJourney,
    PublishedPlan,
    encode_definition,
    key_of,
)
from journey_engine.encode.message import HEADERS, encode_message
from journey_engine.run.clock import WallClock
from journey_engine.run.definitions import definition_texts, load_topics
from journey_engine.run.orders import activates
from journey_engine.run.published import Published
from journey_engine.run.store import MemoryStore
from journey_engine.run.task import PartitionTask
from journey_engine.run.wiring import Wiring
from journey_engine.run.zones import load_zones
from journey_engine.schemas import Schemas
from tests.run.shop import INBOX, INPUTS, START, wiring

ROOT = Path(__file__).parents[2]
JOURNEY = "journeys/payment-rescue.yaml"
FILES = {
    name: text
    for path, text in definition_texts(ROOT / "topologies").items()
    if "journeys" not in (name := str(Path(path).relative_to(ROOT / "topologies")))
    or name == JOURNEY
}
TOPICS = load_topics(ROOT / "topologies")
AVSC = {
    str(path.relative_to(ROOT / "schemas")): path.read_text(encoding="utf-8")
    for path in (ROOT / "schemas").rglob("*.avsc")
}


class Release:
    """What a worker, or who publishes, has with it."""

    def __init__(self, schemas: Schemas, zones: Zones, topics: Topics = TOPICS) -> None:
        self.schemas = schemas
        self.zones = zones
        self.topics = topics

    @property
    def plan_hash(self) -> str:
        """That of the shipped definitions, by this release."""
        return compile_plan(FILES, self.schemas, self.zones).hash

    def catalogue(self, *published: str) -> Published:
        """The topic as its worker reads it, with the definitions published under these hashes."""
        catalogue = Published(self.schemas, self.zones, self.topics)
        company = {name: text for name, text in FILES.items() if name != JOURNEY}
        part = Part("payment-rescue", 1)
        journey = PublishedJourney(part.journey, part.version, FILES[JOURNEY])
        plans = [PublishedPlan(plan_hash, 0, company, [part]) for plan_hash in published]
        for one in plans:
            catalogue.take(key_of(one), encode_definition(one))
        catalogue.take(key_of(journey), encode_definition(journey))
        return catalogue


def another_version() -> Schemas:
    """The schemas with a new version of what the journey reads."""
    second = json.loads(AVSC["events/PaymentFailed/1.avsc"])
    bank = {"name": "bank", "type": ["null", "string"], "default": None, "doc": "The bank."}
    second["fields"].append(bank)
    return Schemas.parse({**AVSC, "events/PaymentFailed/2.avsc": json.dumps(second)})


FORMER = Release(Schemas.parse(AVSC), load_zones())
LATER = {
    "another version of a schema": Release(another_version(), load_zones()),
    "other time zones": Release(FORMER.schemas, replace(load_zones(), version="2999a")),
}


def opened(catalogue: Published, in_force: str, store: MemoryStore) -> PartitionTask:
    """A worker's partition as it is taken over; the worker has begun with what is in force."""
    found = catalogue.find(in_force)
    assert found is not None
    wired = Wiring(found.plan, found.reader, INPUTS, INBOX, 1, catalogue=catalogue)
    task = PartitionTask(0, wired, store, WallClock())
    task.restored()
    return task


def activate(task: PartitionTask, plan_hash: str, offset: int) -> None:
    """Lay an activation into the inbox, and take it if it can be taken."""
    told = activates(plan_hash)(f"id{offset}", START, Origin("operator", "", 0, 0))
    record = Record(INBOX, 0, offset, START, PARTITION.encode(), encode_message(told), HEADERS)
    for topic in INPUTS:
        task.feed(topic, [], end=0, position=0)
    task.feed(INBOX, [record], end=offset + 1)
    task.step(START, 10)
    flush = task.take_flush()
    if flush is not None:
        task.confirm(flush, flush.number)


@pytest.mark.parametrize("what", LATER)
def test_v2_releases_with_other_schemas_and_zones_run_the_same_definitions(what: str) -> None:
    """A partition may go to and fro while a release is rolled out, and none of them waits."""
    later, store = LATER[what], MemoryStore()
    before, after = FORMER.plan_hash, later.plan_hash
    assert before != after

    running = opened(FORMER.catalogue(before, after), before, store)
    activate(running, before, 0)
    rolled = opened(later.catalogue(before, after), before, store)
    assert rolled.plan_hash == before

    activate(rolled, after, 1)
    assert rolled.position is not None
    assert rolled.position.plan_hash == after
    back = opened(FORMER.catalogue(before, after), before, store)
    assert back.plan_hash == after
    activate(back, before, 2)
    assert back.plan_hash == before


def test_v2_definitions_with_a_channel_that_has_no_topic_here_are_waited_for() -> None:
    """A worker has read its topics.yaml when it started."""
    commands = {name: topic for name, topic in TOPICS.commands.items() if name != "email"}
    older = Release(FORMER.schemas, FORMER.zones, replace(TOPICS, commands=commands))
    wired = replace(wiring(), catalogue=older.catalogue(FORMER.plan_hash))
    task = PartitionTask(0, wired, MemoryStore(), WallClock())
    with capture_logs() as logs:
        activate(task, FORMER.plan_hash, 0)

    assert task.position is None
    assert FORMER.plan_hash[:12] in (wired.waits([0]) or "")
    assert [each["event"] for each in logs] == ["definitions_unusable"]
    assert "commands of email" in logs[0]["reason"]
