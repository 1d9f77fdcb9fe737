"""Guards and the other CEL texts of a definition (rules F2, I8).

CEL's own checker types an expression against the Avro schemas and the declared names; what it
accepts becomes a closure. An expression is bounded by its length and node count, and has no loop,
so its evaluation is bounded too. No text is ever evaluated as Python.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from journey_engine.define import checked, closures
from journey_engine.define.contradictions import never_true
from journey_engine.define.descriptors import (
    Catalogue,
    Declared,
    FeatureType,
    checker,
    messages,
    vocabulary,
)
from journey_engine.define.expression import EvaluationError, Expression, Scope
from journey_engine.define.expression_error import ExpressionError, suggestion
from journey_engine.define.nulls import unchecked

__all__ = ["Declared", "Environment", "ExpressionError", "FeatureType"]

EXPRESSION_CHARS_MAX = 4096
EXPRESSION_NODES_MAX = 256

_SEND = "event.send"
_FAULT = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*?)(?:\n|\s*\[INVALID_ARGUMENT\]|\Z)")
_NO_FIELD = re.compile(r"undefined field '(.*)' not found in struct '(.*)'")
_NO_NAME = re.compile(r"undeclared reference to '(.*)' \(in container")
_NO_MEMBERS = re.compile(r"expression of type '(.*)' cannot be the operand of a select")
_NO_OVERLOAD = re.compile(r"found no matching overload for '(.*)' applied to '\((.*)\)'")
_WRAPPER = re.compile(r"wrapper\((\w+)\)")
_EXPECTING = re.compile(r" expecting \{.*")


class Remark(NamedTuple):
    """What the lint says of an expression; `offset` is where in its text."""

    offset: int
    code: str
    message: str
    hint: str


class Environment:
    """What expressions at one place of a definition may read.

    `event_types` are the types that lead there, each of them in `schemas.events`: `event` has the
    fields that all of them share with one kind. Without any, `event` is not declared.
    """

    def __init__(
        self, schemas: Catalogue, declared: Declared, event_types: tuple[str, ...] = ()
    ) -> None:
        self._declared = declared
        self._words = vocabulary(schemas, declared, event_types)
        self._checker = checker(self._words, messages(self._words))

    def compile(self, text: str, *, want: str | None = None) -> Expression:
        """The checked expression, ready to run.

        With `want` (a kind) it must be of that kind, and a wanted `bool` is never null: a null
        result is an `EvaluationError`.

        Raises:
            ExpressionError: the text is wrong, or needs what is not supported.
        """
        if len(text) > EXPRESSION_CHARS_MAX:
            raise ExpressionError(
                "TOO_COMPLEX", f"an expression has at most {EXPRESSION_CHARS_MAX} characters", 1, 1
            )
        tree = self._check(text)
        if sum(1 for _ in checked.walk(tree)) > EXPRESSION_NODES_MAX:
            raise ExpressionError(
                "TOO_COMPLEX", f"an expression has at most {EXPRESSION_NODES_MAX} terms", 1, 1
            )
        built, reads = closures.build(text, tree, self._words, self._declared)
        if want is not None and tree.kind != want:
            raise ExpressionError("WRONG_TYPE", f"type {want} is needed, this is {tree.kind}", 1, 1)
        run = closures.required(built) if want == "bool" else built.run
        if any(root != "event" for root, _ in reads):
            run = _remembered(run)
        return Expression(text, tree.kind, reads, run, tree)

    def remarks(self, tree: checked.Node) -> Iterator[Remark]:
        """What the lint says of a checked expression (rules F3, V4)."""
        if tree.kind == "bool":
            domains = {} if self._declared.sends is None else {_SEND: self._declared.sends}
            reason = never_true(tree, domains)
            if reason is not None:
                hint = "say what may hold, or leave the clause out"
                yield Remark(0, "GUARD_NEVER_TRUE", f"it is never true: {reason}", hint)
        for offset, read in unchecked(tree, self._words):
            operand = read
            if self._declared.of_account and read.startswith("features."):
                operand = checked.ACCOUNT + read
            message = f"`{operand}` may be null, and a comparison with null is an error"
            yield Remark(offset, "NULL_COMPARED", message, f"write {operand} != null && …")

    def _check(self, text: str) -> checked.Node:
        try:
            return checked.read(self._checker.compile(text).serialize(), text)
        except TypeError as error:
            # Half of a surrogate pair is the only text that CEL cannot take at all.
            found = next(at for at, char in enumerate(text) if "\ud800" <= char <= "\udfff")
            message = "half of a surrogate pair is no character"
            raise ExpressionError.at(text, found, "SYNTAX", message) from error
        except RuntimeError as error:
            raise self._fault(text, str(error)) from error

    def _fault(self, text: str, report: str) -> ExpressionError:
        """The first fault that CEL's checker reports, in an author's words."""
        if "recursion" in report:
            return ExpressionError("TOO_COMPLEX", "the expression is nested too deeply", 1, 1)
        found = _FAULT.search(report)
        if found is None:
            return ExpressionError("SYNTAX", report, 1, 1)
        lines = text.split("\n")[: int(found[1]) - 1]
        offset = sum(len(line) + 1 for line in lines) + int(found[2]) - 1
        return self._explain(text, offset, found[3])

    def _explain(self, text: str, offset: int, message: str) -> ExpressionError:
        if match := _NO_FIELD.match(message):
            return self._no_field(text, offset, match[1], match[2])
        if match := _NO_NAME.match(message):
            return self._no_name(text, offset, match[1])
        if match := _NO_MEMBERS.match(message):
            told = f"a value of type {_author(match[1])} has no fields"
            return ExpressionError.at(text, offset, "UNKNOWN_FIELD", told, "it is one value")
        if match := _NO_OVERLOAD.match(message):
            return _wrong_types(text, offset, match[1], match[2])
        return ExpressionError.at(text, offset, "SYNTAX", _plain_syntax(message))

    def _no_field(self, text: str, offset: int, name: str, struct: str) -> ExpressionError:
        record = self._words.records[struct]
        offset = max(offset, text.find(name, offset))  # from the dot to the name
        message = f"{record.label} has no field '{name}'"
        if name in record.refused:
            message = f"{record.label}.{name} cannot be read: {record.refused[name]}"
        hint = suggestion(name, record.fields)
        if name in record.refused and not record.fields:
            hint = "leave it out"
        return ExpressionError.at(text, offset, "UNKNOWN_FIELD", message, hint)

    def _no_name(self, text: str, offset: int, dotted: str) -> ExpressionError:
        name = dotted.partition(".")[0]
        if not text.startswith(name, offset):
            offset = max(text.rfind(name, 0, offset), 0)  # from the parenthesis to the name
        known = {root.partition(".")[0] for root in self._words.variables} | closures.FUNCTIONS
        hint = suggestion(name, known - self._words.refused)
        if name == "event":
            hint = "no event leads here"
        elif self._declared.event_alone and name in self._words.refused:
            hint = "only the event is read here"
        return ExpressionError.at(text, offset, "UNKNOWN_FIELD", f"there is no '{name}'", hint)


def _plain_syntax(message: str) -> str:
    """Without the list of all that could have stood there."""
    plain = _EXPECTING.sub("", message.removeprefix("Syntax error: "))
    return "the expression ends too early" if "'<EOF>'" in plain else plain


def _author(kinds: str) -> str:
    """Types as an author knows them: a nullable int is an int."""
    plain = _WRAPPER.sub(r"\1", kinds).replace("null_type", "null").replace("journey.", "")
    return plain.replace("list(", "list<").replace(")", ">")


def _wrong_types(text: str, offset: int, operator: str, operands: str) -> ExpressionError:
    name, kinds = operator.strip("_@"), _author(operands)
    hint = ""
    if {"int", "double"} <= set(kinds.split(", ")):
        hint = "write an int literal with a point (50.0), or convert: double(...)"
    elif "null" in kinds.split(", "):
        hint = "the other side is never null"
    return ExpressionError.at(text, offset, "WRONG_TYPE", f"'{name}' does not take ({kinds})", hint)


def _remembered(run: closures.Run) -> closures.Run:
    """The same over what is remembered: it may be of the type of an earlier definition.

    An event's fields have the types of the schema that the expression was checked against; a
    customer's state may be older than the plan.
    """

    def evaluate(scope: Scope) -> Any:  # noqa: ANN401 - what the expression yields
        try:
            return run(scope)
        except TypeError as error:
            raise EvaluationError(f"a value remembered is of another type: {error}") from None

    return evaluate
