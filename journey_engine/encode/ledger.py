"""The order in which a partition took its inputs (rule T5): one record for each flush."""

import msgspec

_VERSION = b"\x01"


class Run(msgspec.Struct, frozen=True, array_like=True, tag="r"):
    """Records of one topic taken one after another, `first` to `last` offset, all at `now`.

    `now` None: the clock follows from the records themselves (`stream`, rule T3).
    """

    topic: str
    first: int
    last: int
    now: int | None = None


class Tick(msgspec.Struct, frozen=True, array_like=True, tag="t"):
    """The timers of so many customers fired, the next ones in order of (due, state key).

    `now` None: each at its own due time (`stream`).
    """

    count: int
    now: int | None = None


class LedgerEntry(msgspec.Struct, frozen=True, array_like=True):
    """What one flush took, in order; `flush` is the number its position record will carry."""

    plan_hash: str
    flush: int
    steps: list[Run | Tick]


_decoder = msgspec.msgpack.Decoder(LedgerEntry)


def encode_ledger(entry: LedgerEntry) -> bytes:
    """A version byte, then MessagePack."""
    return _VERSION + msgspec.msgpack.encode(entry)


def decode_ledger(data: bytes) -> LedgerEntry:
    """The entry.

    Raises:
        ValueError: it is of another version, or damaged.
    """
    if data[:1] != _VERSION:
        raise ValueError(f"a ledger entry of version {data[:1].hex() or 'none'} cannot be read")
    return _decoder.decode(data[1:])
