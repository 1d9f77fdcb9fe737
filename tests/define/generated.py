"""Expressions of every form, and what they read, drawn by Hypothesis."""

import datetime as dt
import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from journey_engine.define import descriptors
from journey_engine.define.expression import Value
from journey_engine.define.guards import Declared, Environment, FeatureType
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

    @property
    def milestones(self) -> Mapping[str, Value]:
        raise NotImplementedError

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
