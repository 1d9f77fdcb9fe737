from journey_engine.decide.state import EMPTY, CustomerState, Written
from journey_engine.encode.state import COMPACT_FROM, decode_state, encode_state
from journey_engine.run.states import ENTRY_BYTES, StateCache, States
from journey_engine.run.store import MemoryStore


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
