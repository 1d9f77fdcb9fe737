"""Patterns of several events as they run (rule P1). Durations are milliseconds."""

from dataclasses import dataclass, field
from enum import StrEnum

from journey_engine.define.expression import Expression

ELEMENTS_MAX = 8
"""Most elements of a `sequence` or an `all`."""
TIMES_MAX = 32


class PatternKind(StrEnum):
    """How the events of a pattern belong together."""

    TIMES = "times"
    SEQUENCE = "sequence"
    ALL = "all"
    NOT_FOLLOWED_BY = "not_followed_by"


@dataclass(frozen=True, slots=True, eq=False)
class Element:
    """One of the events of a pattern: its types, its own guard, and its key as in `Clause`."""

    types: frozenset[str]
    when: Expression | None = None
    key: Expression | None = None


@dataclass(frozen=True, slots=True, eq=False)
class PatternPlan:
    """A pattern; `id` is a hash of its place and definition, under which its state lies.

    `times` has one element, which counts so often; `not_followed_by` two, the event that begins
    the wait and the one that breaks it. Its `remember` reads the first, when that comes.
    """

    id: str
    kind: PatternKind
    elements: tuple[Element, ...]
    within: int
    times: int = 1
    since_entry: bool = False
    """On a transition: it watches from the instance's entry on, not from that of the stage."""
    remember: tuple[tuple[str, Expression], ...] = ()
    types: frozenset[str] = field(init=False)
    """Of all elements."""

    def __post_init__(self) -> None:
        types = frozenset(name for element in self.elements for name in element.types)
        object.__setattr__(self, "types", types)
