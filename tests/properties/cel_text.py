"""CEL as authors write it, read into the trees that the naive interpreter walks.

Written from the language alone: nothing here knows the compiler's parser, or its checks.
"""

import re
from typing import Any

from tests.properties.memory import millis
from tests.properties.trees import Cel, Tree

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.\d+|\d+)|(?P<text>'[^']*'|\"[^\"]*\")|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<sign>&&|\|\||[=!<>]=|[-+*/%<>!?:.,()\[\]]))"
)
_ROOTS = {"event", "customer", "instance", "features", "milestones"}
_ACCOUNT = "account"
_OF_NAMES = {"consent", "reachable", "changed", "in_journey"}
_OF_VALUES = {"has", "size", "string", "double", "int"}
_LEVELS = (("||",), ("&&",), ("==", "!=", "<", "<=", ">", ">=", "in"), ("+", "-"), ("*", "/", "%"))


class NotKnown(Exception):  # noqa: N818 - a limit of the naive interpreter, nobody's error
    """A part of the language that the naive interpreter does not know."""


def parsed(text: object) -> Cel:
    """An expression with its tree; a bare number or boolean is itself."""
    if isinstance(text, Cel):
        return text
    made = Cel(str(text).lower() if isinstance(text, bool) else str(text))
    made.tree = _Reader(str(made)).whole()
    return made


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[tuple[str, str]] = []
        at = 0
        while text[at:].strip():
            found = _TOKEN.match(text, at)
            if found is None:
                raise NotKnown(f"`{text[at:]}` in an expression")
            at = found.end()
            self._tokens.append((str(found.lastgroup), found[str(found.lastgroup)]))

    def whole(self) -> Tree:
        tree = self._choice()
        if self._tokens:
            raise NotKnown(f"`{self._tokens[0][1]}` in {self._text}")
        return tree

    def _next(self) -> str:
        return self._tokens[0][1] if self._tokens else ""

    def _take(self, *signs: str) -> str:
        if signs and self._next() not in signs:
            raise NotKnown(f"`{self._next()}` in {self._text}")
        return self._tokens.pop(0)[1]

    def _choice(self) -> Tree:
        asked = self._level(0)
        if self._next() != "?":
            return asked
        self._take("?")
        then = self._choice()
        self._take(":")
        return ("?", asked, then, self._choice())

    def _level(self, depth: int) -> Tree:
        if depth == len(_LEVELS):
            return self._single()
        left = self._level(depth + 1)
        while self._next() in _LEVELS[depth]:
            left = (self._take(), left, self._level(depth + 1))
        return left

    def _single(self) -> Tree:
        if self._next() == "!":
            self._take()
            return ("!", self._single())
        if self._next() == "-":
            self._take()
            return ("-", ("lit", 0), self._single())
        return self._primary()

    def _primary(self) -> Tree:
        kind, word = self._tokens.pop(0) if self._tokens else ("", "")
        if kind == "number":
            return ("lit", float(word) if "." in word else int(word))
        if kind == "text":
            return ("lit", word[1:-1])
        if word == "(":
            inner = self._choice()
            self._take(")")
            return inner
        if word == "[":
            return ("list", *self._listed("]"))
        return self._named(word)

    def _listed(self, end: str) -> list[Tree]:
        found = []
        while self._next() != end:
            found.append(self._choice())
            if self._next() != end:
                self._take(",")
        self._take(end)
        return found

    def _named(self, word: str) -> Tree:
        if word in ("true", "false", "null"):
            return ("lit", {"true": True, "false": False}.get(word))
        if word == "now":
            return ("now",)
        if self._next() == "(":
            self._take("(")
            return self._called(word, self._listed(")"))
        if word == "stage":
            return self._path(("entered_at", "stage"), "entered_at")
        if word == _ACCOUNT:
            self._take(".")
            word = self._take("features")
        if word not in _ROOTS:
            raise NotKnown(f"`{word}` in {self._text}")
        self._take(".")
        name = self._take()
        if word == "instance" and name == "entered_at":
            return ("entered_at", "instance")
        tree: Tree = (word, name)
        while self._next() == ".":
            self._take()
            member = self._take()
            is_complete = (word, member) == ("features", "complete")
            tree = ("complete", name) if is_complete else ("member", tree, member)
        return tree

    def _path(self, tree: Tree, member: str) -> Tree:
        self._take(".")
        self._take(member)
        return tree

    def _called(self, word: str, given: list[Tree]) -> Tree:
        values: list[Any] = [tree[1] for tree in given if tree[0] == "lit"]
        if word == "stage":
            return self._path(("visits", *values), "visits")
        if word == "duration":
            return ("lit", millis(values[0]))
        if word in _OF_NAMES:
            return (word, *values)
        if word in _OF_VALUES:
            return (word, *given)
        raise NotKnown(f"`{word}(…)` in {self._text}")
