"""Event logs in the JSON-lines format that `publish` and `replay` read, made from a seed.

`shop_log` is the shop of `simulate.shop` on its way through real systems: each source reports with
a delay, some events come hours late, some twice, and some records are broken. `order_log` is the
order book of a shop where most buy once and a few often.
"""

import base64
import gzip
import io
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Final

import fastavro

from journey_engine.decode.frame import frame
from journey_engine.define.iso import iso_utc
from journey_engine.schemas import Schemas
from journey_engine.simulate.chance import Chance
from journey_engine.simulate.shop import DAY, HOUR, MINUTE, SECOND, START, Happening, Shopper

Line = dict[str, object]
"""One line of a log."""

SHOPPERS: Final = 200
REPEATED: Final = 0.02
BROKEN: Final = 0.02
LATE: Final = 0.01
_DELAY: Final = {"web": 2 * SECOND, "app": 20 * SECOND, "callcenter": 3 * MINUTE, "crm": HOUR}
"""At most so long after it happened does a source report; the others within five seconds."""

ORDER_CUSTOMERS: Final = 23_570
ORDERS: Final = 70_000
ORDER_DAYS: Final = 546


def shop_log(schemas: Schemas, seed: int = 1, shoppers: int = SHOPPERS) -> list[Line]:
    """The lines, in the order in which the broker gets them."""
    happenings = [h for number in range(1, shoppers + 1) for h in Shopper(seed, number).life()]
    happenings.sort(key=lambda h: (h.at, h.customer_id or "", h.anonymous_id or "", h.type))
    chance = Chance(seed, "transport")
    breakage = Chance(seed, "breakage")
    lines: list[tuple[int, int, Line]] = []
    for number, happening in enumerate(happenings):
        line, recorded = _reported(number, happening, chance)
        lines.append((recorded, len(lines), line))
        if chance.happens(REPEATED):
            again = recorded + chance.often_small(SECOND, 2 * HOUR)
            lines.append((again, len(lines), {**line, "recorded_at": iso_utc(again)}))
        if breakage.happens(BROKEN) and not happening.backfill:
            at = recorded + breakage.between(0, MINUTE)
            broken = breakage.pick(_BREAKAGES)(schemas, line, at)
            lines.append((at, len(lines), broken))
    lines.sort(key=lambda entry: entry[:2])
    return [line for _, _, line in lines]


def order_log(seed: int = 1, customers: int = ORDER_CUSTOMERS, orders: int = ORDERS) -> list[Line]:
    """`orders` orders of `customers` customers over 18 months, by time.

    Everybody orders once; the others are spread so that a few customers order very often.
    """
    chance = Chance(seed, "orders")
    buyers = [*range(customers)]
    buyers += [chance.often_small(0, customers - 1) for _ in range(orders - customers)]
    first = [chance.between(0, ORDER_DAYS * DAY) for _ in range(customers)]
    lines: list[tuple[int, int, int]] = []
    for number, buyer in enumerate(buyers):
        at = first[buyer] if number < customers else chance.between(first[buyer], ORDER_DAYS * DAY)
        lines.append((START + at, buyer, number))
    return [_order(at, buyer, number) for at, buyer, number in sorted(lines)]


def to_json_lines(lines: Iterable[Line]) -> bytes:
    """The text of a log file."""
    texts = (json.dumps(line, ensure_ascii=False, separators=(",", ":")) for line in lines)
    return "".join(f"{text}\n" for text in texts).encode()


def to_gzip(text: bytes) -> bytes:
    """The same, compressed; the time of day leaves no trace in it."""
    return gzip.compress(text, compresslevel=9, mtime=0)


def _reported(number: int, happening: Happening, chance: Chance) -> tuple[Line, int]:
    delay = chance.often_small(0, _DELAY.get(happening.channel, 5 * SECOND))
    if chance.happens(LATE):
        delay = chance.between(HOUR // 2, 6 * HOUR)
    recorded = (START if happening.backfill else happening.at) + delay
    line: Line = {
        "type": happening.type,
        "event_id": f"e{number:06}",
        "customer_id": happening.customer_id,
        "anonymous_id": happening.anonymous_id,
        "occurred_at": iso_utc(happening.at),
        "recorded_at": iso_utc(recorded),
        "channel": happening.channel,
        "source": f"shop-{happening.channel}",
        "session_id": happening.session_id,
        "backfill": happening.backfill or None,
        **happening.fields,
    }
    return {name: value for name, value in line.items() if value is not None}, recorded


def _order(at: int, buyer: int, number: int) -> Line:
    return {
        "type": "OrderPlaced",
        "event_id": f"order-{number}",
        "customer_id": f"c{buyer:05}",
        "occurred_at": at,
        "channel": "web",
        "source": "shop",
        "order_id": f"o{number}",
    }


def _truncated(schemas: Schemas, line: Line, at: int) -> Line:
    return _raw(line, at, _framed(schemas, line)[:-3])


def _left_over(schemas: Schemas, line: Line, at: int) -> Line:
    return _raw(line, at, _framed(schemas, line) + b"\x00\x00")


def _unknown_schema(schemas: Schemas, line: Line, at: int) -> Line:
    body = _framed(schemas, line)[10:]
    return _raw(line, at, frame(b"no-such!", body))


def _no_frame(_: Schemas, line: Line, at: int) -> Line:
    return _raw(line, at, json.dumps({"type": line["type"], "id": line["event_id"]}).encode())


def _bad_text(schemas: Schemas, line: Line, at: int) -> Line:
    value = _framed(schemas, line)
    source = str(line["source"]).encode()
    return _raw(line, at, value.replace(source, b"\xff\xfe" + source[2:], 1))


def _wrong_key(schemas: Schemas, line: Line, at: int) -> Line:
    return {**_raw(line, at, _framed(schemas, line)), "key": "somebody-else"}


def _empty_key(schemas: Schemas, line: Line, at: int) -> Line:
    return {**_raw(line, at, _framed(schemas, line)), "key": ""}


def _of_nobody(schemas: Schemas, line: Line, at: int) -> Line:
    nobody = {**line, "customer_id": None, "anonymous_id": None}
    return {**_raw(line, at, _framed(schemas, nobody)), "key": ""}


def _conflicting(_: Schemas, line: Line, at: int) -> Line:
    return {**line, "session_id": "another", "recorded_at": iso_utc(at)}


def _from_the_future(schemas: Schemas, line: Line, at: int) -> Line:
    ahead = {**line, "occurred_at": iso_utc(at + 2 * DAY)}
    return _raw(line, at, _framed(schemas, ahead))


_BREAKAGES: Final[tuple[Callable[[Schemas, Line, int], Line], ...]] = (
    _truncated,
    _left_over,
    _unknown_schema,
    _no_frame,
    _bad_text,
    _wrong_key,
    _empty_key,
    _of_nobody,
    _conflicting,
    _from_the_future,
)


def _raw(line: Line, at: int, value: bytes) -> Line:
    """A record's bytes as they are, under the key that the line has."""
    return {
        "raw": base64.b64encode(value).decode(),
        "key": line.get("customer_id") or line.get("anonymous_id"),
        "channel": line["channel"],
        "recorded_at": iso_utc(at),
    }


def _framed(schemas: Schemas, line: Line) -> bytes:
    """The line's event under an id of its own, so that no breakage passes for a repeat."""
    schema = schemas.events[str(line["type"])]
    body = {**line, "event_id": f"{line['event_id']}-broken"}
    body["occurred_at"] = datetime.fromisoformat(str(line["occurred_at"]))
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, schema.parsed, _known(body, schema.fields))
    return frame(schema.fingerprint, buffer.getvalue())


def _known(body: Mapping[str, object], fields: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in body.items() if name in fields}
