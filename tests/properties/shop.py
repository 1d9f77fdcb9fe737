"""The event types of the generated runs, and the values that they take."""

import json
from typing import Any

Document = dict[str, Any]
START = 1_772_000_000_000

_SHOP = {"k": "string?", "n": "long?", "amount": "double", "label": "string"}
TYPES: dict[str, dict[str, str]] = {
    "Viewed": _SHOP,
    "Added": _SHOP,
    "Bought": _SHOP,
    "Rated": {"n": "long?", "amount": "double", "label": "string"},
    "Profiled": {"tier": "string", "n": "long?"},
    "Consented": {"purpose": "string", "about": "string?", "granted": "boolean"},
    "Verified": {"label": "string"},
    "Clicked": {"command_id": "string", "amount": "double"},
    "Bounced": {"command_id": "string", "permanent": "boolean"},
    "Noise": {"label": "string"},
}
_ANSWER = {"command_id": "string"}
MORE_TYPES: dict[str, dict[str, str]] = {
    "Dated": {"due": "string?", "zone": "string?"},
    "MessageBounced": _ANSWER | {"permanent": "boolean"},
    "MessageFailed": _ANSWER | {"permanent": "boolean"},
    "RouteApplied": _ANSWER,
    "Shown": _ANSWER,
    "Dismissed": _ANSWER,
    "TaskAccepted": _ANSWER,
    "TaskDeclined": _ANSWER,
    "TaskDone": _ANSWER,
    "TaskUnacked": _ANSWER,
    "TaskExpired": _ANSWER,
}
"""Of the whole language: dates, and answers to all kinds of commands."""
SHOP_TYPES = ("Viewed", "Added", "Bought")
LABELS = ("red", "blue")
KEYS = ("k1", "k2")
CHANNELS = ("email", "push", "sms")
PURPOSES = ("marketing", "service", "vital")


def avsc(name: str, fields: dict[str, str]) -> str:
    """The Avro schema of a type, as a file's text."""

    def declared(field_name: str, kind: str) -> Document:
        doc = {"doc": "A field."}
        if kind.endswith("?"):
            return {"name": field_name, "type": ["null", kind[:-1]], "default": None} | doc
        return {"name": field_name, "type": kind} | doc

    shared = [
        declared("event_id", "string"),
        declared("customer_id", "string?"),
        declared("anonymous_id", "string?"),
        {
            "name": "occurred_at",
            "type": {"type": "long", "logicalType": "timestamp-millis"},
            "doc": "When.",
        },
        declared("channel", "string"),
        declared("source", "string"),
        declared("session_id", "string?"),
        {"name": "backfill", "type": "boolean", "default": False, "doc": "History."},
    ]
    own = [declared(field_name, kind) for field_name, kind in fields.items()]
    record = {"type": "record", "name": name, "namespace": "journey.events", "doc": "An event."}
    return json.dumps(record | {"fields": shared + own})


def schema_files() -> dict[str, str]:
    types = TYPES | MORE_TYPES
    return {f"schemas/events/{name}/1.avsc": avsc(name, types[name]) for name in types}
