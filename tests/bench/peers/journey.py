"""What the Python peers share: the events read, the commands written, both Avro with fastavro."""

import io
import uuid
from pathlib import Path

import fastavro

SCHEMAS = Path(__file__).parents[3] / "schemas"
FRAME_BYTES = 10


def schema(path, *, logical=True):
    parsed = fastavro.schema.load_schema(SCHEMAS / path)
    if not logical:
        for field in parsed["fields"]:
            if isinstance(field["type"], dict) and "logicalType" in field["type"]:
                field["type"] = field["type"]["type"]
    return fastavro.parse_schema(parsed)


def framing(parsed):
    text = fastavro.schema.to_parsing_canonical_form(parsed)
    crc = fastavro.schema.fingerprint(text, "CRC-64-AVRO")
    return b"\xc3\x01" + int(crc, 16).to_bytes(8, "big")


def readers(*, logical=True):
    """By frame the type's name and schema, of the types that the journey reads."""
    types = ("ProductViewed", "CartUpdated", "OrderPlaced")
    each = {name: schema(f"events/{name}/1.avsc", logical=logical) for name in types}
    return {framing(parsed): (name, parsed) for name, parsed in each.items()}


COMMAND = schema("Command.avsc")
COMMAND_FRAME = framing(COMMAND)


def command(event, move, topic):
    """A framed Command for a move."""
    stage = move.stage
    identity = f"{event['customer_id']}/{stage}/{event['event_id']}/{move.timed}"
    record = {
        "command_id": str(uuid.uuid5(uuid.NAMESPACE_OID, identity)),
        "action": "SEND",
        "send_id": stage,
        "attempt": 0,
        "channel": "email",
        "customer_id": event["customer_id"],
        "anonymous_id": None,
        "content": f"bench-{stage}",
        "data": {},
        "theme": None,
        "purpose": "service",
        "priority": 50,
        "created_at": move.at,
        "not_before": move.at,
        "not_after": None,
        "cancels": None,
        "journey": {"name": "bench", "version": 1, "key": None, "stage": stage, "entry_no": 1},
        "causation": {
            "event_id": event["event_id"],
            "topic": topic,
            "partition": 0,
            "offset": 0,
        },
        "decision_id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{identity}/decision")),
    }
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, COMMAND, record)
    return COMMAND_FRAME + buffer.getvalue()
