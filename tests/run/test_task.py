from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st

from journey_engine.decide.decision import Command
from journey_engine.decode.log import LogLine, route
from journey_engine.decode.record import Record
from journey_engine.encode.ledger import LedgerEntry, Run, Tick
from journey_engine.run.clock import StreamClock, WallClock
from journey_engine.run.outbox import Flush, Forward
from journey_engine.run.restoration import RestorationError
from journey_engine.run.store import MemoryStore
from journey_engine.run.task import PartitionTask
from tests.examples import examples
from tests.run.drawn import logs
from tests.run.shop import CHANNEL_TOPICS, DAY, HOUR, INBOX, INPUTS, SCHEMAS, START, line, wiring
from tests.run.world import WRITES, World

WEB = CHANNEL_TOPICS["web"]

FEED = st.tuples(st.just("feed"), st.sampled_from([*INPUTS, "all", "all"]), st.integers(1, 9))
STEP = st.tuples(st.just("step"), st.integers(0, 3 * HOUR), st.integers(1, 9))
FLUSH = st.tuples(st.just("flush"), st.just("all"), st.integers(0, 5))
CRASH = st.tuples(st.just("crash"), st.sampled_from(WRITES), st.integers(0, 1))
SCHEDULE = st.lists(st.one_of(FEED, STEP, FEED, STEP, FLUSH, STEP, CRASH), min_size=8, max_size=40)
Schedule = Sequence[tuple[str, str | int, int]]


def records(lines: Sequence[LogLine], partitions: int = 1) -> list[Record]:
    return list(route(lines, SCHEMAS, CHANNEL_TOPICS, partitions))


def act(world: World, schedule: Schedule, wall_now: int = START) -> int:
    """Let the worker live through the schedule; the wall time at its end."""
    for what, which, number in schedule:
        if what == "feed":
            for topic in INPUTS if which == "all" else [str(which)]:
                world.feed(topic, number)
        elif what == "step":
            wall_now += int(which)
            world.task.step(wall_now, number)
        elif what == "flush":
            world.flush(meanwhile=(wall_now, number) if number else None)
        else:
            world.crash(str(which), keep_disk=bool(number))
    return wall_now


def assert_resent_alike(world: World) -> None:
    """Each attempt of a flush sent the same, as far as it came."""
    for attempts in world.sent.values():
        for attempt in attempts:
            assert attempt == attempts[-1][: len(attempt)]


@examples(150)
@given(lines=logs(), schedule=SCHEDULE)
def test_law_1_stream_any_batches_flushes_and_crashes_give_the_same_run(
    lines: list[LogLine], schedule: Schedule
) -> None:
    log = records(lines)
    straight = World(wiring(), log, StreamClock)
    straight.finish()
    world = World(wiring(), log, StreamClock)
    act(world, schedule)
    world.finish()

    assert world.outputs() == straight.outputs()
    assert world.states() == straight.states() == world.restored_states()
    assert world.task.positions() == straight.task.positions()
    assert_resent_alike(world)


@examples(150)
@given(lines=logs(), schedule=SCHEDULE)
def test_law_1_wall_log_and_ledger_give_the_same_run(
    lines: list[LogLine], schedule: Schedule
) -> None:
    log = records(lines)
    world = World(wiring(), log, WallClock)
    world.finish(act(world, schedule) + DAY)

    again = World(wiring(), log, WallClock)
    again.ledger.clear()
    for topic in INPUTS:
        again.feed(topic, 1_000)
    for entry in {each.flush: each for each in world.entries()}.values():
        again.task.prescribe(entry)
        while not again.task.step(0, 7).flush_now:
            pass
        again.flush()

    assert again.outputs() == world.outputs()
    assert again.states() == world.states() == world.restored_states()
    assert again.task.position is not None or not log
    assert_resent_alike(world)


def test_a_release_that_does_not_read_a_topic_leaves_it_where_the_next_one_goes_on() -> None:
    """It was rolled back, say; read from the beginning, its sends would be doubled."""
    app, store = INPUTS[0], MemoryStore()

    def take(reads: tuple[str, ...], topic: str, offset: int, at: int) -> PartitionTask:
        task = PartitionTask(0, replace(wiring(), inputs=reads), store, WallClock())
        task.restored()
        record = records([line("CartUpdated", "c1", at, event_id=str(at), channel="web")])[0]
        task.feed(topic, [record._replace(topic=topic, offset=offset)], end=offset + 1)
        for other in {*reads, INBOX} - {topic}:
            task.feed(other, [], end=0, position=0)
        assert task.step(START + at, 1).taken == 1
        flush = task.take_flush()
        assert flush is not None
        task.confirm(flush, flush.number)
        return task

    former = take(INPUTS, app, 4, 0).position
    assert former is not None
    assert former.next_offsets == {app: 5}
    rolled_back = take(INPUTS[1:], WEB, 8, HOUR).position
    assert rolled_back is not None
    assert rolled_back.next_offsets == {app: 5, WEB: 9}
    assert rolled_back.merge_times[app] == former.merge_times[app]
    assert take(INPUTS, WEB, 9, DAY).positions() == {app: 5, WEB: 10}


def test_after_a_restart_the_merge_knows_how_far_each_topic_has_come() -> None:
    lines = [line("CartUpdated", "c1", n, event_id=str(n), channel="web") for n in range(4)]
    world = World(wiring(), records(lines), StreamClock)
    for topic in INPUTS[:2]:
        world.feed(topic, 1)  # its final mark
    world.feed(WEB, 2)
    world.task.step(0, 100)
    world.flush()
    world.start(keep_disk=False)

    world.feed(WEB, 2)
    assert world.task.step(0, 100).taken == 2


def test_a_prescribed_run_of_which_retention_left_nothing_holds_up_no_other_topic() -> None:
    log = records([line("CartUpdated", "c1", 0, event_id="1", channel="app")])
    task = PartitionTask(0, wiring(), MemoryStore(), WallClock())
    task.prescribe(LedgerEntry(task.plan_hash, 1, [Run(WEB, 0, 4, START + HOUR)]))
    task.feed(WEB, [], end=5, position=4)
    assert task.step(START + HOUR, 10) == (0, 0, False)
    assert task.retaking

    task.feed(WEB, [], end=5, position=5)
    assert task.step(START + HOUR, 10) == (0, 0, True)
    assert task.take_flush() is None
    for topic in INPUTS:
        fetched = [each for each in log if each.topic == topic and each.value is not None]
        task.feed(topic, fetched, end=len(fetched) if topic != WEB else 5)
    assert task.step(START + 2 * HOUR, 10).taken == 1


def fed(task: PartitionTask, log: Sequence[Record]) -> Flush:
    """Feed everything, run to the end, take the flush."""
    for topic in INPUTS:
        task.feed(topic, [each for each in log if each.topic == topic])
    while any(task.step(0, 1_000)[:2]):
        pass
    flush = task.take_flush()
    assert flush is not None
    return flush


def one(partition: int = 0, partitions: int = 1) -> PartitionTask:
    return PartitionTask(partition, wiring(partitions), MemoryStore(), StreamClock())


def test_a_cart_left_alone_is_reminded_at_its_due_time() -> None:
    flush = fed(
        one(),
        records(
            [
                line("CartUpdated", "c1", 0, event_id="1"),
                line("PageViewed", "c2", 5 * HOUR, event_id="2"),
            ]
        ),
    )

    commands = [each for each in flush.outputs if isinstance(each, Command)]
    assert [(each.customer_id, each.created_at) for each in commands] == [("c1", START + 4 * HOUR)]
    assert flush.statistics.commands == {("email", "SEND"): 1}
    assert flush.statistics.inputs == {("CartUpdated", "APPLIED"): 1, ("PageViewed", "SKIPPED"): 1}
    assert flush.statistics.timer_lateness == [0]
    assert flush.statistics.marks == 3


def test_the_ledger_tells_runs_and_timers_in_order() -> None:
    flush = fed(
        one(),
        records(
            [
                line("CartUpdated", "c1", 0, event_id="1"),
                line("CartUpdated", "c2", 1, event_id="2"),
                line("CartUpdated", "c3", 5 * HOUR, event_id="3"),
            ]
        ),
    )

    assert flush.ledger == LedgerEntry(
        "shop-1",
        1,
        [
            Run(WEB, 0, 1),
            Tick(2),
            Run(WEB, 2, 2),
            Run(INPUTS[0], 0, 0),
            Run(INPUTS[1], 0, 0),
            Run(WEB, 3, 3),
        ],
    )


def test_the_position_is_the_last_record_and_says_where_everything_stands() -> None:
    flush = fed(one(), records([line("CartUpdated", "c1", 7, event_id="1")])).ledgered(12)

    keys = [key for key, _ in flush.changelog()]
    assert keys == [b"c:c1", b"p:position"]
    assert flush.position.next_offsets == {INPUTS[0]: 1, INPUTS[1]: 1, WEB: 2}
    assert flush.position.merge_times == dict.fromkeys(INPUTS, START + 8)
    assert (flush.position.flush, flush.position.clock) == (1, START + 7)
    assert flush.position.ledger_offset == 12


def test_a_conflict_and_a_broken_record_go_to_the_dead_letters_and_the_partition_goes_on() -> None:
    broken = Record(WEB, 0, 2, START + 2, b"c1", b"\xc3\x01")
    confluent = Record(WEB, 0, 3, START + 2, b"c1", b"\x00\x00\x00\x00\x07")
    log = records(
        [
            line("CartUpdated", "c1", 0, event_id="1"),
            line("CartUpdated", "c1", 0, event_id="1", extra={"cart_id": "other"}),
        ]
    )
    task = one()
    task.feed(WEB, [*log[:2], broken, confluent])
    for topic in INPUTS:
        task.feed(
            topic,
            [
                Record(
                    topic, 0, 9, START + 9, None, None, (("journey-mark", str(START + 9).encode()),)
                )
            ],
        )
    flush = fed(task, [])

    codes = {"CONFLICT": "decide", "DECODE_ERROR": "decode", "SCHEMA_UNKNOWN": "decode"}
    assert flush.statistics.dead_letters == dict.fromkeys(codes.items(), 1)
    assert flush.statistics.inputs == {("CartUpdated", "APPLIED"): 1}
    assert flush.statistics.records == {WEB: 5, **dict.fromkeys(set(INPUTS) - {WEB}, 1)}
    assert flush.position.next_offsets[WEB] == 10


def consumed(record: Record) -> Any:
    """As aiokafka's consumer hands it over."""
    places = (record.topic, record.partition, record.offset, record.timestamp, 0)
    return ConsumerRecord(*places, record.key, record.value, None, 0, 0, record.headers)


def test_the_consumers_own_records_are_taken_as_ours() -> None:
    log = records([line("CartUpdated", f"c{n}", n, event_id=str(n)) for n in range(4)])
    ends = [each for each in log if each.value is None]
    carts = [each for each in log if each.value is not None]
    broken = Record(WEB, 0, 99, START + 9, b"c1", b"\xc3\x01")
    flushes = []
    for given_as in (lambda each: each, consumed):
        task = one(partitions=2)
        task.feed(WEB, [given_as(each) for each in [*carts, broken]])
        flushes.append(fed(task, ends))
    ours, theirs = flushes
    assert theirs.changes == ours.changes
    assert theirs.position == ours.position
    assert len(theirs.forwards) == len(ours.forwards) > 0
    assert theirs.statistics == ours.statistics
    assert ours.statistics.dead_letters == {("DECODE_ERROR", "decode"): 1}


def test_a_key_on_the_wrong_partition_is_forwarded_and_decided_there() -> None:
    log = records([line("CartUpdated", "c1", 0, event_id="1")], partitions=1)
    lost = next(each for each in log if each.value is not None)
    here, there = (one(partition, partitions=2) for partition in (0, 1))
    flushes = [fed(each, log) for each in (here, there)]
    forwards = [each.forwards for each in flushes]
    wrong = 0 if forwards[0] else 1
    assert forwards[wrong] == [Forward(lost, 1 - wrong)]
    assert forwards[1 - wrong] == []
    assert flushes[wrong].statistics.forwarded == 1
    assert flushes[wrong].changes == {}

    task = one(1 - wrong, partitions=2)
    forward = forwards[wrong][0]
    task.feed(INBOX, [Record(INBOX, 1 - wrong, 0, START, lost.key, lost.value, forward.headers())])
    flush = fed(task, [each for each in log if each.value is None])
    assert list(flush.changes) == ["c:c1"]
    assert flush.position.next_offsets[INBOX] == 1


def test_nothing_done_is_nothing_to_flush() -> None:
    assert one().take_flush() is None


def test_after_a_pause_no_timer_fires_ahead_of_an_unread_event_of_its_customer() -> None:
    clock = WallClock()
    task = PartitionTask(0, wiring(inbox=None), MemoryStore(), clock)
    for topic in INPUTS:
        task.feed(topic, [], end=0)
    log = [
        each
        for each in records(
            [
                line("CartUpdated", "c1", 0, event_id="1"),
                line("CartUpdated", "c2", 0, event_id="2"),
                line("OrderPlaced", "c1", 3 * HOUR, event_id="3"),
                line("CartUpdated", "c2", 5 * HOUR, event_id="4"),
            ]
        )
        if each.value is not None
    ]
    task.feed(WEB, log[:2], end=2)
    task.step(START + 1_000, 100)
    assert clock.now == START + 1_000

    back = START + 6 * HOUR
    task.feed(WEB, [], end=4)
    assert task.step(back, 100) == (0, 0, False)
    task.feed(WEB, log[2:3], end=4)
    task.step(back, 100)
    task.feed(WEB, log[3:], end=4)
    task.step(back, 100)

    flush = task.take_flush()
    assert flush is not None
    sent = [each.customer_id for each in flush.outputs if isinstance(each, Command)]
    assert sent == ["c2"]
    assert clock.now == back


def test_with_the_wall_clock_timers_and_events_take_turns() -> None:
    many = 300
    task = PartitionTask(0, wiring(inbox=None), MemoryStore(), WallClock())
    lines = [line("CartUpdated", f"c{n}", 0, event_id=str(n)) for n in range(many)]
    lines += [line("PageViewed", f"c{n}", 9 * HOUR, event_id=f"v{n}") for n in range(many)]
    log = [each for each in records(lines) if each.value is not None]
    for topic in INPUTS:
        task.feed(topic, [], end=0)
    task.feed(WEB, log[:many], end=many)
    assert task.step(START, 1_000).taken == many
    task.feed(WEB, log[many:], end=2 * many)

    progress = task.step(START + 9 * HOUR, 256)
    assert progress.taken >= 64
    assert progress.fired >= 64


def test_a_full_topic_is_named_and_so_is_the_awaited_one() -> None:
    task = one()
    task.feed(WEB, records([line("PageViewed", "c1", n, event_id=str(n)) for n in range(2_000)]))

    assert task.full() == {WEB}
    assert task.awaited() == {INPUTS[0], INPUTS[1]}


def test_a_run_that_took_from_a_topic_read_no_more_says_what_to_do() -> None:
    """At least once: its outputs may have been sent, and cannot be made alike without it."""
    task = PartitionTask(0, replace(wiring(), inputs=INPUTS[1:]), MemoryStore(), WallClock())
    steps: list[Run | Tick] = [Run(INPUTS[0], 0, 3, START), Run(WEB, 5, 6, START), Tick(1, START)]

    with pytest.raises(RestorationError, match=rf"{INPUTS[0]}, which .* start a worker with"):
        task.prescribe(LedgerEntry(task.plan_hash, 1, steps))
    task.prescribe(LedgerEntry(task.plan_hash, 0, steps))  # done already
    assert not task.retaking
