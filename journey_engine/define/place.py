"""Where in a file one stands, and the errors found there."""

from dataclasses import dataclass

from journey_engine.define.expression_error import suggestion
from journey_engine.define.loader import Node
from journey_engine.errors import DefinitionError

__all__ = ["Place", "suggestion"]


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """A value of a definition file. `errors` is shared by all places of a compilation.

    `path` are the keys that lead there from the file's root, as written.
    """

    file: str
    node: Node
    errors: list[DefinitionError]
    path: tuple[str | int, ...] = ()

    def at(self, *path: str | int) -> "Place":
        """The place below this one; where a step names nothing written, the one before it."""
        node, written = self.node, self.path
        for step in path:
            if step in node.children:
                node, written = node.children[step], (*written, step)
        return Place(self.file, node, self.errors, written)

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

    def warn(self, code: str, message: str, hint: str = "") -> None:
        """Report at the value what refuses nothing."""
        self.warn_within(0, code, message, hint)

    def warn_within(self, offset: int, code: str, message: str, hint: str = "") -> None:
        """Report at the character `offset` of the text that stands here what refuses nothing."""
        self._report(*self.node.position(offset), code, message, hint, warning=True)

    def _report(
        self, line: int, column: int, code: str, message: str, hint: str, *, warning: bool = False
    ) -> None:
        path = ".".join(map(str, self.path))
        error = DefinitionError(self.file, line, column, code, message, hint, path, warning)
        self.errors.append(error)
