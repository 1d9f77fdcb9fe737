from collections.abc import Mapping

import pytest

from journey_engine.decode.record import Record
from journey_engine.encode.position import Position, encode_position
from journey_engine.run.restoration import Restoration, RestorationError
from journey_engine.run.store import NOT_KNOWN, POSITION_KEY, MemoryStore


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


def test_a_long_compacted_stretch_is_restored_with_little_held_back() -> None:
    store = MemoryStore()
    restoration = Restoration(store, tail_max=10)
    stretch = [(f"c:{n}", b"v") for n in range(100)]
    restoration.apply(changelog(*stretch))
    assert len(list(store.states())) >= 90
    assert store.changelog_offset() == 0

    restoration.apply(changelog(("c:3", b"w"), position(7), first=100))
    restoration.finish()
    assert dict(store.states()) == {**dict(stretch), "c:3": b"w"}
    assert store.changelog_offset() == 102


def test_states_without_any_position_are_an_error_not_a_guess() -> None:
    restoration = Restoration(MemoryStore(), tail_max=10)
    restoration.apply(changelog(*((f"c:{n}", b"v") for n in range(20))))

    with pytest.raises(RestorationError, match="no position record"):
        restoration.finish()


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
