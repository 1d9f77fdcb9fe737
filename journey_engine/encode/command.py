"""A command to the record that a sender reads."""

from typing import Any

from msgspec.structs import asdict

from journey_engine.decide.decision import Command
from journey_engine.decode.record import Headers
from journey_engine.define.plan import Value
from journey_engine.encode.outgoing import OutKind, OutRecord, framed, iso_utc, record_key
from journey_engine.schemas import Schemas

LINK_HEADER = "journey-trace-link"
"""Of a command that a timer decided: the `traceparent` of the event that set the timer."""


def encode_command(command: Command, schemas: Schemas) -> OutRecord:
    """The same command always gives the same bytes (rule A6)."""
    fields: dict[str, Any] = asdict(command)
    fields["journey"] = asdict(command.journey)
    fields["causation"] = asdict(command.causation)
    fields["data"] = {name: _data_value(value) for name, value in command.data.items()}
    return OutRecord(
        OutKind.COMMAND,
        command.channel,
        record_key(command.customer_id, command.anonymous_id),
        framed("Command", fields, schemas),
        _cloud_event(command),
    )


def _cloud_event(command: Command) -> Headers:
    """CloudEvents in binary mode, and the trace. The subject is the send: no header names a
    customer.
    """
    trace = command.causation.traceparent
    name = LINK_HEADER if command.linked else "traceparent"
    return (
        ("ce_specversion", b"1.0"),
        ("ce_id", command.command_id.encode()),
        ("ce_source", b"/journey-engine"),
        ("ce_type", f"journey.command.{command.action.lower()}".encode()),
        ("ce_time", iso_utc(command.created_at).encode()),
        ("ce_subject", f"{command.journey.name}/{command.send_id}".encode()),
        ("content-type", b"application/avro"),
        *(() if trace is None else ((name, trace.encode()),)),
    )


def _data_value(value: Value) -> Value:
    """A list becomes one of texts: its items may differ in type, the contract's may not."""
    return [_text(item) for item in value] if isinstance(value, list) else value


def _text(item: Value) -> str:
    if isinstance(item, bool):
        return "true" if item else "false"
    return "null" if item is None else str(item)
