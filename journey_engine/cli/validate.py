"""`journey-engine validate`."""

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from journey_engine.cli.console import fail, out, print_json
from journey_engine.cli.options import HERE
from journey_engine.errors import DefinitionErrors

if TYPE_CHECKING:
    from journey_engine.define.plan import Plan
    from journey_engine.errors import DefinitionError


def validate(
    *paths: Path,
    schemas: Path = Path("schemas"),
    json: bool = False,
) -> int:
    """Check all definitions against the schemas; every error of every file at once.

    The tests beside the journeys are read, too, once the definitions are sound.

    Exit code 0: all good, 1: errors, 2: wrong usage.

    For example:

        journey-engine validate topologies --schemas schemas

    Args:
        paths: Folders of definitions (the company's files and `journeys/`), else `topologies`; or
            files in them: then what is wrong elsewhere is told only where they are sound.
        schemas: The folder of the Avro schemas.
        json: Print the findings as one JSON document.
    """
    from journey_engine.run.definitions import load, load_tests, select
    from journey_engine.testing import read_cases

    errors: list[DefinitionError] = []
    plans: list[Plan] = []
    for selection in select(paths or (HERE.topologies,)):
        try:
            defined = load(selection.folder, schemas)
            read_cases(load_tests(selection.folder), defined.plan, defined.schemas)
            plans.append(defined.plan)
        except DefinitionErrors as found:
            named = [error for error in found.errors if selection.names(error.file)]
            errors += named or found.errors
    if json:
        print_json(_document(errors, plans))
    else:
        _tell(errors, plans)
    return 1 if errors else 0


def _document(errors: "list[DefinitionError]", plans: "list[Plan]") -> dict[str, object]:
    journeys = [
        {"journey": journey.name, "version": journey.version, "plan": plan.hash}
        for plan in plans
        for journey in plan.journeys
    ]
    found = [msgspec.to_builtins(error) for error in errors]
    return {"ok": not errors, "errors": found, "journeys": journeys}


def _tell(errors: "list[DefinitionError]", plans: "list[Plan]") -> None:
    for error in errors:
        fail(str(error))
    if errors:
        fail(f"{len(errors)} error(s)")
    for plan in plans:
        out.print(
            f"{len(plan.journeys)} journeys, {len(plan.fields)} event types read: all good "
            f"(plan {plan.hash[:12]})",
            highlight=False,
        )
