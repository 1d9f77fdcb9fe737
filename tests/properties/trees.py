"""Guards as small trees: written out as CEL for the compiler, walked directly by the naive one.

The walk shares nothing with the compiler: an expression that a generator made carries its tree.
Null, absence and error follow CEL: ordering a null is an error, `&&` and `||` absorb an error on
either side.
"""

import math
import operator
from collections.abc import Callable
from typing import Any

Tree = tuple[Any, ...]
View = Callable[..., Any]
"""Answers a reference: `view("event", "amount")`, `view("consent", "marketing", "email")`."""


class NoValue(Exception):  # noqa: N818 - CEL's word is "error", Python's exception is no fault here
    """The expression has no value for this input."""


class Cel(str):
    """The text of an expression, with its tree."""

    __slots__ = ("tree",)
    tree: Tree

    def __repr__(self) -> str:
        return f"Cel({str(self)!r})"


def cel(tree: Tree) -> Cel:
    made = Cel(_text(tree))
    made.tree = tree
    return made


_ORDER: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _text(tree: Tree) -> str:  # noqa: PLR0911 - one form a case
    match tree:
        case ("lit", value):
            return _literal(value)
        case ("visits", stage):
            return f"stage('{stage}').visits"
        case ("complete", name):
            return f"features.{name}.complete"
        case ("event" | "customer" | "instance" | "features", name):
            return f"{tree[0]}.{name}"
        case ("consent" | "reachable" | "changed" | "in_journey", *names):
            return f"{tree[0]}({', '.join(repr(name) for name in names)})"
        case ("dwelt", whose, minutes):
            return f"now - {whose}.entered_at >= duration('{minutes}m')"
        case ("!", inner):
            return f"!({_text(inner)})"
        case (sign, left, right):
            return f"({_text(left)}) {sign} ({_text(right)})"
        case _:
            raise AssertionError(tree)


def _literal(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value)


def walk(tree: Tree, view: View) -> Any:  # noqa: C901, PLR0911, PLR0912 - one form a case
    match tree:
        case ("lit", value):
            return value
        case ("!", inner):
            return not walk(inner, view)
        case ("&&", left, right):
            return _absorbing(left, right, view, decides=False)
        case ("||", left, right):
            return _absorbing(left, right, view, decides=True)
        case ("==", left, right):
            return walk(left, view) == walk(right, view)
        case ("!=", left, right):
            return walk(left, view) != walk(right, view)
        case ("<" | "<=" | ">" | ">=", left, right):
            return _ordered(tree[0], walk(left, view), walk(right, view))
        case ("dwelt", whose, minutes):
            return view("now") - view("entered_at", whose) >= minutes * 60_000
        case ("?", asked, then, other):
            return walk(then if walk(asked, view) else other, view)
        case ("+" | "-" | "*" | "/" | "%" | "in", left, right):
            return _combined(tree[0], walk(left, view), walk(right, view))
        case ("has" | "size" | "string" | "double" | "int" | "list" | "member", *parts):
            return _made(tree[0], parts, view)
        case (what, *names):
            return view(what, *names)
        case _:
            raise AssertionError(tree)


def _absorbing(left: Tree, right: Tree, view: View, *, decides: bool) -> bool:
    """`&&` and `||`: a side that decides wins over an error of the other."""
    failed = False
    for side in (left, right):
        try:
            if bool(walk(side, view)) is decides:
                return decides
        except NoValue:
            failed = True
    if failed:
        raise NoValue
    return not decides


def _ordered(sign: str, left: Any, right: Any) -> bool:
    if left is None or right is None:
        raise NoValue
    return bool(_ORDER[sign](left, right))


def _combined(sign: str, left: Any, right: Any) -> Any:
    if right is None or (left is None and sign != "in") or (sign in "/%" and right == 0):
        raise NoValue
    match sign:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "/":
            return int(left / right) if isinstance(left, int) else left / right
        case "%":
            return int(math.fmod(left, right))
        case _:
            return left in right


def _made(what: str, parts: list[Any], view: View) -> Any:  # noqa: PLR0911 - one form a case
    if what == "list":
        return [walk(part, view) for part in parts]
    value = walk(parts[0], view)
    if what == "has":
        return value is not None
    if value is None:
        raise NoValue
    match what:
        case "size":
            return len(value)
        case "string":
            return str(value).lower() if isinstance(value, bool) else str(value)
        case "double":
            return float(value)
        case "int":
            return int(value)
        case _:
            return value[parts[1]]
