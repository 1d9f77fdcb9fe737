"""A worker that was away for two hours, on wall time (T3, T4)."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from journey_engine.decode.log import LogLine
from journey_engine.run.clock import wall_ms
from tests.broker.conftest import BROKERS
from tests.broker.rig import Sent
from tests.broker.shipped import ShippedRig, cart, customers_on, event, order
from tests.run.shop import HOUR, MINUTE

LARGE = 300_000
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


@pytest.mark.parametrize("broker", BROKERS)
async def test_no_timer_fires_ahead_of_an_unread_event_of_its_customer(
    new_rig: Callable[..., ShippedRig], broker: str
) -> None:
    rig = new_rig(broker, clock="wall")
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
    await lived_through(rig, len(before))

    await publish(rig, sorted(meanwhile, key=occurred_at))
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


@pytest.mark.kafka
async def test_a_channel_far_behind_holds_the_timers_and_an_open_transaction_does_not(
    new_rig: Callable[..., ShippedRig],
) -> None:
    rig = new_rig("kafka_broker", clock="wall")
    await rig.create()
    now = wall_ms()
    then = now - AWAY
    left = then + 30 * MINUTE - 4 * HOUR
    quiet, saved, held = (
        [customer for p in range(3) for customer in customers_on(p, 4, 1, name)]
        for name in ("quiet", "saved", "held")
    )
    before = [cart(customer, left) for customer in (*quiet, *saved, *held)]
    await publish(rig, before)
    await lived_through(rig, len(before))

    # What saves a customer lies at the end of a channel that a fetch brings three records of.
    heavy = [
        event("ProductViewed", customer, then + n * MINUTE, channel="email", product_id="x" * LARGE)
        for customer in customers_on(0, 4, 1, "heavy")
        for n in range(25)
    ]
    saves = [order(customer, then + 29 * MINUTE, channel="email") for customer in saved]
    light = others(then, now - MINUTE, "web")
    await publish(rig, sorted([*heavy, *saves, *light], key=occurred_at))
    async with transaction(rig) as open_transaction:
        orders = [order(customer, then + 20 * MINUTE, channel="app") for customer in held]
        for record in rig.records(orders):
            if record.value is not None:
                await open_transaction.send_and_wait(
                    record.topic, record.value, record.key, record.partition, record.timestamp
                )
        with rig.start(JOURNEY_FETCH_MAX_WAIT_MS="20") as worker:
            await worker.ready()
            waited_for = (*quiet, *held)
            sent = await rig.sent_once(
                lambda sent: all(len(moves(sent, customer)) == 2 for customer in waited_for)
            )
            await open_transaction.commit_transaction()
            sent = await rig.sent_once(
                lambda sent: all(len(moves(sent, customer)) == 3 for customer in held)
            )
            assert worker.stop() == 0

    for customer in saved:
        assert moves(sent, customer) == [(None, "waiting", None), ("waiting", None, "GOAL")]
    for customer in held:
        assert moves(sent, customer)[1:] == [
            ("waiting", "reminded", None),
            ("reminded", None, "GOAL"),
        ]


@asynccontextmanager
async def transaction(rig: ShippedRig) -> AsyncIterator[AIOKafkaProducer]:
    """Of a publisher that is not ours."""
    producer = AIOKafkaProducer(
        bootstrap_servers=list(rig.settings.brokers),
        transactional_id=f"{rig.settings.app_id}-foreign",
        compression_type="zstd",
        transaction_timeout_ms=80_000,
    )
    await producer.start()
    try:
        await producer.begin_transaction()
        yield producer
    finally:
        await producer.stop()


async def lived_through(rig: ShippedRig, entries: int) -> None:
    """A worker took what is there, at its time, and went away."""
    rig.program = ["tests.broker.past_worker", str(AWAY), "worker"]
    with rig.start() as worker:
        await worker.ready()
        sent = await rig.sent_once(lambda sent: len(sent.transitions) == entries)
        assert worker.stop() == 0
    assert sent.commands == []
    rig.program = ShippedRig.program


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
