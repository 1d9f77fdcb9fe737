"""What is wrong in an expression, and where."""

import difflib
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

_NAMES_SHOWN: Final = 12
_HINTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "SYNTAX": "it is CEL; text is quoted again inside it: \"event.channel == 'web'\"",
        "WRONG_TYPE": "the schemas and customer.yaml say of which type each name is",
        "BAD_LITERAL": "such as timestamp('2026-01-01T00:00:00Z') and duration('90m')",
        "TOO_COMPLEX": "remember a part of it, or make it two clauses",
    }
)
"""What to do where the error itself does not say so."""


class ExpressionError(Exception):
    """An expression that is refused at load; `line` and `column` count from 1 in its text.

    `code` is one of `SYNTAX`, `UNKNOWN_FIELD` (a field or name that is not declared),
    `UNKNOWN_NAME` (a literal that names an undeclared trait, journey, stage, purpose or channel),
    `WRONG_TYPE`, `BAD_LITERAL`, `UNSUPPORTED`, `TOO_COMPLEX`.
    """

    def __init__(self, code: str, message: str, line: int, column: int, hint: str = "") -> None:
        self.code = code
        self.message = message
        self.hint = hint or _HINTS.get(code, "")
        self.line = line
        self.column = column
        super().__init__(f"{line}:{column}: {code}: {message}")

    @classmethod
    def at(
        cls, text: str, offset: int, code: str, message: str, hint: str = ""
    ) -> "ExpressionError":
        """The error at an offset of the text, in code points from 0."""
        line = text.count("\n", 0, offset) + 1
        column = offset - text.rfind("\n", 0, offset)
        return cls(code, message, line, column, hint)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The hint for a misspelt name, empty when none of the known ones is near."""
    near = difflib.get_close_matches(name, sorted(known), n=1)
    return f"did you mean `{near[0]}`?" if near else ""


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
