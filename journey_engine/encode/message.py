"""A message between partitions to a record of the inbox and back (rule T1).

A version byte, then MessagePack, tagged by the kind of message. A header tells it apart from
records that were forwarded from a wrong partition and are still their publisher's bytes.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from journey_engine.decide.event import Event, parts
from journey_engine.decide.message import AnyMessage, Message
from journey_engine.decide.origin import Origin
from journey_engine.decode.record import Headers

HEADER = "journey-message"
HEADERS: Headers = ((HEADER, b"1"),)
_VERSION = b"\x01"


class EventForm(msgspec.Struct, frozen=True, gc=False):
    """An event within a message: a field is only ever added at the end, with a default."""

    type: str
    event_id: str
    customer_id: str | None
    anonymous_id: str | None
    occurred_at: int
    channel: str
    source: str
    fields: Mapping[str, Any]
    digest: bytes
    recorded_at: int
    origin: Origin
    backfill: bool = False
    account_id: str | None = None


class MessageError(ValueError):
    """Bytes that are no message of a version known here."""


def key_of(target: str) -> bytes:
    """The record's key, whose partition is the one that takes it: the id, or the channel's name."""
    return target[2:].encode()


def _written(value: object) -> object:
    """For msgspec: the form of what it does not know."""
    if isinstance(value, Event):
        return parts(value)
    raise NotImplementedError(type(value))


def _read(kind: type, value: object) -> object:
    """For msgspec: what it does not know, of its form."""
    if kind is Event:
        return Event(*msgspec.structs.astuple(msgspec.convert(value, EventForm)))
    raise NotImplementedError(kind)


_encoder = msgspec.msgpack.Encoder(enc_hook=_written)
_decoder = msgspec.msgpack.Decoder(AnyMessage, dec_hook=_read)


def is_message(headers: Headers) -> bool:
    """Whether a record of the inbox is a message."""
    return any(name == HEADER for name, _ in headers)


def encode_message(message: Message) -> bytes:
    """The message."""
    return _VERSION + _encoder.encode(message)


def decode_message(data: bytes) -> Message:
    """The message.

    Raises:
        MessageError: it is of another version, or damaged.
    """
    if data[:1] != _VERSION:
        raise MessageError(f"a message of version {data[:1].hex() or 'none'} cannot be read")
    try:
        message: Message = _decoder.decode(memoryview(data)[1:])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise MessageError(f"a message cannot be read: {error}") from error
    return message
