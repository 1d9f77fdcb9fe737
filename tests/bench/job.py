"""The bench job's input: a seeded shop, the same for every engine that is measured.

First every customer arrives: a product view each, and a cart of every sixteenth. Then come as many
events as are asked for, of customers drawn at random, most of them views. However many customers
there are, one of them does something every `VISIT_MS`: the more customers, the busier the shop, and
the same comes of an event.
"""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, count
from typing import NamedTuple

from journey_engine.decode.log import LogLine, Place, read_line, route
from journey_engine.decode.partition import partition_of
from journey_engine.decode.record import Record
from journey_engine.schemas import Schemas

START_MS = 1_767_225_600_000
VISIT_MS = 1_300_000
"""Between two events of one customer, on average."""
TYPES = ("ProductViewed", "CartUpdated", "OrderPlaced")
SHARES = (92, 6, 2)
"""Most look, few buy, as in a shop."""
UNREAD = "PageViewed"
"""A type that no journey of the job reads."""
CHANNEL = "web"
TOPIC = f"interactions.{CHANNEL}.v1"
CART_EVERY = 16
"""Every sixteenth customer arrives with a cart: timers come due from the first measured event on,
and as often as they do later (one for 18 events).
"""


CLOSER = "z"
"""Their names begin with it."""
DAY_MS = 86_400_000
KEPT = 2_000_000
"""Records of a log that stay in memory."""


class Visit(NamedTuple):
    """An event before it is written; `total` is a cart's or an order's."""

    number: int
    at: int
    kind: str
    customer: str
    total: float | None


@dataclass(frozen=True)
class Shop:
    """A log. `events` come after the arrivals; `unread` is the share among them of a type that
    nobody reads; `gap_ms` lies between two events, by default what `VISIT_MS` makes of it.
    """

    customers: int
    events: int
    partitions: int = 4
    unread: float = 0.0
    begin_ms: int = START_MS
    pace_ms: float | None = None

    @property
    def gap_ms(self) -> float:
        return VISIT_MS / self.customers if self.pace_ms is None else self.pace_ms

    @property
    def arrivals(self) -> int:
        """How many events come before the measured ones."""
        return self.customers + (self.customers + CART_EVERY - 1) // CART_EVERY

    @property
    def total(self) -> int:
        return self.arrivals + self.events

    def at(self, number: int) -> int:
        return self.begin_ms + int(number * self.gap_ms)

    def visits(self) -> Iterator[Visit]:
        """All events, in the order of time."""
        return chain(self.arriving(), self.shopping())

    def arriving(self) -> Iterator[Visit]:
        """The first events of every customer."""
        number = 0
        for customer in range(self.customers):
            for kind in TYPES[:1] if customer % CART_EVERY else TYPES[:2]:
                total = None if kind == TYPES[0] else 50.0
                yield Visit(number, self.at(number), kind, _name(customer), total)
                number += 1

    def shopping(self) -> Iterator[Visit]:
        """The events that are measured."""
        chance = random.Random(1)
        for number in range(self.arrivals, self.total):
            kind = chance.choices(TYPES, SHARES)[0]
            customer, total = chance.randrange(self.customers), float(chance.randrange(10, 200))
            if self.unread and chance.random() < self.unread:
                kind = UNREAD
            spent = total if kind in TYPES[1:] else None
            yield Visit(number, self.at(number), kind, _name(customer), spent)

    def closing(self) -> Iterator[Visit]:
        """A view on each partition a day after the last event: every timer is due by then."""
        at = self.at(self.total) + DAY_MS
        for partition in range(self.partitions):
            names = (f"{CLOSER}{number}" for number in count())
            customer = next(
                n for n in names if partition_of(n.encode(), self.partitions) == partition
            )
            yield Visit(self.total + partition, at, TYPES[0], customer, None)


class Log:
    """A shop's records, encoded once and kept where they are few enough."""

    def __init__(self, shop: Shop, schemas: Schemas) -> None:
        self.shop = shop
        self._schemas = schemas

    @cached_property
    def _kept(self) -> list[Record]:
        return list(self._routed(self.shop.visits()))

    def records(self) -> Iterator[Record]:
        """All events, routed."""
        return iter(self._kept) if self.shop.total <= KEPT else self._routed(self.shop.visits())

    def shopping(self) -> Iterator[Record]:
        """The events that come after the arrivals."""
        return self._routed(self.shop.shopping())

    def closing(self) -> Iterator[Record]:
        """What `Shop.closing` says."""
        return self._routed(self.shop.closing())

    def _routed(self, visits: Iterable[Visit]) -> Iterator[Record]:
        lines = (written(visit, self._schemas) for visit in visits)
        topics = {CHANNEL: TOPIC}
        return route(lines, self._schemas, topics, self.shop.partitions, marks=False)


def written(visit: Visit, schemas: Schemas) -> LogLine:
    """The visit with all fields that its type wants."""
    return event(
        schemas,
        visit.number,
        visit.at,
        type=visit.kind,
        event_id=f"e{visit.number}",
        customer_id=visit.customer,
        **_fields(visit),
    )


def event(schemas: Schemas, number: int, at: int, **told: object) -> LogLine:
    """What `told` says, as the shop's event of this number and time."""
    when = {"occurred_at": at, "channel": CHANNEL, "source": "shop"}
    return read_line(told | when, schemas, Place("bench", number + 1))


def _name(customer: int) -> str:
    return f"c{customer:07d}"


def _fields(visit: Visit) -> dict[str, object]:
    match visit.kind:
        case "ProductViewed":
            return {"product_id": f"p{visit.number % 500}"}
        case "PageViewed":
            return {"page": f"p{visit.number % 500}"}
    key = "cart_id" if visit.kind == "CartUpdated" else "order_id"
    return {key: f"k{visit.number}", "total": visit.total, "items": ["p1", "p2"]}
