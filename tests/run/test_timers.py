from hypothesis import given
from hypothesis import strategies as st

from journey_engine.run.timers import HOUR_MS, TimerIndex


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


@given(st.dictionaries(KEY, DUE), st.dictionaries(KEY, st.none() | DUE))
def test_a_rebuilt_index_knows_only_what_it_was_given(
    old: dict[str, int], new: dict[str, int | None]
) -> None:
    index = TimerIndex()
    index.rebuild(old.items())
    index.pop(3 * HOUR_MS)
    index.rebuild(new.items())

    left = []
    while (entry := index.pop(7 * HOUR_MS)) is not None:
        left.append(entry)
    assert left == sorted((due, key) for key, due in new.items() if due is not None)
