from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from journey_engine.decide.due import next_due
from journey_engine.decide.origin import Origin
from journey_engine.decide.state import EMPTY, CustomerState, Pending, Written
from journey_engine.encode.state import COMPACT_FROM, decode_state, encode_state, header_due
from journey_engine.run.states import ENTRY_BYTES, Shelf, StateCache, States
from journey_engine.run.store import NOT_KNOWN, MemoryStore


def named(name: str) -> CustomerState:
    return CustomerState(traits={"name": Written(name, 1, "e")})


def test_a_state_is_readable_before_during_and_after_its_flush() -> None:
    store = MemoryStore()
    states = States(store, StateCache())
    states.put("c:1", named("a"))
    assert states.get("c:1") == named("a")

    changes = states.take()
    assert states.get("c:1") == named("a")
    assert store.get("c:1") is None

    states.put("c:1", named("b"))
    states.confirm(changes, 1)
    assert states.get("c:1") == named("b")
    assert store.get("c:1") == encode_state(named("a"))


def test_only_the_last_state_of_a_flush_is_taken_and_an_empty_one_as_a_tombstone() -> None:
    states = States(MemoryStore(), StateCache())
    for key, state in [("c:1", named("a")), ("c:1", named("b")), ("c:2", CustomerState())]:
        states.put(key, state)

    changes = states.take()
    assert changes["c:2"] is None
    assert decode_state(changes["c:1"] or b"") == named("b")
    assert states.take() == {}


def test_loading_forgets_what_is_not_confirmed() -> None:
    states = States(MemoryStore(), StateCache())
    states.put("c:1", named("a"))
    states.confirm(states.take(), 1)
    states.put("c:1", named("b"))
    states.take()
    states.put("c:2", named("c"))
    states.load()

    assert states.get("c:1") == named("a")
    assert states.get("c:2") is EMPTY
    assert states.changed() == 0


def test_more_states_than_the_cache_keeps_are_read_from_the_store() -> None:
    states = States(MemoryStore(), StateCache(2 * ENTRY_BYTES))
    for number in range(5):
        states.put(f"c:{number}", named(str(number)))
    states.confirm(states.take(), 1)

    assert [states.get(f"c:{n}") for n in range(5)] == [named(str(n)) for n in range(5)]


def test_the_partitions_of_a_worker_share_so_many_bytes() -> None:
    size = ENTRY_BYTES + len(encode_state(named("a")))
    cache = StateCache(3 * size)
    one, two = States(MemoryStore(), cache), States(MemoryStore(), cache)
    for number in range(2):
        for states in (one, two):
            states.put(f"c:{number}", named("a"))
            states.confirm(states.take(), 1)
            assert cache.bytes <= 3 * size
    assert cache.bytes == 3 * size
    large = named("a" * 200)
    one.put("c:1", large)
    one.confirm(one.take(), 2)
    assert cache.bytes == size + ENTRY_BYTES + len(encode_state(large))
    assert [one.get("c:1"), two.get("c:1")] == [large, named("a")]


def test_a_large_state_is_kept_as_it_reads_quickest_and_stored_compact() -> None:
    store, cache = MemoryStore(), StateCache()
    states, large = States(store, cache), named("a" * COMPACT_FROM)
    states.put("c:1", large)
    states.confirm(states.take(), 1)

    assert len(store.get("c:1") or b"") < COMPACT_FROM < cache.bytes
    assert states.get("c:1") == large
    states.load()
    assert states.get("c:1") == large


def test_what_is_loaded_anew_is_read_from_the_store_and_not_from_the_cache() -> None:
    store, cache = MemoryStore(), StateCache()
    states = States(store, cache)
    states.put("c:1", named("a"))
    states.confirm(states.take(), 1)
    store.write({"c:1": encode_state(named("of another owner"))}, 2)
    assert states.get("c:1") == named("a")
    states.load()
    assert states.get("c:1") == named("of another owner")


class Told(MemoryStore):
    """Holds what it is told to be stored against what is."""

    def write(
        self,
        changes: Mapping[str, bytes | None],
        changelog_offset: int,
        before: Mapping[str, int | None] = NOT_KNOWN,
        appended_ms: int | None = None,
    ) -> None:
        for key, due in before.items():
            stored = self.get(key)
            assert due == (None if stored is None else header_due(stored))
        super().write(changes, changelog_offset, before, appended_ms)


def waiting(due: int) -> CustomerState:
    state = CustomerState(
        pending=[Pending(due, "j", 1, None, 0, "s", 0, 0, "a", 0, Origin("e", "t", 0, 0))]
    )
    assert next_due(state) == due
    return state


STEPS = st.lists(
    st.one_of(
        st.tuples(st.integers(0, 4), st.integers(1, 9).map(waiting) | st.just(CustomerState())),
        st.sampled_from(["take", "confirm", "load"]),
    ),
    max_size=40,
)


@given(STEPS, st.integers(0, 4))
def test_states_are_a_mapping_however_few_of_them_are_kept(
    steps: list[tuple[int, CustomerState] | str], room: int
) -> None:
    store = Told()
    states = States(store, StateCache(room * ENTRY_BYTES))
    now, durable, taken = dict[str, CustomerState](), dict[str, CustomerState](), None
    changes: Mapping[str, bytes | None] = {}
    for number, step in enumerate(steps):
        match step:
            case (int(customer), CustomerState() as state):
                now[f"c:{customer}"] = state
                states.put(f"c:{customer}", state)
            case "take" if taken is None:
                changes, taken = states.take(), dict(now)
            case "confirm" if taken is not None:
                states.confirm(changes, number)
                durable, taken = taken, None
            case "load":
                states.load()
                now, taken = dict(durable), None
        for customer in range(5):
            assert states.get(f"c:{customer}") == now.get(f"c:{customer}", EMPTY)


def test_what_is_kept_again_and_again_is_missing_once_a_turn_however_much_comes_once() -> None:
    cache, shelf = StateCache(100 * (ENTRY_BYTES + 1)), Shelf()
    missing = 0
    for number in range(1_000):
        missing += cache.get(shelf, "often") is None
        cache.keep(shelf, "often", b"o")
        cache.keep(shelf, f"once {number}", b"1")
        assert cache.bytes <= cache.most
    assert missing <= 1 + 1_000 // 99
    assert sum(cache.get(shelf, f"once {n}") is not None for n in range(1_000)) >= 99
