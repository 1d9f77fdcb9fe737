"""One suite for every store."""

import random
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rocksdict import Options, Rdict

from journey_engine.decode.record import Record
from journey_engine.encode.position import Position, encode_position
from journey_engine.run.restoration import Restoration
from journey_engine.run.rocks import (
    FLUSH_MS,
    OFFSET_KEY,
    TIMERS,
    DiskStore,
    RocksMemory,
    SnapshotStore,
    discard,
)
from journey_engine.run.settings import StoreKind, load
from journey_engine.run.store import POSITION_KEY, MemoryStore, Store, StoreError
from journey_engine.run.stores import Stores

ROOT = Path(__file__).parents[2]
Changes = dict[str, bytes | None]
MEMORY = RocksMemory(16)
KEPT = [DiskStore, SnapshotStore]


def data(body: bytes = b"", due: int | None = None) -> bytes:
    """A state's bytes: their header, and anything."""
    return struct.pack(">BBq", 1, due is not None, due or 0) + body


@pytest.fixture(params=[MemoryStore, *KEPT])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    kind = request.param
    made: Store = kind() if kind is MemoryStore else kind(tmp_path / "p0", MEMORY)
    yield made
    made.close()


def empty(store: Store) -> None:
    """An example of its own for each run of a property."""
    store.write(dict.fromkeys(key for key, _ in store.states()), 0)


def test_a_new_store_is_empty(store: Store) -> None:
    assert store.get("c:1") is None
    assert store.changelog_offset() is None
    assert list(store.states()) == []


def test_a_write_is_read_back_with_its_offset(store: Store) -> None:
    store.write({"c:1": data(b"one"), "a:é": data(b"\x00"), POSITION_KEY: b"here"}, 17)

    assert store.get("c:1") == data(b"one")
    assert store.get(POSITION_KEY) == b"here"
    assert store.changelog_offset() == 17
    assert sorted(store.states()) == [("a:é", data(b"\x00")), ("c:1", data(b"one"))]


def test_none_deletes_and_deleting_what_is_absent_is_no_error(store: Store) -> None:
    store.write({"c:1": data(b"one")}, 1)
    store.write({"c:1": None, "c:2": None}, 2)

    assert store.get("c:1") is None
    assert list(store.states()) == []
    assert store.changelog_offset() == 2


KEYS = st.sampled_from(["c:1", "c:2", "a:1", "c:10"])
WRITES = st.lists(
    st.dictionaries(KEYS, st.none() | st.binary(max_size=4).map(data), max_size=3), max_size=6
)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(writes=WRITES)
def test_a_store_behaves_like_a_mapping(store: Store, writes: list[Changes]) -> None:
    empty(store)
    model: dict[str, bytes] = {}
    for number, changes in enumerate(writes):
        store.write(changes, number)
        for key, value in changes.items():
            model.pop(key, None)
            if value is not None:
                model[key] = value

    assert dict(store.states()) == model
    assert store.changelog_offset() == max(len(writes) - 1, 0)


DUE = st.none() | st.integers(-5, 40)
NAMES = st.sampled_from([f"c:{n}" for n in range(12)])
DUES = st.dictionaries(NAMES, st.none() | DUE, max_size=6)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    stored=st.lists(DUES, max_size=4),
    told=st.sets(NAMES),
    waiting=DUES,
    later=DUES,
    limit=st.integers(0, 40),
)
def test_timers_are_those_of_the_states_with_what_waits_to_be_written(
    store: Store,
    stored: list[dict[str, int | None]],
    told: set[str],
    waiting: dict[str, int | None],
    later: dict[str, int | None],
    limit: int,
) -> None:
    empty(store)
    model: dict[str, int | None] = {}
    for number, dues in enumerate(stored):
        before = {key: model.get(key) for key in dues if key in told}
        store.write({key: data(due=due) for key, due in dues.items()}, number, before)
        model |= dues
    unwritten: dict[str, int | None] = {}
    timers = store.timers(unwritten.items)
    for changes in (waiting, later):
        for key, due in changes.items():
            model[key] = unwritten[key] = due
            timers.set(key, due)
        expected = sorted((due, key) for key, due in model.items() if due is not None)
        for entry in [each for each in expected if each[0] <= limit]:
            assert timers.pop(limit) == entry
            model[entry[1]] = unwritten[entry[1]] = None
        assert timers.pop(limit) is None


@pytest.mark.parametrize("kind", KEPT)
def test_the_disk_keeps_states_and_offset_over_a_restart(
    tmp_path: Path, kind: type[DiskStore | SnapshotStore]
) -> None:
    first = kind(tmp_path / "p0", MEMORY)
    first.write({"c:1": data(b"one", due=3), "c:2": data(b"two"), POSITION_KEY: b"here"}, 41)
    first.write({"c:2": None}, 42)
    first.close()

    again = kind(tmp_path / "p0", MEMORY)
    assert dict(again.states()) == {"c:1": data(b"one", due=3)}
    assert again.get(POSITION_KEY) == b"here"
    assert again.changelog_offset() == 42
    assert again.timers(dict[str, int | None]().items).pop(3) == (3, "c:1")
    again.write({POSITION_KEY: None}, 43)
    again.close()

    forgotten = kind(tmp_path / "p0", MEMORY)
    assert (forgotten.get(POSITION_KEY), forgotten.changelog_offset()) == (None, 43)
    forgotten.close()


def opened(folder: Path, kind: StoreKind, now_ms: Callable[[], int] = lambda: 0) -> Store:
    chosen = load(store=kind, data_dir=folder, app_id="shop", memory_mib=256)
    return Stores(chosen, now_ms).open(0)


def test_stores_of_another_cluster_are_refused_and_kept(tmp_path: Path) -> None:
    chosen = load(store=StoreKind.DISK, data_dir=tmp_path, app_id="shop", memory_mib=256)
    for cluster in ("lost", "lost", ""):
        Stores(chosen, cluster=cluster)
    opened(tmp_path, StoreKind.DISK).close()
    with pytest.raises(StoreError, match=r"cluster lost, and this is other.*delete .*data_dir"):
        Stores(chosen, cluster="other")
    assert directory(tmp_path, StoreKind.DISK).exists()
    shutil.rmtree(tmp_path / "shop")
    Stores(chosen, cluster="other")
    Stores(chosen.model_copy(update={"store": StoreKind.VOLATILE}), cluster="lost")


def directory(folder: Path, kind: StoreKind) -> Path:
    return folder / "shop" / kind / "0"


KINDS = pytest.mark.parametrize("kind", [StoreKind.DISK, StoreKind.MEMORY])


@KINDS
@pytest.mark.parametrize("file", ["CURRENT", "*.sst"])
def test_a_damaged_directory_is_discarded(tmp_path: Path, kind: StoreKind, file: str) -> None:
    store = opened(tmp_path, kind)
    for number in range(40):  # enough for files before it is closed
        states = {f"c:{number}-{n}": data(random.Random(n).randbytes(400)) for n in range(1_000)}
        store.write(states, number + 1)
    store.close()
    damaged = sorted(directory(tmp_path, kind).glob(file))
    assert damaged
    for path in damaged:
        path.write_bytes(b"no such thing" * (path.stat().st_size // 13 + 1))

    again = opened(tmp_path, kind)
    assert again.changelog_offset() is None
    assert list(again.states()) == []
    again.write({"c:1": data(b"one")}, 1)
    again.close()


def test_damage_found_on_the_way_is_said_and_discarded_at_the_next_start(tmp_path: Path) -> None:
    store = opened(tmp_path, StoreKind.DISK)
    for number in range(40):
        states = {f"c:{number}-{n}": data(random.Random(n).randbytes(400)) for n in range(1_000)}
        store.write(states, number + 1)
    store.close()
    store = opened(tmp_path, StoreKind.DISK)
    for path in directory(tmp_path, StoreKind.DISK).glob("*.sst"):
        with path.open("r+b") as file:  # the data, not what lies open already at the end
            file.write(b"\x00" * (path.stat().st_size // 2))
    with pytest.raises(StoreError, match=r"damaged.*discards the directory.*changelog"):
        list(store.states())
    store.close()

    again = opened(tmp_path, StoreKind.DISK)
    assert again.changelog_offset() is None
    again.close()


@KINDS
def test_a_directory_deleted_under_a_store_is_said(tmp_path: Path, kind: StoreKind) -> None:
    store = opened(tmp_path, kind)
    shutil.rmtree(directory(tmp_path, kind))

    def write() -> None:
        for number in range(40):  # until RocksDB wants a new file
            body = random.Random(number).randbytes(400_000)
            store.write({f"c:{number}-{n}": data(body) for n in range(10)}, number + 1)

    with pytest.raises(StoreError, match=r"damaged.*restores the states from the changelog"):
        write()
    store.close()

    again = opened(tmp_path, kind)
    assert again.changelog_offset() is None
    again.close()


@KINDS
def test_a_directory_in_use_is_refused_and_left_alone(tmp_path: Path, kind: StoreKind) -> None:
    holder = opened(tmp_path, kind)
    holder.write({"c:1": data(b"one")}, 1)
    with pytest.raises(StoreError, match="held by another process: stop the other worker"):
        opened(tmp_path, kind)
    assert holder.get("c:1") == data(b"one")
    holder.close()


def test_a_store_not_written_for_longer_than_tombstones_are_kept_is_discarded(
    tmp_path: Path,
) -> None:
    store = opened(tmp_path, StoreKind.DISK, lambda: 1_000)
    store.write({"c:1": data(b"one")}, 1)
    store.close()
    for now, offset in ((1_000, 1), (86_401_000, 1), (86_401_001, None)):
        store = opened(tmp_path, StoreKind.DISK, partial(int, now))
        assert store.changelog_offset() == offset
        store.close()


@KINDS
@pytest.mark.parametrize("finished", [False, True])
def test_a_restore_left_half_way_is_as_old_as_what_it_read(
    tmp_path: Path, kind: StoreKind, *, finished: bool
) -> None:
    position = encode_position(Position({}, "plan", 0, 1))
    records = [
        Record("changelog", 0, 0, 1_000, b"c:1", data(b"one")),
        Record("changelog", 0, 1, 2_000, POSITION_KEY.encode(), position),
    ]
    store = opened(tmp_path, kind, partial(int, 80_000_000))
    restoration = Restoration(store)
    restoration.apply(records)
    if finished:
        restoration.finish()
    store.close()
    until = 80_000_000 if finished else 2_000
    for now, offset in ((until + 86_400_000, 2), (until + 86_400_001, None)):
        store = opened(tmp_path, kind, partial(int, now))
        assert store.changelog_offset() == offset
        store.close()


def test_a_store_that_does_not_say_when_it_was_written_is_discarded(tmp_path: Path) -> None:
    opened(tmp_path, StoreKind.DISK).close()
    raw = Options(raw_mode=True)
    path = directory(tmp_path, StoreKind.DISK)
    earlier = Rdict(str(path), raw, column_families={TIMERS: raw})
    earlier.put(OFFSET_KEY, (7).to_bytes(8, "big"))
    earlier.close()
    store = opened(tmp_path, StoreKind.DISK, lambda: 1_800_000_000_000)
    assert store.changelog_offset() is None
    store.close()


KILLED = """
import os, sys
from pathlib import Path
from tests.run.test_store import opened, written
folder, kind, last, later_ms, dies = sys.argv[1:]

class Dies:
    # the process, where the states would go to disk, behind their timers
    def __init__(self, database):
        self.database = database
    def __getattr__(self, name):
        return getattr(self.database, name) if name != "flush" else os._exit(0)

now = 0
store = opened(Path(folder), kind, lambda: now)
store.write(written(1), 1)
if dies:
    store.close()
    store = opened(Path(folder), kind, lambda: now)
    store._database._db = Dies(store._database._db)
for number in range(2, int(last) + 1):
    now = int(later_ms) if number > 2 else 0
    store.write(written(number), number)
os._exit(0)
"""


def written(number: int) -> Changes:
    """A thousand customers, half of them those of the write before, each due at another time."""
    first = number * 500 % 8_000
    body = bytes([number]) * 400
    return {f"c:{n:04}": data(body, number * 10_000 + n) for n in range(first, first + 1_000)}


def written_upto(number: int) -> Changes:
    states: Changes = {}
    for each in range(1, number + 1):
        states |= written(each)
    return states


def without(keys: set[str], states: Mapping[str, bytes | None]) -> Changes:
    return {key: state for key, state in states.items() if key not in keys}


@KINDS
@pytest.mark.parametrize(
    ("last", "later_ms", "dies", "kept"),
    [
        (1, 0, "", {None}),
        (9, 0, "", {None}),
        *((9, later_ms, "", {3}) for later_ms in (FLUSH_MS, -1)),
        (99, 0, "", set(range(1, 99))),
        (9, FLUSH_MS, "between timers and states", {1}),
    ],
    ids=["once", "little", "for-long", "clock-back", "much", "half-way"],
)
def test_a_killed_process_leaves_all_up_to_a_write_and_the_rest_can_follow(
    tmp_path: Path, kind: StoreKind, last: int, later_ms: int, dies: str, kept: set[int | None]
) -> None:
    """States that change later may be ahead of it, or behind; they come again."""
    told = [str(tmp_path), kind, str(last), str(later_ms), dies]
    subprocess.run([sys.executable, "-c", KILLED, *told], check=True, cwd=ROOT)

    store = opened(tmp_path, kind)
    upto = store.changelog_offset()
    assert upto in kept
    begun = upto or 0
    later = [written(number) for number in range(begun + 1, last + 1)]
    comes_again = {key for changes in later for key in changes}
    assert without(comes_again, dict(store.states())) == without(comes_again, written_upto(begun))
    for number, changes in enumerate(later, start=begun + 1):
        store.write(changes, number)
    assert dict(store.states()) == written_upto(last)
    timers = store.timers(dict[str, int | None]().items)
    due = list(iter(lambda: timers.pop(last * 20_000), None))
    assert due == sorted((int.from_bytes(each[2:10], "big"), key) for key, each in store.states())
    store.close()


def test_a_volatile_store_leaves_nothing_on_disk(tmp_path: Path) -> None:
    store = opened(tmp_path, StoreKind.VOLATILE)
    store.write({"c:1": data(b"one")}, 1)
    store.close()
    assert list(tmp_path.iterdir()) == []


def test_a_discarded_directory_is_gone_also_where_a_discard_was_broken_off(tmp_path: Path) -> None:
    (tmp_path / "p0.discarded").mkdir()
    (tmp_path / "p0").mkdir()
    discard(tmp_path / "p0")
    assert list(tmp_path.iterdir()) == []
