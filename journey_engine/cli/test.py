"""`journey-engine test`."""

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from journey_engine.cli.console import fail, out, print_json
from journey_engine.cli.options import HERE

if TYPE_CHECKING:
    from journey_engine.testing import JourneyCoverage, TestReport, TestResult


def test(
    *paths: Path,
    schemas: Path = Path("schemas"),
    json: bool = False,
) -> int:
    """Run the tests beside the journeys (`<journey>.test.yaml`) and say what they cover.

    Months pass in a moment: the clock is the events' own.

    For example:

        journey-engine test topologies

    Args:
        paths: Folders of definitions, else `topologies`; or single `.test.yaml` files.
        schemas: The folder of the Avro schemas.
        json: Print the report as one JSON document.
    """
    from journey_engine.run.definitions import load, load_tests, select
    from journey_engine.testing import run_tests

    reports: list[TestReport] = []
    for selection in select(paths or (HERE.topologies,)):
        defined = load(selection.folder, schemas)
        tests = load_tests(selection.folder)
        files = {file: text for file, text in tests.items() if selection.names(file)}
        reports.append(run_tests(files, defined.plan, defined.schemas))
    results = [result for report in reports for result in report.results]
    coverage = [each for report in reports for each in report.coverage]
    if json:
        print_json(_document(results, coverage))
    else:
        _tell(results, coverage)
    return 1 if any(result.failures for result in results) else 0


def _document(results: "list[TestResult]", coverage: "list[JourneyCoverage]") -> dict[str, object]:
    failed = sum(1 for result in results if result.failures)
    return {
        "passed": len(results) - failed,
        "failed": failed,
        "tests": [msgspec.to_builtins(result) for result in results],
        "coverage": [
            {"journey": each.journey, "share": each.share, "missed": [list(p) for p in each.missed]}
            for each in coverage
        ],
    }


def _tell(results: "list[TestResult]", coverage: "list[JourneyCoverage]") -> None:
    for result in results:
        for failure in result.failures:
            fail(f"{failure}\n  in test: {result.name}")
    for each in coverage:
        missed = ", ".join(f"{kind} {name}" for kind, name in each.missed)
        line = f"{each.journey}: {each.share:.0%} covered"
        out.print(f"{line}; not reached: {missed}" if missed else line, highlight=False)
    failed = sum(1 for result in results if result.failures)
    out.print(f"{len(results) - failed} passed, {failed} failed", highlight=False)
