"""A state to bytes and back (architecture D4, D6): a customer's, or a channel's capacity.

A fixed header: version (1 byte), flags (1), next due time (8, signed). It alone fills the timer
index at start. Then the body: of version 1, MessagePack; of version 2, `compact`, which takes a
third of the room and more time, so that large states are written so and usual ones are not.
Within a version fields are only added at the end, with a default, so older bytes read as they
are; any other change takes a new version and an upcast.
"""

import struct

import msgspec

from journey_engine.decide.due import UNKNOWN, next_due
from journey_engine.decide.governing_state import PartitionState
from journey_engine.decide.room_state import ChannelState
from journey_engine.decide.state import CustomerState, State
from journey_engine.encode.compact import pack
from journey_engine.encode.expand import unpack

PLAIN = 1
COMPACT = 2
"""Versions."""
COMPACT_FROM = 3 * 1024
"""Bytes of a plain body from which a customer's state is written compact."""
_HEADER = struct.Struct(">BBq")
_WAITS = 0b1
"""Flag: the header's due time counts."""
_CHANNEL = 0b10
"""Flag: a channel's state follows, not a customer's."""

_PARTITION = 0b100
"""Flag: the partition's own state follows."""

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(CustomerState)
_partition_decoder = msgspec.msgpack.Decoder(PartitionState)
_channel_decoder = msgspec.msgpack.Decoder(ChannelState)


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
    if len(plain) < COMPACT_FROM + _HEADER.size:
        return plain
    _, flags, due = _HEADER.unpack_from(plain)
    if flags & (_CHANNEL | _PARTITION):
        return plain
    try:
        compact = pack(msgspec.msgpack.decode(memoryview(plain)[_HEADER.size :]))
    except ValueError:
        return plain
    return _HEADER.pack(COMPACT, flags, due) + compact


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
    version, flags, _ = _header(data)
    body = memoryview(data)[_HEADER.size :]
    try:
        if version == COMPACT:
            return msgspec.convert(unpack(bytes(body)), CustomerState)
        if flags & _PARTITION:
            return _partition_decoder.decode(body)
        return _channel_decoder.decode(body) if flags & _CHANNEL else _decoder.decode(body)
    except (msgspec.MsgspecError, ValueError) as error:
        raise StateError(f"the state cannot be read: {error}") from error


def header_due(data: bytes) -> int | None:
    """When the customer's next timer is due, read from the header alone; StateError as above."""
    _, flags, due = _header(data)
    return due if flags & _WAITS else None


def _header(data: bytes) -> tuple[int, int, int]:
    if len(data) < _HEADER.size:
        raise StateError(f"a state of {len(data)} bytes is shorter than its header")
    version, flags, due = _HEADER.unpack_from(data)
    if version not in {PLAIN, COMPACT}:
        raise StateError(f"the state is of version {version}, this program reads up to {COMPACT}")
    return version, flags, due
