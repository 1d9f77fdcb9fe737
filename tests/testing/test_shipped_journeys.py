"""The journeys that the project ships hold what their own tests say."""

from pathlib import Path

import pytest

from journey_engine.define.compiler import compile_plan
from journey_engine.run.zones import load_zones
from journey_engine.schemas import Schemas
from journey_engine.testing import SUFFIX, TestReport, run_tests

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def report(schemas: Schemas) -> TestReport:
    files = {
        str(path.relative_to(ROOT)): path.read_text()
        for path in sorted((ROOT / "topologies").rglob("*.yaml"))
        if path.name != "topics.yaml"
    }
    tests = {path: text for path, text in files.items() if path.endswith(SUFFIX)}
    definitions = {p: text for p, text in files.items() if p not in tests}
    plan = compile_plan(definitions, schemas, load_zones())
    return run_tests(tests, plan, schemas)


def test_every_test_passes(report: TestReport) -> None:
    assert [str(failure) for result in report.failed for failure in result.failures] == []


def test_every_journey_is_covered_in_every_part(report: TestReport) -> None:
    assert {cover.journey: cover.missed for cover in report.coverage} == {
        path.stem: []
        for path in (ROOT / "topologies/journeys").glob("*.yaml")
        if not path.name.endswith(SUFFIX)
    }
