"""A case on the engine itself: the compiler, the core, the verdicts of `journey_engine.testing`."""

from pathlib import Path

from journey_engine.define.compiler import compile_plan
from journey_engine.define.plan import Plan
from journey_engine.errors import DefinitionErrors
from journey_engine.run.zones import load_zones
from journey_engine.schemas import Schemas
from journey_engine.testing.cases import TestCase
from journey_engine.testing.happenings import Happening
from journey_engine.testing.parse import parse_case
from journey_engine.testing.runner import Run, Unanswerable
from journey_engine.testing.verdict import failures
from tests.conformance.reading import HERE, Case

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
        return parse_case(case.file, case.test, self._plan(case), self._schemas)

    def faults(self, case: Case) -> list[str]:
        """What is otherwise than the case says."""
        try:
            plan = self._plan(case)
        except DefinitionErrors as error:
            codes = sorted({each.code for each in error.errors})
            return [] if codes == sorted(case.refuses) else [str(error)]
        if case.refuses:
            return [f"{case.file}:{case.line}: not refused for {', '.join(case.refuses)}"]
        return self._played(plan, case)

    def _played(self, plan: Plan, case: Case) -> list[str]:
        try:
            test = self.parsed(case)
        except DefinitionErrors as error:
            return [str(error)]
        run = Run(plan, test)
        try:
            run.play()
        except Unanswerable as error:
            return [f"{case.file}:{error.step.line}: {error}", *_told(run.happened())]
        notes = [f"{name}: {text}" for each in run.decisions for name, text in each.guard_errors]
        return [str(failure) for failure in failures(test, run.happened(), notes)]

    def _plan(self, case: Case) -> Plan:
        key = repr(case.files)
        if key not in self._plans:
            self._plans[key] = compile_plan(case.files, self._schemas, load_zones())
        return self._plans[key]


def _told(happened: list[Happening]) -> list[str]:
    return [f"  happened: {each.kind} {dict(each.facts)}" for each in happened]
