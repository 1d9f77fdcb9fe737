"""Reading a `.test.yaml`: what is wrong in it is told with its place, all of it at once."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import PurePosixPath
from typing import Final

from pydantic_core import PydanticCustomError

from journey_engine.define.expression import Value
from journey_engine.define.form import parse_duration
from journey_engine.define.loader import Node, parse_yaml
from journey_engine.define.place import suggestion
from journey_engine.define.plan import ANY_CHANNEL, Plan
from journey_engine.errors import DefinitionError, DefinitionErrors
from journey_engine.schemas import Field, Schemas
from journey_engine.testing.cases import ANY, Expectation, Fact, Given, TestCase, TestStep
from journey_engine.testing.words import KINDS, NEVER, SUBJECTS, TIMES, WORDS, data_names, names

SUFFIX: Final = ".test.yaml"
STEP_AT_MAX: Final = 221_845_392_000_000
"""The latest time of a step, the year 9000: every wait after it ends before the year 9999."""
_STEP: Final = ("at", "after", "visitor", "customer")
_ENGINES_OWN: Final = frozenset({"customer_id", "anonymous_id", "occurred_at"})
"""Fields that a step cannot set: the customer is the test's, the time that of the step."""
_NEUTRAL: Final[Mapping[str, Value]] = {
    "bool": False,
    "int": 0,
    "double": 0.0,
    "string": "",
    "timestamp": 0,
    "list<string>": [],
}
_CONSENT: Final = {"granted": True, "denied": False}


def parse_cases(path: str, text: str, plan: Plan, schemas: Schemas) -> list[TestCase]:
    """The tests of one file.

    Raises:
        DefinitionErrors: all that is wrong in the file.
    """
    parser = _Parser(path, plan, schemas)
    cases = parser.file(parse_yaml(path, text))
    if parser.errors:
        raise DefinitionErrors(parser.errors)
    return cases


def parse_case(path: str, node: Node, plan: Plan, schemas: Schemas) -> TestCase:
    """One test, which stands at `node` of the file. Raises as `parse_cases` does."""
    parser = _Parser(path, plan, schemas)
    case = parser.case(node)
    if parser.errors:
        raise DefinitionErrors(parser.errors)
    return case


def blank(declared: Mapping[str, Field]) -> dict[str, Value]:
    """The fields of an event of which a step says nothing: null, or the type's neutral value."""
    return {
        name: None if field.nullable else _NEUTRAL.get(field.kind)
        for name, field in declared.items()
        if name not in {*_ENGINES_OWN, "event_id", "channel", "source", "session_id"}
    }


class _Parser:
    """Collects errors; what is wrong is left out of the result."""

    def __init__(self, path: str, plan: Plan, schemas: Schemas) -> None:
        self.errors: list[DefinitionError] = []
        self._path = path
        self._plan = plan
        self._schemas = schemas
        stem = PurePosixPath(path).name.removesuffix(SUFFIX)
        self._journey = stem if stem in plan.by_name else None

    def file(self, root: Node) -> list[TestCase]:
        tests = self._items(self._members(root, {"tests"}).get("tests"), "tests")
        if not tests:
            self._error(root, "TEST_EMPTY", "there is no test", "write `tests:` and a list")
        return [self.case(node) for node in tests]

    def case(self, node: Node) -> TestCase:
        parts = self._members(node, {"name", "given", "steps", "then", "never"})
        for name in ("name", "steps"):
            if name not in parts:
                self._error(node, "TEST_INCOMPLETE", f"the test has no `{name}`", f"add `{name}`")
        if not parts.keys() & {"then", "never"}:
            self._error(node, "TEST_INCOMPLETE", "the test expects nothing", "add `then`, `never`")
        return TestCase(
            file=self._path,
            line=node.line,
            name=str(parts["name"].value) if "name" in parts else "",
            journey=self._journey,
            given=self._given(parts.get("given")),
            steps=self._steps(self._items(parts.get("steps"), "steps")),
            then=self._then(parts.get("then")),
            never=tuple(self._never(each) for each in self._items(parts.get("never"), "never")),
        )

    def _given(self, node: Node | None) -> Given:
        customer = self._members(node, {"customer"}).get("customer")
        if customer is None:
            return Given()
        parts = self._members(customer, {"consent", "reachable", *self._plan.trait_valid})
        kinds = self._traits()
        traits = {n: self._value(c, kinds[n]) for n, c in parts.items() if n in kinds}
        reachable = self._items(parts.get("reachable"), "reachable")
        for channel in reachable:
            self._known(channel, "channel", self._plan.channels.keys())
        names = tuple(str(channel.value) for channel in reachable)
        return Given(traits, dict(self._consent(parts.get("consent"))), names)

    def _traits(self) -> dict[str, Field]:
        """Each trait as the field that writes it has it, or null."""
        return {
            rule.trait: replace(self._schemas.events[event].fields[rule.field], nullable=True)
            for event, readers in self._plan.profile.items()
            for rule in readers.traits
        }

    def _consent(self, node: Node | None) -> list[tuple[str, bool]]:
        cells: list[tuple[str, bool]] = []
        for purpose, cell in self._members(node, set(self._plan.consent_default)).items():
            by_channel = cell.children or {ANY_CHANNEL: cell}
            for channel, word in by_channel.items():
                granted = _CONSENT.get(str(word.value))
                if granted is None:
                    self._error(word, "TEST_CONSENT", "no consent", "`granted` or `denied`")
                elif channel != ANY_CHANNEL and channel not in self._plan.channels:
                    self._error(
                        word,
                        "TEST_NAME_UNKNOWN",
                        f"there is no channel `{channel}`",
                        suggestion(str(channel), self._plan.channels),
                    )
                else:
                    cells.append((f"{purpose}/{channel}", granted))
        return cells

    def _steps(self, nodes: list[Node]) -> tuple[TestStep, ...]:
        steps: list[TestStep] = []
        for node in nodes:
            before = steps[-1].at if steps else None
            steps.append(self._step(node, before))
        return tuple(steps)

    def _step(self, node: Node, before: int | None) -> TestStep:
        parts = self._members(node, {*_STEP, *self._schemas.events})
        at = self._step_time(node, parts, before)
        types = [name for name in parts if name not in _STEP]
        if not types:
            return TestStep(node.line, at)
        if len(types) > 1:
            self._error(node, "TEST_STEP", "a step holds one event", "make it two steps")
        visitor = str(parts["visitor"].value) if "visitor" in parts else None
        fields = self._fields(types[0], parts[types[0]])
        customer = str(parts["customer"].value) if "customer" in parts else None
        return TestStep(node.line, at, types[0], fields, visitor, customer)

    def _step_time(self, node: Node, parts: Mapping[str, Node], before: int | None) -> int:
        if "at" in parts and "after" not in parts:
            return self._bounded(node, self._time(parts["at"]))
        if "after" in parts and "at" not in parts and before is not None:
            try:
                return self._bounded(node, before + parse_duration(parts["after"].value))
            except PydanticCustomError as error:
                wrong, _, hint = error.message().partition(": ")
                self._error(parts["after"], "TEST_TIME", wrong, hint)
        else:
            hint = "`at` with an offset, or `after` the step before; the first step needs `at`"
            self._error(node, "TEST_TIME", "the step does not say when", hint)
        return before or 0

    def _fields(self, event_type: str, node: Node) -> dict[str, Value]:
        """Those given, and null or the type's neutral value for every other."""
        declared = self._schemas.events[event_type].fields
        feedback = {"send"} if event_type in self._plan.feedback else set()
        given = self._members(node, {*declared, *feedback} - _ENGINES_OWN)
        fields = blank(declared)
        for name, value in given.items():
            fields[name] = self._value(value, declared.get(name))
        return fields

    def _value(self, node: Node, field: Field | None) -> Value:
        kind = "string" if field is None else field.kind
        value = _plain(node)
        if value is None and field is not None and field.nullable:
            return None
        if kind == "timestamp" and isinstance(value, str):
            return self._time(node)
        if kind == "double" and _is_number(value):
            return float(str(value))
        if not _FITS.get(kind, _is_nothing)(value):
            self._error(node, "TEST_VALUE", f"expected a {kind}", "as the schema of the event says")
        return value

    def _then(self, node: Node | None) -> dict[str, tuple[Expectation, ...]]:
        known = self._members(node, set(KINDS))
        return {
            kind: tuple(self._expectation(kind, each) for each in self._items(known[kind], kind))
            for kind in KINDS
            if kind in known
        }

    def _never(self, node: Node) -> Expectation:
        first = next((str(name) for name in node.children), "")
        if first not in NEVER:
            hint = f"begin with one of {', '.join(NEVER)}"
            self._error(node, "TEST_NEVER", "it does not say what must not happen", hint)
            return Expectation(node.line, "sent", {})
        kind = NEVER[first]
        children = {SUBJECTS[kind]: node.children[first], **_without(node, first)}
        return Expectation(node.line, kind, self._wanted(kind, children, node))

    def _expectation(self, kind: str, node: Node) -> Expectation:
        children = {str(name): child for name, child in node.children.items()}
        return Expectation(node.line, kind, self._wanted(kind, children, node))

    def _wanted(self, kind: str, children: Mapping[str, Node], node: Node) -> dict[str, Fact]:
        wanted: dict[str, Fact] = {}
        if not isinstance(node.value, dict):
            self._error(
                node, "TEST_SHAPE", f"an item of `{kind}` is a mapping", "such as {send: reminder}"
            )
        journey = children.get("journey")
        scope = self._journey if journey is None else str(journey.value)
        for name, child in children.items():
            if name not in WORDS[kind]:
                hint = f"known: {', '.join(sorted(WORDS[kind]))}"
                self._error(child, "TEST_WORD_UNKNOWN", f"`{name}` is not known here", hint)
            elif name in TIMES:
                wanted[name] = self._time(child)
            elif name == "data":
                subject = children.get(SUBJECTS[kind])
                action = None if subject is None else str(subject.value)
                data = self._members(child, data_names(self._plan, kind, scope, action))
                wanted[name] = {key: _plain(value) for key, value in data.items()}
            else:
                wanted[name] = _plain(child)
                if name == "key" and not isinstance(child.value, str | None):
                    self._error(child, "TEST_VALUE", "a key is text", f'write "{child.value}"')
        known = names(self._plan, kind, scope)
        for name in children.keys() & known.keys():
            self._known(children[name], name, {*known[name], ANY})
        return wanted

    def _known(self, node: Node, what: str, names: Collection[str]) -> None:
        if not isinstance(node.value, str) or node.value not in names:
            word = "end" if what == "as" else what
            hint = suggestion(str(node.value), names)
            self._error(node, "TEST_NAME_UNKNOWN", f"there is no {word} `{node.value}`", hint)

    def _time(self, node: Node) -> int:
        try:
            time = datetime.fromisoformat(str(node.value))
        except ValueError:
            time = None
        if time is None or time.tzinfo is None:
            hint = 'write "2026-01-15T12:00Z" or "2026-01-15T09:00-03:00"'
            self._error(node, "TEST_TIME", "not a time with an offset", hint)
            return 0
        return round(time.timestamp() * 1000)

    def _bounded(self, node: Node, time: int) -> int:
        """A time that leaves room for every wait after it."""
        if 0 <= time <= STEP_AT_MAX:
            return time
        self._error(node, "TEST_TIME", "before 1970 or after 9000", "take a time in between")
        return 0

    def _items(self, node: Node | None, name: str) -> list[Node]:
        if node is not None and not isinstance(node.value, list):
            self._error(node, "TEST_SHAPE", f"`{name}` is a list", "put - before each item")
            return []
        return [] if node is None else list(node.children.values())

    def _members(self, node: Node | None, known: set[str]) -> dict[str, Node]:
        """The members of a mapping."""
        if node is None or node.value is None:
            return {}
        if not isinstance(node.value, dict):
            self._error(node, "TEST_SHAPE", "here stands a mapping", "such as {key: value}")
            return {}
        found = {str(name): child for name, child in node.children.items()}
        for name in found.keys() - known:
            hint = f"known: {', '.join(sorted(known))}"
            place = found.pop(name)
            message = f"`{name}` is not known here"
            self.errors.append(
                DefinitionError(
                    self._path,
                    place.key_line,
                    place.key_column,
                    "TEST_WORD_UNKNOWN",
                    message,
                    hint,
                )
            )
        return found

    def _error(self, node: Node, code: str, message: str, hint: str) -> None:
        self.errors.append(DefinitionError(self._path, node.line, node.column, code, message, hint))


def _without(node: Node, name: str) -> dict[str, Node]:
    return {str(key): child for key, child in node.children.items() if key != name}


def _plain(node: Node) -> Value:
    if isinstance(node.value, dict):
        return str(node.value)
    if isinstance(node.value, list):
        return [_plain(child) for child in node.children.values()]
    return node.value


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_nothing(_: Value) -> bool:
    return False


def _is_texts(value: Value) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


_FITS = {
    "bool": lambda value: isinstance(value, bool),
    "int": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "double": _is_number,
    "string": lambda value: isinstance(value, str),
    "timestamp": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "list<string>": _is_texts,
}
