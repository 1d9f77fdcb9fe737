"""How a group shares its partitions, whoever comes and goes."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from journey_engine.run.sharing import Share, share

NOTHING = Share(frozenset(), frozenset())


def owner_of(shares: dict[str, Share], partition: int) -> str:
    (owner,) = (member for member, each in shares.items() if partition in each.owned)
    return owner


numbers = st.frozensets(st.integers(0, 11))
members = st.dictionaries(
    st.text("abc", min_size=1, max_size=3), st.builds(Share, numbers, numbers), min_size=1
)


@given(st.integers(1, 12), members, st.integers(0, 3))
def test_each_partition_has_one_owner_and_its_copies_elsewhere(
    partitions: int, before: dict[str, Share], standbys: int
) -> None:
    shares = share(partitions, before, standbys)
    assert set(shares) == set(before)
    owners = Counter(p for each in shares.values() for p in each.owned)
    assert owners == Counter(range(partitions))
    copies = Counter(p for each in shares.values() for p in each.standing_by)
    wanted = min(standbys, len(before) - 1)
    assert copies == Counter({p: wanted for p in range(partitions) if wanted})
    assert not any(each.owned & each.standing_by for each in shares.values())
    counts = [len(each.owned) for each in shares.values()]
    assert max(counts) - min(counts) <= 1


@given(st.integers(1, 12), members, st.integers(0, 3))
def test_without_a_change_of_members_everything_stays(
    partitions: int, before: dict[str, Share], standbys: int
) -> None:
    shares = share(partitions, before, standbys)
    again = share(partitions, shares, standbys)
    assert {m: s.owned for m, s in again.items()} == {m: s.owned for m, s in shares.items()}


def test_what_a_dead_member_had_goes_to_those_with_a_copy() -> None:
    shares = share(12, {"a": NOTHING, "b": NOTHING, "c": NOTHING}, 1)
    left = {member: each for member, each in shares.items() if member != "a"}
    after = share(12, left, 1)
    moved = shares["a"].owned
    warm = [p for p in moved if p in left[owner_of(dict(after), p)].standing_by]
    assert set(warm) == moved
    assert all(left[member].owned <= each.owned for member, each in after.items())


def test_who_comes_gets_its_part_and_the_former_owner_keeps_a_copy() -> None:
    shares = share(8, {"a": NOTHING, "b": NOTHING}, 1)
    after = share(8, {**shares, "c": NOTHING}, 1)
    assert sorted(len(each.owned) for each in after.values()) == [2, 3, 3]
    for member in ("a", "b"):
        assert after[member].owned < shares[member].owned


def test_of_two_who_claim_a_partition_one_has_it() -> None:
    both = Share(frozenset({0, 1, 2}), frozenset())
    shares = share(3, {"a": both, "b": both}, 0)
    assert sorted(p for each in shares.values() for p in each.owned) == [0, 1, 2]
