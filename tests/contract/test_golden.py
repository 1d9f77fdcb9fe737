"""Golden messages are what the engine itself reads, refuses and writes."""

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from fastavro import schemaless_reader

from journey_engine.client.command import read_command
from journey_engine.contract.golden import REGISTRY_GUID, REGISTRY_ID, Golden, files_of, plain
from journey_engine.decide.event import Event
from journey_engine.decode.decode import NeedSchema, Reader, Rejected, decode
from journey_engine.decode.frame import unframe
from journey_engine.decode.partition import partition_of
from journey_engine.decode.record import Headers, Record
from journey_engine.define.action_plan import ActionKind
from journey_engine.errors import DeadLetterCode
from journey_engine.run.company import golden_files, golden_messages, load_company, write_golden
from tests.conftest import ROOT

FOLDER = ROOT / "schemas" / "golden"
COMPANY = load_company(ROOT / "topologies", ROOT / "schemas")
SCHEMAS = COMPANY.schemas
MESSAGES = golden_messages(COMPANY)
READER = Reader(SCHEMAS, {name: frozenset(each.fields) for name, each in SCHEMAS.events.items()})
BY_REGISTRY = (REGISTRY_ID, UUID(REGISTRY_GUID))


def of(kind: str) -> list[str]:
    return sorted(path.stem for path in (FOLDER / kind).glob("*.json"))


def read(kind: str, name: str) -> tuple[dict[str, Any], Record]:
    """What a team finds in the folder: the meaning, and the record that the bytes make."""
    said = json.loads((FOLDER / kind / f"{name}.json").read_text())
    value: bytes | None = None
    if isinstance(said["value"], dict):
        value = bytes(said["value"]["zeros"])
    elif said["value"] is not None:
        value = (FOLDER / kind / said["value"]).read_bytes()
    key = None if said["key"] is None else said["key"].encode()
    headers: Headers = tuple(
        (header, bytes.fromhex(content["hex"]) if isinstance(content, dict) else content.encode())
        for header, content in said["headers"].items()
    )
    partition = said["partition"]["is"]
    return said, Record(said["topic"], partition, 0, said["timestamp"], key, value, headers)


def test_the_folder_is_fresh(tmp_path: Path) -> None:
    files = files_of(MESSAGES, COMPANY.topics.partitions)
    assert sorted(files) == sorted(golden_files(FOLDER)), "run: make gen"
    stale = [path for path, content in files.items() if (FOLDER / path).read_bytes() != content]
    assert not stale, "run: make gen"
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "Gone.1.bin").touch()
    assert write_golden(COMPANY, tmp_path) == len(MESSAGES)
    assert sorted(golden_files(tmp_path)) == sorted(files)


@pytest.mark.parametrize("name", of("events"))
def test_a_golden_event_is_taken_as_it_says(name: str) -> None:
    said, record = read("events", name)
    _, type_, version = said["schema"].split("/")
    schema = SCHEMAS.events[type_]
    found = decode(record, READER)
    if isinstance(found, NeedSchema):
        assert found.id in BY_REGISTRY
        known = replace(SCHEMAS, by_registry_id={found.id: schema})
        found = decode(record, Reader(known, READER.fields))
    assert isinstance(found, Event), found
    assert (found.type, f"{schema.version}.avsc") == (type_, version)
    fields = said["fields"]
    assert dict(found.fields) == {name: fields[name] for name in schema.fields}
    assert found.event_id == fields["event_id"]
    assert record.partition == partition_of(record.key, said["partition"]["of"])
    assert COMPANY.topics.inputs[fields["channel"]].name == record.topic


@pytest.mark.parametrize("name", of("refused"))
def test_a_golden_record_is_refused_with_its_code(name: str) -> None:
    said, record = read("refused", name)
    found = decode(record, READER)
    if said["refused"] != DeadLetterCode.CONFLICT:
        assert isinstance(found, Rejected), found
        assert found.code == said["refused"]
        return
    first = decode(read(*said["after"].split("/"))[1], READER)
    assert isinstance(found, Event)
    assert isinstance(first, Event)
    assert (found.source, found.event_id) == (first.source, first.event_id)
    assert found.digest != first.digest


def test_every_code_has_a_golden_record() -> None:
    assert {each.refused for each in MESSAGES} == {None, *DeadLetterCode}


@pytest.mark.parametrize("name", of("commands"))
def test_a_golden_command_is_what_a_sender_reads(name: str) -> None:
    said, record = read("commands", name)
    schema_id, start = unframe(record.value or b"", record.headers)
    if not isinstance(schema_id, bytes):
        assert schema_id in BY_REGISTRY
        body = io.BytesIO((record.value or b"")[start:])
        fields = schemaless_reader(body, SCHEMAS.records["Command"][0], None)
        assert plain(fields) == said["fields"]
        return
    command = read_command(record.value, record.headers, SCHEMAS)
    assert command.command_id == said["fields"]["command_id"] == said["headers"]["ce_id"]
    assert command.data == said["fields"]["data"]
    assert plain(command.not_before) == said["fields"]["not_before"]
    ids = (command.customer_id, command.anonymous_id, command.account_id)
    assert (record.key or b"").decode() == next(each for each in ids if each is not None)


def test_there_is_a_command_of_every_action() -> None:
    commands = [each for each in MESSAGES if each.name.startswith("commands/")]
    assert {action_of(each) for each in commands} == {*ActionKind, "CANCEL"}
    cancel = next(each for each in commands if action_of(each) == "CANCEL")
    later = next(each for each in commands if each.name == "commands/later")
    assert (cancel.fields or {})["cancels"] == (later.fields or {})["command_id"]


def action_of(message: Golden) -> Any:
    return (message.fields or {})["action"]
