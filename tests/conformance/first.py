"""A case on the engine itself: the compiler, the core, the verdicts of `journey_engine.testing`."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from journey_engine.define.accounts import every_journey
from journey_engine.define.compiler import compile_definitions, compile_plan
from journey_engine.define.loader import parse_yaml
from journey_engine.define.plan import Plan
from journey_engine.define.quarantine import compile_sound
from journey_engine.errors import DefinitionError, DefinitionErrors
from journey_engine.run.zones import load_zones
from journey_engine.schemas import Schemas
from journey_engine.testing.cases import TestCase
from journey_engine.testing.happenings import Happening
from journey_engine.testing.parse import parse_case
from journey_engine.testing.runner import Unanswerable
from journey_engine.testing.verdict import failures
from journey_engine.testing.witness import witness
from tests.conformance.governed import FIRST, GovernedRun
from tests.conformance.reading import HERE, Case
from tests.conformance.releases import Document, files_of

ROOT = HERE.parents[1]


def event_schemas(root: Path = ROOT) -> Schemas:
    """The event types of the cases are those of the project."""
    files = {str(path): path.read_text() for path in (root / "schemas").rglob("*.avsc")}
    return Schemas.parse(files)


class First:
    """Runs cases; definitions that several of them share are compiled once."""

    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas
        self._plans: dict[str, Plan] = {}

    def parsed(self, case: Case) -> TestCase:
        """The case as a test. Raises `DefinitionErrors` for what is wrong in either."""
        plans = self._plans_of(case)
        every = tuple(one for plan in plans.values() for one in every_journey(plan))
        # What a later release has may be named, too.
        known = dataclasses.replace(plans[FIRST], journeys=every, accounts=None)
        return parse_case(case.file, case.test, known, self._schemas)

    def faults(self, case: Case) -> list[str]:
        """What is otherwise than the case says."""
        try:
            plans = self._plans_of(case)
        except DefinitionErrors as error:
            codes = sorted({each.code for each in error.errors})
            return self._unshown(case, error) if codes == sorted(case.refuses) else [str(error)]
        if case.refuses:
            return [f"{case.file}:{case.line}: not refused for {', '.join(case.refuses)}"]
        return self._played(plans, case)

    def _unshown(self, case: Case, refused: DefinitionErrors) -> list[str]:
        """How the lint shows what it refuses otherwise than the case says (rule V4)."""
        if case.shown_by is None:
            return []
        (finding,) = refused.errors
        shown = self._witness(case, finding)
        said = [f"{case.file}:{case.line}: shown by {shown}"]
        return [] if shown == list(case.shown_by) else said

    def _witness(self, case: Case, finding: DefinitionError) -> list[str] | None:
        compiled = compile_definitions(case.files, self._schemas, load_zones())
        assert compiled.plan is not None
        assert finding.line > 0
        text = witness(finding, case.files[finding.file], compiled.plan, self._schemas)
        if text is None:
            return None
        (test,) = parse_yaml("", text).children["tests"].children.values()
        steps = [node.children for node in test.children["steps"].children.values()]
        events = [[str(name) for name in step if name not in ("at", "after")] for step in steps]
        return [
            named[0] if named else str(step["after"].value)
            for step, named in zip(steps, events, strict=True)
        ]

    def _played(self, plans: dict[str, Plan], case: Case) -> list[str]:
        try:
            test = self.parsed(case)
        except DefinitionErrors as error:
            return [str(error)]
        run = GovernedRun(plans, test, case.beyond, self._schemas)
        try:
            run.play()
        except Unanswerable as error:
            return [f"{case.file}:{error.step.line}: {error}", *_told(run.happened())]
        notes = [f"{name}: {text}" for each in run.decisions for name, text in each.guard_errors]
        return [str(failure) for failure in failures(test, run.happened(), notes)]

    def _plans_of(self, case: Case) -> dict[str, Plan]:
        if case.quarantines:
            sound = compile_sound(case.files, self._schemas, load_zones())
            assert sorted(sound.quarantined) == sorted(case.quarantines)
            return {FIRST: sound.plan}
        releases = {FIRST: case.documents, **case.releases}
        return {name: self._plan(documents) for name, documents in releases.items()}

    def _plan(self, documents: Mapping[str, Document]) -> Plan:
        files = files_of(documents)
        key = repr(files)
        if key not in self._plans:
            self._plans[key] = compile_plan(files, self._schemas, load_zones())
        return self._plans[key]


def _told(happened: list[Happening]) -> list[str]:
    return [f"  happened: {each.kind} {dict(each.facts)}" for each in happened]
