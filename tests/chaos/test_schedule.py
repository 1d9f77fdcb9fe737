"""What the long form aims at, whatever comes of it."""

from collections import Counter

from tests.chaos.schedule import KINDS, POINTS, draw

SEEDS, RUN_S, WORKERS = range(1, 11), 75, 3


def test_ten_seeds_aim_at_each_point_and_pause_in_transactions() -> None:
    faults = [fault for seed in SEEDS for fault in draw(seed, RUN_S, WORKERS)]
    aims = Counter((fault.kind, fault.point) for fault in faults)
    assert len(faults) >= 120
    assert min(aims["point", point] for point in POINTS) >= 7
    assert aims["pause", "before_commit"] >= 10
    assert {fault.kind for fault in faults} == set(KINDS)


def test_a_seed_is_one_schedule_and_a_shorter_run_its_beginning() -> None:
    long = draw(7, RUN_S, WORKERS)
    assert draw(7, RUN_S / 2, WORKERS) == long[: len(draw(7, RUN_S / 2, WORKERS))]
    assert draw(7, RUN_S, WORKERS) == long
    assert draw(8, RUN_S, WORKERS) != long
