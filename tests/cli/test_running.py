"""What operators say to workers that run: definitions and orders, on the embedded broker."""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from journey_engine.decide.event import Origin
from journey_engine.decide.message import JourneyOperated, Order, PlanActivated
from journey_engine.decide.state import CustomerState, Instance
from journey_engine.encode.message import decode_message
from journey_engine.encode.state import encode_state
from journey_engine.run.brokers import EmbeddedBroker
from tests.cli.conftest import ROOT, Engine, Said
from tests.cli.test_operators import LINE

pytestmark = pytest.mark.embedded
CART = Path("journeys") / "cart-rescue.yaml"


class Operator:
    """Somebody with a folder of definitions, and topics of their own."""

    def __init__(self, engine: Engine, address: str, folder: Path) -> None:
        self.folder = Path(shutil.copytree(ROOT / "topologies", folder / "topologies"))
        for file in (self.folder / "journeys").glob("*.yaml"):
            if file.name not in {"cart-rescue.yaml", "win-back.yaml"}:
                file.unlink()
        self._engine = engine
        self._address = address
        self._prefix = f"cli-{uuid4().hex[:8]}."
        self._seen = 0
        assert self.says("topics", "create").code == 0

    def says(self, *words: str) -> Said:
        where = ("--broker", self._address, "--prefix", self._prefix)
        return self._engine(*words, *where, "--topologies", self.folder)

    def publishes(self, *words: str) -> str:
        """The plan's hash."""
        said = self.says("definitions", "publish", *words, "--json")
        assert said.code == 0, said.err
        return str(json.loads(said.out)["hash"])

    def listed(self) -> Any:
        return json.loads(self.says("definitions", "list", "--json").out)

    def changes(self, old: str, new: str) -> None:
        file = self.folder / CART
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new, 1))

    def stores(self, key: str, state: CustomerState) -> None:
        """Put a state into the changelog, as a worker does."""

        async def put() -> None:
            producer = AIOKafkaProducer(bootstrap_servers=self._address)
            await producer.start()
            try:
                topic = f"{self._prefix}journey-engine-customers-changelog"
                await producer.send_and_wait(topic, encode_state(state), key.encode())
            finally:
                await producer.stop()

        asyncio.run(put())

    def heard(self) -> list[Any]:
        """The messages that lie in the inbox's first partition and were not looked at."""

        async def read() -> list[Any]:
            consumer = AIOKafkaConsumer(bootstrap_servers=self._address)
            await consumer.start()
            try:
                place = TopicPartition(f"{self._prefix}journey-engine-inbox", 0)
                consumer.assign([place])
                end = (await consumer.end_offsets([place]))[place]
                consumer.seek(place, self._seen)
                told = [await consumer.getone() for _ in range(end - self._seen)]
                self._seen = end
                return [decode_message(record.value) for record in told]
            finally:
                await consumer.stop()

        return asyncio.run(read())


@pytest.fixture
def operator(
    engine: Engine,
    embedded_broker: EmbeddedBroker,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Operator:
    monkeypatch.setenv("JOURNEY_IDEMPOTENT_PRODUCER", "false")  # the embedded broker has none
    return Operator(engine, embedded_broker.address, tmp_path)


def standing(journey: str, stage: str) -> CustomerState:
    cause = Origin("e1", "interactions.web.v1", 0, 0)
    return CustomerState(instances=[Instance(journey, 1, None, 1, 0, stage, 0, 0, cause)])


def test_definitions_are_published_shown_activated_and_taken_back(operator: Operator) -> None:
    assert "journey.definitions.v1" in operator.says("definitions", "list").err
    first = operator.publishes()
    assert operator.listed()["active"] is None
    said = operator.says("definitions", "rollback")
    assert (said.code, "nothing was in force before" in said.err) == (1, True)
    said = operator.says("definitions", "activate", first[:12])
    assert (said.code, said.out) == (0, f"{first}: told to 4 partitions\n")
    (told,) = operator.heard()
    assert isinstance(told, PlanActivated)
    assert told.plan_hash == first

    operator.changes("after: 4h", "after: 5h")
    said = operator.says("definitions", "publish")
    assert (said.code, "VERSION_CONTENT" in said.err) == (1, True)
    operator.changes("version: 1", "version: 2")
    second = operator.publishes()
    known = operator.listed()
    assert known["active"] == first
    assert {plan["hash"] for plan in known["plans"]} == {first, second}
    kept = next(plan["journeys"] for plan in known["plans"] if plan["hash"] == second)
    assert {"cart-rescue@2", "cart-rescue@1 (kept)"} <= set(kept)

    operator.stores("c:anna", standing("cart-rescue", "waiting"))
    operator.stores("c:bert", standing("cart-rescue", "waiting"))
    operator.stores("b:acme", standing("dunning", "asking"))
    previewed = operator.says("definitions", "preview", second)
    assert previewed.code == 0
    assert [line.split(":")[0].split() for line in previewed.out.splitlines()] == [
        ["2", "cart-rescue", "1", "waiting"],
        ["1", "dunning", "1", "asking"],
    ]

    dropping = operator.publishes("--drop", "cart-rescue@1")
    assert dropping != second
    kept = next(p["journeys"] for p in operator.listed()["plans"] if p["hash"] == dropping)
    assert "cart-rescue@1 (kept)" not in kept
    dropped = operator.says("definitions", "preview", dropping)
    assert dropped.out.splitlines()[0] != previewed.out.splitlines()[0]
    said = operator.says("definitions", "publish", "--drop", "cart-rescu@1")
    assert (said.code, "did you mean `cart-rescue@1`?" in said.err) == (1, True)

    assert operator.says("definitions", "activate", second).code == 0
    assert operator.says("definitions", "rollback").code == 0
    assert next(told.plan_hash for told in operator.heard()) == second
    ambiguous = operator.says("definitions", "activate", "")
    assert (ambiguous.code, "published plans begin with" in ambiguous.err) == (1, True)
    marked = [line for line in operator.says("definitions", "list").out.splitlines() if "*" in line]
    assert len(marked) == 1
    assert "cart-rescue@1," in marked[0]


def test_orders_about_a_journey_reach_every_partition(operator: Operator) -> None:
    for words in (
        ("pause", "cart-rescue"),
        ("pause", "cart-rescue", "--entries"),
        ("resume", "cart-rescue", "--over", "2h"),
        ("stop", "win-back"),
        ("close", "win-back"),
    ):
        said = operator.says("journeys", *words)
        assert (said.code, said.out) == (0, f"{words[1]}: told to 4 partitions\n")
    told = operator.heard()
    assert all(isinstance(one, JourneyOperated) for one in told)
    assert [(one.order, one.journey, one.admits, one.over) for one in told] == [
        (Order.PAUSE, "cart-rescue", False, 0),
        (Order.PAUSE, "cart-rescue", True, 0),
        (Order.RESUME, "cart-rescue", False, 7_200_000),
        (Order.STOP, "win-back", False, 0),
        (Order.CLOSE, "win-back", False, 0),
    ]


def test_nothing_is_told_or_looked_at_by_the_definitions_of_another_app(
    operator: Operator, tmp_path: Path
) -> None:
    plan = operator.publishes()
    topics = operator.folder / "topics.yaml"
    topics.write_text(topics.read_text().replace("partitions: 4 ", "partitions: 8 ", 1))
    log = tmp_path / "log.jsonl"
    log.write_text(json.dumps(LINE) + "\n")
    for words in (
        ("journeys", "stop", "cart-rescue"),
        ("journeys", "list"),
        ("definitions", "activate", plan),
        ("definitions", "preview", plan),
        ("lag",),
        ("tail", "commands.email.v1"),
        ("deadletters", "list"),
        ("deadletters", "replay", "--all"),
        ("state", "get", "anna"),
        ("erase", "anna"),
        ("explain", "--customer", "anna", "--content", "cart-reminder"),
        ("publish", "--events", str(log)),
    ):
        said = operator.says(*words)
        assert (said.code, "has 4 partitions, not 8" in said.err) == (1, True), (words, said)
        assert "JOURNEY_TOPOLOGIES" in said.err
    assert operator.heard() == []
    assert operator.listed()["active"] is None


def test_orders_name_journeys_of_the_definitions_in_force(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOURNEY_DEFINITIONS", "topic")
    plan = operator.publishes()
    assert operator.says("journeys", "stop", "cart-rescue").code == 1
    assert operator.says("definitions", "activate", plan).code == 0
    assert operator.says("journeys", "stop", "cart-rescue").code == 0
    assert "did you mean `cart-rescue`?" in operator.says("journeys", "stop", "cart-rescu").err


def test_states_whose_names_look_like_markup_are_listed_as_they_are(operator: Operator) -> None:
    operator.stores("c:anna", standing("[/old]", "[/gone]"))
    assert "[/old]" in operator.says("journeys", "list").out
    plan = operator.publishes()
    assert "[/old] 1 [/gone]: " in operator.says("definitions", "preview", plan).out


def test_what_is_logged_of_definitions_is_not_on_standard_output(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOURNEY_DEFINITIONS", "topic")
    assert operator.says("definitions", "activate", operator.publishes()).code == 0
    schemas = Path(shutil.copytree(ROOT / "schemas", operator.folder.parent / "schemas"))
    shutil.rmtree(schemas / "events" / "CartUpdated")
    said = operator.says("doctor", "--json", "--schemas", str(schemas))
    assert "findings" in json.loads(said.out)
    (logged,) = [json.loads(line) for line in said.err.splitlines() if "quarantined" in line]
    assert logged["journey"] == "cart-rescue"
