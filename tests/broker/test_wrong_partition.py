"""A record on the wrong partition goes through the inbox to the right one, and is applied once."""

from journey_engine.encode.position import POSITION_KEY
from journey_engine.run.tailing import tail
from tests.broker.rig import Sent
from tests.broker.shipped import ShippedRig, cart, customers_on, order
from tests.run.shop import HOUR, START


async def test_a_stray_record_is_forwarded_and_applied_once(shipped_rig: ShippedRig) -> None:
    rig = shipped_rig
    stray, home = customers_on(2, 4, 2)
    records = rig.records([cart(stray, START), cart(home, START), order(home, START + HOUR)])
    records[0] = records[0]._replace(partition=0)
    await rig.publish(records)
    wanted = sorted([(stray, "waiting"), (home, "waiting"), (home, "GOAL")])
    with rig.start() as worker:
        await worker.ready()
        await rig.sent_once(lambda sent: len(in_cart_rescue(sent)) >= len(wanted))
        metrics = worker.metrics()
        assert worker.stop() == 0
    sent = await rig.sent()
    assert in_cart_rescue(sent) == wanted
    assert sent.dead_letters == []
    assert [count for _, count in metrics["journey_forwarded_total"]] == [1]
    inputs = metrics["journey_inputs_total"]
    assert [n for labels, n in inputs if labels["type"] == "CartUpdated"] == [2]
    assert await state_places(rig) == {(f"c:{stray}", 2), (f"c:{home}", 2)}


def in_cart_rescue(sent: Sent) -> list[tuple[str, str]]:
    """Customers and where they came to, in the journey that a cart begins."""
    moves = (each for each in sent.transitions if each["journey"] == "cart-rescue")
    return sorted((each["customer_id"], each["to"] or each["end"]) for each in moves)


async def state_places(rig: ShippedRig) -> set[tuple[str, int]]:
    """On which partition of the changelog each state lies."""
    changelog = tail(rig.settings, (rig.names.changelog,), rig.topics.partitions)
    return {
        (record.key.decode(), record.partition)
        async for record in changelog
        if record.key is not None and record.key != POSITION_KEY
    }
