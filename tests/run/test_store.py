"""One suite for every store."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from journey_engine.run.rocks import RocksStore, StoreError, discard, last_used_ms
from journey_engine.run.store import POSITION_KEY, MemoryStore, Store

Changes = dict[str, bytes | None]


@pytest.fixture(params=["memory", "disk"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made: Store = MemoryStore() if request.param == "memory" else RocksStore(tmp_path / "p0")
    yield made
    made.close()


def test_a_new_store_is_empty(store: Store) -> None:
    assert store.get("c:1") is None
    assert store.changelog_offset() is None
    assert list(store.states()) == []


def test_a_write_is_read_back_with_its_offset(store: Store) -> None:
    store.write({"c:1": b"one", "a:é": b"\x00", POSITION_KEY: b"here"}, 17)

    assert store.get("c:1") == b"one"
    assert store.get(POSITION_KEY) == b"here"
    assert store.changelog_offset() == 17
    assert sorted(store.states()) == [("a:é", b"\x00"), ("c:1", b"one")]


def test_none_deletes_and_deleting_what_is_absent_is_no_error(store: Store) -> None:
    store.write({"c:1": b"one"}, 1)
    store.write({"c:1": None, "c:2": None}, 2)

    assert store.get("c:1") is None
    assert list(store.states()) == []
    assert store.changelog_offset() == 2


def test_a_wiped_store_is_as_new_and_usable(store: Store) -> None:
    store.write({"c:1": b"one", POSITION_KEY: b"here"}, 5)
    store.wipe()

    assert store.changelog_offset() is None
    assert store.get(POSITION_KEY) is None
    store.write({"c:2": b"two"}, 1)
    assert list(store.states()) == [("c:2", b"two")]


KEYS = st.sampled_from(["c:1", "c:2", "a:1", "c:10"])
WRITES = st.lists(st.dictionaries(KEYS, st.none() | st.binary(max_size=4), max_size=3), max_size=6)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(writes=WRITES)
def test_a_store_behaves_like_a_mapping(store: Store, writes: list[Changes]) -> None:
    store.wipe()
    model: dict[str, bytes] = {}
    for number, changes in enumerate(writes):
        store.write(changes, number)
        for key, value in changes.items():
            model.pop(key, None)
            if value is not None:
                model[key] = value

    assert dict(store.states()) == model
    assert store.changelog_offset() == (len(writes) - 1 if writes else None)


def test_the_disk_keeps_states_and_offset_over_a_restart(tmp_path: Path) -> None:
    first = RocksStore(tmp_path / "p0")
    first.write({"c:1": b"one", "c:2": b"two"}, 41)
    first.write({"c:2": None}, 42)
    first.close()

    again = RocksStore(tmp_path / "p0")
    assert dict(again.states()) == {"c:1": b"one"}
    assert again.changelog_offset() == 42
    again.close()


def damaged(path: Path) -> None:
    (path / "CURRENT").write_text("no such manifest\n")


def test_a_damaged_directory_says_what_to_do_and_can_be_discarded(tmp_path: Path) -> None:
    path = tmp_path / "p0"
    store = RocksStore(path)
    store.write({"c:1": b"one"}, 1)
    store.close()
    damaged(path)

    with pytest.raises(StoreError, match=r"delete the directory.*changelog"):
        RocksStore(path)

    discard(path)
    fresh = RocksStore(path)
    assert fresh.changelog_offset() is None
    fresh.close()


def test_a_directory_in_use_is_refused(tmp_path: Path) -> None:
    holder = RocksStore(tmp_path / "p0")
    with pytest.raises(StoreError, match="Stop any other worker"):
        RocksStore(tmp_path / "p0")
    holder.close()


def test_last_use_is_that_of_the_youngest_file(tmp_path: Path) -> None:
    assert last_used_ms(tmp_path / "absent") is None
    store = RocksStore(tmp_path / "p0")
    store.close()
    youngest = max(file.stat().st_mtime_ns for file in (tmp_path / "p0").iterdir())
    assert last_used_ms(tmp_path / "p0") == youngest // 1_000_000
