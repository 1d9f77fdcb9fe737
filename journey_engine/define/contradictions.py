"""Guards that can never be true under their types (rule V4).

Only what is certain is told: where several operands meet, or a term says too little, nothing is.
"""

import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

from journey_engine.define.checked import Const, Node
from journey_engine.define.conditions import APPLY, Alternative, Term, alternatives

_WHOLE: Final = frozenset({"int", "timestamp", "duration"})
"""Kinds between whose neighbouring values there is none; times are milliseconds."""
_COUNTS: Final = ("size(", "stage(")
"""With these begin the operands that are never below zero; of a stage only visits are compared."""
_MEETS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    **APPLY,
    "in": lambda value, values: value in values,
    "starts": str.startswith,
    "ends": str.endswith,
    "contains": operator.contains,
    "set": lambda _, __: True,
    "null": lambda _, __: False,
}

Domains = Mapping[str, frozenset[str]]
"""For an operand the only values that it has."""


def never_true(tree: Node, domains: Domains) -> str | None:
    """Why the condition is never true; None where it may be.

    A bare `false` is meant: somebody switched the clause off.
    """
    if isinstance(tree, Const):
        return None
    ways = alternatives(tree)
    if not ways:
        return "it is false whatever it reads"
    reasons = [_contradiction(way, domains) for way in ways]
    if None in reasons:
        return None
    return next(iter(dict.fromkeys(reasons)))


def _contradiction(way: Alternative, domains: Domains) -> str | None:
    for operand in dict.fromkeys(term.operand for term in way):
        terms = [term for term in way if term.operand == operand and not term.loose]
        if terms and not _possible(terms, domains.get(operand)):
            told = [f"`{term}`" for term in dict.fromkeys(terms)]
            if len(told) == 1:
                return f"{told[0]} never holds"
            return f"{' and '.join(told)} never hold together"
    return None


def _possible(terms: list[Term], domain: frozenset[str] | None) -> bool:
    hows = {term.how for term in terms}
    if hows <= {"null", "!="} or hows <= {"set"}:
        # Null is unequal to every value.
        return True
    if "null" in hows:
        return False
    allowed = _allowed(terms, domain)
    if allowed is None:
        return _has_room(terms)
    return any(all(meets(value, term) for term in terms) for value in allowed)


def _allowed(terms: list[Term], domain: frozenset[str] | None) -> set[Any] | None:
    """The values that are named; None where there is no list of them."""
    left: set[Any] | None = None if domain is None else set(domain)
    if left is None and "bool" in {term.kind for term in terms}:
        left = {True, False}
    for term in terms:
        if term.how in {"==", "in"}:
            values = set(term.value) if isinstance(term.value, tuple) else {term.value}
            left = values if left is None else left & values
    return left


def meets(value: Any, term: Term) -> bool:  # noqa: ANN401 - of the operand's kind
    """Whether a value that is not null meets the term."""
    return _MEETS[term.how](value, term.value)


def _has_room(terms: list[Term]) -> bool:
    lows, highs = _bounds(terms, ">"), _bounds(terms, "<")
    if terms[0].operand.startswith(_COUNTS):
        lows.append((0, False))
    excluded = [term.value for term in terms if term.how == "!="]
    return all(_between(low, high, excluded) for low in lows for high in highs)


def _bounds(terms: list[Term], side: str) -> list[tuple[Any, bool]]:
    """The bounds of one side, and whether each is itself outside."""
    found: list[tuple[Any, bool]] = []
    for term in terms:
        if term.how.startswith(side):
            value: Any = term.value
            strict = len(term.how) == 1
            if strict and term.kind in _WHOLE:
                value, strict = value + (1 if side == ">" else -1), False
            found.append((value, strict))
    return found


def _between(low: tuple[Any, bool], high: tuple[Any, bool], excluded: list[Any]) -> bool:
    if low[0] == high[0]:
        return not (low[1] or high[1] or low[0] in excluded)
    return bool(low[0] < high[0])
