"""The conformance cases on the engine alone: no mutant is in the second interpreter."""

import pytest

from journey_engine.schemas import Schemas
from tests.conformance.first import First
from tests.conformance.reading import Case, all_cases


@pytest.fixture(scope="session")
def first(schemas: Schemas) -> First:
    return First(schemas)


@pytest.mark.parametrize("case", all_cases(), ids=lambda case: case.id)
def test_case(case: Case, first: First) -> None:
    assert first.faults(case) == []
