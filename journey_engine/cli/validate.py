"""`journey-engine validate`."""

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import msgspec
from cyclopts import Parameter

from journey_engine.cli.connection import load_folders
from journey_engine.cli.console import fail, out, print_json
from journey_engine.cli.values import Day
from journey_engine.errors import DefinitionErrors

if TYPE_CHECKING:
    from collections.abc import Callable

    from journey_engine.define.plan import Plan
    from journey_engine.errors import DefinitionError
    from journey_engine.run.definitions import Inspection, Selection


_HEAD = "HEAD"


class Finding(NamedTuple):
    """What was found, and the test that shows it, where one was asked for and found."""

    told: "DefinitionError"
    witness: str | None


def validate(
    *paths: Path,
    schemas: Path = Path("schemas"),
    team: Annotated[str | None, Parameter(name="--as")] = None,
    base: str | None = None,
    today: Day = None,
    strict: bool = False,
    witness: bool = False,
    json: bool = False,
) -> int:
    """Check all definitions against the schemas; every error of every file at once.

    The tests beside the journeys are read, too, once the definitions are sound. With `--base` it
    also says which versions of journeys mean something else than in that git revision, with `--as`
    which changes since then are another team's to make.

    Exit code 0: all good, 1: errors, 2: wrong usage. Warnings alone are good.

    For example:

        journey-engine validate topologies --as lifecycle-team --base origin/main

    Args:
        paths: Folders of definitions (the company's files and `journeys/`), else that of
            `JOURNEY_TOPOLOGIES`, else `topologies`; or files in them: then what is wrong elsewhere
            is told only where they are sound.
        schemas: The folder of the Avro schemas; else `JOURNEY_SCHEMAS`.
        team: The team that made the changes.
        base: The git revision that the changes are made to; with `--as` alone, HEAD.
        today: The day (2027-03-01) past which a `review_by` is a warning; else the day that it is.
        strict: Take warnings for errors.
        witness: With each error of structure print the shortest events that show it, as a test.
        json: Print the findings as one JSON document.
    """
    from journey_engine.run.definitions import inspect, select

    found: list[Finding] = []
    plans: list[Plan] = []
    day = today or dt.datetime.now(dt.UTC).date()
    for selection in select(paths or (load_folders().topologies,)):
        inspection = inspect(selection.folder, schemas, today=day)
        findings = inspection.findings + _of_tests(selection.folder, inspection)
        if not any(not finding.warning for finding in findings) and inspection.plan is not None:
            plans.append(inspection.plan)
        findings += _since(selection, team, base)
        named = [finding for finding in findings if selection.names(finding.file)]
        show = _witnesses(selection.folder, inspection) if witness else _no_witness
        found += [Finding(finding, show(finding)) for finding in named or findings]
    failed = any(strict or not each.told.warning for each in found)
    if json:
        print_json(_document(found, plans, ok=not failed))
    else:
        _tell(found, plans)
    return 1 if failed else 0


def _no_witness(_: "DefinitionError") -> str | None:
    return None


def _witnesses(folder: Path, inspection: "Inspection") -> "Callable[[DefinitionError], str | None]":
    from journey_engine.define.codes import LINT_CODES
    from journey_engine.run.definitions import definition_texts
    from journey_engine.testing.witness import witness

    plan, schemas = inspection.plan, inspection.schemas
    if plan is None or schemas is None:
        return _no_witness
    texts = definition_texts(folder)

    def show(finding: "DefinitionError") -> str | None:
        if finding.code not in LINT_CODES:
            return None
        return witness(finding, texts[finding.file], plan, schemas)

    return show


def _of_tests(folder: Path, inspection: "Inspection") -> "list[DefinitionError]":
    from journey_engine.run.definitions import load_tests, strays
    from journey_engine.testing import read_cases

    if inspection.errors or inspection.plan is None or inspection.schemas is None:
        return []
    tests = load_tests(folder)
    stray = strays(tests, inspection.plan)
    try:
        read_cases(tests, inspection.plan, inspection.schemas)
    except DefinitionErrors as found:
        return stray + found.errors
    return stray


def _since(selection: "Selection", team: str | None, base: str | None) -> "list[DefinitionError]":
    """What is wrong with the changes since a revision, where one was asked about."""
    from journey_engine.define.ownership import crossings
    from journey_engine.define.versions import rewritten
    from journey_engine.run.definitions import owned_texts
    from journey_engine.run.revisions import texts_at

    if team is None and base is None:
        return []
    before, after = texts_at(selection.folder, base or _HEAD), owned_texts(selection.folder)
    found = rewritten(before, after) if base is not None else []
    return found if team is None else found + crossings(before, after, team)


def _document(found: "list[Finding]", plans: "list[Plan]", *, ok: bool) -> dict[str, object]:
    from journey_engine.define.accounts import every_journey

    journeys = [
        {
            "journey": journey.name,
            "version": journey.version,
            "plan": plan.hash,
            "time_zones": plan.zones.version,
        }
        for plan in plans
        for journey in every_journey(plan)
    ]
    errors = [_entry(each) for each in found if not each.told.warning]
    warnings = [_entry(each) for each in found if each.told.warning]
    return {"ok": ok, "errors": errors, "warnings": warnings, "journeys": journeys}


def _entry(found: "Finding") -> dict[str, object]:
    entry = dict(msgspec.to_builtins(found.told))
    return entry if found.witness is None else {**entry, "witness": found.witness}


def _tell(found: "list[Finding]", plans: "list[Plan]") -> None:
    from journey_engine.define.accounts import every_journey

    for each in found:
        fail(str(each.told))
        if each.witness is not None:
            out.print(each.witness, markup=False, highlight=False, soft_wrap=True)
    errors = sum(1 for each in found if not each.told.warning)
    if found:
        fail(f"{errors} error(s), {len(found) - errors} warning(s)")
    for plan in plans if not errors else []:
        out.print(
            f"{len(every_journey(plan))} journeys, {len(plan.fields)} event types read: all good "
            f"(plan {plan.hash[:12]}, time zones {plan.zones.version})",
            highlight=False,
        )
