from bisect import bisect_left, insort
from collections.abc import ItemsView

from hypothesis import given
from hypothesis import strategies as st

from journey_engine.run.merge import FOREVER
from journey_engine.run.timers import HOUR_MS, SPARE, WAITING_PART, Entry, StoredTimers, TimerIndex


def test_customers_come_in_order_of_due_time_and_key() -> None:
    index = TimerIndex()
    for key, due in [("c:2", 5), ("c:1", 5), ("c:3", 4), ("c:4", 3 * HOUR_MS)]:
        index.set(key, due)

    popped = [index.pop(10), index.pop(10), index.pop(10), index.pop(10)]

    assert popped == [(4, "c:3"), (5, "c:1"), (5, "c:2"), None]
    assert index.pop(3 * HOUR_MS) == (3 * HOUR_MS, "c:4")


def test_a_wait_restarted_again_and_again_stays_one_entry_and_fires_once() -> None:
    index = TimerIndex()
    for restart in range(10_000):
        index.set("c:1", HOUR_MS + restart * HOUR_MS)

    assert entries(index) == 1
    assert index.pop(10_000 * HOUR_MS - 1) is None
    assert index.pop(10_000 * HOUR_MS) == (10_000 * HOUR_MS, "c:1")
    assert index.pop(20_000 * HOUR_MS) is None
    assert len(index) == entries(index) == 0


def test_short_waits_that_fire_before_a_long_one_leave_no_entries_behind() -> None:
    index = TimerIndex()
    for number in range(20_000):
        now, key = number * 120_000, f"c:{number % 50}"
        index.set(key, now)
        assert index.pop(now) == (now, key)
        index.set(key, now + 10_000 * HOUR_MS)

    assert entries(index) <= 2 * 50 + SPARE
    last = [20_000 * 120_000 - back * 120_000 + 10_000 * HOUR_MS for back in range(50, 0, -1)]
    assert [(index.pop(FOREVER) or (0, ""))[0] for _ in last] == last
    assert index.pop(FOREVER) is None


def entries(index: TimerIndex) -> int:
    return len(index._open) + sum(map(len, index._buckets.values()))  # noqa: SLF001 - memory is the claim


DUE = st.integers(0, 6 * HOUR_MS)
KEY = st.sampled_from(["a:1", "c:1", "c:2", "c:3"])
SET = st.tuples(st.just("set"), KEY, st.none() | DUE)
POP = st.tuples(st.just("pop"), st.just(""), DUE)


@given(st.lists(SET | POP, max_size=60))
def test_the_index_agrees_with_a_naive_model(steps: list[tuple[str, str, int | None]]) -> None:
    index = TimerIndex()
    model: dict[str, int] = {}
    for what, key, time in steps:
        if what == "set":
            index.set(key, time)
            model.pop(key, None)
            if time is not None:
                model[key] = time
        elif time is not None:
            due = min(((due, key) for key, due in model.items() if due <= time), default=None)
            assert index.pop(time) == due
            if due is not None:
                del model[due[1]]
    assert len(index) == len(model)


@given(st.dictionaries(KEY, st.none() | DUE))
def test_an_index_made_at_once_is_as_one_filled_step_by_step(
    dues: dict[str, int | None],
) -> None:
    index = TimerIndex.of(dues.items())

    left = []
    while (entry := index.pop(7 * HOUR_MS)) is not None:
        left.append(entry)
    assert left == sorted((due, key) for key, due in dues.items() if due is not None)


CHANGES = st.dictionaries(st.sampled_from([f"c:{n}" for n in range(9)]), st.none() | DUE)
ROUND = st.tuples(CHANGES, st.booleans(), DUE)


@given(st.lists(ROUND, max_size=8))
def test_stored_timers_agree_with_a_naive_model_through_writes(
    rounds: list[tuple[dict[str, int | None], bool, int]],
) -> None:
    model: dict[str, int | None] = {}
    stored: dict[str, int | None] = {}
    waiting: dict[str, int | None] = {}

    def read(first: Entry, count: int) -> list[Entry]:
        entries = sorted((due, key) for key, due in stored.items() if due is not None)
        return [entry for entry in entries if entry >= first][:count]

    timers = StoredTimers(read, waiting.items, window=2)
    for changes, written, limit in rounds:
        for key, due in changes.items():
            model[key] = waiting[key] = due
            timers.set(key, due)
        if written:
            stored |= waiting
            waiting.clear()
        expected = sorted((due, key) for key, due in model.items() if due is not None)
        for due, key in [entry for entry in expected if entry[0] <= limit]:
            assert timers.pop(limit) == (due, key)
            model[key] = waiting[key] = None
            timers.set(key, None)
        assert timers.pop(limit) is None


def test_stored_timers_come_to_their_end_whatever_the_limit() -> None:
    stored = [(1, "c:1"), (2, "c:2")]
    timers = StoredTimers(lambda first, count: stored[bisect_left(stored, first) :][:count], list)

    assert [timers.pop(FOREVER) for _ in range(3)] == [*stored, None]


def test_stored_timers_keep_no_more_in_memory_than_a_window_or_two() -> None:
    stored = [(number, f"c:{number:06d}") for number in range(1, 10_000)]
    waiting: dict[str, int | None] = {}

    def read(first: Entry, count: int) -> list[Entry]:
        begin = bisect_left(stored, first)
        return stored[begin : begin + count]

    timers = StoredTimers(read, waiting.items, window=100)
    most = 0
    for number in range(20_000):
        assert timers.pop(0) is None
        timers.set(f"new:{number}", 50)
        insort(stored, (50, f"new:{number}"))
        most = max(most, timers._near.hinted)  # noqa: SLF001 - memory is the claim
    assert most <= 300


def test_of_what_waits_to_be_written_no_more_is_in_memory_and_it_is_seldom_walked_through() -> None:
    waiting: dict[str, int | None] = {}
    walks = 0

    def unwritten() -> ItemsView[str, int | None]:
        nonlocal walks
        walks += 1
        return waiting.items()

    timers = StoredTimers(lambda first, count: [], unwritten, window=100)  # noqa: ARG005 - all waits
    assert timers.pop(0) is None
    for number in range(20_000):
        waiting[f"c:{number}"] = due = 1 + number * 7919 % 20_000
        timers.set(f"c:{number}", due)
        assert timers._near.hinted <= max(200, 2 * len(waiting) // WAITING_PART)  # noqa: SLF001 - memory is the claim
    assert walks <= 12
    for number in range(20_000):
        due, key = timers.pop(20_000) or (0, "")
        assert due == number + 1
        waiting[key] = None
    assert timers.pop(20_000) is None
    assert walks <= 12 + WAITING_PART + 1


def test_stored_timers_of_customers_who_wait_to_be_written_are_passed_in_one_walk() -> None:
    stored = [(number, f"c:{number:05d}") for number in range(10_000)]
    waiting = {key: due + 20_000 for due, key in stored}
    walks = 0

    def unwritten() -> ItemsView[str, int]:
        nonlocal walks
        walks += 1
        return waiting.items()

    timers = StoredTimers(
        lambda first, count: stored[bisect_left(stored, first) :][:count], unwritten, window=100
    )
    assert timers.pop(19_999) is None
    assert timers.pop(20_000) == (20_000, "c:00000")
    assert walks == 1
