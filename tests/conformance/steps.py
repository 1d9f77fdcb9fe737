"""What steps of a case may say beyond those of a test: what operators do, and many alike."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from journey_engine.define.loader import Node

ORDERS = ("pause", "resume", "stop", "close")
_BEYOND = {*ORDERS, "activate", "sweep", "entries", "over", "recorded"}
_TIMES = "times"
Beyond = Mapping[int, Mapping[str, Any]]
"""By the number of the step, from 0: its words that no test has."""


def apart(steps: Node) -> tuple[Node, Beyond]:
    """The steps as a test has them, and what else they say. One of many `times` is many, in which
    `{n}` stands for the number.
    """
    every = [each for node in steps.children.values() for each in _repeated(node)]
    beyond = {
        number: {str(name): child.value for name, child in node.children.items() if name in _BEYOND}
        for number, node in enumerate(every)
        if node.children.keys() & _BEYOND
    }
    plain = [_without(node, _BEYOND) for node in every]
    children: dict[str | int, Node] = dict(enumerate(plain))
    return replace(steps, value=[node.value for node in plain], children=children), beyond


def _repeated(node: Node) -> Iterator[Node]:
    times = node.children.get(_TIMES)
    if times is None:
        yield node
        return
    assert isinstance(times.value, int)
    one = _without(node, {_TIMES})
    for number in range(1, times.value + 1):
        yield _numbered(one, number)


def _without(node: Node, names: set[str]) -> Node:
    children = {name: child for name, child in node.children.items() if name not in names}
    return replace(node, value={str(n): c.value for n, c in children.items()}, children=children)


def _numbered(node: Node, number: int) -> Node:
    children = {name: _numbered(child, number) for name, child in node.children.items()}
    if children:
        return replace(
            node, value={str(n): c.value for n, c in children.items()}, children=children
        )
    text = node.value
    return replace(node, value=text.format(n=number)) if isinstance(text, str) else node


def millis_of(time: str) -> int:
    """A time with an offset, in milliseconds since the epoch."""
    return round(datetime.fromisoformat(time).timestamp() * 1000)
