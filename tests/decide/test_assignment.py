"""Rule J3: buckets."""

from hashlib import sha256

from journey_engine.decide.assignment import bucket
from journey_engine.define.junction_plan import BUCKETS

IDS = 100_000


def test_j3_a_bucket_is_found_again_by_whoever_knows_salt_and_unit() -> None:
    again = int(sha256(b"cart-offer-2026/anna").hexdigest()[:16], 16) % 10_000

    assert bucket("cart-offer-2026", "anna") == again == 8896
    assert bucket("", "") == int(sha256(b"/").hexdigest()[:16], 16) % 10_000


def test_g1_a_hundred_thousand_ids_fall_evenly() -> None:
    counts = [0] * BUCKETS
    for number in range(IDS):
        counts[bucket("even", f"customer-{number}")] += 1

    expected = IDS / BUCKETS
    chi_squared = sum((count - expected) ** 2 / expected for count in counts)
    # 9,999 degrees of freedom: mean 9,999, standard deviation 141; five of these either way.
    assert abs(chi_squared - (BUCKETS - 1)) < 5 * 141.4
    # A share of 20 % of 100,000 has a standard deviation of 126.
    assert abs(sum(counts[:2_000]) - 20_000) < 5 * 126.5


def test_g1_two_experiments_split_independently() -> None:
    units = [f"customer-{number}" for number in range(IDS // 5)]
    both = sum(bucket("one", unit) < 5_000 and bucket("two", unit) < 5_000 for unit in units)

    # A quarter of 20,000: standard deviation 61.
    assert abs(both - 5_000) < 5 * 61.3
