"""The closures against CEL itself: what is generated has the same value, or no value, in both."""

import itertools
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.define.generated import (
    EDGES,
    KINDS,
    SNAPSHOTS,
    Snapshot,
    expressions,
)
from tests.define.sides import by_cel, by_closure


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(KINDS).flatmap(expressions), SNAPSHOTS)
def test_a_closure_and_cel_agree(text: str, scope: Snapshot) -> None:
    # `repr` tells 0.0 from -0.0 and 1 from 1.0 and from true, and takes one NaN for another.
    assert repr(by_closure(text, scope)) == repr(by_cel(text, scope))


PAIRS = {
    "int": ("event.i", "event.ni"),
    "double": ("event.d", "event.nd"),
    "string": ("event.s", "event.ns"),
    "bool": ("event.b", "event.nb"),
    "timestamp": ("event.t", "now"),
    "duration": ("instance.w", "instance.v"),
}
COMPARISONS = ["<", "<=", ">", ">=", "==", "!="]
ARITHMETIC = {"int": ["+", "-", "*", "/", "%"], "double": ["+", "-", "*", "/"], "string": ["+"]}
SPANNING = {"timestamp": ["-"], "duration": ["+", "-"], "bool": ["&&", "||"]}
BINARY = [
    (left, sign, right, kind, kind)
    for kind, (left, right) in PAIRS.items()
    for sign in COMPARISONS + ARITHMETIC.get(kind, []) + SPANNING.get(kind, [])
] + [
    ("event.t", "+", "instance.w", "timestamp", "duration"),
    ("event.t", "-", "instance.w", "timestamp", "duration"),
    ("instance.w", "+", "event.t", "duration", "timestamp"),
]


def scope_of(values: Mapping[str, Any]) -> Snapshot:
    """A snapshot that is zero but for these leaves."""
    roots: dict[str, dict[str, Any]] = {
        "event": {"i": 0, "d": 0.0, "s": "", "b": False, "t": 0, "li": [], "ld": [], "ls": []},
        "instance": {"w": 0, "v": 0},
        "now": {"": 0},
    }
    for leaf, value in values.items():
        root, _, name = leaf.partition(".")
        roots[root][name] = value
    features = {"n": 0, "n.complete": True, "last": None, "last.complete": True}
    return Snapshot(roots["event"], {}, roots["instance"], features, 0, roots["now"][""])


@pytest.mark.parametrize(("left", "sign", "right", "first", "second"), BINARY)
def test_an_operator_and_cels_agree_at_every_edge(
    left: str, sign: str, right: str, first: str, second: str
) -> None:
    text = f"{left} {sign} {right}"
    for one, other in itertools.product(EDGES[first], EDGES[second]):
        scope = scope_of({left: one, right: other})
        assert repr(by_closure(text, scope)) == repr(by_cel(text, scope)), (one, other)


@pytest.mark.parametrize(
    ("text", "leaf", "kind"),
    [
        ("-event.i", "event.i", "int"),
        ("-event.d", "event.d", "double"),
        ("int(event.d)", "event.d", "double"),
        ("double(event.i)", "event.i", "int"),
        ("string(event.i)", "event.i", "int"),
        ("size(event.s)", "event.s", "string"),
        ("!event.b", "event.b", "bool"),
        ("[1, 2][event.i]", "event.i", "int"),
        ("event.d in [event.d, 1.0]", "event.d", "double"),
        ("[event.d] == [event.d]", "event.d", "double"),
        ("event.i > 7", "event.i", "int"),
        ("event.d == -2.5", "event.d", "double"),
    ],
)
def test_a_function_and_cels_agree_at_every_edge(text: str, leaf: str, kind: str) -> None:
    for value in EDGES[kind]:
        scope = scope_of({leaf: value})
        assert repr(by_closure(text, scope)) == repr(by_cel(text, scope)), value
