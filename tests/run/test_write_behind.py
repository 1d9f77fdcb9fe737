"""What waits before a database, against a model of the changelog."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from journey_engine.run.store import POSITION_KEY, Changes, Dues, StoreError
from journey_engine.run.write_behind import (
    AGE_MS,
    ENTRY_BYTES,
    LEAVING_LEAST,
    LEAVING_WRITES,
    Allowance,
    Stand,
    WriteBehind,
)


class DictDatabase:
    """Keeps what RocksDB would, and fails as often as it is told to."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.stand = Stand(0, 0, None)
        self.refusals = 0
        self.writes: list[int] = []
        """How many states came with each."""

    def get(self, key: str) -> bytes | None:
        return (self.stand.position or None) if key == POSITION_KEY else self.values.get(key)

    def write(self, changes: Changes, before: Dues, stand: Stand | None) -> None:
        if self.refusals:
            self.refusals -= 1
            raise StoreError("the disk is full")
        self.writes.append(len(changes))
        for key, due in before.items():
            assert due_in(self.values.get(key)) == due, "another timer would be deleted"
        for key, value in changes.items():
            self.values.pop(key, None)
            if value is not None:
                self.values[key] = value
        if stand is not None:
            position = self.stand.position if stand.position is None else stand.position
            self.stand = stand._replace(position=position)


def behind(database: DictDatabase, most: int, now: Callable[[], int] = int) -> WriteBehind:
    return WriteBehind(database, Allowance(most), now)


def due_in(value: bytes | None) -> int | None:
    return value[0] if value else None


KEYS = st.sampled_from([f"c:{n}" for n in range(8)])
STATES = st.none() | st.binary(min_size=1, max_size=3)
POSITIONS = st.dictionaries(st.just(POSITION_KEY), st.none() | st.binary(min_size=1, max_size=3))
WRITES = st.tuples(st.dictionaries(KEYS, STATES, max_size=4), st.sets(KEYS), POSITIONS)


@given(
    writes=st.lists(st.tuples(WRITES, st.integers(0, AGE_MS), st.integers(0, 1)), max_size=12),
    most=st.integers(1, 12 * ENTRY_BYTES),
)
def test_the_newest_is_read_and_a_restore_from_where_it_stands_has_everything(
    writes: list[tuple[tuple[Changes, set[str], Changes], int, int]], most: int
) -> None:
    database, log, now = DictDatabase(), list[Changes](), 0
    waiting = behind(database, most, lambda: now)
    model: dict[str, bytes | None] = {}
    for (states, told, position), passed, refusals in writes:
        now += passed
        database.refusals = refusals
        changes = {**states, **position}
        before = {key: due_in(model.get(key)) for key in states if key in told}
        log.append(changes)
        model |= changes
        try:
            waiting.write(changes, before, len(log), None)
        except StoreError:
            assert not database.refusals
        assert {key: waiting.get(key) for key in model} == model
        restored: dict[str, bytes | None] = {
            **database.values,
            POSITION_KEY: database.get(POSITION_KEY),
        }
        for each in log[database.stand.offset :]:
            restored |= each
        assert {key: restored.get(key) for key in model} == model
    database.refusals = 0
    waiting.empty()
    assert {key: database.get(key) for key in model} == model
    assert database.stand.offset == len(log)
    assert waiting.stand is None
    assert not list(waiting.waiting())


def test_of_a_state_that_changes_again_only_the_last_version_leaves() -> None:
    database = DictDatabase()
    waiting = behind(database, 20 * ENTRY_BYTES)
    for number in range(100):
        waiting.write({"c:1": bytes([number]), "c:2": b"two"}, {}, number + 1, None)
    waiting.empty()
    assert database.writes == [2]
    assert database.values == {"c:1": bytes([99]), "c:2": b"two"}


def test_what_is_much_leaves_in_parts_and_what_is_old_too() -> None:
    now, database = [0], DictDatabase()
    waiting = behind(database, 1_300 * ENTRY_BYTES, lambda: now[0])
    waiting.write({f"c:{n}": b"" for n in range(1_000)}, {}, 1, None)
    for number in range(5):
        waiting.write({f"a:{number}": b""}, {}, number + 2, None)
    assert database.writes == [LEAVING_LEAST] * 5
    assert database.stand.offset == 0
    waiting.empty()
    waiting.write({"c:x": b"old"}, {}, 8, None)
    for now[0] in (AGE_MS - 1, AGE_MS, AGE_MS):
        assert "c:x" not in database.values
        waiting.write({}, {}, 9, None)
    assert database.values["c:x"] == b"old"


def test_after_the_clock_was_set_back_what_collected_leaves() -> None:
    now, database = [100 * AGE_MS], DictDatabase()
    waiting = behind(database, 1_300 * ENTRY_BYTES, lambda: now[0])
    waiting.write({"c:1": b"one"}, {}, 1, None)
    now[0] = 0
    waiting.write({}, {}, 2, None)
    waiting.write({}, {}, 3, None)
    assert database.values == {"c:1": b"one"}


def test_all_has_left_after_some_writes_however_little_they_bring() -> None:
    database = DictDatabase()
    waiting = behind(database, 26_000 * ENTRY_BYTES)
    waiting.write({f"c:{n}": b"" for n in range(20_000)}, {}, 1, None)
    for number in range(LEAVING_WRITES):
        assert database.stand.offset == 0
        waiting.write({}, {}, number + 2, None)
    assert database.stand.offset == 1
    assert len(database.values) == 20_000


def test_no_more_waits_than_may() -> None:
    database, most = DictDatabase(), 100 * ENTRY_BYTES
    waiting = behind(database, most)
    for number in range(20):
        states = {f"c:{number}-{n}": b"" for n in range(number * 30)}
        waiting.write(states, {}, number + 1, None)
        assert sum(1 for _ in waiting.waiting()) * ENTRY_BYTES <= most


def test_stores_share_what_may_wait() -> None:
    allowance = Allowance(1_200)
    parts = []
    for database in (DictDatabase(), DictDatabase()):
        WriteBehind(database, allowance, int)
        parts.append(allowance.part)
    assert parts == [1_200, 600]


def test_it_stands_at_the_time_of_what_was_read_last() -> None:
    database = DictDatabase()
    waiting = behind(database, 10, lambda: 5_000)
    waiting.write({"c:1": b"one"}, {}, 1, 1_000)
    waiting.empty()
    assert database.stand == Stand(1, 1_000, None)
