"""A seeded stream of events that knows what it sent.

Many customers on several channels; late events, repeats under the same id (in another order, on
another partition), records on the wrong partition, visitors who turn out to be customers, erasures,
more messages than a channel takes, and broken records of each kind.
"""

import random
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from journey_engine.decode.decode import FUTURE_MS, MARK_HEADER
from journey_engine.decode.frame import frame
from journey_engine.decode.log import LogEvent, Place, encode_event, read_event
from journey_engine.decode.partition import partition_of
from journey_engine.decode.record import Record
from journey_engine.errors import DeadLetterCode
from journey_engine.schemas import Schemas

CUSTOMERS = 20_000
KNOWN = 500
REMEMBERED = 4_000
"""Records back from which repeats and conflicts are drawn."""
LATE_MS = 5_000
OFTEN = {
    "ProductViewed": 69,
    "CartUpdated": 9,
    "OrderPlaced": 5,
    "PaymentFailed": 5,
    "PaymentSucceeded": 2,
    "PageViewed": 10,
}
"""What happens how often, in percent; nobody reads the last one."""
_ACROSS = {"strayed": 0.01, "visitor": 0.04, "linked": 0.004, "erased": 0.001, "opened": 0.01}
"""What makes partitions talk to each other: it lies on a wrong one, comes of a visitor, tells who
that is, has somebody erased, or asks for room on a channel.
"""
_ODD = (("poison", 0.004), ("conflict", 0.002), ("repeat", 0.03), *_ACROSS.items())
_TYPES = {"linked": "IdentityLinked", "erased": "CustomerErased", "opened": "AccountOpened"}


class Workload:
    """Makes batches of records to be sent. The same seed and calls give the same records."""

    odd: Sequence[tuple[str, float]] = _ODD
    """What is odd about how large a share."""
    known = KNOWN
    """How many visitors there are, and customers whom they turn out to be, or who are erased."""

    def __init__(
        self, seed: int, schemas: Schemas, topics: Mapping[str, str], partitions: int
    ) -> None:
        """`topics` names the topic of each channel."""
        self.sent: Counter[str] = Counter()
        """Records by what is odd about them; `plain` for most."""
        self.poison: Counter[str] = Counter()
        """Records that cannot be decoded, by the code of the dead letter that each must bring."""
        self._chance = random.Random(f"workload {seed}")
        self._schemas = schemas
        self._topics = topics
        self._channels = sorted(topics)
        self._partitions = partitions
        self._number = 0
        self._recent: deque[tuple[LogEvent, Record]] = deque(maxlen=REMEMBERED)
        self._poisons: list[tuple[DeadLetterCode, Callable[[Record, int], Record]]] = [
            (DeadLetterCode.DECODE_ERROR, lambda r, _: r._replace(value=b"\xff garbage")),
            (DeadLetterCode.DECODE_ERROR, lambda r, _: r._replace(value=b"")),
            (DeadLetterCode.DECODE_ERROR, lambda r, _: r._replace(value=(r.value or b"")[:-3])),
            (DeadLetterCode.DECODE_ERROR, lambda r, _: r._replace(value=(r.value or b"") + b"x")),
            (DeadLetterCode.SCHEMA_UNKNOWN, lambda r, _: r._replace(value=frame(b"8" * 8, b"x"))),
            (DeadLetterCode.SCHEMA_UNKNOWN, lambda r, _: r._replace(value=b"\0\0\0\0\7x")),
            (DeadLetterCode.INVALID, lambda r, _: r._replace(value=None)),
            (
                DeadLetterCode.INVALID,
                lambda r, _: r._replace(value=None, headers=((MARK_HEADER, b"noon"),)),
            ),
            (DeadLetterCode.INVALID, lambda r, _: r._replace(key=b"another")),
            (DeadLetterCode.NO_CUSTOMER, self._nobody),
            (DeadLetterCode.FUTURE, self._future),
        ]

    def batch(self, count: int, now: int, *, across: bool) -> list[Record]:
        """The next records, in the order of sending; `across` partitions where it says so."""
        return [self._next(now, across=across) for _ in range(count)]

    def marks(self, now: int) -> list[Record]:
        """A time mark for every partition of every topic (rule T3)."""
        headers = ((MARK_HEADER, str(now).encode()),)
        return [
            Record(topic, partition, -1, now, None, None, headers)
            for topic in self._topics.values()
            for partition in range(self._partitions)
        ]

    def _next(self, now: int, *, across: bool) -> Record:
        kind = self._odd(across=across)
        self.sent[kind] += 1
        if kind == "repeat":
            _, record = self._chance.choice(self._recent)
            record = record._replace(topic=self._topics[self._chance.choice(self._channels)])
            stray = across and self._chance.random() < 0.2
            return self._strayed(record._replace(timestamp=now)) if stray else record
        if kind == "poison":
            return self._spoilt(now)
        event = self._event(now) if kind not in _ACROSS else self._across(kind, now)
        if kind == "conflict":
            earlier, _ = self._chance.choice(self._recent)
            fields = {**earlier.fields, "session_id": "another"}
            return self._record(earlier._replace(fields=fields), now)
        record = self._record(event, now)
        self._recent.append((event, record))
        return self._strayed(record) if kind == "strayed" else record

    def _spoilt(self, now: int) -> Record:
        """Of a type that is read: what nobody reads is not looked at either."""
        self._number += 1
        customer = f"c{self._chance.randrange(CUSTOMERS)}"
        code, spoil = self._chance.choice(self._poisons)
        self.poison[code] += 1
        return spoil(self._record(self._read("ProductViewed", customer, now), now), now)

    def _odd(self, *, across: bool) -> str:
        draw = self._chance.random()
        for kind, share in self.odd:
            draw -= share
            if draw < 0:
                possible = len(self._recent) > 0 and (across or kind not in _ACROSS)
                return kind if possible else "plain"
        return "plain"

    def _event(self, now: int) -> LogEvent:
        chance, self._number = self._chance, self._number + 1
        kind = chance.choices(list(OFTEN), list(OFTEN.values()))[0]
        late = chance.randrange(LATE_MS) if chance.random() < 0.1 else 0
        return self._read(kind, f"c{chance.randrange(CUSTOMERS)}", now - late)

    def _across(self, kind: str, now: int) -> LogEvent:
        """An event that brings about a message to another partition."""
        if kind == "strayed":
            return self._event(now)
        self._number += 1
        visitor = f"v{self._chance.randrange(self.known)}"
        customer = f"c{self._chance.randrange(self.known)}"
        if kind == "visitor":
            often = self._chance.choices(list(OFTEN), list(OFTEN.values()))[0]
            return self._read(often, None, now, anonymous_id=visitor)
        who = {"anonymous_id": visitor} if kind == "linked" else {}
        return self._read(_TYPES[kind], customer, now, **who)

    def _read(self, kind: str, customer: str | None, at: int, **more: Any) -> LogEvent:
        number = self._number
        fields: dict[str, Any] = {
            "type": kind,
            "event_id": f"e{number}",
            "customer_id": customer,
            "occurred_at": at,
            "channel": self._channels[number % len(self._channels)],
            "source": "chaos",
            **more,
        }
        match kind:
            case "CartUpdated":
                fields |= {"cart_id": f"k{number}", "total": float(number % 500)}
            case "OrderPlaced":
                fields["order_id"] = f"o{number}"
            case "ProductViewed":
                fields["product_id"] = f"p{number % 300}"
            case "PageViewed":
                fields["page"] = "home"
        return read_event(fields, self._schemas, Place("workload", number))

    def _record(self, event: LogEvent, now: int) -> Record:
        value = encode_event(event, self._schemas.events[event.type])
        who = event.fields["customer_id"] or event.fields.get("anonymous_id")
        key = None if who is None else str(who).encode()
        topic = self._topics[event.fields["channel"]]
        return Record(topic, partition_of(key, self._partitions), -1, now, key, value)

    def _strayed(self, record: Record) -> Record:
        step = self._chance.randrange(1, self._partitions)
        return record._replace(partition=(record.partition + step) % self._partitions)

    def _nobody(self, record: Record, now: int) -> Record:
        del record
        return self._record(self._read("ProductViewed", None, now), now)

    def _future(self, record: Record, now: int) -> Record:
        customer = (record.key or b"").decode()
        return self._record(self._read("ProductViewed", customer, now + FUTURE_MS + 60_000), now)
