"""A partition that comes to a registry's id which nobody has told it: it waits, in order."""

import struct
from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given

from journey_engine.decide.decision import Transition
from journey_engine.decode.decode import Reader
from journey_engine.decode.frame import BODY_OF_SINGLE_OBJECT, SINGLE_OBJECT
from journey_engine.decode.log import LogLine
from journey_engine.decode.record import Record
from journey_engine.errors import DeadLetterCode, EndReason
from journey_engine.run.clock import StreamClock, WallClock
from journey_engine.run.store import MemoryStore
from journey_engine.run.task import PartitionTask
from journey_engine.run.wiring import Wiring
from journey_engine.schemas import Foreign, Registered, RegistryId
from tests.examples import examples
from tests.run.drawn import logs
from tests.run.shop import CHANNEL_TOPICS, HOUR, INPUTS, SCHEMAS, START, line, wiring
from tests.run.test_task import SCHEDULE, Schedule, act, records
from tests.run.world import World

WEB = CHANNEL_TOPICS["web"]
IDS = {fingerprint: 100 + n for n, fingerprint in enumerate(sorted(SCHEMAS.by_fingerprint))}
KNOWN: dict[RegistryId, Registered] = {
    schema_id: SCHEMAS.by_fingerprint[fingerprint] for fingerprint, schema_id in IDS.items()
}
UNKNOWN = 7


class Telling:
    """A registry that tells what it was asked for when the test says so."""

    def __init__(self, told: dict[RegistryId, Registered]) -> None:
        self.told = told
        self.wanted: set[RegistryId] = set()

    def want(self, schema_id: RegistryId) -> None:
        self.wanted.add(schema_id)

    def trouble(self) -> str | None:
        return None

    def tell(self) -> None:
        for schema_id in self.wanted:
            self.told[schema_id] = KNOWN.get(schema_id, Foreign(f"no schema {schema_id}"))
        self.wanted.clear()


def registered(lines: Sequence[LogLine]) -> list[Record]:
    """The log as a registry's clients publish it; what is broken names an id that nobody has."""
    return [
        record if record.value is None else framed(record, record.value)
        for record in records(lines)
    ]


def framed(record: Record, value: bytes) -> Record:
    fingerprint = value[len(SINGLE_OBJECT) : BODY_OF_SINGLE_OBJECT]
    schema_id = IDS.get(fingerprint, UNKNOWN)
    body = value[BODY_OF_SINGLE_OBJECT:]
    return record._replace(value=b"\x00" + struct.pack(">I", schema_id) + body)


def wired(known: dict[RegistryId, Registered]) -> tuple[Wiring, Telling]:
    schemas = replace(SCHEMAS, by_registry_id=known)
    made, telling = wiring(), Telling(known)
    return replace(made, reader=Reader(schemas, made.plan.fields), registry=telling), telling


@examples(60)
@given(lines=logs(), schedule=SCHEDULE)
def test_however_late_a_registry_tells_the_run_is_the_same(
    lines: list[LogLine], schedule: Schedule
) -> None:
    log = registered(lines)
    straight = World(wired({**KNOWN, UNKNOWN: Foreign("no schema 7")})[0], log, StreamClock)
    straight.finish()
    made, registry = wired({})
    world = World(made, log, StreamClock)
    for number, entry in enumerate(schedule):
        act(world, [entry])
        if number % 3 == 2:
            registry.tell()
    world.finish()
    while registry.wanted:
        registry.tell()
        world.finish()

    assert world.outputs() == straight.outputs()
    assert world.states() == straight.states()
    assert world.restored_states() == straight.states()


CART, ORDER = (IDS[SCHEMAS.events[name].fingerprint] for name in ("CartUpdated", "OrderPlaced"))
LINES = [
    line("CartUpdated", "c1", 0, event_id="1"),
    line("OrderPlaced", "c1", 1000, event_id="2", channel="app"),
    line("CartUpdated", "c2", 2000, event_id="3"),
]


def begun(*known: int) -> tuple[PartitionTask, Telling]:
    made, registry = wired({each: KNOWN[each] for each in known})
    return PartitionTask(0, made, MemoryStore(), WallClock()), registry


def test_nothing_behind_it_is_taken_before_it_and_no_timer_overtakes_it() -> None:
    task, registry = begun(CART)
    log = registered(LINES)
    for topic in INPUTS:
        held = [each for each in log if each.topic == topic]
        task.feed(topic, held, end=len(held))
    late = START + 9 * HOUR  # the cart's reminder is due after four
    assert task.step(late, 100) == (1, 0, False)
    assert task.step(late + HOUR, 100) == (0, 0, False)
    assert registry.wanted == {ORDER}

    registry.tell()
    task.step(late + HOUR, 100)
    flush = task.take_flush()
    assert flush is not None
    seen = [(each.customer_id, each.end) for each in flush.outputs if isinstance(each, Transition)]
    assert seen == [("c1", None), ("c1", EndReason.GOAL), ("c2", None)], "no reminder in between"


def test_an_id_that_the_registry_does_not_have_is_a_dead_letter() -> None:
    task, registry = begun()
    [lost, *_] = registered(LINES)
    unknown = lost._replace(value=b"\x00" + struct.pack(">I", UNKNOWN))
    task.feed(WEB, [unknown, lost._replace(offset=1)], end=2)
    for topic in INPUTS[:2]:
        task.feed(topic, [], end=0)
    registry.tell()
    assert task.step(START, 100).taken == 2
    flush = task.take_flush()
    assert flush is not None
    assert flush.statistics.dead_letters == {(DeadLetterCode.SCHEMA_UNKNOWN, "decode"): 1}
    assert flush.statistics.inputs == {("CartUpdated", "APPLIED"): 1}


def test_what_was_forgotten_before_its_turn_is_asked_for_again() -> None:
    task, registry = begun(CART)
    [lost, *_] = registered(LINES)
    unknown = lost._replace(value=b"\x00" + struct.pack(">I", UNKNOWN))
    task.feed(WEB, [unknown], end=1)
    for topic in INPUTS[:2]:
        task.feed(topic, [], end=0)
    assert registry.wanted == {UNKNOWN}
    registry.wanted.clear()  # it was told, and forgot it before the partition came to it
    task.step(START, 100)
    assert registry.wanted == {UNKNOWN}
    registry.tell()
    assert task.step(START, 100).taken == 1
    flush = task.take_flush()
    assert flush is not None
    assert flush.statistics.dead_letters == {(DeadLetterCode.SCHEMA_UNKNOWN, "decode"): 1}
