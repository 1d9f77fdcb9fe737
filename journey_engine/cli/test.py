"""`journey-engine test`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
from cyclopts import Parameter
from cyclopts.validators import Number

from journey_engine.cli.connection import load_folders
from journey_engine.cli.console import fail, out, print_json
from journey_engine.errors import DefinitionErrors

if TYPE_CHECKING:
    from journey_engine.errors import DefinitionError
    from journey_engine.testing import JourneyCoverage, TestReport, TestResult


def test(
    *paths: Path,
    schemas: Path = Path("schemas"),
    min_coverage: Annotated[float | None, Parameter(validator=Number(gte=0, lte=100))] = None,
    json: bool = False,
) -> int:
    """Run the tests beside the journeys (`<journey>.test.yaml`) and say what they cover.

    Months pass in a moment: the clock is the events' own. What only the lint refuses is told and
    tried all the same, so that the witnesses of `validate --witness` can be run.

    Exit code 0: all passed and enough is covered, 1: not so.

    For example:

        journey-engine test topologies

    Args:
        paths: Folders of definitions, else that of `JOURNEY_TOPOLOGIES`, else `topologies`; or
            single journeys, or their tests.
        schemas: The folder of the Avro schemas; else `JOURNEY_SCHEMAS`.
        min_coverage: The least share in per cent that each journey must have covered; one without
            tests has nothing covered.
        json: Print the report as one JSON document.
    """
    from journey_engine.run.definitions import inspect, select, strays
    from journey_engine.testing import run_tests, untested

    reports: list[TestReport] = []
    coverage: list[JourneyCoverage] = []
    refused: list[DefinitionError] = []
    for selection in select(paths or (load_folders().topologies,)):
        found = inspect(selection.folder, schemas)
        if found.plan is None or found.schemas is None:
            raise DefinitionErrors(found.errors)
        refused += found.errors
        files = selection.tests()
        if stray := strays(files, found.plan):
            raise DefinitionErrors(stray)
        report = run_tests(files, found.plan, found.schemas)
        reports.append(report)
        coverage += report.coverage
        if min_coverage is not None and not selection.files:
            coverage += untested(report, found.plan)
    results = [result for report in reports for result in report.results]
    below = [each for each in coverage if each.share * 100 < (min_coverage or 0)]
    failed = any(result.failures for result in results)
    ok = not (failed or refused or below)
    if json:
        print_json({"ok": ok, **_document(results, coverage, refused, below)})
    else:
        for error in refused:
            fail(str(error))
        _tell(results, coverage)
        for each in below:
            fail(f"{each.journey}: {each.share:.1%} covered, at least {min_coverage:g}% are asked")
    return 0 if ok else 1


def _document(
    results: "list[TestResult]",
    coverage: "list[JourneyCoverage]",
    refused: "list[DefinitionError]",
    below: "list[JourneyCoverage]",
) -> dict[str, object]:
    failed = sum(1 for result in results if result.failures)
    return {
        "passed": len(results) - failed,
        "failed": failed,
        "errors": [msgspec.to_builtins(each) for each in refused],
        "tests": [msgspec.to_builtins(result) for result in results],
        "coverage": [
            {"journey": each.journey, "share": each.share, "missed": [list(p) for p in each.missed]}
            for each in coverage
        ],
        "below": [{"journey": each.journey, "share": each.share} for each in below],
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
