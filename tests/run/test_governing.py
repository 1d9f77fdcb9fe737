"""Activations and operators' orders as inputs of a partition (V2, V3): laws 1 and 2 over them."""

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace as changed

from journey_engine.decide.decision import Command, Transition
from journey_engine.decide.event import Origin
from journey_engine.decide.governing_state import SWEEP, PartitionState
from journey_engine.decide.message import PARTITION, JourneyOperated, Message, Order, PlanActivated
from journey_engine.decide.state import CustomerState
from journey_engine.decode.decode import Reader
from journey_engine.decode.log import LogLine, route
from journey_engine.decode.record import Record
from journey_engine.define.migration_plan import Fate, Move
from journey_engine.define.plan import END, Plan
from journey_engine.encode.message import HEADERS, encode_message
from journey_engine.encode.position import encode_position
from journey_engine.encode.state import decode_any_state
from journey_engine.run.clock import WallClock
from journey_engine.run.outbox import Output
from journey_engine.run.store import POSITION_KEY, MemoryStore
from journey_engine.run.task import PartitionTask, Progress
from journey_engine.run.wiring import Definition, Wiring
from tests.examples import examples
from tests.run.drawn import logs
from tests.run.shop import (
    CART,
    CHANNEL_TOPICS,
    DAY,
    HOUR,
    INBOX,
    INPUTS,
    MINUTE,
    PAYMENT,
    SCHEMAS,
    START,
    after,
    journey,
    line,
    plan,
    stage,
)
from tests.run.test_task import SCHEDULE, Schedule, act, assert_resent_alike, records
from tests.run.world import World

FIRST = plan()


def _newer() -> Plan:
    """Cart waits 1 h only and takes over who waits; orders placed are no longer its business."""
    waiting = stage("waiting", after(0, HOUR, END))
    cart = replace(
        journey("cart", "CartUpdated", "PaymentSucceeded", (waiting,), priority=2),
        version=2,
        migrate={1: {"waiting": Move(Fate.MOVE, "waiting", recompute=True)}},
    )
    reads = {kind: (cart, *found) for kind, found in plan().by_type.items()}
    kept = {("cart", 1): CART}
    by_name = {"cart": cart, "payment": PAYMENT}
    by_type = {
        kind: tuple(cart if one.name == "cart" else one for one in found)
        for kind, found in FIRST.by_type.items()
    }
    by_type["PaymentSucceeded"] = reads["PaymentSucceeded"]
    return replace(
        FIRST, hash="shop-2", journeys=(cart, PAYMENT), by_name=by_name, by_type=by_type, kept=kept
    )


SECOND = _newer()
BY_HASH = {one.hash: Definition(one, Reader(SCHEMAS, one.fields)) for one in (FIRST, SECOND)}


class Published:
    """A topic of definitions in memory."""

    def __init__(self, *hashes: str) -> None:
        self.known = set(hashes)

    def find(self, plan_hash: str) -> Definition | None:
        return BY_HASH[plan_hash] if plan_hash in self.known else None


def wired(*hashes: str) -> Wiring:
    first = BY_HASH[FIRST.hash]
    catalogue = Published(*(hashes or BY_HASH))
    return Wiring(first.plan, first.reader, INPUTS, INBOX, 1, catalogue=catalogue)


def activates(plan_hash: str, at: int) -> PlanActivated:
    return PlanActivated(PARTITION, f"{plan_hash}-{at}", START + at, _origin(at), plan_hash)


def orders(order: Order, name: str, at: int, over: int = 0) -> JourneyOperated:
    message_id = f"{order}-{name}-{at}"
    return JourneyOperated(PARTITION, message_id, START + at, _origin(at), name, order, over=over)


def _origin(at: int) -> Origin:
    return Origin(f"operator-{at}", "", 0, 0)


def said(messages: Sequence[Message]) -> list[Record]:
    return [
        Record(INBOX, 0, offset, message.at, b"", encode_message(message), HEADERS)
        for offset, message in enumerate(messages)
    ]


def world(
    lines: Sequence[LogLine], messages: Sequence[Message], wiring: Wiring | None = None
) -> World:
    made = World(wiring or wired(), records(lines), WallClock)
    made.topics[INBOX] = said(messages)
    return made


MESSAGE = st.one_of(
    st.tuples(st.just("activate"), st.sampled_from(sorted(BY_HASH))),
    st.tuples(st.sampled_from(list(Order)), st.sampled_from(["cart", "payment"])),
)


@st.composite
def said_over_days(draw: st.DrawFn) -> list[Message]:
    at = 0
    messages: list[Message] = []
    for what, which in draw(st.lists(MESSAGE, max_size=5)):
        at += draw(st.sampled_from([MINUTE, HOUR, DAY]))
        if what == "activate":
            messages.append(activates(which, at))
        else:
            messages.append(orders(Order(what), which, at, over=draw(st.sampled_from([0, HOUR]))))
    return messages


@examples(100)
@given(lines=logs(), messages=said_over_days(), schedule=SCHEDULE)
def test_law_1_wall_log_and_ledger_give_the_same_run_over_activations_and_orders(
    lines: list[LogLine], messages: list[Message], schedule: Schedule
) -> None:
    one = world(lines, messages)
    one.finish(act(one, schedule) + 10 * DAY)

    again = world(lines, messages)
    for topic in again.topics:
        again.feed(topic, 1_000)
    for entry in {each.flush: each for each in one.entries()}.values():
        again.task.prescribe(entry)
        while not again.task.step(0, 7).flush_now:
            pass
        again.flush()

    assert again.outputs() == one.outputs()
    assert again.states() == one.states() == one.restored_states()
    assert_resent_alike(one)


def carts(count: int) -> list[LogLine]:
    return [line("CartUpdated", f"c{n:03}", n, event_id=f"e{n}") for n in range(count)]


def transitions(outputs: Sequence[Output]) -> list[Transition]:
    return [output for output in outputs if isinstance(output, Transition)]


def run(one: World, wall_now: int) -> list[Output]:
    """Read on to the end, the wall clock at that time; what came out."""
    outputs: list[Output] = []
    while True:
        for topic in one.topics:
            one.feed(topic, 1_000)
        progress = one.task.step(wall_now, 1_000)
        flush = one.task.take_flush()
        if flush is not None:
            outputs += flush.outputs
            one.task.confirm(flush, flush.number)
        if not any(progress):
            return outputs


def test_v2_an_activation_ends_its_flush_and_the_next_one_has_the_new_plan() -> None:
    one = world(carts(3), [activates("shop-2", HOUR)])
    one.finish(START + HOUR)

    assert [entry.plan_hash for entry in one.entries()] == ["shop-1", "shop-2"]
    assert one.task.position is not None
    assert one.task.position.plan_hash == "shop-2"


def test_v2_the_sweep_brings_every_customer_over_without_an_input_of_theirs() -> None:
    one = world(carts(250), [activates("shop-2", 30 * MINUTE)])
    found = transitions(run(one, START + 30 * MINUTE + 1))

    moved = [each.customer_id for each in found if each.trigger == "migrate"]
    assert moved == [f"c{n:03}" for n in range(250)]
    states = {key: decode_any_state(data) for key, data in one.states().items()}
    versions = {
        instance.version
        for state in states.values()
        if isinstance(state, CustomerState)
        for instance in state.instances
    }
    assert versions == {2}
    assert states[PARTITION] == PartitionState(due=START + 30 * MINUTE + 1)


def activated() -> tuple[World, Record]:
    """After an activation of `shop-2`, and a record that comes later."""
    lines = [*carts(1), line("CartUpdated", "new", DAY, event_id="late")]
    *before, last = route(lines, SCHEMAS, CHANNEL_TOPICS, 1, marks=False)
    one = World(wired(), before, WallClock)
    one.topics[INBOX] = said([activates("shop-2", HOUR)])
    one.finish(START + HOUR)
    return one, last


def test_v2_a_restart_goes_on_with_the_plan_of_the_position() -> None:
    one, last = activated()
    one.topics[last.topic].append(last)
    one.start(keep_disk=False)

    assert [each.version for each in transitions(run(one, START + DAY))][-1] == 2


def test_v2_a_partition_waits_at_a_restart_for_definitions_not_read_yet() -> None:
    """A worker that a rebalance gives a partition may have read less of their topic."""
    one, last = activated()
    wiring = wired("shop-1")
    task = PartitionTask(0, wiring, MemoryStore(), WallClock())
    task.restore(one.changelog)
    task.restored()
    for topic in (*INPUTS, INBOX):
        task.feed(topic, [last] if topic == last.topic else [], end=task.positions().get(topic, 0))

    assert task.plan_hash == "shop-2"
    assert task.step(START + 2 * DAY, 100) == Progress(0, 0, flush_now=False)
    assert task.take_flush() is None
    assert wiring.waits([0]) == "partitions that wait for definitions: 0 for shop-2"
    assert wiring.waits([1]) is None

    assert isinstance(wiring.catalogue, Published)
    wiring.catalogue.known.add("shop-2")
    assert task.step(START + 2 * DAY, 100).taken == 1
    flush = task.take_flush()
    assert flush is not None
    assert flush.ledger.plan_hash == "shop-2"
    assert {each.version for each in transitions(flush.outputs) if each.customer_id == "new"} == {2}
    assert wiring.waits([0]) is None


def test_v2_an_activation_waits_for_its_definitions() -> None:
    wiring = wired("shop-1")
    one = world(carts(1), [activates("shop-2", HOUR)], wiring)
    one.finish(START + HOUR)
    assert [entry.plan_hash for entry in one.entries()] == ["shop-1"]
    assert one.task.positions().get(INBOX, 0) == 0
    assert wiring.waits([0]) == "partitions that wait for definitions: 0 for shop-2"

    assert isinstance(wiring.catalogue, Published)
    wiring.catalogue.known.add("shop-2")
    one.finish(START + HOUR)
    assert one.task.positions()[INBOX] == 1
    assert wiring.waits([0]) is None


def test_v2_without_a_topic_of_definitions_an_activation_changes_nothing() -> None:
    one = world(carts(1), [activates("shop-2", HOUR)])
    alone = World(replace(wired(), catalogue=None), records(carts(1)), WallClock)
    alone.topics[INBOX] = one.topics[INBOX]
    alone.seek()
    alone.finish(START + HOUR)

    assert {entry.plan_hash for entry in alone.entries()} == {"shop-1"}


def test_v3_a_stop_ends_everybody_and_survives_a_restart() -> None:
    one = world(carts(3), [orders(Order.STOP, "cart", HOUR)])
    ended = [each for each in transitions(run(one, START + HOUR)) if each.end is not None]
    assert [(each.customer_id, each.end) for each in ended] == [
        (f"c{n:03}", "STOPPED") for n in range(3)
    ]


def test_v3_a_pause_and_its_end_reach_the_customers_of_the_partition() -> None:
    messages = [orders(Order.PAUSE, "cart", HOUR), orders(Order.RESUME, "cart", DAY)]
    one = world(carts(2), messages)
    sent = [each.created_at for each in run(one, START + DAY) if isinstance(each, Command)]

    assert sent == [START + DAY, START + DAY]
    state = decode_any_state(one.states()[PARTITION])
    assert isinstance(state, PartitionState)
    assert not state.operations


def test_an_order_from_a_machine_whose_clock_is_ahead_moves_no_partition_s_clock() -> None:
    late = changed(orders(Order.PAUSE, "payment", HOUR), at=START + 9 * DAY)
    record = said([late])[0]._replace(timestamp=START + HOUR)
    one = world(carts(1), [])
    one.topics[INBOX] = [record]
    one.seek()
    run(one, START + HOUR)

    assert one.task.positions()[INBOX] == 1
    assert one.task.clock.now == START + HOUR


def test_the_customers_of_a_sweep_count_as_timers_of_a_step() -> None:
    begun = world([line("CartUpdated", "c0", 0, event_id="0")], [], wired())
    begun.finish(START + MINUTE)
    position, store = begun.task.position, MemoryStore()
    assert position is not None
    (known,) = [data for key, data in begun.states().items() if key.startswith("c:")]
    store.write({f"c:{number:05}": known for number in range(2_000)}, 1)
    store.write({POSITION_KEY: encode_position(position)}, 2)
    task = PartitionTask(0, wired(), store, WallClock())
    task.restored()
    for topic in (*INPUTS, INBOX):
        order = said([orders(Order.STOP, "cart", HOUR)]) if topic == INBOX else []
        task.feed(topic, order, end=len(order))

    steps = []
    while (progress := task.step(START + HOUR, 500)) != (0, 0, False):
        steps.append(progress.taken + progress.fired)
    assert task.pending() > 2_000
    assert sum(steps) > 2_000
    assert max(steps) <= 500 + SWEEP + 1
