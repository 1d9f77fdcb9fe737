"""Events that name their schemas by a registry's ids, through a worker on Apache Kafka and a real
registry, which is not there at the start.
"""

import asyncio
import json
import struct
from collections.abc import Mapping
from pathlib import Path

import pytest

from journey_engine.decode.frame import BODY_OF_SINGLE_OBJECT, SINGLE_OBJECT
from journey_engine.decode.record import Record
from journey_engine.run.brokers import free_port
from tests.broker.rig import Process, Rig, Sent, error, shop_log
from tests.chaos.proxy import Proxy
from tests.registry.server import RegistryServer, register
from tests.run.shop import READ, SCHEMAS

pytestmark = [pytest.mark.kafka, pytest.mark.registry, pytest.mark.timeout(300)]

EVENTS = Path(__file__).parents[2] / "schemas" / "events"
NOBODYS = 987_654


def ids(registry: RegistryServer) -> Mapping[bytes, int]:
    """By fingerprint the id of each event type that the shop reads, as its publishers registered
    it.
    """
    return {
        SCHEMAS.events[name].fingerprint: register(
            registry.url,
            f"interactions.web.v1-journey.events.{name}",
            json.loads((EVENTS / name / "1.avsc").read_text()),
        )
        for name in (*READ, "PageViewed")
    }


def framed(record: Record, known: Mapping[bytes, int], number: int) -> Record:
    """As registry clients publish it, every other one with the id in a header."""
    value = record.value
    if value is None or not value.startswith(SINGLE_OBJECT) or len(value) < BODY_OF_SINGLE_OBJECT:
        return record
    body = value[BODY_OF_SINGLE_OBJECT:]
    frame = b"\x00" + struct.pack(">I", known[value[2:BODY_OF_SINGLE_OBJECT]])
    if number % 2:
        return record._replace(value=body, headers=(("__value_schema_id", frame),))
    return record._replace(value=frame + body)


async def waits(worker: Process) -> None:
    """Until the worker says that it waits for the registry."""
    for _ in range(600):
        status, told = await asyncio.to_thread(worker.get_json, "/readyz")
        if status == 503 and "Schema Registry" in told["reason"]:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"it does not say that it waits: {told}")


async def test_events_wait_for_a_registry_that_is_down_and_none_is_lost(
    rig: Rig, schema_registry: RegistryServer
) -> None:
    """Down at the start, up, then down at the next start."""
    known = ids(schema_registry)
    door = Proxy(free_port(), schema_registry.port)
    url = schema_registry.url.replace(str(schema_registry.port), str(door.port))
    plain = rig.records(shop_log(300))
    plain[0] = plain[0]._replace(value=b"\x00" + struct.pack(">I", NOBODYS))
    mixed = [
        framed(each, known, n) if each.partition == plain[0].partition else each
        for n, each in enumerate(plain)
    ]
    with rig.start(JOURNEY_REGISTRY_URLS=url) as worker:
        await worker.ready()
        await rig.publish(mixed[:250])
        await waits(worker)
        await rig.has_written(20)  # of the other partitions
        assert not rig.logged("schema_id_told")
        async with door:
            await worker.ready()
            await rig.sent_once(lambda sent: unknown(sent) == [str(NOBODYS)])
        assert worker.stop() == 0
    assert [each["event"] for each in rig.logged() if each["event"].startswith("registry_")] == [
        "registry_unreachable",
        "registry_reached",
    ]

    with rig.start(JOURNEY_REGISTRY_URLS=url) as worker:
        await rig.publish(mixed[250:])
        expected = rig.expected(plain)
        assert await rig.written_at_least(len(expected)) == expected, "nothing lost or overtaken"
        assert worker.stop() == 0


def unknown(sent: Sent) -> list[str]:
    """The ids that no registry has, as their dead letters name them."""
    letters = [each for each in sent.dead_letters if error(each, "code") == b"SCHEMA_UNKNOWN"]
    return [error(each, "message").decode().split()[-1] for each in letters]
