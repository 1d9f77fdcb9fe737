"""The closures against CEL itself: what is generated has the same value, or no value, in both."""

import datetime as dt
import functools
import itertools
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from google.protobuf import message_factory
from hypothesis import given, settings
from hypothesis import strategies as st

from journey_engine.define import descriptors
from journey_engine.define.guards import Declared, Environment, FeatureType
from journey_engine.define.plan import EvaluationError, Value
from tests.define.catalogue import Catalogue, EventType, Field

INT_MIN, INT_MAX = -(2**63), 2**63 - 1
SPAN_MAX = 9_223_372_036_854
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
MS = dt.timedelta(milliseconds=1)


EVENT = {
    "i": Field("int"),
    "ni": Field("int", nullable=True),
    "d": Field("double"),
    "nd": Field("double", nullable=True),
    "s": Field("string"),
    "ns": Field("string", nullable=True),
    "b": Field("bool"),
    "nb": Field("bool", nullable=True),
    "t": Field("timestamp"),
    "nt": Field("timestamp", nullable=True),
    "li": Field("list<int>"),
    "ld": Field("list<double>"),
    "ls": Field("list<string>"),
}
SCHEMAS = Catalogue({"Seen": EventType(EVENT)})
DECLARED = Declared(
    traits={"s": "string", "i": "int"},
    context={"d": "double", "w": "duration", "v": "duration"},
    features={
        "n": FeatureType("int", nullable=False),
        "last": FeatureType("message", nullable=True, members={"s": "string", "at": "timestamp"}),
    },
)
GUARDS = Environment(SCHEMAS, DECLARED, ("Seen",))
WORDS = descriptors.vocabulary(SCHEMAS, DECLARED, ("Seen",))
POOL = descriptors.messages(WORDS)
CEL = descriptors.checker(WORDS, POOL)
compiled = functools.lru_cache(GUARDS.compile)
checked = functools.lru_cache(CEL.compile)

EDGES: dict[str, list[Any]] = {
    "int": [0, 1, -1, 2, 7, -7, INT_MIN, INT_MIN + 1, INT_MAX, INT_MAX - 1, 2**32, 2**53 + 1],
    "double": [
        *(0.0, -0.0, 1.0, -2.5, 1e308, -1e308, 5e-324, 2.0**63, -(2.0**63)),
        *(math.nextafter(2.0**63, 0), math.inf, -math.inf, math.nan),
    ],
    "string": ["", "a", "ab", "b", "é", "\U0001f642", "\uffff"],
    "bool": [False, True],
    # From the second millisecond: CEL takes Python's least datetime for the infinite past.
    "timestamp": [
        0,
        1,
        -1,
        SPAN_MAX,
        SPAN_MAX + 1,
        -SPAN_MAX,
        -62_135_596_799_999,
        253_402_300_799_999,
    ],
    "duration": [0, 1, -1, 3_600_000, SPAN_MAX, -SPAN_MAX],
}
INTS = st.sampled_from(EDGES["int"]) | st.integers(INT_MIN, INT_MAX)
DOUBLES = st.sampled_from(EDGES["double"]) | st.floats()
STRINGS = st.sampled_from(EDGES["string"]) | st.text(max_size=4)
TIMES = st.sampled_from(EDGES["timestamp"]) | st.integers(-62_135_596_799_999, 253_402_300_799_999)
SPANS = st.sampled_from(EDGES["duration"]) | st.integers(-SPAN_MAX, SPAN_MAX)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "int": INTS,
    "double": DOUBLES,
    "string": STRINGS,
    "bool": st.booleans(),
    "timestamp": TIMES,
    "duration": SPANS,
    "list<int>": st.lists(INTS, max_size=3),
    "list<double>": st.lists(DOUBLES, max_size=3),
    "list<string>": st.lists(STRINGS, max_size=3),
}


@dataclass(frozen=True)
class Snapshot:
    """What both sides read."""

    event: Mapping[str, Value]
    customer: Mapping[str, Value]
    instance: Mapping[str, Value]
    features: Mapping[str, Any]
    stage_entered_at: int
    now: int

    def consent(self, purpose: str, channel: str) -> bool:
        raise NotImplementedError((purpose, channel))

    def reachable(self, channel: str) -> bool:
        raise NotImplementedError(channel)

    def changed(self, trait: str) -> bool:
        raise NotImplementedError(trait)

    def in_journey(self, name: str) -> bool:
        raise NotImplementedError(name)

    def visits(self, stage: str) -> int:
        raise NotImplementedError(stage)


def readings(fields: Mapping[str, Field]) -> st.SearchStrategy[dict[str, Any]]:
    """Values for the fields: a nullable one may be null or absent."""
    return st.fixed_dictionaries(
        {name: VALUES[field.kind] for name, field in fields.items() if not field.nullable},
        optional={
            name: st.none() | VALUES[field.kind] for name, field in fields.items() if field.nullable
        },
    )


def nullable(kinds: Mapping[str, str]) -> st.SearchStrategy[dict[str, Any]]:
    return readings({name: Field(kind, nullable=True) for name, kind in kinds.items()})


SNAPSHOTS = st.builds(
    Snapshot,
    event=readings(EVENT),
    customer=nullable(DECLARED.traits),
    instance=nullable(DECLARED.context),
    features=st.fixed_dictionaries(
        {
            "n": INTS,
            "n.complete": st.booleans(),
            "last.complete": st.booleans(),
            "last": st.none() | nullable({"s": "string", "at": "timestamp"}),
        }
    ),
    stage_entered_at=TIMES,
    now=TIMES,
)

LEAVES = {
    "int": ["event.i", "event.ni", "customer.i", "features.n"],
    "double": ["event.d", "event.nd", "instance.d"],
    "string": ["event.s", "event.ns", "customer.s", "features.last.s"],
    "bool": ["event.b", "event.nb", "features.n.complete", "features.last.complete"],
    "timestamp": ["event.t", "event.nt", "features.last.at", "now", "stage.entered_at"],
    "duration": ["instance.w", "instance.v"],
    "list<int>": ["event.li"],
    "list<double>": ["event.ld"],
    "list<string>": ["event.ls"],
}
PRESENT = [
    f"has({leaf})"
    for leaves in LEAVES.values()
    for leaf in leaves
    if "." in leaf and "complete" not in leaf and "stage" not in leaf
] + ["has(features.last)"]
SCALARS = ("int", "double", "string", "bool", "timestamp", "duration")
KINDS = tuple(VALUES)
# What has no wrapper in protobuf: CEL reads its null as zero, so it is given `dyn(null)` instead.
NULL_TIMES = ("event.nt", "features.last.at", "instance.w", "instance.v")


def literal(kind: str, value: Any) -> str:
    """A value as an author would write it."""
    match kind:
        case "string":
            return "'" + "".join(f"\\U{ord(char):08x}" for char in value) + "'"
        case "double" if math.isnan(value):
            return "(0.0 / 0.0)"
        case "double" if math.isinf(value):
            return f"({math.copysign(1.0, value)} / 0.0)"
        case "timestamp":
            return f"timestamp('{(EPOCH + value * MS).isoformat(timespec='milliseconds')}')"
        case "duration":
            return f"duration('{value}ms')"
    return f"({value!r})".lower()


@st.composite
def expressions(draw: st.DrawFn, kind: str, depth: int = 3) -> str:
    """A well-typed expression of the kind."""
    if depth == 0 or draw(st.integers(0, 4)) == 0:
        if kind in SCALARS and draw(st.booleans()):
            return literal(kind, draw(VALUES[kind]))
        return draw(st.sampled_from(LEAVES[kind]))

    def sub(of: str) -> str:
        return draw(expressions(of, depth - 1))

    forms: list[Callable[[], str]] = [lambda: f"({sub('bool')} ? {sub(kind)} : {sub(kind)})"]
    if kind.startswith("list<"):
        element = kind[5:-1]
        forms.append(lambda: f"[{sub(element)}, {sub(element)}]")
    else:
        forms += FORMS[kind](draw, sub)
    return draw(st.sampled_from(forms))()


Draw = Callable[[st.SearchStrategy[str]], str]
Sub = Callable[[str], str]
Forms = list[Callable[[], str]]


def number_forms(draw: Draw, sub: Sub, kind: str) -> Forms:
    signs = "+-*/%" if kind == "int" else "+-*/"
    other = "double" if kind == "int" else "int"
    return [
        lambda: f"({sub(kind)} {draw(st.sampled_from(signs))} {sub(kind)})",
        lambda: f"(-{sub(kind)})",
        lambda: f"{kind}({sub(other)})",
        lambda: f"{sub(f'list<{kind}>')}[{sub('int')}]",
        lambda: f"{sub(f'list<{kind}>')}[{draw(st.sampled_from('012'))}]",
    ] + ([lambda: f"size({sub(draw(st.sampled_from(SIZED)))})"] if kind == "int" else [])


SIZED = ["string", "list<int>", "list<double>", "list<string>"]


def string_forms(draw: Draw, sub: Sub) -> Forms:
    return [
        lambda: f"({sub('string')} + {sub('string')})",
        lambda: f"string({sub('int')})",
        lambda: f"{sub('list<string>')}[{draw(st.sampled_from('012'))}]",
    ]


def bool_forms(draw: Draw, sub: Sub) -> Forms:
    def pair(operators: list[str], kinds: tuple[str, ...]) -> str:
        kind = draw(st.sampled_from(kinds))
        return f"({sub(kind)} {draw(st.sampled_from(operators))} {sub(kind)})"

    def tell() -> str:
        test = draw(st.sampled_from(["startsWith", "endsWith", "contains"]))
        return f"{sub('string')}.{test}({sub('string')})"

    def membership() -> str:
        kind = draw(st.sampled_from(["int", "double", "string"]))
        return f"({sub(kind)} in {sub(f'list<{kind}>')})"

    def null() -> str:
        leaves = ["event.ni", "event.nd", "event.ns", "event.nb", "event.nt", "features.last.at"]
        return f"({draw(st.sampled_from(leaves))} {draw(st.sampled_from(['==', '!=']))} null)"

    return [
        lambda: pair(["<", "<=", ">", ">="], SCALARS),
        lambda: pair(["==", "!="], KINDS),
        lambda: pair(["&&", "||"], ("bool",)),
        lambda: pair(["&&", "||"], ("bool",)),
        lambda: f"(!{sub('bool')})",
        lambda: draw(st.sampled_from(PRESENT)),
        tell,
        membership,
        null,
    ]


def time_forms(_: Draw, sub: Sub) -> Forms:
    return [
        lambda: f"({sub('timestamp')} + {sub('duration')})",
        lambda: f"({sub('duration')} + {sub('timestamp')})",
        lambda: f"({sub('timestamp')} - {sub('duration')})",
    ]


def span_forms(_: Draw, sub: Sub) -> Forms:
    return [
        lambda: f"({sub('timestamp')} - {sub('timestamp')})",
        lambda: f"({sub('duration')} + {sub('duration')})",
        lambda: f"({sub('duration')} - {sub('duration')})",
    ]


FORMS: dict[str, Callable[[Draw, Sub], Forms]] = {
    "int": lambda draw, sub: number_forms(draw, sub, "int"),
    "double": lambda draw, sub: number_forms(draw, sub, "double"),
    "string": string_forms,
    "bool": bool_forms,
    "timestamp": time_forms,
    "duration": span_forms,
}


def message(name: str, values: Mapping[str, Any], kinds: Mapping[str, str]) -> Any:
    made = message_factory.GetMessageClass(POOL.FindMessageTypeByName(f"journey.{name}"))()
    for field, value in values.items():
        if value is None:
            continue
        part = getattr(made, field)
        if kinds[field].startswith("list<"):
            part.extend(value)
        elif kinds[field] == "timestamp":
            part.FromDatetime(EPOCH + value * MS)
        elif kinds[field] == "duration":
            part.FromTimedelta(value * MS)
        elif hasattr(part, "value"):
            part.value = value
            part.SetInParent()
        else:
            setattr(made, field, value)
    return made


def activation(scope: Snapshot) -> dict[str, Any]:
    """The snapshot as CEL takes it."""
    features = message("features", {"n": scope.features["n"]}, {"n": "int"})
    if scope.features["last"] is not None:
        kinds = {"s": "string", "at": "timestamp"}
        features.last.CopyFrom(message("feature_last", scope.features["last"], kinds))
        features.last.SetInParent()
    entered = {"entered_at": scope.stage_entered_at}
    return {
        "event": message("event", scope.event, {n: f.kind for n, f in EVENT.items()}),
        "customer": message("customer", scope.customer, DECLARED.traits),
        "instance": message("instance", scope.instance, DECLARED.context),
        "features": features,
        "features.n.complete": scope.features["n.complete"],
        "features.last.complete": scope.features["last.complete"],
        "stage": message("stage", entered, {"entered_at": "timestamp"}),
        "now": EPOCH + scope.now * MS,
    }


def with_null_times(text: str, scope: Snapshot) -> str:
    values = {
        "event.nt": scope.event.get("nt"),
        "features.last.at": (scope.features["last"] or {}).get("at"),
        "instance.w": scope.instance.get("w"),
        "instance.v": scope.instance.get("v"),
    }
    for leaf in NULL_TIMES:
        if values[leaf] is None:
            text = re.sub(rf"(?<!has\(){re.escape(leaf)}\b", "dyn(null)", text)
    return text


def by_cel(text: str, scope: Snapshot) -> Any:
    """CEL's own value, or `EvaluationError`."""
    found = checked(with_null_times(text, scope)).eval(data=activation(scope))
    return EvaluationError if found.type().name() == "ERROR" else plain(found.plain_value())


def plain(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return (value - EPOCH) // MS
    if isinstance(value, dt.timedelta):
        return value // MS
    return [plain(element) for element in value] if isinstance(value, list) else value


def by_closure(text: str, scope: Snapshot) -> Any:
    try:
        return compiled(text).evaluate(scope)
    except EvaluationError:
        return EvaluationError


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
