"""`doctor` finds each fault that is put in, and says what mends it."""

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiokafka.admin import NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from journey_engine.decode.partition import partition_of
from journey_engine.encode.ledger import LedgerEntry, encode_ledger
from journey_engine.errors import DefinitionError
from journey_engine.run.brokers import EmbeddedBroker, free_port
from journey_engine.run.clock import wall_ms
from journey_engine.run.definitions import Definitions
from journey_engine.run.doctor.examination import examine
from journey_engine.run.doctor.finding import Finding, Patient, Severity
from journey_engine.run.producers import Output
from journey_engine.run.producing import Message
from journey_engine.run.settings import Guarantee, Settings, StoreKind
from journey_engine.run.topics import connected
from tests.broker.rig import Rig, shop_log
from tests.broker.rights import Rule, allow
from tests.guarded import STRANGER, GuardedKafka
from tests.run.shop import SCHEMAS

pytestmark = pytest.mark.timeout(120)
KEY = "of the whole company"


class Clinic(Rig):
    """An app with nothing wrong but what a test does to it."""

    def patient(self, **settings: Any) -> Patient:
        given = {"data_dir": Path.cwd(), "erasure_key": KEY, **settings}
        made = self.settings.model_copy(update=given)
        return Patient(made, self.topics, self.names, Definitions(self.plan, SCHEMAS, self.topics))

    async def faults(self, **settings: Any) -> Mapping[str, list[Finding]]:
        """What is not in order, by check."""
        return bad(await examine(self.patient(**settings)))

    async def lay(self, topic: str, partition: int, *values: bytes, key: bytes = b"c1") -> None:
        output = Output(self.settings)
        await output.start()
        try:
            await output.write(topic, partition, [Message(key, value, ()) for value in values])
        finally:
            await output.stop()


def bad(found: Sequence[Finding]) -> Mapping[str, list[Finding]]:
    assert all((each.fix == "") == (each.severity is Severity.OK) for each in found)
    wrong = [each for each in found if each.severity is not Severity.OK]
    return {each.check: [one for one in wrong if one.check == each.check] for each in wrong}


def only(faults: Mapping[str, list[Finding]], check: str, severity: Severity) -> Finding:
    """The one fault, beside that no worker runs."""
    assert faults.keys() - {"workers"} == {check}, faults
    (found,) = faults[check]
    assert found.severity is severity
    return found


@pytest.fixture
def clinic(guarded_kafka: GuardedKafka, tmp_path: Path) -> Clinic:
    clinic = Clinic(guarded_kafka.address, f"shop-{uuid4().hex[:8]}", tmp_path, clock="wall")
    clinic.settings = read(clinic.settings, guarded_kafka.login())
    return clinic


def read(settings: Settings, access: Mapping[str, str]) -> Settings:
    """These settings with others, checked as those of the environment are."""
    given = {name: getattr(settings, name) for name in settings.model_fields_set}
    return Settings(**given | dict(access))


@pytest.mark.kafka
async def test_an_app_that_runs_well_has_no_fault(
    clinic: Clinic, guarded_kafka: GuardedKafka
) -> None:
    await clinic.create()
    records = [each for each in clinic.records(shop_log(40)) if each.value is not None]
    sound = [each for each in records if each.value and each.value[:2] == b"\xc3\x01"]
    await clinic.publish([each._replace(timestamp=wall_ms()) for each in sound])
    with clinic.start(**guarded_kafka.access()) as worker:
        await worker.ready()
        await clinic.has_written(1)
        found = await examine(clinic.patient())
        assert worker.stop() == 0
    (versions,) = [each for each in found if each.check == "versions"]
    assert clinic.plan.hash[:12] in versions.what
    assert {each.check for each in found} == {
        *("definitions", "settings", "disk", "broker", "transactions", "topics", "access"),
        *("partitioners", "schemas", "clocks", "workers", "versions"),
    }
    assert bad(found) == {}


@pytest.mark.kafka
async def test_missing_topics_are_named_in_one_line_and_nothing_is_waited_for(
    clinic: Clinic,
) -> None:
    fault = only(await clinic.faults(), "topics", Severity.ERROR)
    assert f"{len(clinic.names.all)} of {len(clinic.names.all)} topics are missing" in fault.what
    assert clinic.names.inbox in fault.what
    assert fault.fix == "journey-engine topics create"


@pytest.mark.kafka
async def test_each_topic_that_is_otherwise_than_declared_is_told(clinic: Clinic) -> None:
    async with connected(clinic.settings) as admin:
        await admin.create_topics([NewTopic(clinic.names.inputs[0], 5, 1)])
        await clinic.create()
        for topic, config in {
            clinic.names.changelog: {"cleanup.policy": "delete"},
            clinic.names.ledger: {"retention.ms": "3600000"},
            clinic.names.inputs[1]: {
                "retention.ms": "-1",
                "max.message.bytes": "9000000",
                "min.insync.replicas": "2",
            },
            clinic.names.inbox: {"max.message.bytes": "1000"},
        }.items():
            await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, config)])
    names = clinic.names
    last = f"{names.inbox}: max.message.bytes is 1000"
    said: set[tuple[Severity, str]] = set()
    async with asyncio.timeout(60):  # the broker shows what its controller changed when it has it
        while not any(last in what for _, what in said):
            said = {(each.severity, each.what) for each in (await clinic.faults())["topics"]}
    broken, worse = Severity.ERROR, Severity.WARNING
    assert (broken, f"{names.changelog}: cleanup.policy is delete, not compact") in said
    assert (worse, f"{names.ledger}: retention.ms is 3600000, not 604800000") in said
    assert any(f"{names.inputs[0]} has 5 partitions, not 3" in what for _, what in said)
    assert not any(names.inputs[1] in what for _, what in said)


@pytest.mark.kafka
async def test_too_few_copies_are_told(clinic: Clinic) -> None:
    await clinic.create()
    web = clinic.topics.inputs["web"]
    twice = {**clinic.topics.inputs, "web": replace(web, replication=2)}
    clinic.topics = replace(clinic.topics, inputs=twice)
    fault = only(await clinic.faults(), "topics", Severity.WARNING)
    assert fault.what.startswith(f"{clinic.settings.topic_prefix}{web.name} is replicated 1 times")
    in_sync = {**twice, "web": replace(web, replication=2, min_in_sync=2)}
    clinic.topics = replace(clinic.topics, inputs=in_sync)
    told = [each.what for each in (await clinic.faults())["topics"]]
    assert any(
        "too few replicas in sync for a write, partitions [0, 1, 2]" in each for each in told
    )


@pytest.mark.kafka
async def test_what_publishers_do_wrong_is_told_of_the_newest_records(clinic: Clinic) -> None:
    await clinic.create()
    sound = [each for each in clinic.records(shop_log(30)) if each.value is not None]
    record = next(each for each in sound if each.value and each.value[:2] == b"\xc3\x01")
    key, value = record.key or b"", record.value or b""
    home = partition_of(key, clinic.topics.partitions)
    unknown = b"\xc3\x01" + bytes(8) + value[10:]
    await clinic.lay(record.topic, (home + 1) % 3, value, key=key)
    await clinic.lay(record.topic, home, unknown, b"no frame", key=key)
    later = record._replace(timestamp=wall_ms() + 1_800_000)  # Kafka refuses more than an hour
    await clinic.publish([later])
    faults = await clinic.faults()
    assert faults.keys() == {"partitioners", "schemas", "clocks", "workers"}
    (astray,) = faults["partitioners"]
    assert f"{record.topic}: 1 records lie on another partition" in astray.what
    assert "murmur2" in astray.fix
    codes = {each.what.split(":")[0]: each for each in faults["schemas"]}
    assert codes.keys() >= {"SCHEMA_UNKNOWN", "DECODE_ERROR"}
    assert "schemas/" in codes["SCHEMA_UNKNOWN"].fix
    (ahead,) = faults["clocks"]
    assert record.topic in ahead.what
    assert "1800 s" in ahead.what or "1799 s" in ahead.what


@pytest.mark.kafka
async def test_definitions_that_differ_are_told(clinic: Clinic) -> None:
    await clinic.create()
    old, older = "a" * 64, "b" * 64
    await clinic.lay(clinic.names.ledger, 0, encode_ledger(LedgerEntry(old, 7, [])))
    await clinic.lay(clinic.names.ledger, 2, encode_ledger(LedgerEntry(older, 1, [])))
    told = [each.what for each in (await clinic.faults())["versions"]]
    assert told[0].endswith(f"{old[:12]} on [0]; {older[:12]} on [2]")
    assert clinic.plan.hash[:12] in told[1]


async def test_what_waits_and_who_is_not_there_is_told(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    await clinic.create()
    monkeypatch.setattr("journey_engine.run.doctor.workers.BEHIND", 3)
    await clinic.lay(clinic.names.inputs[0], 1, *[b"waits"] * 3)
    idle, behind = (await clinic.faults())["workers"]
    assert clinic.settings.group in idle.what
    assert f"{clinic.names.inputs[0]}/1 3" in behind.what


@pytest.mark.kafka
async def test_each_right_that_is_lacking_is_named(clinic: Clinic) -> None:
    await clinic.create()
    settings, names, app = clinic.settings, clinic.names, clinic.settings.group
    stranger = {"sasl_username": STRANGER}
    told = {each.what for each in (await clinic.faults(**stranger))["access"]}
    assert f"group {app}: no right to see it" in told
    assert f"{names.inbox}: no right to READ, WRITE, DESCRIBE, DESCRIBE_CONFIGS" in told
    assert len(told) == 1 + len(names.all)

    prefix = settings.topic_prefix
    reads = Rule(STRANGER, "topic", prefix, "prefix", ("Read", "DescribeConfigs"))
    await allow(settings, reads, Rule(STRANGER, "group", app, "literal", ("Read",)))
    faults = await clinic.faults(**stranger)
    told = {each.what for each in faults["access"]}
    assert told == {f"{t}: no right to WRITE" for t in names.all - set(names.inputs)}
    (transactions,) = faults["transactions"]
    assert transactions.what == f"no transactional id {app}-… is ours to use"

    writes = Rule(STRANGER, "topic", prefix, "prefix", ("Write",))
    own = Rule(STRANGER, "transactionalId", f"{app}-", "prefix", ("Write",))
    await allow(settings, writes, own)
    assert (await clinic.faults(**stranger)).keys() == {"workers"}


@pytest.mark.embedded
async def test_a_broker_without_transactions_is_a_warning_or_an_error_as_was_asked_for(
    embedded_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    clinic = Clinic(embedded_broker.address, f"shop-{uuid4().hex[:8]}", tmp_path)
    await clinic.create()
    only(await clinic.faults(), "transactions", Severity.WARNING)
    asked = await clinic.faults(guarantee=Guarantee.EXACTLY_ONCE)
    assert "at_least_once" in only(asked, "transactions", Severity.ERROR).what
    less = await clinic.faults(guarantee=Guarantee.AT_LEAST_ONCE)
    assert less.keys() <= {"workers"}


async def test_a_machine_that_is_not_ready_is_told_without_a_broker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOURNEY_BROKER", "kafka.example:9092")
    clinic = Clinic(f"127.0.0.1:{free_port()}", "shop", tmp_path)
    error = DefinitionError("journeys/cart.yaml", 3, 1, "CODE", "is wrong", "mend it")
    patient = clinic.patient(
        brokers=("kafka.example:9092", f"127.0.0.1:{free_port()}"),
        erasure_key=None,
        log_customer_ids=True,
        store=StoreKind.VOLATILE,
        connect_timeout_s=0.5,
    )
    definitions = Definitions(clinic.plan, SCHEMAS, clinic.topics, None, {"cart": [error]})
    full = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    faults = bad(await examine(patient._replace(definitions=definitions)))
    assert faults.keys() == {"definitions", "settings", "disk", "broker"}
    assert faults["definitions"][0].what.startswith("cart is left out: journeys/cart.yaml:3")
    said = " ".join(each.fix for each in faults["settings"])
    for setting in ("SECURITY_PROTOCOL", "LOG_CUSTOMER_IDS", "ERASURE_KEY", "STORE"):
        assert f"JOURNEY_{setting}" in said
    assert "JOURNEY_BROKER is no setting" in " ".join(each.what for each in faults["settings"])
    assert faults["disk"][0].severity is Severity.ERROR
    assert "no Kafka broker answers at kafka.example:9092" in faults["broker"][0].what
    assert "JOURNEY_BROKERS" in faults["broker"][0].fix
    none = bad(await examine(patient._replace(definitions=None)))
    assert "definitions activate" in none["definitions"][0].fix
