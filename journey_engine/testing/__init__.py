"""Running the tests that authors write beside their journeys (`<journey>.test.yaml`).

Pure over the core: the clock is the stream's, so 18 months pass in a moment.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from journey_engine.define.plan import Plan
from journey_engine.errors import DefinitionErrors
from journey_engine.schemas import Schemas
from journey_engine.testing.cases import TestCase
from journey_engine.testing.coverage import JourneyCoverage, measure
from journey_engine.testing.parse import SUFFIX, parse_cases
from journey_engine.testing.runner import Run, Unanswerable
from journey_engine.testing.verdict import Failure, failures

__all__ = [
    "SUFFIX",
    "Failure",
    "JourneyCoverage",
    "TestReport",
    "TestResult",
    "read_cases",
    "run_tests",
    "untested",
]


@dataclass(frozen=True, slots=True)
class TestResult:
    """One test: it passed where there are no failures."""

    __test__ = False  # pytest would collect it by its name

    file: str
    line: int
    name: str
    failures: tuple[Failure, ...]


@dataclass(frozen=True, slots=True)
class TestReport:
    """All tests, in the order of files and lines, and what they covered of their journeys."""

    __test__ = False  # pytest would collect it by its name

    results: tuple[TestResult, ...]
    coverage: tuple[JourneyCoverage, ...]

    @property
    def failed(self) -> list[TestResult]:
        """Those with failures."""
        return [result for result in self.results if result.failures]


def run_tests(files: Mapping[str, str], plan: Plan, schemas: Schemas) -> TestReport:
    """Run the tests in `files`, by path the text of each `.test.yaml`.

    Raises:
        DefinitionErrors: all that is wrong in any of the files; then nothing is run.
    """
    results: list[TestResult] = []
    runs: list[Run] = []
    cases = read_cases(files, plan, schemas)
    for case in cases:
        run = Run(plan, case)
        results.append(_result(case, run))
        runs.append(run)
    decisions = [decision for run in runs for decision in run.decisions]
    tested = sorted({case.journey for case in cases if case.journey is not None})
    return TestReport(tuple(results), tuple(measure(plan, tested, decisions)))


def untested(report: TestReport, plan: Plan) -> list[JourneyCoverage]:
    """What is covered of the journeys that the report has no test of: nothing."""
    tested = {each.journey for each in report.coverage}
    return measure(plan, sorted(plan.by_name.keys() - tested), [])


def read_cases(files: Mapping[str, str], plan: Plan, schemas: Schemas) -> list[TestCase]:
    """The tests in `files`, none of them run. Raises as `run_tests` does."""
    cases: list[TestCase] = []
    faults: list[DefinitionErrors] = []
    for path in sorted(files):
        try:
            cases += parse_cases(path, files[path], plan, schemas)
        except DefinitionErrors as error:
            faults.append(error)
    if faults:
        raise DefinitionErrors([each for fault in faults for each in fault.errors])
    return cases


def _result(case: TestCase, run: Run) -> TestResult:
    found: list[Failure] = []
    try:
        run.play()
    except Unanswerable as error:
        found.append(Failure(case.file, error.step.line, str(error)))
    notes = [
        f"a guard of {journey} had no value: {message}"
        for decision in run.decisions
        for journey, message in decision.guard_errors
        if case.journey in (None, journey)
    ]
    found += failures(case, run.happened(), notes)
    return TestResult(case.file, case.line, case.name, tuple(found))
