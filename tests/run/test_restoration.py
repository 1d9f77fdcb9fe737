from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journey_engine.decode.record import Record
from journey_engine.encode.position import Position, encode_position
from journey_engine.run.merge import BufferLimits
from journey_engine.run.restoration import Restoration, RestorationError
from journey_engine.run.store import NOT_KNOWN, POSITION_KEY, MemoryStore
from journey_engine.run.write_behind import ENTRY_BYTES


def changelog(*changes: tuple[str, bytes | None], first: int = 0) -> list[Record]:
    return [
        Record("changelog", 0, offset, 0, key.encode(), value)
        for offset, (key, value) in enumerate(changes, start=first)
    ]


def position(number: int) -> tuple[str, bytes]:
    return POSITION_KEY, encode_position(Position({}, "plan", 0, number))


def test_what_follows_the_last_position_is_ignored() -> None:
    store = MemoryStore()
    restoration = Restoration(store)
    restoration.apply(changelog(("c:1", b"a"), position(1), ("c:1", b"b"), ("c:2", b"x")))
    restoration.finish()

    assert dict(store.states()) == {"c:1": b"a"}
    assert store.get(POSITION_KEY) == position(1)[1]
    assert store.changelog_offset() == 2


def test_a_flush_may_come_in_several_batches() -> None:
    store = MemoryStore()
    restoration = Restoration(store)
    for record in changelog(("c:1", b"a"), ("c:2", b"b"), position(1), ("c:1", None), position(2)):
        restoration.apply([record])
    restoration.finish()

    assert dict(store.states()) == {"c:2": b"b"}
    assert store.changelog_offset() == 5


def test_after_finish_the_tail_is_read_anew() -> None:
    store = MemoryStore()
    restoration = Restoration(store)
    restoration.apply(changelog(position(1), ("c:1", b"lost")))
    restoration.finish()
    restoration.apply(changelog(position(2), first=2))

    assert dict(store.states()) == {}


def test_a_record_without_key_is_passed_over() -> None:
    store = MemoryStore()
    Restoration(store).apply([Record("changelog", 0, 0, 0, None, b"?"), *changelog(position(1))])

    assert dict(store.states()) == {}


def holding(states: int) -> BufferLimits:
    """So many of 1000 bytes are held back."""
    return BufferLimits(tail_bytes=states * (ENTRY_BYTES + 1000))


STRETCH = [(f"c:{n}", bytes(1000)) for n in range(100)]


def with_gaps(records: list[Record]) -> list[Record]:
    """As compaction leaves them: something was between any two."""
    return [record._replace(offset=2 * record.offset) for record in records]


def test_a_long_compacted_stretch_is_restored_with_little_held_back() -> None:
    store = MemoryStore()
    restoration = Restoration(store, holding(10))
    restoration.apply(changelog(*STRETCH))
    assert len(list(store.states())) >= 90
    assert store.changelog_offset() == 0

    restoration.apply(changelog(("c:3", b"w"), position(7), first=100))
    assert len(list(store.states())) == 100
    restoration.apply(with_gaps(changelog(*STRETCH, first=60)))
    assert store.changelog_offset() == 102
    assert store.get("c:3") == bytes(1000)

    restoration.apply(changelog(position(8), first=400))
    restoration.finish()
    assert dict(store.states()) == dict(STRETCH)
    assert store.changelog_offset() == 401


def test_a_compacted_stretch_without_any_position_is_an_error_not_a_guess() -> None:
    restoration = Restoration(MemoryStore(), holding(10))
    restoration.apply(with_gaps(changelog(*STRETCH)))

    with pytest.raises(RestorationError, match="no position record"):
        restoration.finish()


def test_a_flush_that_did_not_come_to_its_end_is_forgotten_however_large() -> None:
    for begin, kept in (([], {}), ([("c:1", b"a"), position(1)], {"c:1": b"a"})):
        store = MemoryStore()
        for limits in (holding(10), holding(1000)):  # the first is killed
            restoration = Restoration(store, limits)
            records = changelog(*begin, *STRETCH)
            restoration.apply(records[store.changelog_offset() or 0 :])
        restoration.finish()
        assert dict(store.states()) == kept
        assert store.changelog_offset() in (None, len(begin))


FLUSH = st.dictionaries(
    st.sampled_from([f"c:{n}" for n in range(6)]), st.none() | st.binary(min_size=1, max_size=2)
)


@given(
    flushes=st.lists(FLUSH, max_size=6),
    compacted=st.integers(0, 6),
    broken=FLUSH,
    marks=st.booleans(),
    tails=st.tuples(st.integers(0, 4), st.integers(0, 4)),
    fetch=st.integers(1, 9),
    killed=st.integers(0, 9),
)
def test_whatever_is_held_back_the_states_are_those_of_the_flushes_that_came_to_their_end(
    flushes: list[dict[str, bytes | None]],
    compacted: int,
    broken: dict[str, bytes | None],
    marks: bool,  # noqa: FBT001 - drawn
    tails: tuple[int, int],
    fetch: int,
    killed: int,
) -> None:
    log: list[Record] = []
    model: dict[str, bytes | None] = {}
    offset = cleaned = 0
    for number, flush in enumerate(flushes, start=1):
        log += changelog(*flush.items(), position(number), first=offset)
        offset += len(flush) + 1 + marks
        model |= flush
        cleaned = len(log) if number <= compacted else cleaned
    latest = {record.key: record for record in log[:cleaned]}
    log = [record for record in log[:cleaned] if latest[record.key] is record] + log[cleaned:]
    log += changelog(*broken.items(), first=offset)

    store = MemoryStore()
    for tail, stop in zip(tails, (killed, None), strict=True):
        restoration = Restoration(store, BufferLimits(tail_bytes=tail * ENTRY_BYTES))
        rest = [record for record in log if record.offset >= (store.changelog_offset() or 0)]
        read = rest[:stop]
        for at in range(0, len(read), fetch):
            restoration.apply(read[at : at + fetch])
    restoration.finish()

    assert dict(store.states()) == {key: value for key, value in model.items() if value is not None}
    assert store.get(POSITION_KEY) == (position(len(flushes))[1] if flushes else None)


def test_flushes_counted_anew_are_another_changelog() -> None:
    store = MemoryStore()
    Restoration(store).apply(changelog(("c:1", b"a"), position(7)))

    with pytest.raises(RestorationError, match=r"deleted and made anew.*data_dir"):
        Restoration(store).apply(changelog(("c:2", b"b"), position(3), first=2))
    assert dict(store.states()) == {"c:1": b"a"}
    assert store.changelog_offset() == 2


def test_a_flush_written_twice_is_no_other_changelog() -> None:
    store = MemoryStore()
    restoration = Restoration(store)
    restoration.apply(changelog(("c:1", b"a"), position(7)))
    restoration.apply(changelog(("c:1", b"b"), position(7), first=2))
    assert dict(store.states()) == {"c:1": b"b"}


def test_the_records_of_one_fetch_are_one_write() -> None:
    class Counting(MemoryStore):
        writes = 0

        def write(
            self,
            changes: Mapping[str, bytes | None],
            changelog_offset: int,
            before: Mapping[str, int | None] = NOT_KNOWN,
            appended_ms: int | None = None,
        ) -> None:
            self.writes += 1
            super().write(changes, changelog_offset, before, appended_ms)

    store = Counting()
    Restoration(store).apply(
        changelog(("c:1", b"a"), position(1), ("c:1", None), ("c:2", b"b"), position(2))
    )
    assert (store.writes, store.changelog_offset()) == (1, 5)
    assert dict(store.states()) == {"c:2": b"b"}
