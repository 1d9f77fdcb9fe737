"""A customer's state to bytes and back (architecture D4, D6).

A fixed header, then MessagePack: version (1 byte), flags (1), next due time (8, signed). The header
alone fills the timer index at start. Within a version fields are only added at the end, with a
default, so older bytes read as they are; any other change takes a new version and an upcast.
"""

import struct

import msgspec

from journey_engine.decide.state import CustomerState, next_due

VERSION = 1
_HEADER = struct.Struct(">BBq")
_WAITS = 0b1
"""Flag: the header's due time counts."""

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(CustomerState)


class StateError(Exception):
    """Bytes that are no state of a version known here: never guessed at, the worker stops."""


def encode_state(state: CustomerState) -> bytes:
    """The state. Keys keep their order, so a state read back is written the same again."""
    due = next_due(state)
    flags = 0 if due is None else _WAITS
    return _HEADER.pack(VERSION, flags, due or 0) + _encoder.encode(state)


def decode_state(data: bytes) -> CustomerState:
    """The state.

    Raises:
        StateError: the bytes are cut short, or of a version later than this program.
    """
    _header(data)
    try:
        return _decoder.decode(memoryview(data)[_HEADER.size :])
    except msgspec.MsgspecError as error:
        raise StateError(f"the state cannot be read: {error}") from error


def header_due(data: bytes) -> int | None:
    """When the customer's next timer is due, read from the header alone; StateError as above."""
    flags, due = _header(data)
    return due if flags & _WAITS else None


def _header(data: bytes) -> tuple[int, int]:
    if len(data) < _HEADER.size:
        raise StateError(f"a state of {len(data)} bytes is shorter than its header")
    version, flags, due = _HEADER.unpack_from(data)
    if version != VERSION:
        raise StateError(f"the state is of version {version}, this program reads {VERSION}")
    return flags, due
