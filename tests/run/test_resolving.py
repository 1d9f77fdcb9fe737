"""Ids asked of a registry: the official client's own mock of one, and a port where nobody is."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from confluent_kafka.schema_registry import Schema

from journey_engine.decode.registered import registered
from journey_engine.decode.whole import read_whole
from journey_engine.errors import RecordError
from journey_engine.observe.metrics import Metrics
from journey_engine.run.brokers import free_port
from journey_engine.run.registry import Registry, RegistryError
from journey_engine.run.registry_ids import FILE
from journey_engine.run.resolving import Resolver
from journey_engine.run.settings import Settings, load
from journey_engine.schemas import EventSchema, Foreign, Schemas
from tests.run.shop import SCHEMAS

ORDER = json.loads((Path(__file__).parents[2] / "schemas/events/OrderPlaced/1.avsc").read_text())


def settings(data: Path, url: str = "mock://shop") -> Settings:
    return load(data_dir=data, registry_urls=url, registry_timeout_s=0.5)


async def until(done: Callable[[], bool]) -> None:
    for _ in range(3_000):
        if done():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("not in time")


class Asked:
    """A resolver at work, and what it has found out."""

    def __init__(self, data: Path, url: str = "mock://shop") -> None:
        made = settings(data, url)
        self.schemas = replace(SCHEMAS, by_registry_id={})
        self.registry = Registry(made)
        self.metrics = Metrics()
        self.resolver = Resolver(self.registry, made, self.schemas, self.metrics)

    async def told(self, *ids: int | UUID) -> None:
        for each in ids:
            self.resolver.want(each)
        await until(lambda: self.schemas.by_registry_id.keys() >= set(ids))

    def lookups(self, outcome: str) -> float:
        name = "journey_registry_lookups_total"
        return self.metrics.registry.get_sample_value(name, {"outcome": outcome}) or 0


@pytest.fixture
async def asking(tmp_path: Path) -> AsyncIterator[Callable[..., Asked]]:
    following: list[asyncio.Task[None]] = []

    def ask(url: str = "mock://shop") -> Asked:
        asked = Asked(tmp_path, url)
        following.append(asyncio.create_task(asked.resolver.follow()))
        return asked

    yield ask
    for task in following:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_an_id_is_asked_for_once_and_is_the_published_version(
    asking: Callable[..., Asked],
) -> None:
    asked = asking()
    known = await asked.registry.client.register_schema_full_response(
        "s", Schema(json.dumps(ORDER))
    )
    assert known.schema_id is not None
    assert known.guid is not None
    await asked.told(known.schema_id, UUID(known.guid))
    found = asked.schemas.by_registry_id
    assert found[known.schema_id] is found[UUID(known.guid)] is SCHEMAS.events["OrderPlaced"]
    asked.resolver.want(known.schema_id)
    await asyncio.sleep(0)
    assert asked.lookups("found") == 3, "the greeting and two questions"
    assert asked.metrics.registry.get_sample_value("journey_registry_wanted_ids") == 0


async def test_what_it_does_not_have_it_is_asked_twice(asking: Callable[..., Asked]) -> None:
    asked = asking()
    await asked.told(99)
    assert isinstance(asked.schemas.by_registry_id[99], Foreign)
    assert asked.lookups("unknown") == 2


async def test_what_was_told_is_known_after_a_start_without_a_registry(
    asking: Callable[..., Asked], tmp_path: Path
) -> None:
    first = asking()
    schema_id = await first.registry.client.register_schema("s", Schema(json.dumps(ORDER)))
    await first.told(schema_id)
    kept = tmp_path / "journey-engine" / FILE
    await until(kept.exists)
    assert asking().schemas.by_registry_id == {schema_id: SCHEMAS.events["OrderPlaced"]}
    assert asking("mock://another").schemas.by_registry_id == {}
    kept.write_text("{")
    assert asking().schemas.by_registry_id == {}


async def test_a_registry_that_does_not_answer_is_asked_again_and_said(
    asking: Callable[..., Asked],
) -> None:
    asked = asking(f"http://127.0.0.1:{free_port()}")
    asked.resolver.want(1)
    await until(lambda: asked.lookups("failed") >= 3)
    assert asked.resolver.trouble() == "waiting for the Schema Registry to tell 1 schema ids"
    assert not asked.schemas.by_registry_id


async def test_no_password_shows_where_a_registry_fails(tmp_path: Path) -> None:
    made = load(
        data_dir=tmp_path,
        registry_urls=f"http://127.0.0.1:{free_port()}",
        registry_username="shop",
        registry_password="hush-hush",  # noqa: S106 - whatever shows of it is looked for
    )
    async with Registry(made) as registry:
        with pytest.raises(RegistryError) as caught:
            await registry.greet()
    assert "hush" not in str(caught.value) + json.dumps(made.redacted())


def test_a_version_that_is_not_among_the_files_is_read_as_the_newest(schemas: Schemas) -> None:
    extra = {"name": "gift", "type": "boolean", "default": False}
    newer = {**ORDER, "fields": [*ORDER["fields"], extra]}
    found = registered(5, json.dumps(newer), schemas)
    assert isinstance(found, EventSchema)
    assert (found.name, found.version) == ("OrderPlaced", 0)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "is no Avro record"),
        ('"string"', "is no Avro record"),
        (
            '{"type": "record", "name": "X", "fields": [{"name": "a", "type": "b"}]}',
            "is no Avro schema",
        ),
        ('{"type": "record", "name": "A", "namespace": "j", "fields": []}', "is j.A, no event"),
        (
            json.dumps({**ORDER, "fields": ORDER["fields"][1:]}),
            "is OrderPlaced, which version 1 cannot read: event_id",
        ),
    ],
)
def test_what_is_no_event_of_ours_says_why(text: str, reason: str, schemas: Schemas) -> None:
    found = registered(5, text, schemas)
    assert isinstance(found, Foreign)
    assert reason in found.reason


NODE = {
    "type": "record",
    "name": "Node",
    "fields": [{"name": "next", "type": ["null", "Node"]}],
}
NULLS = {"type": "array", "items": "null"}


def chain(links: int) -> list[dict[str, Any]]:
    """Fields, each of a record that has the one before."""
    kinds = ["int", *(f"L{n}" for n in range(links))]
    return [
        {
            "name": f"f{n}",
            "type": {"type": "record", "name": name, "fields": [{"name": "in", "type": kinds[n]}]},
        }
        for n, name in enumerate(kinds[1:])
    ]


def pair(name: str, of: str) -> dict[str, Any]:
    return {
        "type": "record",
        "name": name,
        "fields": [{"name": "a", "type": of}, {"name": "b", "type": of}],
    }


def typed(kind: object) -> list[dict[str, Any]]:
    return [{"name": "extra", "type": kind}]


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (typed(["null", NODE]), "type journey.events.Node contains itself"),
        (typed({"type": "map", "values": NODE}), "contains itself"),
        (chain(70), "more than 64 deep"),
        (typed(NULLS), "an array has items that take no bytes"),
        (typed({"type": "map", "values": NULLS}), "an array has items"),
        (
            typed({"type": "array", "items": {"type": "fixed", "name": "F", "size": 0}}),
            "an array has items",
        ),
        (
            typed({"type": "array", "items": {"type": "record", "name": "E", "fields": []}}),
            "an array has items",
        ),
        (typed(pair("P", "null")), "record journey.events.P has fields, and none takes a byte"),
    ],
)
def test_a_version_whose_bodies_could_be_without_end_is_not_read(
    more: list[dict[str, Any]], reason: str, schemas: Schemas
) -> None:
    text = json.dumps({**ORDER, "fields": [*ORDER["fields"], *more]})
    found = registered(5, text, schemas)
    assert isinstance(found, Foreign)
    assert reason in found.reason
    assert found.parsed is None


def test_what_ends_is_read_however_it_is_made(schemas: Schemas) -> None:
    enum = {"type": "enum", "name": "S", "symbols": ["s"]}
    mark = {"type": "record", "name": "M", "fields": []}
    more = [
        *chain(40),
        {"name": "marked", "type": ["null", mark, enum]},
        {"name": "again", "type": {"type": "array", "items": ["null", "M", "S"]}},
        {"name": "nothing", "type": "null"},
        {"name": "keys", "type": {"type": "map", "values": "null"}},
        {"name": "list", "type": {"type": "array", "items": {"type": "array", "items": "S"}}},
    ]
    text = json.dumps({**ORDER, "fields": [*ORDER["fields"], *more]})
    assert isinstance(registered(5, text, schemas), EventSchema)


def test_a_type_that_nobody_reads_may_be_without_end_and_is_not_shown(schemas: Schemas) -> None:
    text = json.dumps({**ORDER, "name": "Elsewhere", "fields": typed(["null", NODE])})
    found = registered(5, text, schemas)
    assert isinstance(found, EventSchema)
    schemas = replace(schemas, by_registry_id={5: found})
    with pytest.raises(RecordError, match="contains itself"):
        read_whole(b"\x00" + (5).to_bytes(4, "big") + b"\x02" * 20_000, schemas)
