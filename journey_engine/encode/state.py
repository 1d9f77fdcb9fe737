"""A state to bytes and back (architecture D4, D6): a customer's, or a channel's capacity.

A fixed header: version (1 byte), flags (1), next due time (8, signed). It alone fills the timer
index at start. Then the body: of version 1, MessagePack; of version 2, `compact`, which takes a
third of the room and more time, so that large states are written so and usual ones are not.
Within a version fields are only added at the end, with a default, so older bytes read as they
are; any other change takes a new version and an upcast.
"""

import struct
from typing import Final

import msgspec

from journey_engine.decide.due import UNKNOWN, next_due
from journey_engine.decide.governing_state import PartitionState
from journey_engine.decide.room_state import ChannelState
from journey_engine.decide.state import CustomerState, State
from journey_engine.encode.compact import pack
from journey_engine.encode.expand import unpack

PLAIN: Final = 1
COMPACT: Final = 2
"""Versions."""
_VERSION_2: Final = bytes([COMPACT])
COMPACT_FROM: Final = 3 * 1024
"""Bytes of a plain body from which a customer's state is written compact."""
_HEADER: Final = struct.Struct(">BBq")
_BODY: Final = 10
"""Where it begins."""
_WAITS: Final = 0b1
"""Flag: the header's due time counts."""
_CHANNEL: Final = 0b10
"""Flag: a channel's state follows, not a customer's."""
_PARTITION: Final = 0b100
"""Flag: the partition's own state follows."""

_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(CustomerState)
_partition_decoder: Final = msgspec.msgpack.Decoder(PartitionState)
_channel_decoder: Final = msgspec.msgpack.Decoder(ChannelState)


class StateError(Exception):
    """Bytes that are no state of a version known here: never guessed at, the worker stops."""


def encode_state(state: State, due: int | None = UNKNOWN) -> bytes:
    """The state. Keys keep their order, so a state read back is written the same again. `due` is
    `next_due(state)`, where the caller knows it.
    """
    return compacted(encode_plain(state, due))


def encode_plain(state: State, due: int | None = UNKNOWN) -> bytes:
    """The same in version 1, however large: quick to read again."""
    if due == UNKNOWN:
        due = next_due(state)
    flags = 0 if due is None else _WAITS
    if not isinstance(state, CustomerState):
        flags |= _CHANNEL if isinstance(state, ChannelState) else _PARTITION
    return _HEADER.pack(PLAIN, flags, due or 0) + _encoder.encode(state)


def compacted(plain: bytes) -> bytes:
    """What `encode_plain` gave, as it is kept: a large state of a customer in version 2."""
    if len(plain) < COMPACT_FROM + _BODY:
        return plain
    if plain[1] & (_CHANNEL | _PARTITION):
        return plain
    try:
        compact = pack(msgspec.msgpack.decode(memoryview(plain)[_BODY:]))
    except ValueError:
        return plain
    return _VERSION_2 + plain[1:_BODY] + compact


def decode_state(data: bytes) -> CustomerState:
    """A customer's state.

    Raises:
        StateError: the bytes are cut short, of a version later than this program, or another kind.
    """
    state = decode_any_state(data)
    if not isinstance(state, CustomerState):
        raise StateError("the state is not a customer's")
    return state


def decode_any_state(data: bytes) -> State:
    """A state of any kind; StateError as above."""
    return read_state(data)[0]


def read_state(data: bytes) -> tuple[State, int | None]:
    """A state of any kind, and when it is due next; StateError as above."""
    due, flags = header_due(data), data[1]
    body = data[_BODY:]
    try:
        if data[0] == COMPACT:
            body = _encoder.encode(unpack(body))
        if flags & _PARTITION:
            return _partition_decoder.decode(body), due
        decoder = _channel_decoder if flags & _CHANNEL else _decoder
        return decoder.decode(body), due
    except (msgspec.MsgspecError, ValueError) as error:
        raise StateError(f"the state cannot be read: {error}") from error


def header_due(data: bytes) -> int | None:
    """When the customer's next timer is due, read from the header alone; StateError as above."""
    if len(data) < _BODY:
        raise StateError(f"a state of {len(data)} bytes is shorter than its header")
    version = data[0]
    if version not in (PLAIN, COMPACT):
        raise StateError(f"the state is of version {version}, this program reads up to {COMPACT}")
    return int.from_bytes(data[2:_BODY], "big", signed=True) if data[1] & _WAITS else None
