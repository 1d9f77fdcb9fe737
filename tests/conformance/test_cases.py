"""The conformance cases, each as a test (`make conformance` runs them alone, and is told more)."""

import re
from collections import Counter

import pytest

from journey_engine.schemas import Schemas
from tests.conformance.first import First
from tests.conformance.judging import judged
from tests.conformance.reading import Case, all_cases

CASES = all_cases()
RULE = re.compile(r"[A-Z][0-9]+-[a-z0-9-]+")


@pytest.fixture(scope="module")
def first(schemas: Schemas) -> First:
    return First(schemas)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_case(case: Case, first: First) -> None:
    assert judged(case, first).faults == ()


def test_every_id_is_its_own_and_begins_with_a_rule() -> None:
    assert [name for name, count in Counter(case.id for case in CASES).items() if count > 1] == []
    assert [case.id for case in CASES if not RULE.fullmatch(case.id)] == []


def test_what_the_second_interpreter_leaves_out_is_known(first: First) -> None:
    """Its gaps are those of the README, and no others come unnoticed."""
    gaps = {judged(case, first).unknown for case in CASES} - {None}
    assert gaps == {
        "bounds on memory",
        "the hash that ranks candidates of one score and priority",
        "the hash by which a resume is spread",
        "versions",
    }
