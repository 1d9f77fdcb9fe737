"""The wall clock of a partition, with the real task (T3): what waits, for how long, for whom."""

from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from journey_engine.decide.decision import Command
from journey_engine.decide.event import TimersDue
from journey_engine.decide.message import Input
from journey_engine.decide.verdict import Decision
from journey_engine.decode.log import LogLine, Place, read_line
from journey_engine.decode.record import Record
from journey_engine.encode.ledger import encode_ledger
from journey_engine.encode.position import encode_position
from journey_engine.run.clock import WallClock
from journey_engine.run.deciding import Observer
from journey_engine.run.merge import BufferLimits
from journey_engine.run.store import POSITION_KEY, MemoryStore
from journey_engine.run.task import PartitionTask
from tests.run.drawn import logs
from tests.run.shop import DAY, HOUR, INPUTS, MINUTE, SCHEMAS, START, line, wiring
from tests.run.test_task import records

APP, EMAIL, WEB = INPUTS
DUE = 4 * HOUR
"""A cart is reminded so long after its last update."""


def task_of(
    observer: Observer | None = None,
    *,
    idle: int = 100,
    buffers: BufferLimits | None = None,
    store: MemoryStore | None = None,
) -> PartitionTask:
    made = wiring(inbox=None)
    if buffers is not None:
        made = type(made)(made.plan, made.reader, made.inputs, None, 1, buffers)
    kept = MemoryStore() if store is None else store
    return PartitionTask(0, made, kept, WallClock(merge_idle_ms=idle), observer)


def events(*lines: LogLine) -> list[Record]:
    return [each for each in records(lines) if each.value is not None]


def carts(count: int, at: int = 0, channel: str = "web") -> list[Record]:
    lines = [
        line("CartUpdated", f"c{n}", at, event_id=str(n), channel=channel) for n in range(count)
    ]
    return events(*lines)


def views(count: int, at: int = 0, channel: str = "web") -> list[Record]:
    lines = [
        line("PageViewed", f"v{n}", at, event_id=str(n), channel=channel) for n in range(count)
    ]
    return events(*lines)


def behind(found: Sequence[Record], first: int) -> list[Record]:
    """The same records at later offsets."""
    return [each._replace(offset=each.offset + first) for each in found]


def caught_up(task: PartitionTask, *topics: str, asked_at: int | None = None) -> None:
    for topic in topics:
        task.feed(topic, [], end=0, asked_at=asked_at)


def flushed(task: PartitionTask) -> list[Any]:
    """What was decided since the last flush, which is made durable."""
    flush = task.take_flush()
    if flush is None:
        return []
    task.confirm(flush, flush.number)
    return flush.outputs


def reminded(outputs: list[Any]) -> list[str]:
    return [str(each.customer_id) for each in outputs if isinstance(each, Command)]


def test_empty_and_caught_up_topics_never_delay_an_event_or_a_timer() -> None:
    task = task_of()
    caught_up(task, APP)
    task.feed(EMAIL, views(1, channel="email"), end=1)
    task.feed(WEB, carts(1), end=1)
    assert task.step(START, 10) == (2, 0, False)

    assert task.step(START + DUE, 10) == (0, 1, False)
    assert reminded(flushed(task)) == ["c0"]


def test_a_topic_that_falls_silent_with_unread_records_delays_the_others_once() -> None:
    task = task_of(idle=100)
    caught_up(task, EMAIL)
    task.feed(APP, [], end=9, asked_at=START)  # its broker answers no more
    task.feed(WEB, views(3), end=30, asked_at=START)

    assert task.step(START, 10).taken == 0
    assert task.step(START + 99, 10).taken == 0
    assert task.step(START + 100, 10).taken == 3
    for moment in range(101, 110):
        task.feed(WEB, behind(views(3), 3 * (moment - 100)), end=30, asked_at=START + moment)
        assert task.step(START + moment, 10).taken == 3


def test_a_silent_topic_with_unread_records_holds_the_timers_all_the_while() -> None:
    task = task_of(idle=100)
    caught_up(task, APP, EMAIL)
    task.feed(WEB, carts(2), end=2)
    task.step(START, 10)
    order = line("OrderPlaced", "c0", DUE - MINUTE, event_id="o", channel="app")

    task.feed(APP, [], end=1, asked_at=START + DUE)
    for moment in range(0, HOUR, MINUTE):
        task.feed(WEB, [], end=2, asked_at=START + DUE + moment)
        assert task.step(START + DUE + moment, 10).fired == 0
    task.feed(APP, events(order), end=1, asked_at=START + DUE + HOUR)
    task.step(START + DUE + HOUR, 10)

    assert reminded(flushed(task)) == ["c1"]


def test_no_timer_overtakes_what_came_after_the_last_answer() -> None:
    task = task_of()
    caught_up(task, APP, EMAIL)
    task.feed(WEB, carts(1), end=1)
    task.step(START, 10)

    task.feed(APP, [], end=0, asked_at=START + DUE - 1)
    assert task.step(START + DUE + HOUR, 10).fired == 0
    task.feed(APP, [], end=0, asked_at=START + DUE)
    assert task.step(START + DUE + HOUR + 1, 10).fired == 1


def test_wall_time_that_goes_back_does_not_prolong_a_wait_for_a_topic() -> None:
    task = task_of(idle=100)
    caught_up(task, EMAIL)
    task.feed(APP, [], end=9)
    task.feed(WEB, views(1), end=1)
    assert task.step(START + HOUR, 10).taken == 0

    assert task.step(START, 10).taken == 1


def test_after_wall_time_went_back_timers_wait_for_it_and_the_clock_stands() -> None:
    task = task_of()
    caught_up(task, APP, EMAIL)
    task.feed(WEB, carts(1), end=1)
    task.step(START, 10)
    task.step(START + DUE - MINUTE, 10)
    jumped = START + 9 * HOUR
    task.step(jumped, 10)  # the timer fires: wall time says so
    assert reminded(flushed(task)) == ["c0"]

    task.feed(WEB, behind(carts(2)[1:], 0), end=2)
    assert task.step(START + HOUR, 10) == (1, 0, False)
    assert task.clock.now == jumped
    assert task.step(START + DUE - 1, 10).fired == 0
    assert task.step(START + DUE, 10).fired == 1
    assert task.clock.now == jumped
    assert [each.created_at for each in flushed(task) if isinstance(each, Command)] == [jumped]


def test_after_a_jump_forward_no_timer_overtakes_an_unread_event() -> None:
    task = task_of()
    caught_up(task, APP, EMAIL, asked_at=START)
    task.feed(WEB, carts(2), end=2, asked_at=START)
    task.step(START, 10)
    jumped = START + 9 * HOUR
    assert task.step(jumped, 10).fired == 0  # nobody was asked since

    order = line("OrderPlaced", "c0", MINUTE, event_id="o", channel="app")
    task.feed(APP, [], end=1, asked_at=jumped)
    task.feed(EMAIL, [], end=0, asked_at=jumped)
    task.feed(WEB, [], end=2, asked_at=jumped)
    assert task.step(jumped, 10).fired == 0
    task.feed(APP, events(order), end=1, asked_at=jumped)
    task.step(jumped, 10)

    assert reminded(flushed(task)) == ["c1"]


def test_lateness_is_against_wall_time_even_behind_a_backlog() -> None:
    task = task_of()
    caught_up(task, APP, EMAIL)
    task.feed(WEB, carts(1), end=1)
    task.step(START, 10)

    task.feed(WEB, behind(views(1, DUE + MINUTE), 1), end=9)
    task.step(START + DUE + HOUR, 10)
    task.step(START + DUE + HOUR + 1, 10)
    assert task.clock.now == START + DUE + MINUTE
    flush = task.take_flush()
    assert flush is not None
    assert flush.statistics.timer_lateness in ([HOUR], [HOUR + 1])


def of_the_future(offset: int = 0) -> Record:
    return Record(WEB, 0, offset, START + 10_000 * DAY, b"x", b"no event")


def test_after_a_timestamp_of_the_future_no_timer_overtakes_its_topic_s_backlog() -> None:
    task = task_of()
    caught_up(task, APP, EMAIL, asked_at=START)
    task.feed(WEB, [of_the_future(), *behind(carts(2), 1)], end=3, asked_at=START)
    task.step(START, 10)
    flushed(task)

    back = START + 9 * HOUR
    order = line("OrderPlaced", "c0", MINUTE, event_id="o")
    more = [*behind(views(1), 3), of_the_future(4), *behind(events(order), 5)]
    caught_up(task, APP, EMAIL, asked_at=back)
    task.feed(WEB, more[:2], end=6, asked_at=back)
    assert task.step(back, 10) == (2, 0, False)
    assert task.step(back + HOUR, 10).fired == 0
    task.feed(WEB, more[2:], end=6, asked_at=back + HOUR)
    task.step(back + HOUR, 10)

    assert reminded(flushed(task)) == ["c1"]


def test_what_a_timestamp_of_the_future_left_in_a_position_lets_no_timer_overtake() -> None:
    store = MemoryStore()
    task = task_of(store=store)
    caught_up(task, APP, EMAIL, asked_at=START)
    task.feed(WEB, carts(1), end=1, asked_at=START)
    task.step(START, 10)
    flush = task.take_flush()
    assert flush is not None
    task.confirm(flush, 1)
    poisoned = replace(flush.position, merge_times={WEB: START + 10_000 * DAY})
    store.write({POSITION_KEY: encode_position(poisoned)}, 1)

    task = task_of(store=store)
    task.restored()
    caught_up(task, APP, EMAIL, asked_at=START + DUE)
    task.feed(WEB, [], end=2, asked_at=START + DUE)
    assert task.step(START + DUE, 10).fired == 0
    order = line("OrderPlaced", "c0", MINUTE, event_id="o")
    task.feed(WEB, behind(events(order), 1), end=2, asked_at=START + DUE)
    task.step(START + DUE, 10)
    assert reminded(flushed(task)) == []


def test_a_timestamp_of_the_future_does_not_put_its_topic_behind_the_others() -> None:
    task = task_of()
    caught_up(task, EMAIL, asked_at=START)
    task.feed(WEB, [of_the_future(), *behind(views(1), 1)], end=2, asked_at=START)
    task.feed(APP, views(20, MINUTE, channel="app"), end=20, asked_at=START + 2 * MINUTE)

    assert task.step(START + 2 * MINUTE, 2).taken == 2
    assert task.positions() == {WEB: 2}


ACTION = st.tuples(
    st.sampled_from([*INPUTS, "step", "step", "wait"]),
    st.integers(0, 6),
    st.sampled_from([1, 90, 110, 5_000, 30 * MINUTE, 3 * HOUR]),
)


def appended(lines: list[LogLine]) -> dict[str, list[Record]]:
    """Each topic's records as a broker stamps them: none before the one that it follows."""
    log: dict[str, list[Record]] = {topic: [] for topic in INPUTS}
    for record in records(lines):
        before = log[record.topic][-1].timestamp if log[record.topic] else 0
        log[record.topic].append(record._replace(timestamp=max(before, record.timestamp)))
    return log


@settings(max_examples=150, deadline=None)
@given(lines=logs(), late=st.integers(0, 12), actions=st.lists(ACTION, max_size=80))
def test_no_timer_fires_ahead_of_an_event_that_was_not_read(
    lines: list[LogLine], late: int, actions: list[tuple[str, int, int]]
) -> None:
    """Whatever is fetched when, after an outage of any length: what is not taken is younger."""
    log = appended(lines)
    wall = START + late * HOUR
    fetched = dict.fromkeys(INPUTS, 0)

    def look(taken: Input, now: int, decision: Decision) -> None:
        del now
        if isinstance(taken, TimersDue) and decision.timers_fired:
            taken_to = task.positions()
            unread = [each for topic in INPUTS for each in log[topic][taken_to.get(topic, 0) :]]
            assert all(each.timestamp >= max(decision.timers_fired) for each in unread)

    task = task_of(look)
    for what, count, moment in actions:
        if what == "step":
            task.step(wall, 7)
        elif what == "wait":
            wall += moment
        else:
            there = [record for record in log[what] if record.timestamp <= wall]
            first = fetched[what]
            task.feed(what, there[first : first + count], end=len(there), asked_at=wall)
            fetched[what] += len(there[first : first + count])


def test_many_timers_due_at_once_and_events_take_turns_in_bounded_flushes() -> None:
    many, budget = 4_000, 500
    task = task_of()
    caught_up(task, APP, EMAIL)
    task.feed(WEB, carts(many), end=many)
    while task.step(START, budget).taken:
        flushed(task)
    now = START + DUE
    fired = taken = 0
    sent: list[str] = []
    while fired < many:
        first = many + taken
        task.feed(WEB, behind(views(budget, DUE), first), end=first + 10 * budget, asked_at=now)
        progress = task.step(now, budget)
        assert progress.taken + progress.fired <= budget
        assert progress.taken >= budget // 2 - 64
        assert progress.fired >= min(budget // 2 - 64, many - fired)
        fired, taken = fired + progress.fired, taken + progress.taken
        flush = task.take_flush()
        assert flush is not None
        assert len(flush.changes) <= budget
        assert len(encode_ledger(flush.ledger)) < 1_000
        task.confirm(flush, flush.number)
        sent += reminded(flush.outputs)
    assert len(sent) == len(set(sent)) == many


LARGE = 5_000_000
LIMIT = 8_000_000


def test_memory_is_bounded_by_bytes_while_large_values_come_and_a_flush_hangs() -> None:
    """Values of 5 MB, each refused as broken, so each kept for its dead letter."""
    raw = {"raw": "wwE=", "key": "c1", "channel": "web", "recorded_at": START}
    (small,) = events(read_line(raw, SCHEMAS, Place("test", 1)))
    task = task_of(buffers=BufferLimits(lane_bytes=LIMIT, flush_bytes=LIMIT))
    caught_up(task, APP, EMAIL)
    made = 0

    def go_on() -> int:
        nonlocal made
        while WEB not in task.full():
            value = (small.value or b"") + bytes(LARGE)
            task.feed(WEB, [small._replace(offset=made, value=value)], end=1_000)
            made += 1
        return task.step(START, 500).taken

    assert go_on() == 2
    flush = task.take_flush()
    assert flush is not None
    taken = [go_on() for _ in range(100)]
    assert sum(taken) == 2, "the next flush is full, the one before not yet confirmed"
    assert made == 6
    assert task.step(START, 500).flush_now

    task.confirm(flush, 1)
    assert len(flushed(task)) == 2
    assert go_on() == 2
