"""Values that make a condition true, or false: examples for the lint, and for explanations."""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any, Final

from journey_engine.define.checked import Node
from journey_engine.define.conditions import Alternative, Term, alternatives
from journey_engine.define.contradictions import meets
from journey_engine.define.expression import Value

_STEP: Final[Mapping[str, Any]] = {"double": 0.01, "int": 1, "timestamp": 1, "duration": 1}
"""How far beyond a bound an example lies."""
_EXAMPLES: Final[Mapping[str, Any]] = {
    "bool": True,
    "int": 1,
    "double": 1.0,
    "timestamp": 0,
    "duration": 0,
}


def solutions(tree: Node, *, holds: bool = True) -> list[dict[str, Value]]:
    """For each way in which the condition can be so: values by operand, such as `event.total`.

    What could not be said in terms is not looked at, so a solution is to be tried, not believed.
    """
    found = (_solved(way) for way in alternatives(tree, holds=holds))
    return [solution for solution in found if solution is not None]


def _solved(way: Alternative) -> dict[str, Value] | None:
    solution: dict[str, Value] = {}
    for operand in dict.fromkeys(term.operand for term in way):
        terms = [term for term in way if term.operand == operand]
        if any(term.how == "null" for term in terms):
            solution[operand] = None
            continue
        fitting = (v for v in _candidates(terms) if all(meets(v, term) for term in terms))
        value = next(fitting, None)
        if value is None:
            return None
        solution[operand] = value
    return solution


def _candidates(terms: Iterable[Term]) -> list[Any]:
    """Values at and beside what the terms hold the operand against."""
    kind = next((term.kind for term in terms if term.kind), "string")
    named: list[Any] = []
    for term in terms:
        named += term.value if isinstance(term.value, tuple) else [term.value]
    values = [value for value in named if value is not None]
    beside = [other for value in values for other in _beside(kind, value)]
    bounds = sorted(values) if kind in _STEP else []
    between = [(low + high) / 2 for low, high in pairwise(bounds)]
    return [*values, *beside, *(between if kind == "double" else ()), _EXAMPLES.get(kind, "x")]


def _beside(kind: str, value: Any) -> list[Any]:  # noqa: ANN401 - of the operand's kind
    if kind == "bool":
        return [not value]
    if kind in _STEP:
        step = _STEP[kind]
        return [round(value + step, 6), round(value - step, 6)]
    return [f"{value}x", f"x{value}", ""]
