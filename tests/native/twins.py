"""Only for `make test-native`, which names this file: does the C say what the pure twin says?"""

from hypothesis import given
from hypothesis import strategies as st

from journey_engine.decide import native_seen, seen
from journey_engine.decide.state import SEEN_FOR_MS, SEEN_MAX

DAY_S = SEEN_FOR_MS // 1000
START = 2**31
# Around a block of the hash, alone and with what comes before it; alone surrogates have no UTF-8.
WORDS = st.text("ab€\ud800", max_size=4) | st.sampled_from([n * "a" for n in (63, 127, 128, 129)])
# Few ids, so that they repeat; steps of the clock that take ids over the day.
INPUTS = st.tuples(
    WORDS,
    st.sampled_from("pqrs"),
    st.sampled_from([b"", b"1", b"1234", b"12345"]),
    st.sampled_from([-1, 0, 1, DAY_S // 3, DAY_S, DAY_S + 1]),
)


@given(st.lists(INPUTS, max_size=12), st.integers(0, SEEN_MAX))
def test_what_is_seen_is_the_same(inputs: list[tuple[str, str, bytes, int]], before: int) -> None:
    kept, now = b"", START
    for number in range(before):
        kept = seen.noted(kept, "before", str(number), b"", now)[1]
    for source, event_id, body, later in inputs:
        now += later
        given_ = (kept, source, event_id, body, now)
        found = native_seen.noted(*given_)
        assert found == seen.noted(*given_)
        kept = found[1]
