"""What is wrong in an expression, and where."""

import difflib
from collections.abc import Iterable


class ExpressionError(Exception):
    """An expression that is refused at load; `line` and `column` count from 1 in its text.

    `code` is one of `SYNTAX`, `UNKNOWN_FIELD` (a field or name that is not declared),
    `UNKNOWN_NAME` (a literal that names an undeclared trait, journey, stage, purpose or channel),
    `WRONG_TYPE`, `BAD_LITERAL`, `UNSUPPORTED`, `TOO_COMPLEX`. `hint` may be empty.
    """

    def __init__(self, code: str, message: str, line: int, column: int, hint: str = "") -> None:
        self.code = code
        self.message = message
        self.hint = hint
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
