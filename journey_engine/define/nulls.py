"""Comparisons with fields that may be null, where nothing before rules that out (rule F3)."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from journey_engine.define.checked import Call, Const, Ident, ListOf, Node, Select
from journey_engine.define.conditions import text_of
from journey_engine.define.descriptors import Vocabulary

_ORDERED: Final = frozenset({"_<_", "_<=_", "_>_", "_>=_"})
_ARITHMETIC: Final = frozenset({"_+_", "_-_", "_*_", "_/_", "_%_", "-_"})
_ROOTS: Final = frozenset({"event", "customer", "features"})
"""What an instance remembers is left to its author: it is null only until it is remembered."""

Facts = frozenset[str]
"""Operands that are certainly not null."""


class Unchecked(NamedTuple):
    """A field that may be null where it is compared; `offset` is where its name stands."""

    offset: int
    operand: str


def unchecked(tree: Node, words: Vocabulary) -> list[Unchecked]:
    """Each such field of the expression, once."""
    found: dict[str, Unchecked] = {}
    for one in _Search(words).below(tree, frozenset()):
        found.setdefault(one.operand, one)
    return list(found.values())


class _Search:
    def __init__(self, words: Vocabulary) -> None:
        self._words = words

    def below(self, node: Node, known: Facts) -> Iterator[Unchecked]:
        """Those in the node, where `known` are not null."""
        match node:
            case Call(function="_&&_", arguments=(left, right)):
                # An error on one side does not count where the other is false.
                yield from self.below(left, known | _facts(right, holds=True))
                yield from self.below(right, known | _facts(left, holds=True))
            case Call(function="_||_", arguments=(left, right)):
                yield from self.below(left, known | _facts(right, holds=False))
                yield from self.below(right, known | _facts(left, holds=False))
            case Call(function="_?_:_", arguments=(condition, then, otherwise)):
                yield from self.below(condition, known)
                yield from self.below(then, known | _facts(condition, holds=True))
                yield from self.below(otherwise, known | _facts(condition, holds=False))
            case Call(function=name, arguments=arguments):
                for each in arguments:
                    if name in _ORDERED:
                        yield from self._operands(each, known)
                    yield from self.below(each, known)
            case ListOf(elements=elements):
                for each in elements:
                    yield from self.below(each, known)

    def _operands(self, node: Node, known: Facts) -> Iterator[Unchecked]:
        match node:
            case Call(function=name, arguments=arguments) if name in _ARITHMETIC:
                for each in arguments:
                    yield from self._operands(each, known)
            case Select(test=False) if self._may_be_null(node) and not _is_known(node, known):
                yield Unchecked(node.offset + 1, text_of(node))

    def _may_be_null(self, node: Select) -> bool:
        match node.operand:
            case Ident(name=root, kind=kind) if root in _ROOTS:
                record = self._words.records[kind.removeprefix("message:")]
                return record.fields[node.field].nullable
            case Select(operand=Ident(name="features")):
                return True
        return False


def _is_known(node: Select, known: Facts) -> bool:
    """A feature that is not null has a time; its other members may be null all the same."""
    return text_of(node) in known or (node.field == "at" and text_of(node.operand) in known)


def _facts(node: Node, *, holds: bool) -> Facts:
    """What is certainly not null where the condition is true, or false."""
    match node:
        case Call(function="!_", arguments=(inner,)):
            return _facts(inner, holds=not holds)
        case Call(function="_&&_" | "_||_" as name, arguments=(left, right)):
            first, second = _facts(left, holds=holds), _facts(right, holds=holds)
            return first | second if (name == "_&&_") is holds else first & second
        case Call(function="_==_" | "_!=_" as name, arguments=(left, right)):
            return _compared(left, right, equal=(name == "_==_") is holds)
        case Call(overload="in_list", arguments=(item, _)) if holds:
            return frozenset({text_of(item)})
        case Select(test=True, operand=operand, field=field) if holds:
            whole = text_of(operand)
            return frozenset({f"{whole}.{field}", whole})
    return frozenset()


def _compared(left: Node, right: Node, *, equal: bool) -> Facts:
    for one, other in ((left, right), (right, left)):
        if isinstance(other, Const) and (other.value is None) is not equal:
            return frozenset({text_of(one)})
    return frozenset()
