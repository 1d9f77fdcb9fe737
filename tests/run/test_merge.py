from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journey_engine.decode.decode import Mark, Skipped
from journey_engine.decode.record import Record
from journey_engine.run.clock import StreamClock
from journey_engine.run.merge import RECORD_BYTES, BufferLimits, Item, Merge

TOPICS = ("app", "shop", "web")


def item(topic: str, offset: int, time: int, value: bytes | None = None) -> Item:
    return Item(time, topic, offset, Skipped("X"), Record(topic, 0, offset, time, None, value))


def mark(topic: str, offset: int, time: int) -> Item:
    return Item(time, topic, offset, Mark(time), Record(topic, 0, offset, time, None, None))


def taken(merge: Merge, clock: StreamClock) -> list[Item]:
    order = []
    while (head := clock.ready(merge, 0)) is not None:
        merge.take(head)
        order.append(head)
    return order


LANE = st.lists(st.integers(0, 20), max_size=8).map(sorted)


@given(
    lanes=st.tuples(LANE, LANE, LANE), picks=st.lists(st.tuples(st.integers(0, 2), st.booleans()))
)
def test_the_order_does_not_depend_on_how_records_arrive(
    lanes: tuple[list[int], ...], picks: list[tuple[int, bool]]
) -> None:
    log = [
        [item(topic, offset, time) for offset, time in enumerate(times)]
        for topic, times in zip(TOPICS, lanes, strict=True)
    ]
    rest = [deque([*each, mark(TOPICS[n], len(each), 21)]) for n, each in enumerate(log)]
    merge, clock, order = Merge(TOPICS), StreamClock(), []
    for lane, step in [*picks, *((lane, True) for lane in (0, 1, 2) for _ in range(9))]:
        if rest[lane]:
            merge.put([rest[lane].popleft()])
        if step:
            order += taken(merge, clock)

    events = [each for each in order if not isinstance(each.content, Mark)]
    assert events == sorted(each for lane in log for each in lane)
    assert len(order) == len(events) + len(TOPICS)


def test_an_empty_topic_is_awaited_until_it_shows_a_record_or_a_mark() -> None:
    merge, clock = Merge(("app", "web")), StreamClock()
    merge.put([item("web", 0, 5)])
    assert taken(merge, clock) == []
    assert merge.awaited() == {"app"}

    merge.put([item("app", 0, 5)])
    assert [each.topic for each in taken(merge, clock)] == ["app"]

    merge.put([item("app", 1, 6)])
    assert [each.topic for each in taken(merge, clock)] == ["web"]
    assert merge.awaited() == {"web"}


def test_at_the_same_time_the_topics_name_decides() -> None:
    merge, clock = Merge(("app", "web")), StreamClock()
    merge.put([item("app", 0, 5), item("app", 1, 5), item("web", 0, 5)])

    assert [(each.topic, each.offset) for each in taken(merge, clock)] == [("app", 0), ("app", 1)]


def test_the_inbox_is_merged_but_never_awaited() -> None:
    merge, clock = Merge(("web",), ("inbox",)), StreamClock()
    merge.put([item("web", 0, 5), item("web", 1, 9)])
    assert [each.time for each in taken(merge, clock)] == [5, 9]

    merge.put([item("inbox", 0, 7), item("web", 2, 10)])
    assert [each.topic for each in taken(merge, clock)] == ["inbox", "web"]


def test_a_lane_is_full_by_records_or_by_bytes_until_something_is_taken() -> None:
    merge, clock = (
        Merge(("app", "web"), limits=BufferLimits(records=2, lane_bytes=5_000)),
        StreamClock(),
    )
    merge.put([item("app", 0, 1), item("app", 1, 2), item("web", 0, 3, b"x" * 5_000)])
    assert merge.full() == {"app", "web"}

    assert len(taken(merge, clock)) == 2
    assert merge.full() == {"web"}


@pytest.mark.parametrize(
    "large",
    [
        Record("web", 0, 1, 5, b"k" * 5_000, None),
        Record("web", 0, 1, 5, None, b"v" * 5_000),
        Record("web", 0, 1, 5, None, None, (("h", b"c" * 5_000),)),
        Record("web", 0, 1, 5, None, None, (("h", b""),) * 20),
    ],
    ids=["key", "value", "header", "headers"],
)
def test_all_that_a_record_holds_counts(large: Record) -> None:
    merge = Merge(("web",), limits=BufferLimits(lane_bytes=RECORD_BYTES + 3_000))
    merge.put([item("web", 0, 5)])
    assert merge.full() == set()

    merge.put([Item(5, "web", 1, Skipped("X"), large)])
    assert merge.full() == {"web"}


def test_the_merge_goes_on_where_a_position_says() -> None:
    merge, clock = Merge(("app", "web")), StreamClock()
    merge.resume({"app": 3, "web": 1}, {"app": 8, "web": 9})
    assert merge.offsets() == {"app": 3, "web": 1}
    assert merge.bounds() == {"app": 8, "web": 9}

    merge.put([item("app", 3, 9)])
    assert [each.offset for each in taken(merge, clock)] == [3]


def test_all_that_was_fetched_is_passed_once_it_is_taken() -> None:
    """Behind its last record lies a transaction's mark: retention may begin the log after it."""
    merge, clock = Merge(("app",), ("inbox",)), StreamClock()
    merge.fetched("inbox", 7, 7)
    assert merge.offsets() == {}
    merge.put([item("app", 3, 5), item("app", 4, 6)])
    merge.fetched("app", 6, 6)
    merge.take(merge.lanes["app"].items[0])
    assert merge.offsets() == {"app": 4}
    taken(merge, clock)
    assert merge.offsets() == {"app": 6}
    merge.put([item("app", 9, 6)])
    merge.fetched("app", 11, 11)
    assert merge.offsets() == {"app": 9}
