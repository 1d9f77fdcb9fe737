"""What a fetched record turns out to be. The inbox holds messages between partitions and records
that lay on a wrong one; a header tells them apart.
"""

from journey_engine.decide.message import Message
from journey_engine.decode.decode import NeedSchema, Reader, Rejected, decode
from journey_engine.decode.record import Fetched
from journey_engine.encode.message import MessageError, decode_message, is_message
from journey_engine.errors import DeadLetterCode
from journey_engine.run.merge import Content
from journey_engine.run.outbox import unforwarded
from journey_engine.run.wiring import Ids


def read_input(record: Fetched, reader: Reader, registry: Ids | None) -> Content:
    """A record of an input topic; the registry is asked for a schema that it lacks."""
    content = decode(record, reader)
    if not isinstance(content, NeedSchema):
        return content
    if registry is None:
        message = f"schema id {content.id}: no Schema Registry is configured"
        return Rejected(DeadLetterCode.SCHEMA_UNKNOWN, message)
    registry.want(content.id)
    return content


def read_inbox(record: Fetched, reader: Reader, registry: Ids | None) -> tuple[Content, Fetched]:
    """A record of the inbox, and the record as it lay before it was forwarded."""
    if is_message(record.headers):
        return _message(record), record
    original = unforwarded(record)
    return read_input(original, reader, registry), original


def _message(record: Fetched) -> Message | Rejected:
    try:
        return decode_message(record.value or b"")
    except MessageError as error:
        return Rejected(DeadLetterCode.DECODE_ERROR, str(error))
