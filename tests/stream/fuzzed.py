"""A seeded stream: a tenth is broken, in ways that it counts, and much of the rest is odd."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from journey_engine.decode.decode import FUTURE_MS, LATEST_MS, MARK_HEADER
from journey_engine.decode.frame import frame
from journey_engine.decode.log import LogEvent
from journey_engine.decode.partition import partition_of
from journey_engine.decode.record import Record
from journey_engine.errors import DeadLetterCode as Code
from journey_engine.schemas import Schemas
from tests.chaos.workload import Workload

BROKEN: Final = 0.1
LATE: Final = 0.02
"""So many come days late: behind what their journeys read."""
LATE_MS: Final = 2 * 24 * 3_600_000
HUGE_EVERY: Final = 25
"""Of those whose turn it is to be too large so many are it: a megabyte each is much to move."""
READ: Final = "ProductViewed"
"""A type that is read: what nobody reads is not looked at."""
SOURCE: Final = b"chaos"
"""The stream's source, somewhere in every body."""


class Way(NamedTuple):
    """One way of being broken, and the code that its dead letter must bear."""

    code: Code
    spoil: Callable[[Record], Record]


class FuzzedStream(Workload):
    """As a chaos run's load, but with a tenth broken. `ways` counts how, by name."""

    odd = (
        ("poison", BROKEN),
        ("conflict", 0.005),
        ("repeat", 0.05),
        ("strayed", 0.02),
        ("visitor", 0.04),
        ("linked", 0.004),
        ("opened", 0.01),
    )

    def __init__(
        self,
        seed: int,
        schemas: Schemas,
        topics: Mapping[str, str],
        partitions: int,
        bytes_max: int,
    ) -> None:
        """`bytes_max`: values over it are too large."""
        super().__init__(seed, schemas, topics, partitions)
        self.ways: Counter[str] = Counter()
        self._turn = 0
        self._bytes_max = bytes_max
        self._broken = self._ways()
        self._names = list(self._broken)

    @property
    def letters(self) -> Counter[str]:
        """How many dead letters of each code these ways must bring, conflicts not among them."""
        letters: Counter[str] = Counter()
        for name, count in self.ways.items():
            letters[str(self._broken[name].code)] += count
        return letters

    def _ways(self) -> dict[str, Way]:
        marked = ((MARK_HEADER, b"noon"),)
        return {
            "truncated": Way(Code.DECODE_ERROR, lambda r: r._replace(value=_body(r)[:-3])),
            "left over": Way(Code.DECODE_ERROR, lambda r: r._replace(value=_body(r) + b"x")),
            "no UTF-8": Way(Code.DECODE_ERROR, self._unspeakable),
            "no frame": Way(Code.DECODE_ERROR, lambda r: r._replace(value=b'{"type": "Bought"}')),
            "unknown schema": Way(
                Code.SCHEMA_UNKNOWN, lambda r: r._replace(value=frame(b"8" * 8, _body(r)[10:]))
            ),
            "unknown id": Way(
                Code.SCHEMA_UNKNOWN, lambda r: r._replace(value=b"\0\0\0\0\7" + _body(r)[10:])
            ),
            "no value": Way(Code.INVALID, lambda r: r._replace(value=None)),
            "no mark": Way(Code.INVALID, lambda r: r._replace(value=None, headers=marked)),
            "no key": Way(Code.INVALID, lambda r: r._replace(key=None)),
            "another's key": Way(Code.INVALID, self._of_another),
            "no time": Way(Code.INVALID, lambda r: self._at(r, LATEST_MS + 1)),
            "future": Way(Code.FUTURE, lambda r: self._at(r, r.timestamp + FUTURE_MS + 60_000)),
            "nobody": Way(Code.NO_CUSTOMER, lambda r: self._nobody(r, r.timestamp)),
            "too large": Way(
                Code.TOO_LARGE, lambda r: r._replace(value=_body(r).ljust(self._bytes_max + 1))
            ),
        }

    def _spoilt(self, now: int) -> Record:
        self._number += 1
        self._turn += 1
        name = self._names[self._turn % len(self._names)]
        if name == "too large" and self._turn // len(self._names) % HUGE_EVERY:
            name = self._names[0]
        self.ways[name] += 1
        customer = f"c{self._chance.randrange(1000)}"
        record = self._record(self._read(READ, customer, now), now)
        return self._broken[name].spoil(record)

    def _event(self, now: int) -> LogEvent:
        event = super()._event(now)
        if self._chance.random() >= LATE:
            return event
        return event._replace(fields={**event.fields, "occurred_at": now - LATE_MS})

    def _at(self, record: Record, at: int) -> Record:
        customer = (record.key or b"").decode()
        return self._record(self._read(READ, customer, at), record.timestamp)

    def _unspeakable(self, record: Record) -> Record:
        return record._replace(value=_body(record).replace(SOURCE, b"\xff\xfeaos", 1))

    def _of_another(self, record: Record) -> Record:
        key = b"x" + (record.key or b"")
        return record._replace(key=key, partition=partition_of(key, self._partitions))


def _body(record: Record) -> bytes:
    return record.value or b""
