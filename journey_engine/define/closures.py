"""A checked tree becomes a closure, by composition.

Semantics are CEL's: nulls are only equal or unequal, `&&` and `||` absorb an error on either side
where the other side decides. What the checker says of types is taken as true, and nothing else.
"""

import operator
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from journey_engine.define import operators
from journey_engine.define.checked import Call, Const, Ident, ListOf, Node, Select
from journey_engine.define.descriptors import Attribute, Declared, Vocabulary
from journey_engine.define.expression import EvaluationError, Scope, Value
from journey_engine.define.expression_error import ExpressionError, suggestion
from journey_engine.define.literals import milliseconds

Run = Callable[[Scope], Any]

_ROOTS: Mapping[str, Callable[[Scope], Mapping[str, Value]]] = {
    root: operator.attrgetter(root)
    for root in ("event", "customer", "instance", "features", "milestones")
}
_COMPLETE = ".complete"


@dataclass(frozen=True, slots=True)
class Built:
    """A closure; `label` is how an error names its value, `nullable` whether it may be null.

    `source` is set on a plain field read, so that an operator can read the field itself.
    """

    run: Run
    label: str
    nullable: bool = False
    source: "_Source | None" = None


@dataclass(frozen=True, slots=True)
class _Source:
    mapping: Callable[[Scope], Mapping[str, Value]]
    name: str
    optional: bool
    """Whether absent reads as null."""


def build(
    text: str, tree: Node, words: Vocabulary, declared: Declared
) -> tuple[Built, dict[tuple[str, str], str]]:
    """The closure of a tree, and the kinds of the fields it reads by `(root, name)`.

    Raises:
        ExpressionError: `UNSUPPORTED`, `UNKNOWN_NAME`, `BAD_LITERAL`.
    """
    builder = _Builder(text, words, declared)
    return builder.build(tree), builder.reads


def required(built: Built) -> Run:
    """The closure, with a null result as an `EvaluationError`."""
    if not built.nullable:
        return built.run
    inner, message = built.run, f"{built.label} is null"

    def run(scope: Scope) -> Any:  # noqa: ANN401 - a value of the operand's kind
        value = inner(scope)
        if value is None:
            raise EvaluationError(message)
        return value

    return run


@dataclass
class _Builder:
    text: str
    words: Vocabulary
    declared: Declared
    reads: dict[tuple[str, str], str] = field(default_factory=dict)

    def build(self, node: Node) -> Built:
        """The closure of a node whose value is used as such."""
        if node.kind.startswith("message:"):
            label = self.words.records[node.kind.removeprefix("message:")].label
            raise self._unsupported(node, f"{label} as a value, instead of one of its fields,")
        if not _plain(node.kind):
            mixed = "dyn" in node.kind
            raise self._unsupported(node, f"a value of {'mixed types' if mixed else 'this type'}")
        match node:
            case Const(value=value):
                return Built(lambda _: value, "null", nullable=value is None)
            case Ident():
                return self._variable(node)
            case Select():
                return self._has(node) if node.test else self._select(node)
            case ListOf(elements=elements):
                return _list([self.build(element) for element in elements])
            case Call():
                return self._call(node)
        raise self._unsupported(node, "this form of expression")

    def _variable(self, node: Ident) -> Built:
        if node.name == "now":
            return Built(lambda scope: scope.now, "now")
        root, _, path = node.name.partition(".")
        return self._field(root, path, Attribute("bool", nullable=False))

    def _select(self, node: Select) -> Built:
        match node.operand:
            case Ident(name="stage"):
                return Built(lambda scope: scope.stage_entered_at, "stage.entered_at")
            case Ident(name=root):
                record = self.words.records[node.operand.kind.removeprefix("message:")]
                return self._field(root, node.field, record.fields[node.field])
            case Select(operand=Ident(name="features"), field=feature):
                return self._member(feature, node.field)
            case Call(function="stage"):
                return self._tell(node.operand)
        raise self._unsupported(node, "a field of this")

    def _field(self, root: str, name: str, attribute: Attribute) -> Built:
        self._note(root, name.removesuffix(_COMPLETE))
        label = f"{root}.{name}"
        listed = attribute.kind.startswith("list<")
        source = _Source(_ROOTS[root], name, attribute.nullable or listed)
        run = _read(source, label)
        if listed:
            # A list cannot be null in CEL: it reads as empty.
            return Built(lambda scope: run(scope) or [], label)
        return Built(run, label, nullable=True, source=source)

    def _note(self, root: str, name: str) -> None:
        self.reads[root, name] = self.words.kind(root, name)

    def _member(self, feature: str, name: str) -> Built:
        self._note("features", feature)
        whole = _read(_Source(_ROOTS["features"], feature, optional=True), "")

        def run(scope: Scope) -> Any:  # noqa: ANN401 - a value of the member's kind
            record = whole(scope)
            return None if record is None else record.get(name)

        return Built(run, f"features.{feature}.{name}", nullable=True)

    def _has(self, node: Select) -> Built:
        match node.operand:
            case Ident(name=root) if root in _ROOTS:
                self._note(root, node.field)
                run = _read(_Source(_ROOTS[root], node.field, optional=True), "")
            case Select(operand=Ident(name="features"), field=feature):
                run = self._member(feature, node.field).run
            case _:
                raise self._unsupported(node, "has() of this")

        def present(scope: Scope) -> bool:
            value = run(scope)
            return value is not None and value != []

        return Built(present, "has()")

    def _call(self, node: Call) -> Built:
        if node.overload in operators.LITERALS:
            return self._folded(node)
        if node.function in _NAMES:
            return self._tell(node)
        if node.overload == "conditional":
            return _choice(*(self.build(argument) for argument in node.arguments))
        if node.overload in operators.UNARY:
            return _unary(operators.UNARY[node.overload], self.build(node.arguments[0]))
        if node.overload in _BINARY:
            return self._binary(node)
        raise self._unsupported(node, f"'{node.function.strip('_@')}' of these types")

    def _binary(self, node: Call) -> Built:
        first, second = node.arguments
        left, right, literal = self.build(first), self.build(second), _value(second)
        if node.overload in _LOGIC:
            return _LOGIC[node.overload](left, right)
        if node.overload in _EQUALITY:
            apply = _EQUALITY[node.overload][first.kind.startswith("list<")]
            return _equality(apply, left, right, literal)
        if node.overload == "in_list":
            return _membership(left, right, second)
        run = _operation(operators.BINARY[node.overload], left, right, literal)
        if node.overload == "index_list":
            return Built(run, "the element of a list", nullable=True)
        return Built(run, "a result")

    def _folded(self, node: Call) -> Built:
        """`timestamp('...')` and `duration('...')`, known at load."""
        kind = operators.LITERALS[node.overload]
        literal = node.arguments[0]
        if not isinstance(literal, Const) or not isinstance(literal.value, str):
            raise self._unsupported(node, f"{kind}() of anything but a literal text")
        try:
            value = milliseconds(kind, literal.value)
        except ValueError as error:
            raise ExpressionError.at(
                self.text, literal.offset, "BAD_LITERAL", str(error)
            ) from error
        return Built(lambda _: value, kind)

    def _tell(self, node: Call) -> Built:
        """A function of the customer's state; literal names must be declared."""
        for argument, (what, names) in zip(node.arguments, _NAMES[node.function], strict=True):
            known: Collection[object] = getattr(self.declared, names)
            value = _value(argument)
            if value is not None and value not in known:
                raise ExpressionError.at(
                    self.text,
                    argument.offset,
                    "UNKNOWN_NAME",
                    f"there is no {what} '{value}'",
                    suggestion(str(value), map(str, known)),
                )
        arguments = [required(self.build(argument)) for argument in node.arguments]
        ask = _QUESTIONS[node.function]
        if len(arguments) == 1:
            (only,) = arguments
            return Built(lambda scope: ask(scope, only(scope)), f"{node.function}()")
        first, second = arguments
        return Built(lambda scope: ask(scope, first(scope), second(scope)), f"{node.function}()")

    def _unsupported(self, node: Node, what: str) -> ExpressionError:
        return ExpressionError.at(
            self.text,
            node.offset,
            "UNSUPPORTED",
            f"{what} is not supported",
            operators.SUPPORTED,
        )


def _plain(kind: str) -> bool:
    element = kind
    while element.startswith("list<"):
        element = element[5:-1]
    return element in {"bool", "int", "double", "string", "timestamp", "duration", "null"}


def _value(node: Node) -> bool | int | float | str | None:
    """The value of a literal that is not null, else None."""
    return node.value if isinstance(node, Const) else None


def _read(source: _Source, label: str) -> Run:
    mapping, name = source.mapping, source.name
    message = f"{label} is absent"

    def run_optional(scope: Scope) -> Value:
        try:
            return mapping(scope)[name]
        except KeyError:
            return None

    def run(scope: Scope) -> Value:
        try:
            return mapping(scope)[name]
        except KeyError:
            raise EvaluationError(message) from None

    return run_optional if source.optional else run


def _unary(apply: operators.Operator, operand: Built) -> Built:
    value = required(operand)
    return Built(lambda scope: apply(value(scope)), "a result")


def _operation(apply: operators.Operator, left: Built, right: Built, literal: Value) -> Run:
    """An operator that takes no null."""
    if literal is not None and left.source is not None:
        return _field_with(apply, left.source, left.label, literal)
    first, second = required(left), required(right)
    if literal is not None:
        return lambda scope: apply(first(scope), literal)
    return lambda scope: apply(first(scope), second(scope))


def _field_with(apply: operators.Operator, source: _Source, label: str, literal: Value) -> Run:
    """The commonest guard, in one closure: a field against a literal."""
    mapping, name = source.mapping, source.name

    def run(scope: Scope) -> Any:  # noqa: ANN401 - what the operator yields
        try:
            value = mapping(scope)[name]
        except KeyError:
            raise EvaluationError(f"{label} is absent") from None
        if value is None:
            raise EvaluationError(f"{label} is null")
        return apply(value, literal)

    return run


def _field_equals(apply: operators.Operator, source: _Source, label: str, literal: Value) -> Run:
    mapping, name, optional = source.mapping, source.name, source.optional

    def run(scope: Scope) -> Any:  # noqa: ANN401 - what the operator yields
        try:
            return apply(mapping(scope)[name], literal)
        except KeyError:
            if optional:
                return apply(None, literal)
            raise EvaluationError(f"{label} is absent") from None

    return run


def _equality(apply: operators.Operator, left: Built, right: Built, literal: Value) -> Built:
    first, second = left.run, right.run
    if literal is not None and left.source is not None:
        return Built(_field_equals(apply, left.source, left.label, literal), "a result")
    if literal is not None:
        return Built(lambda scope: apply(first(scope), literal), "a result")
    return Built(lambda scope: apply(first(scope), second(scope)), "a result")


def _membership(item: Built, items: Built, listed: Node) -> Built:
    value, found = item.run, items.run
    if isinstance(listed, ListOf):
        literals = [_value(element) for element in listed.elements]
        if None not in literals:
            known = frozenset(literals)
            return Built(lambda scope: value(scope) in known, "a result")
    return Built(lambda scope: operators.among(value(scope), found(scope)), "a result")


def _list(elements: list[Built]) -> Built:
    runs = [element.run for element in elements]
    return Built(lambda scope: [run(scope) for run in runs], "a list")


def _choice(condition: Built, then: Built, otherwise: Built) -> Built:
    holds, first, second = required(condition), then.run, otherwise.run
    return Built(
        lambda scope: first(scope) if holds(scope) else second(scope),
        "the result of ?:",
        nullable=then.nullable or otherwise.nullable,
    )


def _and(left: Built, right: Built) -> Built:
    first, second = required(left), required(right)

    def run(scope: Scope) -> bool:
        try:
            holds: bool = first(scope)
        except EvaluationError:
            if not second(scope):
                return False
            raise
        return holds and second(scope)

    return Built(run, "a result")


def _or(left: Built, right: Built) -> Built:
    first, second = required(left), required(right)

    def run(scope: Scope) -> bool:
        try:
            holds: bool = first(scope)
        except EvaluationError:
            if second(scope):
                return True
            raise
        return holds or second(scope)

    return Built(run, "a result")


_LOGIC = {"logical_and": _and, "logical_or": _or}
_EQUALITY = {
    "equals": (operator.eq, operators.same),
    "not_equals": (operator.ne, operators.differ),
}
_BINARY = frozenset({*operators.BINARY, *_LOGIC, *_EQUALITY, "in_list"})
_NAMES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "consent": (("purpose", "purposes"), ("channel", "channels")),
    "reachable": (("channel", "channels"),),
    "changed": (("trait", "traits"),),
    "in_journey": (("journey", "journeys"),),
    "stage": (("stage", "stages"),),
}
"""What each argument of a function names, and where `Declared` keeps these names."""
FUNCTIONS = frozenset(_NAMES) | {"has", "size", "int", "double", "string", "timestamp", "duration"}
"""The functions to suggest for a misspelt one."""
_QUESTIONS: Mapping[str, Callable[..., Value]] = {
    "consent": lambda scope, purpose, channel: scope.consent(purpose, channel),
    "reachable": lambda scope, channel: scope.reachable(channel),
    "changed": lambda scope, trait: scope.changed(trait),
    "in_journey": lambda scope, name: scope.in_journey(name),
    "stage": lambda scope, name: scope.visits(name),
}
