"""What must hold for a guard to be true: its alternatives, each a list of plain terms.

A term says something of one operand, by the text of it: within one evaluation two operands of the
same text have the same value. What cannot be said in terms is left out, so an alternative may be
weaker than what it stands for, and never stronger.
"""

import operator
from collections.abc import Callable, Iterable, Mapping
from itertools import product
from typing import Any, Final, NamedTuple

from journey_engine.define.checked import Call, Const, Ident, ListOf, Node, Select
from journey_engine.define.expression import Value
from journey_engine.define.literals import milliseconds
from journey_engine.define.operators import LITERALS

ALTERNATIVES_MAX: Final = 64
"""More are taken for one that says nothing."""


class Term(NamedTuple):
    """`operand` is a path such as `event.total`, or the text of a call; `is` is `== != < <= > >= in
    null set starts ends contains`; `value` is what it is held against. A look at
    whether a value is there knows no `kind`. `loose`: NaN meets it, too.
    """

    operand: str
    kind: str
    how: str
    value: Value | tuple[Value, ...] = None
    loose: bool = False

    def __str__(self) -> str:
        if self.how in {"null", "set"}:
            return f"{self.operand} {'==' if self.how == 'null' else '!='} null"
        if self.how == "==" and isinstance(self.value, bool):
            return self.operand if self.value else f"!{self.operand}"
        value = list(self.value) if isinstance(self.value, tuple) else self.value
        return f"{self.operand} {self.how} {value!r}"


Alternative = tuple[Term, ...]

_COMPARED: Final[Mapping[str, str]] = {
    "_==_": "==",
    "_!=_": "!=",
    "_<_": "<",
    "_<=_": "<=",
    "_>_": ">",
    "_>=_": ">=",
}
_OPPOSITE: Final = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_TURNED: Final = {"==": "==", "!=": "!=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}
APPLY: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
"""What a comparison does to two values."""
_TEXTS: Final = {"startsWith": "starts", "endsWith": "ends", "contains": "contains"}
_ANYTHING: Final[list[Alternative]] = [()]
_NOTHING: Final[list[Alternative]] = []


def alternatives(node: Node, *, holds: bool = True) -> list[Alternative]:
    """The ways in which the condition can be true, or false; none where there is no way."""
    match node:
        case Call(function="_&&_" | "_||_" as name, arguments=(left, right)):
            ways = alternatives(left, holds=holds), alternatives(right, holds=holds)
            return _joined(*ways) if (name == "_&&_") is holds else _bounded([*ways[0], *ways[1]])
        case Call(function="!_", arguments=(inner,)):
            return alternatives(inner, holds=not holds)
        case Call(function="_?_:_", arguments=(condition, then, otherwise)):
            first = _joined(alternatives(condition), alternatives(then, holds=holds))
            other = alternatives(otherwise, holds=holds)
            return _bounded([*first, *_joined(alternatives(condition, holds=False), other)])
    return _plain(node, holds=holds)


def _plain(node: Node, *, holds: bool) -> list[Alternative]:
    """Those of a condition that holds no other."""
    ways: list[Alternative] = [(Term(text_of(node), "bool", "==", holds),)]
    match node:
        case Const(value=bool(value)):
            ways = _ANYTHING if value is holds else _NOTHING
        case Call(function=name, arguments=(left, right)) if name in _COMPARED:
            ways = _comparison(_COMPARED[name], left, right, holds=holds)
        case Call(overload="in_list", arguments=(item, ListOf() as listed)):
            ways = _membership(item, listed, holds=holds)
        case Call(function=name, arguments=(text, Const(value=str(part)))) if name in _TEXTS:
            ways = [(Term(text_of(text), "string", _TEXTS[name], part),)] if holds else _ANYTHING
        case Select(test=True, operand=operand, field=field):
            where = f"{text_of(operand)}.{field}"
            ways = [(Term(where, "", "set" if holds else "null"),)]
    return ways


def text_of(node: Node) -> str:
    """An operand in one spelling, whatever white space it was written with."""
    match node:
        case Const(value=value):
            return repr(value)
        case Ident(name=name):
            return name
        case Select(operand=operand, field=field):
            return f"{text_of(operand)}.{field}"
        case ListOf(elements=elements):
            return f"[{', '.join(map(text_of, elements))}]"
        case Call(function=function, arguments=arguments):
            return f"{function.strip('_@')}({', '.join(map(text_of, arguments))})"
    return f"?{node.offset}"


def constant(node: Node) -> tuple[bool, Value]:
    """Whether the node is a literal, times among them, and its value."""
    match node:
        case Const(value=value):
            return True, value
        case Call(overload=overload, arguments=(Const(value=str(text)),)) if overload in LITERALS:
            return True, milliseconds(LITERALS[overload], text)
    return False, None


def _joined(left: Iterable[Alternative], right: Iterable[Alternative]) -> list[Alternative]:
    return _bounded([(*one, *other) for one, other in product(left, right)])


def _bounded(found: list[Alternative]) -> list[Alternative]:
    return found if len(found) <= ALTERNATIVES_MAX else _ANYTHING


def _comparison(how: str, left: Node, right: Node, *, holds: bool) -> list[Alternative]:
    first, second = constant(left), constant(right)
    if first[0] and second[0]:
        known = None not in (first[1], second[1]) or how in {"==", "!="}
        return _ANYTHING if known and APPLY[how](first[1], second[1]) is holds else _NOTHING
    if first[0]:
        return _comparison(_TURNED[how], right, left, holds=holds)
    meant = how if holds else _OPPOSITE[how]
    if not second[0]:
        same = text_of(left) == text_of(right) and left.kind != "double"
        return _NOTHING if same and meant in {"<", ">", "!="} else _ANYTHING
    if second[1] is None:
        return [(Term(text_of(left), left.kind, "null" if meant == "==" else "set"),)]
    # Not above is not the same as at most: NaN is neither.
    loose = not holds and left.kind == "double" and how not in {"==", "!="}
    return [(Term(text_of(left), left.kind, meant, second[1], loose),)]


def _membership(item: Node, listed: ListOf, *, holds: bool) -> list[Alternative]:
    found = [constant(element) for element in listed.elements]
    if not all(known and value is not None for known, value in found):
        return _ANYTHING
    operand, values = text_of(item), tuple(value for _, value in found)
    if holds:
        return [(Term(operand, item.kind, "in", values),)]
    return [tuple(Term(operand, item.kind, "!=", value) for value in values)]
