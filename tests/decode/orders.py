"""Records of an order, and a reader of them."""

import io
import json
from collections.abc import Mapping
from typing import Any

from fastavro import schemaless_writer

from journey_engine.decode.decode import (
    Reader,
    Rejected,
    decode,
)
from journey_engine.decode.frame import frame
from journey_engine.decode.record import Record
from journey_engine.errors import DeadLetterCode
from journey_engine.schemas import SHARED_FIELDS, EventSchema, Schemas

NOW = 1_710_325_274_000
ORDER: Mapping[str, Any] = {
    "event_id": "e1",
    "customer_id": "c1",
    "anonymous_id": None,
    "occurred_at": NOW,
    "channel": "web",
    "source": "shop",
    "session_id": "s1",
    "backfill": False,
    "order_id": "o1",
    "total": 12.5,
    "items": ["p1", "p2"],
    "cart_id": None,
}


def catalogue(*extra: dict[str, Any]) -> Schemas:
    """One type of event, in as many versions as fields are added."""
    fields = [
        {
            "name": name,
            "type": kind,
            "doc": name,
            **({"default": None} if isinstance(kind, list) else {}),
            **({"default": False} if kind == "boolean" else {}),
        }
        for name, kind in SHARED_FIELDS.items()
    ]
    fields += [
        {"name": "order_id", "type": "string", "doc": "order"},
        {"name": "total", "type": ["null", "double"], "default": None, "doc": "total"},
        {"name": "items", "type": {"type": "array", "items": "string"}, "doc": "items"},
        {"name": "cart_id", "type": ["null", "string"], "default": None, "doc": "cart"},
    ]
    top = {"type": "record", "name": "OrderPlaced", "namespace": "journey.events"}
    return Schemas.parse(
        {
            f"events/OrderPlaced/{n + 1}.avsc": json.dumps({**top, "fields": [*fields, *extra[:n]]})
            for n in range(len(extra) + 1)
        }
    )


SCHEMAS = catalogue()
ORDER_SCHEMA = SCHEMAS.events["OrderPlaced"]
READER = Reader(SCHEMAS, {"OrderPlaced": frozenset({"total", "items", "channel"})})


def body(fields: Mapping[str, Any] = ORDER, schema: EventSchema = ORDER_SCHEMA) -> bytes:
    out = io.BytesIO()
    schemaless_writer(out, schema.parsed, fields)
    return out.getvalue()


def record(value: bytes | None, key: bytes | None = b"c1", **more: Any) -> Record:
    return Record("interactions.web.v1", 2, 7, NOW, key, value, **more)


def order(key: bytes | None = b"c1", **changes: Any) -> Record:
    return record(frame(ORDER_SCHEMA.fingerprint, body({**ORDER, **changes})), key)


def code(item: Record, reader: Reader = READER) -> DeadLetterCode:
    found = decode(item, reader)
    assert isinstance(found, Rejected), found
    assert found.message
    return found.code
