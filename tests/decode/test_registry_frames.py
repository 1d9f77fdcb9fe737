"""Records framed as a Schema Registry's clients do."""

import json
import struct
from dataclasses import replace
from uuid import UUID
from zlib import crc32

import pytest

from journey_engine.decide.event import Event
from journey_engine.decode.decode import (
    NeedSchema,
    Reader,
    decode,
)
from journey_engine.decode.record import Record
from journey_engine.decode.registered import registered
from journey_engine.errors import DeadLetterCode
from journey_engine.schemas import EventSchema
from tests.decode.orders import ORDER, ORDER_SCHEMA, READER, SCHEMAS, body, code, record

GUID = UUID("12345678-1234-5678-1234-567812345678")
BY_PREFIX = record(b"\x00" + struct.pack(">I", 42) + body())
BY_HEADER = record(body(), headers=(("__value_schema_id", b"\x00" + struct.pack(">I", 42)),))
BY_GUID = record(body(), headers=(("__value_schema_id", b"\x01" + GUID.bytes),))


@pytest.mark.parametrize(("item", "schema_id"), [(BY_PREFIX, 42), (BY_HEADER, 42), (BY_GUID, GUID)])
def test_a_registry_frame_asks_for_its_schema_and_is_read_once_it_is_known(
    item: Record, schema_id: int | UUID
) -> None:
    assert decode(item, READER) == NeedSchema(schema_id)
    known = replace(SCHEMAS, by_registry_id={schema_id: ORDER_SCHEMA})
    found = decode(item, Reader(known, READER.fields))
    assert isinstance(found, Event)
    assert found.fields["total"] == 12.5


@pytest.mark.parametrize("content", [None, b"", b"\x00\x01", b"\x01" + b"\x00" * 15, b"\x02abcd"])
def test_a_header_without_a_schema_id_is_a_decode_error(content: bytes | None) -> None:
    item = record(body(), headers=(("__value_schema_id", content),))
    assert code(item) == DeadLetterCode.DECODE_ERROR


@pytest.mark.parametrize("order", [1, -1])
def test_t6_all_of_a_body_counts_whose_fields_may_lie_in_any_order(order: int) -> None:
    raw = {**json.loads(SCHEMAS.texts[ORDER_SCHEMA.fingerprint]), "doc": "Nobody published it."}
    fields = [*raw["fields"], {"name": "gift", "type": "boolean", "doc": "gift"}]
    own = registered(42, json.dumps({**raw, "fields": fields[::order]}), SCHEMAS)
    assert isinstance(own, EventSchema)
    value = body({**ORDER, "gift": True}, own)
    reader = Reader(replace(SCHEMAS, by_registry_id={42: own}), READER.fields)
    found = decode(record(b"\x00" + struct.pack(">I", 42) + value), reader)
    assert isinstance(found, Event)
    assert found.digest == crc32(value).to_bytes(4, "big")
