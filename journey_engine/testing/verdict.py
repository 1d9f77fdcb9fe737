"""Holding what happened against what a test expects, in sentences."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from journey_engine.testing.cases import Expectation, TestCase
from journey_engine.testing.happenings import Happening, matches, sentence
from journey_engine.testing.words import KINDS


@dataclass(frozen=True, slots=True, order=True)
class Failure:
    """What a test got otherwise than it says, and where it says so."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


def failures(case: TestCase, happened: list[Happening], notes: list[str]) -> list[Failure]:
    """All that differs. `notes` (guards without a value) are told with the first difference."""
    found = [failure for kind in KINDS for failure in _of_kind(case, kind, happened)]
    found += _forbidden(case, happened)
    if found and notes:
        first = found[0]
        text = "\n".join([first.message, *(f"  note: {note}" for note in notes)])
        found[0] = Failure(first.file, first.line, text)
    return found


def _of_kind(case: TestCase, kind: str, happened: list[Happening]) -> Iterator[Failure]:
    if kind not in case.then:
        return
    expected = case.then[kind]
    left = _in_scope(case, kind, expected, happened)
    present = list(left)
    for expectation in expected:
        hit = next((h for h in left if _meets(case, expectation, h)), None)
        if hit is None:
            told = _told(present) or _told([h for h in happened if h.kind == "suppressed"])
            text = f"expected {sentence(kind, expectation.wanted)}; {_instead(kind, told)}"
            yield Failure(case.file, expectation.line, text)
        else:
            left.remove(hit)
    # Only when all that was asked for was found is the rest a surplus, else it is told above.
    if len(present) - len(left) == len(expected):
        line = expected[-1].line if expected else case.line
        for surplus in left:
            text = f"not expected under `{kind}`, but happened: {_tell(surplus)}"
            yield Failure(case.file, line, text)


def _forbidden(case: TestCase, happened: list[Happening]) -> Iterator[Failure]:
    for expectation in case.never:
        for hit in happened:
            if hit.kind == expectation.kind and _meets(case, expectation, hit):
                yield Failure(case.file, expectation.line, f"must never be: {_tell(hit)}")


def _in_scope(
    case: TestCase, kind: str, expected: tuple[Expectation, ...], happened: list[Happening]
) -> list[Happening]:
    """What the list must account for: the file's journey and those that its items name."""
    named = {item.wanted["journey"] for item in expected if "journey" in item.wanted}
    if case.journey is not None:
        named.add(case.journey)
    scope = {*named, ""}
    return [h for h in happened if h.kind == kind and (not named or h.journey in scope)]


def _meets(case: TestCase, expectation: Expectation, happening: Happening) -> bool:
    scope = (None, happening.journey)
    if happening.journey and "journey" not in expectation.wanted and case.journey not in scope:
        return False
    return matches(expectation.wanted, happening)


def _tell(happening: Happening) -> str:
    return sentence(happening.kind, {**happening.facts, "journey": happening.journey})


def _told(happenings: Iterable[Happening]) -> str:
    return "; ".join(_tell(happening) for happening in happenings)


def _instead(kind: str, told: str) -> str:
    return f"what happened: {told}" if told else f"nothing of the kind ({kind}) happened"
