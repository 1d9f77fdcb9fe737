"""The AsyncAPI document: fresh, valid, and of the definitions that it is made from."""

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from journey_engine.contract.asyncapi import asyncapi_document, asyncapi_text
from journey_engine.contract.channels import Company
from journey_engine.define.topics import parse_topics
from journey_engine.run.company import golden_messages, load_company
from tests.conftest import ROOT

COMPANY = load_company(ROOT / "topologies", ROOT / "schemas")
GOLDEN = golden_messages(COMPANY)
WRITTEN = ROOT / "schemas" / "asyncapi.yaml"


def document(company: Company = COMPANY, prefix: str = "") -> dict[str, Any]:
    group = f"{prefix}journey-engine"
    return asyncapi_document(
        company, GOLDEN, prefix=prefix, group=group, version=version("journey-engine")
    )


def validated(node: Path, text: str) -> subprocess.CompletedProcess[str]:
    """What AsyncAPI's own parser says."""
    return subprocess.run(
        ["node", "validate-asyncapi.mjs"],
        cwd=node,
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_document_is_fresh_and_valid(node: Path) -> None:
    written = WRITTEN.read_text(encoding="utf-8")
    assert written == asyncapi_text(document()), "run: make gen"
    done = validated(node, written)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["messages"] == len(COMPANY.published) + len(COMPANY.schemas.records) + 1
    assert said["topics"]["commands"] == "commands.{channel}.v1"
    broken = validated(node, written.replace("logicalType: timestamp-millis\n", "type: time\n", 1))
    assert broken.returncode == 1


def test_every_message_says_its_schema_and_fingerprint() -> None:
    messages = document()["components"]["messages"]
    payment = messages["PaymentFailed"]
    schema = COMPANY.schemas.events["PaymentFailed"]
    assert payment["x-fingerprint"] == schema.fingerprint.hex()
    assert [each["name"] for each in payment["payload"]["schema"]["fields"]] == [*schema.fields]
    assert payment["examples"][0]["payload"].keys() == schema.fields.keys()
    headers = messages["Command"]["examples"][0]["headers"]
    assert headers["ce_type"] == "journey.command.send"


def test_own_topics_get_a_document_of_their_own() -> None:
    text = """
partitions: 12
inputs: {kiosk: {}, fax: {max_bytes: 2097152}}
commands: {fax: {retention: 1d}}
"""
    topics = parse_topics("topics.yaml", text)
    channels = document(Company(COMPANY.schemas, topics, {}), "shop.")["channels"]
    inputs = channels["interactions"]
    assert inputs["address"] == "shop.interactions.{channel}.v1"
    assert inputs["parameters"]["channel"]["enum"] == ["kiosk", "fax"]
    assert inputs["bindings"]["kafka"]["partitions"] == 12
    other = inputs["x-bindings-of-topics"]["interactions.fax.v1"]["topicConfiguration"]
    assert other["max.message.bytes"] == 2097152
    retention = channels["commands"]["bindings"]["kafka"]["topicConfiguration"]["retention.ms"]
    assert retention == 86_400_000


def test_the_command_prints_the_document() -> None:
    command = [sys.executable, "-m", "journey_engine", "topics", "asyncapi", "--json"]
    done = subprocess.run(
        [*command, "--prefix", "x."], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == document(prefix="x.")
