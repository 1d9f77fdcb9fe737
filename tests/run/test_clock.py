import pytest

from journey_engine.decode.decode import FUTURE_MS, Mark, Skipped
from journey_engine.decode.record import Record
from journey_engine.run.clock import StreamClock, WallClock
from journey_engine.run.merge import NEVER, Item, Merge

HOUR = 3_600_000
NOON = 1_800_000_000_000


@pytest.fixture
def clock() -> WallClock:
    return WallClock(merge_idle_ms=100)


@pytest.fixture
def merge() -> Merge:
    return Merge(("app", "web"))


def put(merge: Merge, topic: str, times: list[int], end: int, first: int = 0) -> None:
    """Fetch records with these timestamps; the topic is known to end at `end`."""
    for offset, time in enumerate(times, start=first):
        record = Record(topic, 0, offset, time, None, b"")
        merge.put([Item(time, topic, offset, Skipped("X"), record)])
    merge.fetched(topic, first + len(times), end)


def take_all(merge: Merge, clock: WallClock, wall_now: int) -> list[int]:
    """The `now` of each item that can be taken."""
    moments = []
    while (item := clock.ready(merge, wall_now)) is not None:
        merge.take(item)
        moments.append(clock.taken(merge, item, wall_now))
    return moments


def test_with_everything_read_the_clock_is_wall_time(merge: Merge, clock: WallClock) -> None:
    put(merge, "app", [], end=0)
    put(merge, "web", [], end=0)

    assert clock.limit(merge, None, NOON + 1) == NOON + 1


def test_before_a_topic_was_fetched_the_clock_does_not_start(
    merge: Merge, clock: WallClock
) -> None:
    put(merge, "app", [], end=0)

    assert clock.limit(merge, None, NOON) == NEVER


def test_behind_a_backlog_the_clock_is_what_was_read_in_whole_seconds(
    merge: Merge, clock: WallClock
) -> None:
    put(merge, "app", [NOON - 2 * HOUR + 1_234, NOON - HOUR + 999], end=3)
    put(merge, "web", [], end=0)

    assert take_all(merge, clock, NOON) == [NOON - 2 * HOUR + 1_000, NOON - HOUR]
    assert clock.limit(merge, None, NOON + 5_000) == NOON - HOUR

    put(merge, "app", [NOON - 7], end=3, first=2)
    assert take_all(merge, clock, NOON + 5_001) == [NOON + 5_001]


def test_the_topic_that_is_furthest_behind_holds_the_clock(merge: Merge, clock: WallClock) -> None:
    put(merge, "app", [NOON - HOUR], end=1)
    put(merge, "web", [NOON - 2 * HOUR], end=9)
    take_all(merge, clock, NOON)
    take_all(merge, clock, NOON + 100)

    assert clock.limit(merge, None, NOON + 101) == NOON - 2 * HOUR


def test_the_clock_never_goes_back(merge: Merge, clock: WallClock) -> None:
    put(merge, "app", [], end=0)
    put(merge, "web", [], end=0)
    clock.limit(merge, None, NOON)
    put(merge, "web", [NOON - HOUR], end=2)

    assert take_all(merge, clock, NOON - 10) == [NOON]
    clock.limit(merge, None, NOON - 20)
    assert clock.now == NOON


def test_a_timestamp_from_the_future_does_not_move_the_clock_past_wall_time(
    merge: Merge, clock: WallClock
) -> None:
    put(merge, "app", [NOON + HOUR], end=5)
    put(merge, "web", [], end=0)

    assert take_all(merge, clock, NOON) == [NOON]


def test_an_empty_channel_never_delays(merge: Merge, clock: WallClock) -> None:
    put(merge, "app", [NOON - 5, NOON - 4], end=2)
    put(merge, "web", [], end=0)

    assert len(take_all(merge, clock, NOON)) == 2


def test_a_channel_never_fetched_does_not_delay_events(merge: Merge, clock: WallClock) -> None:
    put(merge, "app", [NOON - 5], end=1)

    assert len(take_all(merge, clock, NOON)) == 1


def test_a_lagging_channel_delays_at_most_the_idle_time(merge: Merge, clock: WallClock) -> None:
    put(merge, "app", [NOON - 5], end=1)
    put(merge, "web", [], end=4)

    assert take_all(merge, clock, NOON) == []
    assert take_all(merge, clock, NOON + 99) == []
    assert len(take_all(merge, clock, NOON + 100)) == 1


def test_a_lagging_channel_that_delivers_is_merged_by_timestamp_and_awaited_anew(
    merge: Merge, clock: WallClock
) -> None:
    put(merge, "app", [NOON - 5, NOON - 1], end=2)
    put(merge, "web", [], end=4)
    take_all(merge, clock, NOON)
    put(merge, "web", [NOON - 9], end=4)

    assert len(take_all(merge, clock, NOON + 50)) == 1
    assert take_all(merge, clock, NOON + 149) == []
    assert len(take_all(merge, clock, NOON + 150)) == 2


def test_what_a_lagging_channel_can_only_bring_later_is_not_waited_for(
    merge: Merge, clock: WallClock
) -> None:
    put(merge, "web", [NOON - 5], end=4)
    put(merge, "app", [NOON - 5], end=1)

    assert len(take_all(merge, clock, NOON)) == 2


def test_the_stream_clock_reads_occurred_at_and_marks_and_nothing_else() -> None:
    clock = StreamClock()
    record = Record("web", 0, 0, NOON, None, None)

    assert clock.merge_time(7, record, Mark(9), None) == 9
    assert clock.merge_time(7, record, Mark(3), None) == 7
    assert clock.merge_time(7, record, Skipped("X"), None) == 7


def test_a_timestamp_may_be_ahead_of_the_fetch_by_what_clocks_differ(clock: WallClock) -> None:
    record = Record("web", 0, 0, NOON, None, None)

    assert clock.merge_time(7, record, None, NOON - FUTURE_MS) == NOON
    assert clock.merge_time(7, record, None, NOON - FUTURE_MS - 1) == 7


def test_a_timer_overdue_in_the_stream_does_not_turn_the_clock_back() -> None:
    clock = StreamClock(100)

    assert clock.firing(90) == (90, 100)
    assert clock.firing(110) == (110, 110)
