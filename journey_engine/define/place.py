"""Where in a file one stands, and the errors found there."""

from collections.abc import Iterable
from dataclasses import dataclass

from journey_engine.define.expression_error import did_you_mean
from journey_engine.define.loader import Node
from journey_engine.errors import DefinitionError

_NAMES_SHOWN = 12


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """A value of a definition file. `errors` is shared by all places of a compilation."""

    file: str
    node: Node
    errors: list[DefinitionError]

    def at(self, *path: str | int) -> "Place":
        """The place below this one; where a step names nothing written, the one before it."""
        node = self.node
        for step in path:
            node = node.children.get(step, node)
        return Place(self.file, node, self.errors)

    def error(self, code: str, message: str, hint: str = "") -> None:
        """Report at the value."""
        self._report(self.node.line, self.node.column, code, message, hint)

    def key_error(self, code: str, message: str, hint: str = "") -> None:
        """Report at the value's key."""
        self._report(
            self.node.key_line or self.node.line,
            self.node.key_column or self.node.column,
            code,
            message,
            hint,
        )

    def error_within(self, offset: int, code: str, message: str, hint: str = "") -> None:
        """Report at the character `offset` of the text that stands here."""
        self._report(*self.node.position(offset), code, message, hint)

    def _report(self, line: int, column: int, code: str, message: str, hint: str) -> None:
        self.errors.append(DefinitionError(self.file, line, column, code, message, hint))


def suggestion(word: str, known: Iterable[str]) -> str:
    """A hint for a name that is not known: the nearest one, else those there are."""
    names = sorted(known)
    if near := did_you_mean(word, names):
        return near
    if not names:
        return "none is declared"
    shown = ", ".join(names[:_NAMES_SHOWN])
    more = len(names) - _NAMES_SHOWN
    return f"known: {shown} and {more} more" if more > 0 else f"known: {shown}"
