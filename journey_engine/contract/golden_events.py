"""Golden events: one of every published version, others that are taken, and those refused."""

import struct
from collections.abc import Iterator, Mapping
from typing import Any, Final
from uuid import UUID

from journey_engine.contract.channels import Company
from journey_engine.contract.golden import AT, REGISTRY_GUID, REGISTRY_ID, TRACEPARENT, Golden
from journey_engine.decode.decode import FUTURE_MS
from journey_engine.decode.frame import (
    BODY_OF_SINGLE_OBJECT,
    SCHEMA_ID_HEADER,
    frame,
)
from journey_engine.decode.log import LogEvent, Place, encode_event
from journey_engine.errors import DeadLetterCode
from journey_engine.schemas import EventSchema

COMMAND_ID: Final = "0b6ff2a5-9f43-5c2f-8d5e-6a1c3c2f7e10"
"""The command that the golden answers answer."""
_PLAIN: Final[Mapping[str, object]] = {
    "bool": True,
    "int": 3,
    "double": 99.5,
    "timestamp": AT,
}
_HERE = Place("golden", 1)


def golden_events(company: Company) -> Iterator[Golden]:
    """Those that are taken, then those that are refused."""
    made = _Maker(company)
    yield from made.versions()
    yield from made.others()
    yield from made.refused()


def example_fields(schema: EventSchema, channel: str) -> dict[str, Any]:
    """Every field of the version, with something in it."""
    shared = {
        "event_id": f"{schema.name}-1",
        "customer_id": "c-1",
        "anonymous_id": None,
        "occurred_at": AT,
        "channel": channel,
        "source": "example",
        "session_id": "s-1",
        "backfill": False,
        "command_id": COMMAND_ID,
    }
    types = {each["name"]: each["type"] for each in schema.parsed["fields"]}
    return {
        name: shared[name] if name in shared else _example(name, field.kind, types[name])
        for name, field in schema.fields.items()
    }


def _example(name: str, kind: str, avro: Any) -> object:  # noqa: ANN401 - any Avro type
    inner = avro[1] if isinstance(avro, list) else avro
    if isinstance(inner, dict) and "symbols" in inner:
        return inner["symbols"][0]
    match kind:
        case "string":
            return f"{name}-1"
        case "list<string>":
            return [f"{name}-1", f"{name}-2"]
        case "map<string>":
            return {"name": f"{name}-1"}
        case _:
            return _PLAIN[kind]


class _Maker:
    """Makes them; most are of one type, the first in the alphabet that is no answer."""

    def __init__(self, company: Company) -> None:
        self._company = company
        events = company.schemas.events
        free = [name for name in company.published if "command_id" not in events[name].fields]
        self._schema = events[free[0]]
        self._channel = company.channel_of(self._schema.name)
        self._example = example_fields(self._schema, self._channel)

    def versions(self) -> Iterator[Golden]:
        for schema in self._company.schemas.by_fingerprint.values():
            if schema.name in self._company.published:
                channel = self._company.channel_of(schema.name)
                yield _taken(
                    self._company,
                    schema,
                    example_fields(schema, channel),
                    f"{schema.name}.{schema.version}",
                    f"{schema.name}, version {schema.version}, with all of its fields",
                )

    def others(self) -> Iterator[Golden]:
        visitor = {"customer_id": None, "anonymous_id": "device-1"}
        yield self._event("visitor", "whose customer is not known: the key is the visitor", visitor)
        nulls = {
            name: None
            for name, field in self._schema.fields.items()
            if field.nullable and name != "customer_id"
        }
        yield self._event("sparse", "with null wherever the schema allows it", nulls)
        yield self._event("unicode", "whose key is not ASCII", {"customer_id": "Zoë-北京-🛒"})
        history = {"backfill": True}
        yield self._event("backfill", "of history: it informs and sends nothing", history)
        traced = self._event("traced", "with a trace, which its commands carry on")
        yield traced._replace(headers=(("traceparent", TRACEPARENT.encode()),))
        yield from self._framed()

    def _framed(self) -> Iterator[Golden]:
        number, guid = struct.pack(">xI", REGISTRY_ID), b"\x01" + UUID(REGISTRY_GUID).bytes
        for name, about, prefix, header in (
            ("prefix", f"behind the id {REGISTRY_ID} of a registry", number, None),
            ("header", f"with the id {REGISTRY_ID} in a header", b"", number),
            ("guid", f"with the GUID {REGISTRY_GUID} in a header", b"", guid),
        ):
            event = self._event(f"registry-{name}", about)
            value = prefix + (event.value or b"")[BODY_OF_SINGLE_OBJECT:]
            headers = () if header is None else ((SCHEMA_ID_HEADER, header),)
            yield event._replace(value=value, headers=headers)

    def refused(self) -> Iterator[Golden]:
        yield from self._unreadable()
        yield from self._invalid()
        again = {"event_id": self._example["event_id"], "session_id": "s-2"}
        other = self._event("conflict", "said again with another body", again)
        yield self._refuse(other, DeadLetterCode.CONFLICT)._replace(after=self._first)

    def _unreadable(self) -> Iterator[Golden]:
        """What the bytes alone are refused for: no fields can be read."""
        good, body = self._value(), self._value()[BODY_OF_SINGLE_OBJECT:]
        decode, unknown = DeadLetterCode.DECODE_ERROR, DeadLetterCode.SCHEMA_UNKNOWN
        for name, about, value, code in (
            ("no-value", "without a value, and no time mark", None, DeadLetterCode.INVALID),
            ("large", "over the limit of 1 MiB", bytes(1024 * 1024 + 1), DeadLetterCode.TOO_LARGE),
            ("json", "as JSON text: there is no frame", b'{"event_id": "e-1"}', decode),
            ("no-frame", "as a body without a frame", body, decode),
            ("unknown-schema", "of no published schema", frame(bytes(8), body), unknown),
            ("no-body", "cut short behind its fingerprint", good[:BODY_OF_SINGLE_OBJECT], decode),
            ("cut-short", "cut short by a byte", good[:-1], decode),
            ("left-over", "with a byte too many", good + b"\x00", decode),
            ("not-utf-8", "with text that is not UTF-8", self._broken_text(), decode),
        ):
            event = self._event(name, about)._replace(value=value, fields=None, schema=None)
            yield self._refuse(event, code)

    def _invalid(self) -> Iterator[Golden]:
        """What is read, and breaks the contract."""
        code = DeadLetterCode.INVALID
        nobody = {"customer_id": None, "anonymous_id": None}
        event = self._event("nobody", "of nobody: no key, no id", nobody)
        yield self._refuse(event, DeadLetterCode.NO_CUSTOMER)
        event = self._event("foreign-key", "whose key is another customer's")
        yield self._refuse(event._replace(key=b"c-2"), code)
        for name, about, changes in (
            ("empty-customer", "of a customer without a name", {"customer_id": ""}),
            ("empty-event-id", "without an id", {"event_id": ""}),
            ("empty-source", "that nobody reports", {"source": ""}),
            ("before-1970", "of 1969", {"occurred_at": -1}),
        ):
            yield self._refuse(self._event(name, about, changes), code)
        ahead = {"occurred_at": AT + FUTURE_MS + 1}
        event = self._event("future", "five minutes and more after its record's own time", ahead)
        yield self._refuse(event, DeadLetterCode.FUTURE)

    @property
    def _first(self) -> str:
        return f"events/{self._schema.name}.{self._schema.version}"

    def _event(self, name: str, about: str, changes: Mapping[str, object] | None = None) -> Golden:
        """`name` is the id of the event as well: two different events never bear the same."""
        fields = self._example | {"event_id": name} | dict(changes or {})
        said = f"{self._schema.name} {about}"
        return _taken(self._company, self._schema, fields, name, said)

    def _refuse(self, event: Golden, code: DeadLetterCode) -> Golden:
        name = event.name.replace("events/", "refused/", 1)
        return event._replace(name=name, refused=code)

    def _value(self) -> bytes:
        return encode_event(LogEvent("", self._example, None, _HERE), self._schema)

    def _broken_text(self) -> bytes:
        source = self._example["source"].encode()
        return self._value().replace(source, b"\xff" * len(source))


def _taken(
    company: Company, schema: EventSchema, fields: Mapping[str, Any], name: str, about: str
) -> Golden:
    who = fields["anonymous_id"] if fields["customer_id"] is None else fields["customer_id"]
    return Golden(
        f"events/{name}",
        about,
        company.topics.inputs[fields["channel"]].name,
        None if who is None else who.encode(),
        encode_event(LogEvent(schema.name, fields, None, _HERE), schema),
        schema=f"events/{schema.name}/{schema.version}.avsc",
        fields=fields,
    )
