"""The commands of those who run the engine, against a broker."""

import asyncio
import json
import sys
import time
from pathlib import Path
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer

from journey_engine.encode.outgoing import OutRecord
from journey_engine.encode.send_decision import encode_send_decision
from journey_engine.run.brokers import EmbeddedBroker, free_port
from journey_engine.schemas import Schemas
from tests.cli.conftest import Engine
from tests.why.refusal import REFUSED

LINE = {
    "type": "OrderPlaced",
    "event_id": "1",
    "customer_id": "anna",
    "occurred_at": "2026-03-01T10:00:00Z",
    "channel": "store",
    "source": "till",
    "order_id": "o1",
    "total": 12.5,
}


@pytest.fixture
def at(embedded_broker: EmbeddedBroker) -> tuple[str, ...]:
    """Which broker, and a prefix of this test's own."""
    return ("--broker", embedded_broker.address, "--prefix", f"cli-{uuid4().hex[:8]}.")


@pytest.mark.embedded
def test_topics_are_made_once_and_checked(engine: Engine, at: tuple[str, ...]) -> None:
    missing = engine("topics", "check", *at)
    assert missing.code == 1
    assert f"{at[3]}interactions.web.v1 is missing" in missing.err
    made = engine("topics", "create", *at, "--json")
    assert made.code == 0
    assert f"{at[3]}commands.email.v1" in json.loads(made.out)["made"]
    assert json.loads(engine("topics", "create", *at, "--json").out) == {"made": []}
    assert engine("topics", "check", *at).code == 0


async def put(address: str, topic: str, record: OutRecord) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=address)
    await producer.start()
    try:
        await producer.send_and_wait(topic, record.value, record.key, headers=list(record.headers))
    finally:
        await producer.stop()


@pytest.mark.embedded
def test_why_not_is_told_from_the_decision_topic(
    engine: Engine, at: tuple[str, ...], schemas: Schemas
) -> None:
    assert engine("topics", "create", *at).code == 0
    asked = ("explain", "--customer", "anna", "--content", "cart-reminder", *at)
    assert engine(*asked).code == 1
    record = encode_send_decision(REFUSED, schemas)
    asyncio.run(put(at[1], at[3] + "journey.decisions.v1", record))
    said = engine(*asked)
    assert said.code == 0
    assert "cart-rescue: reminder: NO_CONSENT at 2026-03-02T10:00:00+00:00" in said.out
    assert "rule K1, version 1, plan 0123456789ab" in said.out
    assert engine(*asked, "--at", "2026-03-02T09:00:00Z").code == 1


@pytest.mark.embedded
def test_what_is_published_is_tailed(engine: Engine, at: tuple[str, ...], tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text(json.dumps(LINE) + "\n")
    assert engine("topics", "create", *at).code == 0
    sent = engine("publish", "--events", log, *at, "--json")
    assert (sent.code, json.loads(sent.out)) == (0, {"sent": 1})
    shown = engine("tail", "interactions.store.v1", *at, "--json")
    assert shown.code == 0
    record = json.loads(shown.out)
    assert (record["key"], record["offset"], record["type"]) == ("anna", 0, "OrderPlaced")
    fields = {name: record["value"][name] for name in ("event_id", "order_id", "total")}
    assert fields == {"event_id": "1", "order_id": "o1", "total": 12.5}
    assert record["value"]["occurred_at"].startswith("2026-03-01T10:00:00")
    assert not record["timestamp"].startswith("2026-03-01")  # it bears the time of its sending
    assert "anna" in engine("tail", "interactions.store.v1", *at).out


@pytest.mark.embedded
def test_the_definitions_are_tailed_too(engine: Engine, at: tuple[str, ...]) -> None:
    assert engine("definitions", "publish", *at).code == 0
    said = engine("tail", "journey.definitions.v1", "--json", *at)
    assert said.code == 0
    records = [json.loads(line) for line in said.out.splitlines()]
    assert "cart-rescue" in {each["definition"].get("journey") for each in records}


@pytest.mark.embedded
def test_an_id_that_looks_like_markup_is_tailed_as_it_is(
    engine: Engine, at: tuple[str, ...], tmp_path: Path
) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text(json.dumps(LINE | {"customer_id": "anna[/vip]", "event_id": "[red]1"}))
    assert engine("topics", "create", *at).code == 0
    assert engine("publish", "--events", log, *at).code == 0
    said = engine("tail", "interactions.store.v1", *at)
    assert said.code == 0
    assert said.out.splitlines()[0].endswith(" anna[/vip]")
    assert "'event_id': '[red]1'" in said.out


@pytest.mark.embedded
def test_an_id_that_looks_like_markup_comes_out_of_a_demo_as_it_is(
    engine: Engine, tmp_path: Path
) -> None:
    log = tmp_path / "log.jsonl"
    line = LINE | {"type": "CartUpdated", "customer_id": "anna[/vip]", "cart_id": "k"}
    del line["order_id"], line["total"]
    log.write_text(json.dumps(line))
    said = engine("demo", "--input", log)
    assert said.code == 0, said.err
    assert "anna[/vip]  cart-rescue: enters → waiting" in said.out


PUBLISHES = """
from journey_engine.client import BlockingEventPublisher
with BlockingEventPublisher("test", channel="survey") as events:
    events.publish("NpsAnswered", customer_id="c-1", score=3, comment="slow")
"""


@pytest.mark.embedded
def test_a_broker_of_a_moment_is_none_of_those_that_the_environment_tells_of(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "SASL_USERNAME": "shop",
        "SASL_PASSWORD": "secret",
        "GUARANTEE": "exactly_once",
        "DEFINITIONS": "topic",
    }.items():
        monkeypatch.setenv(f"JOURNEY_{name}", value)
    log = tmp_path / "log.jsonl"
    log.write_text(json.dumps(LINE) + "\n")
    said = engine("demo", "--input", log, "--json")
    assert (said.code, json.loads(said.out)["events"]) == (0, 1)
    said = engine("channel", "check-publisher", "--json", "--", sys.executable, "-c", PUBLISHES)
    assert (said.code, json.loads(said.out)["ok"]) == (0, True)
    monkeypatch.delenv("JOURNEY_DEFINITIONS")
    monkeypatch.setenv("JOURNEY_SHADOW", "summer")
    assert engine("demo", "--input", log, "--json").code == 0


@pytest.mark.embedded
def test_marks_reach_every_partition_and_keep_the_times(
    engine: Engine, at: tuple[str, ...], tmp_path: Path
) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text(json.dumps(LINE) + "\n")
    assert engine("topics", "create", *at).code == 0
    sent = engine("publish", "--events", log, "--marks", *at, "--json")
    assert json.loads(sent.out) == {"sent": 1 + 11 * 4}
    lines = engine("tail", "interactions.store.v1", *at, "--json").out.splitlines()
    records = [json.loads(line) for line in lines]
    assert sorted(each["partition"] for each in records if "mark" in each) == [0, 1, 2, 3]
    times = [each["timestamp"] for each in records if "mark" not in each]
    assert [each[:19] for each in times] == ["2026-03-01T10:00:00"]


def test_a_topic_that_is_not_declared_is_refused_with_those_that_are(engine: Engine) -> None:
    said = engine("tail", "interactions.shop.v1")
    assert said.code == 1
    assert "interactions.store.v1" in said.err
    said = engine("tail", "interactions.shop.v1", "--json")
    (error,) = json.loads(said.out)["errors"]
    assert (said.code, said.err, "interactions.store.v1" in error["message"]) == (1, "", True)


@pytest.mark.parametrize(
    "words",
    [
        ["topics", "create"],
        ["topics", "check"],
        ["tail", "interactions.web.v1"],
        ["publish", "--events", "{log}"],
        ["demo", "--input", "{log}"],
    ],
    ids=lambda words: words[0],
)
def test_an_absent_broker_is_named_within_seconds(
    engine: Engine, words: list[str], tmp_path: Path
) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text(json.dumps(LINE) + "\n")
    nowhere = f"127.0.0.1:{free_port()}"
    begun = time.monotonic()
    said = engine(*(word.format(log=log) for word in words), "--broker", nowhere)
    assert said.code == 1
    assert nowhere in said.err
    assert time.monotonic() - begun < 15


@pytest.mark.embedded
def test_nothing_is_sent_of_a_log_with_a_fault(
    engine: Engine, at: tuple[str, ...], tmp_path: Path
) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text(json.dumps(LINE) + "\n{broken\n")
    assert engine("topics", "create", *at).code == 0
    said = engine("publish", "--events", log, *at)
    assert said.code == 1
    assert f"{log}:2:1" in said.err
    assert engine("tail", "interactions.store.v1", "--json", *at).out == ""


@pytest.mark.embedded
def test_topics_that_are_not_on_the_broker_are_said_at_once(
    engine: Engine, at: tuple[str, ...], tmp_path: Path
) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text(json.dumps(LINE) + "\n")
    absent = (*at[:2], "--prefix", "absent.")
    for command in (("publish", "--events", log), ("tail", "commands.email.v1")):
        said = engine(*command, *absent)
        assert said.code == 1
        assert "not on the broker: absent." in said.err


@pytest.mark.embedded
def test_the_doctor_says_what_mends_it_and_ends_with_1_until_it_is_mended(
    engine: Engine, at: tuple[str, ...]
) -> None:
    said = engine("doctor", *at)
    assert said.code == 1
    assert "24 of 24 topics are missing" in said.out
    assert "→ journey-engine topics create" in said.out
    assert "1 errors" in said.err
    assert engine("topics", "create", *at).code == 0
    mended = engine("doctor", *at, "--json")
    assert mended.code == 0
    told = json.loads(mended.out)
    assert told["ok"]
    assert {each["severity"] for each in told["findings"]} == {"ok", "warning"}
    assert [each["fix"] for each in told["findings"] if each["check"] == "workers"] == [
        "journey-engine worker"
    ]


def test_the_doctor_knows_definitions_that_cannot_be_run(engine: Engine, tmp_path: Path) -> None:
    topologies = tmp_path / "topologies"
    topologies.mkdir()
    (topologies / "topics.yaml").write_text(Path("topologies/topics.yaml").read_text())
    nowhere = f"127.0.0.1:{free_port()}"
    said = engine("doctor", "--topologies", topologies, "--broker", nowhere, "--json")
    assert said.code == 1
    errors = [each for each in json.loads(said.out)["findings"] if each["severity"] == "error"]
    assert [each["check"] for each in errors] == ["definitions", "broker"]
    assert "journey-engine validate" in errors[0]["fix"]
    assert nowhere in errors[1]["what"]


@pytest.mark.embedded
def test_the_journeys_are_listed_with_whose_they_are(engine: Engine, at: tuple[str, ...]) -> None:
    said = engine("journeys", "list", *at)
    assert said.code == 1
    assert "customers-changelog" in said.err
    assert engine("topics", "create", *at).code == 0
    (cart,) = [
        each
        for each in json.loads(engine("journeys", "list", *at, "--json").out)
        if each["journey"] == "cart-rescue"
    ]
    document = Path("topologies/journeys/cart-rescue.yaml").read_text()
    assert f"owner: {cart['owner']}\n" in document
    assert f"review_by: {cart['review_by']}\n" in document
    told = {name: cart[name] for name in ("version", "kept", "status", "instances", "overdue")}
    assert told == {
        "version": 1,
        "kept": False,
        "status": "open",
        "instances": 0,
        "overdue": cart["review_by"] < time.strftime("%Y-%m-%d", time.gmtime()),
    }
    assert "cart-rescue" in engine("journeys", "list", *at).out
