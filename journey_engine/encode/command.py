"""A command to the record that a sender reads."""

from functools import lru_cache

from msgspec.structs import replace

from journey_engine.decide.decision import Command
from journey_engine.decode.record import Headers
from journey_engine.define.expression import Value
from journey_engine.define.iso import iso_utc
from journey_engine.encode.outgoing import OutKind, OutRecord, framed, made, record_key
from journey_engine.schemas import Schemas

LINK_HEADER = "journey-trace-link"
"""Of a command that a timer decided: the `traceparent` of the event that set the timer."""

Header = tuple[str, bytes]
_VERSION: Header = ("ce_specversion", b"1.0")
_SOURCE: Header = ("ce_source", b"/journey-engine")
_CONTENT: Header = ("content-type", b"application/avro")


def encode_command(command: Command, schemas: Schemas) -> OutRecord:
    """The same command always gives the same bytes (rule A6)."""
    if command.data and any(isinstance(value, list) for value in command.data.values()):
        data = {name: _data_value(value) for name, value in command.data.items()}
        command = replace(command, data=data)
    return made(
        OutRecord,
        (
            OutKind.COMMAND,
            command.channel,
            record_key(command.customer_id, command.anonymous_id, command.account_id),
            framed("Command", command, schemas),
            _cloud_event(command),
        ),
    )


def _cloud_event(command: Command) -> Headers:
    """CloudEvents in binary mode, and the trace. The subject is the send: no header names a
    customer.
    """
    kind, subject = _about(command.action, command.journey.name, command.send_id)
    headers = (
        _VERSION,
        ("ce_id", command.command_id.encode()),
        _SOURCE,
        kind,
        ("ce_time", iso_utc(command.created_at).encode()),
        subject,
        _CONTENT,
    )
    trace = command.causation.traceparent
    if trace is None:
        return headers
    return (*headers, (LINK_HEADER if command.linked else "traceparent", trace.encode()))


@lru_cache(maxsize=4096)
def _about(action: str, journey: str, send_id: str) -> tuple[Header, Header]:
    """The headers that are the same for each command of one send."""
    return (
        ("ce_type", f"journey.command.{action.lower()}".encode()),
        ("ce_subject", f"{journey}/{send_id}".encode()),
    )


def _data_value(value: Value) -> Value:
    """A list becomes one of texts: its items may differ in type, the contract's may not."""
    return [_text(item) for item in value] if isinstance(value, list) else value


def _text(item: Value) -> str:
    if isinstance(item, bool):
        return "true" if item else "false"
    return "null" if item is None else str(item)
