"""A worker that was away for two hours, on wall time (T3, T4)."""

from collections.abc import Callable
from typing import Any

import pytest

from journey_engine.decode.log import LogLine
from journey_engine.run.clock import wall_ms
from tests.broker.rig import Sent
from tests.broker.shipped import ShippedRig, cart, customers_on, event, order
from tests.run.shop import HOUR, MINUTE

pytestmark = [pytest.mark.timeout(90), pytest.mark.embedded]

AWAY = 2 * HOUR + 10 * MINUTE
SLOW = {"JOURNEY_MAX_POLL_RECORDS": "100", "JOURNEY_FETCH_MAX_WAIT_MS": "20"}
"""Small polls, so that the end of the backlog stays unread for many of them."""


def others(start: int, end: int, channel: str, count: int = 1500) -> list[LogLine]:
    """What other customers of the same partition did meanwhile."""
    step = (end - start) // count
    viewers = customers_on(0, 4, 40, "viewer")
    return [
        event("ProductViewed", viewers[n % 40], start + n * step, channel=channel)
        for n in range(count)
    ]


async def test_no_timer_fires_ahead_of_an_unread_event_of_its_customer(
    new_rig: Callable[..., ShippedRig],
) -> None:
    rig = new_rig("embedded_broker", clock="wall")
    await rig.create()
    now = wall_ms()
    then = now - AWAY
    quiet, filler, buyer, emptier, late_buyer = customers_on(0, 4, 5)
    # All are due half an hour after the worker has gone, if nothing happens.
    left = then + 30 * MINUTE - 4 * HOUR
    before = [cart(c, left) for c in (quiet, filler, buyer, emptier, late_buyer)]
    meanwhile = [
        *others(then, now - MINUTE, "web"),
        *others(then, now - MINUTE, "app"),
        cart(filler, then + 20 * MINUTE, channel="app"),
        order(buyer, then + 29 * MINUTE, channel="app"),
        event("CartEmptied", emptier, then + 25 * MINUTE, cart_id="k"),
        order(late_buyer, then + 40 * MINUTE),
    ]
    await publish(rig, before)
    rig.program = ["tests.broker.past_worker", str(AWAY), "worker"]
    with rig.start() as worker:
        await worker.ready()
        sent = await rig.sent_once(lambda sent: len(sent.transitions) == len(before))
        assert worker.stop() == 0
    assert sent.commands == []

    await publish(rig, sorted(meanwhile, key=occurred_at))
    rig.program = ShippedRig.program
    with rig.start(**SLOW) as worker:
        await worker.ready()
        sent = await rig.sent_once(lambda sent: len(moves(sent, late_buyer)) >= 3)
        sent = await rig.sent_once(lambda sent: len(moves(sent, quiet)) >= 2)
        assert worker.stop() == 0

    assert moves(sent, quiet) == [(None, "waiting", None), ("waiting", "reminded", None)]
    assert moves(sent, filler) == [(None, "waiting", None)]
    assert moves(sent, buyer) == [(None, "waiting", None), ("waiting", None, "GOAL")]
    assert moves(sent, emptier) == [(None, "waiting", None), ("waiting", None, "EXIT")]
    assert moves(sent, late_buyer) == [
        (None, "waiting", None),
        ("waiting", "reminded", None),
        ("reminded", None, "GOAL"),
    ]
    reminded = {c["customer_id"] for c in sent.commands if c["action"] == "SEND"}
    assert reminded == {quiet, late_buyer}


async def publish(rig: ShippedRig, lines: list[LogLine]) -> None:
    await rig.publish([record for record in rig.records(lines) if record.value is not None])


def occurred_at(line: Any) -> int:
    at: int = line.fields["occurred_at"]
    return at


def moves(sent: Sent, customer: str) -> list[tuple[Any, Any, Any]]:
    """How a customer went through cart-rescue."""
    return [
        (each["from"], each["to"], each["end"])
        for each in sent.transitions
        if each["customer_id"] == customer and each["journey"] == "cart-rescue"
    ]
