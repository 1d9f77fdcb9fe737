"""A message between partitions to a record of the inbox and back (rule T1).

A version byte, then MessagePack, tagged by the kind of message. A header tells it apart from
records that were forwarded from a wrong partition and are still their publisher's bytes.
"""

import msgspec

from journey_engine.decide.message import AnyMessage, Message
from journey_engine.decode.record import Headers

HEADER = "journey-message"
HEADERS: Headers = ((HEADER, b"1"),)
_VERSION = b"\x01"

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(AnyMessage)


class MessageError(ValueError):
    """Bytes that are no message of a version known here."""


def key_of(target: str) -> bytes:
    """The record's key, whose partition is the one that takes it: the id, or the channel's name."""
    return target[2:].encode()


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
    except msgspec.MsgspecError as error:
        raise MessageError(f"a message cannot be read: {error}") from error
    return message
