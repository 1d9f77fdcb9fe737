from collections import Counter
from collections.abc import Iterator

import pytest
import structlog

from tests.simulation.bugs import FOUND, SOWN, Bug
from tests.simulation.case import case
from tests.simulation.schedule import run
from tests.simulation.world import Make

SEEDS = range(300)
WITHIN = 300
BUGS = [*SOWN.items(), *FOUND.items()]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Thousands of made-up failures need no log."""
    with structlog.testing.capture_logs():
        yield


def test_nothing_is_lost_and_nothing_comes_twice() -> None:
    counts: Counter[str] = Counter()
    for seed in SEEDS:
        verdict = run(case(seed, transactional=True), Make())
        assert verdict.found.clean, f"seed {seed}: {verdict.found.examples}"
        counts += verdict.counts
    expected = {"faults", "restarts", "commands", "aborted_records", "fenced_producers", "put_outs"}
    assert expected <= set(counts)


def test_without_transactions_nothing_is_lost_and_what_comes_twice_is_the_same() -> None:
    for seed in SEEDS[:100]:
        verdict = run(case(seed, transactional=False), Make())
        assert verdict.found.clean, f"seed {seed}: {verdict.found.examples}"


def test_a_seed_is_the_same_schedule_each_time() -> None:
    for seed in SEEDS[:5]:
        verdicts = [run(case(seed, transactional=True), Make()) for _ in range(2)]
        assert verdicts[0].steps == verdicts[1].steps


@pytest.mark.parametrize(("name", "bug"), BUGS, ids=[name for name, _ in BUGS])
def test_a_sown_bug_is_found_and_without_it_its_schedule_is_clean(name: str, bug: Bug) -> None:
    drawn = case(bug.seed, transactional=bug.transactional)
    assert not run(drawn, bug.made_of).found.clean, name
    verdict = run(drawn, Make())
    assert verdict.found.clean, f"seed {bug.seed}: {verdict.found.examples}"


def test_each_sown_bug_is_found_within_a_few_hundred_schedules() -> None:
    assert all(bug.seed < WITHIN for bug in SOWN.values())
