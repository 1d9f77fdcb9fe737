"""The order in which a partition took its inputs (rule T5): one record for each flush."""

from collections.abc import Iterator

import msgspec

_VERSION = b"\x02"


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


class _Wire(msgspec.Struct, frozen=True, array_like=True):
    """An entry as it is written. `flat` holds the steps one after another, whole numbers only.

    A tick is its place among the topics, which is 0, count, now; a run is its topic's place from
    1, first, last, now. A place is doubled, and one is added where there is no `now`. `first`
    counts from the topic's last record before, `last` from `first`, `now` from the `now` before.
    """

    plan_hash: str
    flush: int
    topics: list[str]
    flat: list[int]


_decoder = msgspec.msgpack.Decoder(_Wire)


def encode_ledger(entry: LedgerEntry) -> bytes:
    """A version byte, then MessagePack; a step takes 3 to 8 bytes as a rule, 30 at most."""
    places: dict[str, int] = {}
    lasts: dict[str, int] = {}
    flat: list[int] = []
    before = 0
    for step in entry.steps:
        if isinstance(step, Tick):
            flat += (int(step.now is None), step.count)
        else:
            topic = step.topic
            place = places.setdefault(topic, len(places) + 1)
            flat += (2 * place + (step.now is None), step.first - lasts.get(topic, 0))
            flat.append(step.last - step.first)
            lasts[topic] = step.last
        if step.now is not None:
            flat.append(step.now - before)
            before = step.now
    wire = _Wire(entry.plan_hash, entry.flush, list(places), flat)
    return _VERSION + msgspec.msgpack.encode(wire)


def decode_ledger(data: bytes) -> LedgerEntry:
    """The entry.

    Raises:
        ValueError: it is of another version, or damaged.
    """
    if data[:1] != _VERSION:
        raise ValueError(f"a ledger entry of version {data[:1].hex() or 'none'} cannot be read")
    wire = _decoder.decode(data[1:])
    try:
        return LedgerEntry(wire.plan_hash, wire.flush, list(_steps(wire)))
    except (IndexError, RuntimeError) as error:  # a generator's StopIteration is a RuntimeError
        raise ValueError("a ledger entry is damaged") from error


def _steps(wire: _Wire) -> Iterator[Run | Tick]:
    lasts = [0] * len(wire.topics)
    before = 0
    numbers = iter(wire.flat)
    for code in numbers:
        place = code // 2 - 1
        first = next(numbers)
        length = 0 if place < 0 else next(numbers)
        now = None
        if code % 2 == 0:
            now = before = before + next(numbers)
        if place < 0:
            yield Tick(first, now)
            continue
        first += lasts[place]
        lasts[place] = first + length
        yield Run(wire.topics[place], first, lasts[place], now)
