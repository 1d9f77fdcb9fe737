"""How far a partition has come: the record that ends each flush of the changelog (D3)."""

from collections.abc import Mapping

import msgspec

POSITION_KEY = b"p:position"
MOVING = b"\x00moving"
"""In a position's place while `repartition` fills a changelog: no worker may begin on it."""
_VERSION = b"\x01"


class Position(msgspec.Struct, frozen=True, array_like=True):
    """`next_offsets` are by input topic the offset to read next, `clock` the partition's clock in
    milliseconds, `flush` counts the partition's flushes from 1, `ledger_offset` is where the ledger
    record of this flush lies (-1 without one). `merge_times` are by input topic how far it has come
    in the merge (rule T3): the merge goes on from there. `cluster` is the id of the Kafka cluster
    whose offsets these are, "" where nobody said.
    """

    next_offsets: Mapping[str, int]
    plan_hash: str
    clock: int
    flush: int
    ledger_offset: int = -1
    merge_times: Mapping[str, int] = {}
    cluster: str = ""


_decoder = msgspec.msgpack.Decoder(Position)


def encode_position(position: Position) -> bytes:
    """A version byte, then MessagePack."""
    return _VERSION + msgspec.msgpack.encode(position)


def decode_position(data: bytes) -> Position:
    """The position.

    Raises:
        ValueError: it is of another version, or damaged.
    """
    if data[:1] != _VERSION:
        raise ValueError(f"a position of version {data[:1].hex() or 'none'} cannot be read")
    return _decoder.decode(data[1:])
