"""Definitions of which some journeys are broken, without those (a worker's, not an author's)."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import NamedTuple

from journey_engine.define.calendar_plan import NO_ZONES, Zones
from journey_engine.define.compiler import JOURNEYS_FOLDER, compile_definitions
from journey_engine.define.plan import Plan
from journey_engine.define.versions import AT
from journey_engine.errors import DefinitionError, DefinitionErrors
from journey_engine.schemas import Schemas

Quarantined = Mapping[str, list[DefinitionError]]
"""By journey that is left out: what is wrong in it."""


class Sound(NamedTuple):
    """The plan of the journeys that are sound, and the others."""

    plan: Plan
    quarantined: Quarantined


def compile_sound(files: Mapping[str, str], schemas: Schemas, zones: Zones = NO_ZONES) -> Sound:
    """As `compile_plan`, but a journey that is wrong, with all its versions, is left out; so is one
    that is wrong without it.

    Raises:
        DefinitionErrors: one of the company's files is wrong.
    """
    quarantined: dict[str, list[DefinitionError]] = {}
    rest = dict(files)
    while True:
        compiled = compile_definitions(rest, schemas, zones)
        errors = [finding for finding in compiled.findings if not finding.warning]
        if not errors and compiled.plan is not None:
            return Sound(compiled.plan, quarantined)
        broken = {_journey(error.file) for error in errors}
        if None in broken or not broken:
            raise DefinitionErrors(errors)
        for error in errors:
            quarantined.setdefault(_journey(error.file) or "", []).append(error)
        rest = {path: text for path, text in rest.items() if _journey(path) not in broken}


def _journey(file: str) -> str | None:
    """The journey of whose files it is one; None for the company's."""
    path = PurePosixPath(file)
    return path.stem.partition(AT)[0] if JOURNEYS_FOLDER in path.parent.parts else None
