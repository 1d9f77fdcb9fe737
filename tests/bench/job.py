"""The bench job's input: a seeded shop, the same for every engine that is measured."""

import random
from collections.abc import Iterator

from journey_engine.decode.log import LogLine, Place, read_line
from journey_engine.schemas import Schemas

START_MS = 1_767_225_600_000
GAP_MS = 13
"""Between two events of the shop: a busy one."""
TYPES = ("ProductViewed", "CartUpdated", "OrderPlaced")
SHARES = (86, 12, 2)
"""Most look, few buy, as in a shop."""
CHANNEL = "web"


def shop(events: int, customers: int, schemas: Schemas, seed: int = 1) -> Iterator[LogLine]:
    """So many events of so many customers, in order of time, all on one channel."""
    chance = random.Random(seed)
    kinds = chance.choices(TYPES, SHARES, k=events)
    for number, kind in enumerate(kinds):
        yield event(
            schemas,
            number,
            GAP_MS,
            type=kind,
            event_id=f"e{seed}-{number}",
            customer_id=f"c{chance.randrange(customers):06d}",
            **_fields(kind, chance, number),
        )


def event(schemas: Schemas, number: int, gap_ms: int, **told: object) -> LogLine:
    """What `told` says, as the shop's event of this number; they lie `gap_ms` apart."""
    when = {"occurred_at": START_MS + number * gap_ms, "channel": CHANNEL, "source": "shop"}
    return read_line(told | when, schemas, Place("bench", number + 1))


def _fields(kind: str, chance: random.Random, number: int) -> dict[str, object]:
    if kind == "ProductViewed":
        return {"product_id": f"p{chance.randrange(500)}"}
    if kind == "CartUpdated":
        return {"cart_id": f"k{number}", **_content(chance)}
    return {"order_id": f"o{number}", **_content(chance)}


def _content(chance: random.Random) -> dict[str, object]:
    return {"total": float(chance.randrange(10, 200)), "items": ["p1", "p2"]}
