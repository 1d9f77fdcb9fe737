"""A case before both judges: the engine, and the naive interpreter where it knows the rule."""

from dataclasses import dataclass

from tests.conformance.first import First
from tests.conformance.reading import Case
from tests.conformance.second import faults
from tests.properties.cel_text import NotKnown


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is otherwise than the case says; `unknown` is why it ran on the engine alone."""

    case: Case
    faults: tuple[str, ...]
    unknown: str | None = None


def judged(case: Case, first: First) -> Judgement:
    found = first.faults(case)
    if found or case.refuses:
        return Judgement(case, tuple(found))
    try:
        second = faults(case, first.parsed(case))
    except NotKnown as error:
        return Judgement(case, (), str(error))
    return Judgement(case, tuple(f"second interpreter: {each}" for each in second))
