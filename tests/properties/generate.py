"""Random journeys, as documents that the compiler accepts."""

import json
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from tests.properties.shop import CHANNELS, LABELS, PURPOSES, SHOP_TYPES
from tests.properties.trees import Cel, Tree, cel

Document = dict[str, Any]


@dataclass
class Definitions:
    """All documents of one run."""

    journeys: list[Document]
    customer: Document
    policies: Document
    channels: Document
    lifecycle: Document = field(
        default_factory=lambda: {
            "stages": {"early": {"owner": "team-a"}, "late": {"owner": "team-b"}}
        }
    )

    def files(self) -> dict[str, str]:
        """The files as the compiler reads them: JSON is YAML."""
        named = {
            "customer": self.customer,
            "policies": self.policies,
            "channels": self.channels,
            "lifecycle": self.lifecycle,
        }
        files = {f"topologies/{name}.yaml": json.dumps(text) for name, text in named.items()}
        for journey in self.journeys:
            files[f"topologies/journeys/{journey['journey']}.yaml"] = json.dumps(journey)
        return files


Kinds = dict[str, type]
"""Features by name, each with the type of its value; of one that must warm up `complete`, too."""


def kinds(features: Document) -> Kinds:
    made: Kinds = {
        n: int if {"count", "distinct"} & f.keys() else float for n, f in features.items()
    }
    warming = [name for name, each in features.items() if "warm_up" in each]
    return made | {f"{name}.complete": bool for name in warming}


_SIGNS = st.sampled_from(("<", "<=", ">", ">=", "==", "!="))
ON_EVENT = st.one_of(
    st.tuples(_SIGNS, st.just(("event", "amount")), st.sampled_from((("lit", 1.0), ("lit", 2.0)))),
    st.tuples(
        st.sampled_from(("==", "!=")),
        st.just(("event", "label")),
        st.sampled_from(LABELS).map(lambda label: ("lit", label)),
    ),
)
_NULLABLE = st.one_of(
    st.tuples(_SIGNS, st.just(("event", "n")), st.sampled_from((("lit", 1), ("lit", 2)))),
    st.just(("!=", ("event", "n"), ("lit", None))),
    st.just(("&&", ("!=", ("event", "n"), ("lit", None)), (">", ("event", "n"), ("lit", 1)))),
)


def of_customer(features: Kinds, others: list[str]) -> st.SearchStrategy[Tree]:
    """What is known without event and instance."""
    choices: list[st.SearchStrategy[Tree]] = [
        st.just(("==", ("customer", "tier"), ("lit", "red"))),
        st.just(("!=", ("customer", "tier"), ("lit", None))),
        st.tuples(st.just("consent"), st.sampled_from(PURPOSES), st.sampled_from(CHANNELS)),
        st.tuples(st.just("reachable"), st.sampled_from(CHANNELS)),
        st.just(("changed", "tier")),
    ]
    choices.extend(_of_features(features))
    if others:
        choices.append(st.sampled_from(others).map(lambda name: ("in_journey", name)))
    return st.one_of(choices)


def _of_features(features: Kinds) -> list[st.SearchStrategy[Tree]]:
    numbers = {name: kind for name, kind in features.items() if kind is not bool}
    flags = [name.removesuffix(".complete") for name in features if name not in numbers]
    return [st.just(("complete", name)) for name in flags] + [
        st.tuples(
            st.sampled_from((">", ">=", "==", "<")),
            st.just(("features", name)),
            st.sampled_from([("lit", kind(number)) for number in (1, 2, 3)]),
        )
        for name, kind in numbers.items()
    ]


def _of_instance(stages: list[str]) -> st.SearchStrategy[Tree]:
    return st.one_of(
        st.tuples(
            _SIGNS, st.just(("instance", "x")), st.sampled_from((("lit", 1.0), ("lit", 2.0)))
        ),
        st.just(("==", ("instance", "label"), ("lit", "red"))),
        st.tuples(
            st.just("dwelt"), st.sampled_from(("stage", "instance")), st.sampled_from((30, 60))
        ),
        st.tuples(
            st.sampled_from(("<", "==", ">")),
            st.sampled_from(stages).map(lambda name: ("visits", name)),
            st.sampled_from((("lit", 1), ("lit", 2))),
        ),
    )


def combined(simple: st.SearchStrategy[Tree]) -> st.SearchStrategy[Cel]:
    pair = st.tuples(st.sampled_from(("&&", "||")), simple, simple)
    return st.one_of(simple, simple, pair, st.tuples(st.just("!"), simple)).map(cel)


SHORT = st.sampled_from(("10m", "20m", "30m", "1h", "2h"))
REMEMBER = {"x": cel(("event", "amount")), "label": cel(("event", "label"))}


class Author:
    """Writes one journey; what is drawn is a choice that an author could make."""

    def __init__(
        self, draw: st.DrawFn, name: str, features: Kinds, others: list[str], *, warming: bool
    ) -> None:
        self._draw = draw
        self._warming = warming
        self._name = name
        self._keyed = draw(st.booleans())
        self._stages = [f"s{i}" for i in range(draw(st.integers(1, 3)))]
        self._private = {"mine": draw(feature(warming=warming))} if draw(st.booleans()) else {}
        self._features = features | kinds(self._private)
        self._others = others
        self._sends: list[str] = []

    def journey(self) -> Document:
        draw = self._draw
        journey: Document = {
            "journey": self._name,
            "version": draw(st.integers(1, 3)),
            "owner": "a-team",
            "objective": "To be tested",
            "success": "won",
            "review_by": "2027-01-01",
            "purpose": draw(st.sampled_from(PURPOSES)),
            "entry": draw(st.lists(st.builds(self._entry), min_size=1, max_size=2)),
            "goals": {"won": self._clause()},
            "start": "s0",
            "stages": {name: self._stage(i) for i, name in enumerate(self._stages)},
        }
        if self._keyed:
            journey["key"] = cel(("event", "k"))
        return journey | self._options()

    def _options(self) -> Document:
        draw = self._draw
        options: Document = {"features": self._private} if self._private else {}
        if draw(st.booleans()):
            options["priority"] = draw(st.integers(40, 60))
        if draw(st.booleans()):
            known = of_customer(self._features, self._others)
            alone = {"when": draw(combined(st.one_of(known, _of_instance(self._stages))))}
            options["goals"] = {
                "won": self._clause(),
                "also": draw(st.sampled_from((self._clause(), alone))),
            }
        if draw(st.booleans()):
            options["exits"] = [self._clause() | {"reason": "gone"}]
        if draw(st.booleans()):
            options["updates"] = [self._clause(shop=True) | {"remember": REMEMBER}]
        if draw(st.booleans()):
            options["abandon"] = {"after": draw(st.sampled_from(("2h", "3h", "8h")))}
        if draw(st.booleans()):
            options["lateness"] = draw(st.sampled_from(("20m", "1h", "2h")))
        if draw(st.booleans()):
            options["reentry"] = self._reentry()
        if draw(st.integers(0, 3)) == 0:
            options["max_live"] = 1
        return options

    def _reentry(self) -> Document:
        draw = self._draw
        rule: Document = {"mode": draw(st.sampled_from(("once", "after_end", "restart")))}
        if rule["mode"] == "once":
            return rule | ({"per": "customer"} if draw(st.booleans()) else {})
        if draw(st.booleans()):
            rule["cooldown"] = draw(SHORT)
        if draw(st.booleans()):
            rule |= {
                "limit": draw(st.integers(1, 2)),
                "within": draw(st.sampled_from(("1h", "5h"))),
            }
        if draw(st.integers(0, 2)) == 0:
            rule["per"] = "customer"
        return rule

    def _entry(self) -> Document:
        draw = self._draw
        types = draw(st.sampled_from(("Viewed", "Added", ["Viewed", "Bought"])))
        clause: Document = {"on": types, "remember": REMEMBER}
        if self._warming:
            clause["when"] = draw(combined(st.one_of(_of_features(self._features))))
        elif draw(st.integers(0, 2)) == 0:
            known = of_customer(self._features, self._others)
            clause["when"] = draw(combined(st.one_of(ON_EVENT, _NULLABLE, known)))
        return clause

    def _clause(self, *, shop: bool = False) -> Document:
        """A clause of an event that reaches instances."""
        draw = self._draw
        types: list[Any] = ["Viewed", "Added", "Bought", ["Added", "Bought"]]
        if not shop:
            types += ["Rated", "Clicked"]
        clause: Document = {"on": draw(st.sampled_from(types))}
        if self._keyed and clause["on"] == "Rated":
            own = {"key": cel(("event", "label"))}
            clause |= draw(st.sampled_from(({"scope": "customer"}, own)))
        elif self._keyed and clause["on"] != "Clicked" and draw(st.integers(0, 4)) == 0:
            clause["scope"] = "customer"
        if draw(st.booleans()):
            clause["when"] = draw(combined(self._reaching_guard(clause["on"])))
        return clause

    def _reaching_guard(self, on: str | list[str]) -> st.SearchStrategy[Tree]:
        general = st.one_of(of_customer(self._features, self._others), _of_instance(self._stages))
        if on != "Clicked":
            return st.one_of(ON_EVENT, _NULLABLE, general)
        if not self._sends:
            return general
        sends = st.sampled_from(self._sends).map(lambda s: ("==", ("event", "send"), ("lit", s)))
        return st.one_of(sends, general)

    def _stage(self, index: int) -> Document:
        draw = self._draw
        stage: Document = {"macro_stage": draw(st.sampled_from(("early", "late")))}
        entered = self._actions(0, 2)
        if entered:
            stage["on_enter"] = entered
        left = self._actions(0, 1) if draw(st.integers(0, 3)) == 0 else []
        if left:
            stage["on_exit"] = left
        own = [action["send"]["id"] for action in entered if "send" in action]
        onwards = self._stages[index + 1] if index + 1 < len(self._stages) else "end"
        ways = [self._transition(own) for _ in range(draw(st.integers(0, 3)))]
        ways.insert(draw(st.integers(0, len(ways))), self._onwards(onwards))
        stage["transitions"] = self._none_shadowed(ways)
        return stage

    def _none_shadowed(self, ways: list[Document]) -> list[Document]:
        """The linter refuses a way that another one without a guard always forestalls."""
        general = of_customer(self._features, self._others)
        for way in ways[:-1]:
            if "when" not in way:
                way["when"] = self._draw(combined(general))
        if "after" in ways[-1] and "when" not in ways[-1]:
            ways[-1]["after"] = "2h"
        return ways

    def _onwards(self, to: str) -> Document:
        """The way that keeps every stage within reach."""
        if self._draw(st.booleans()):
            return {"after": self._draw(SHORT), "to": to}
        return self._clause() | {"to": to}

    def _transition(self, own_sends: list[str]) -> Document:
        draw = self._draw
        kind = draw(st.sampled_from(("event", "event", "after", "after", "when", "always")))
        general = st.one_of(of_customer(self._features, self._others), _of_instance(self._stages))
        if kind == "event":
            made = self._clause()
        elif kind == "after":
            made = self._wait(own_sends)
            if draw(st.booleans()):
                made["when"] = draw(combined(general))
        else:
            made = {"when": draw(combined(general))}
            if kind == "always":
                made["always"] = True
        return made | self._effect(kind)

    def _wait(self, own_sends: list[str]) -> Document:
        draw = self._draw
        made: Document = {"after": draw(SHORT)}
        if own_sends and draw(st.integers(0, 2)) == 0:
            return made | {"since": draw(st.sampled_from(own_sends))}
        if draw(st.booleans()):
            made["reset_on"] = draw(st.sampled_from(("Viewed", ["Added", "Bought"])))
        return made

    def _effect(self, kind: str) -> Document:
        draw = self._draw
        effect: Document = {}
        if kind == "always" or draw(st.integers(0, 3)) > 0:
            effect["to"] = draw(st.sampled_from((*self._stages, "end")))
            if effect["to"] == "end" and draw(st.booleans()):
                effect["outcome"] = "finished"
        actions = self._actions(0, 1) if "to" in effect else self._actions(1, 1)
        return effect | ({"do": actions} if actions else {})

    def _actions(self, least: int, most: int) -> list[Document]:
        return [self._action() for _ in range(self._draw(st.integers(least, most)))]

    def _action(self) -> Document:
        return self._send()

    def _send(self) -> Document:
        draw = self._draw
        self._sends.append(f"send{len(self._sends)}")
        send: Document = {
            "id": self._sends[-1],
            "content": draw(st.sampled_from(("hello", "bye"))),
            "channels": draw(st.lists(st.sampled_from(CHANNELS), min_size=1, unique=True)),
        }
        if draw(st.integers(0, 2)) == 0:
            send["delay"] = draw(SHORT)
        if draw(st.integers(0, 2)) == 0:
            send["expires"] = draw(SHORT) if "delay" not in send else "3h"
        if draw(st.integers(0, 2)) == 0:
            send["cancel_on"] = draw(st.sampled_from(("end", "leave", "never")))
        if draw(st.integers(0, 2)) == 0:
            send["when"] = draw(combined(of_customer(self._features, [])))
        if draw(st.booleans()):
            send["data"] = {"x": cel(("instance", "x"))}
        return {"send": send}


@st.composite
def feature(draw: st.DrawFn, *, warming: bool) -> Document:
    operation = draw(st.sampled_from(("count", "sum", "min", "max", "first", "last", "distinct")))
    type_ = draw(st.sampled_from(SHOP_TYPES))
    made: Document = {operation: type_ if operation == "count" else f"{type_}.amount"}
    if draw(st.booleans()):
        made["within"] = draw(st.sampled_from(("30m", "1h", "3h")))
    if draw(st.integers(0, 2)) == 0:
        made["where"] = draw(combined(ON_EVENT))
    if warming:
        made["warm_up"] = draw(SHORT)
    return made


@st.composite
def definitions(draw: st.DrawFn, *, warming: bool = False) -> Definitions:
    """`warming`: no feature is read before its `warm_up`, and guards ask for `complete`."""
    features = {"shared": draw(feature(warming=warming))}
    names = [f"j{i}" for i in range(draw(st.integers(1, 3)))]
    known = kinds(features)
    journeys = [Author(draw, name, known, names, warming=warming).journey() for name in names]
    return Definitions(journeys, customer(draw, features), policies(), channels(draw))


def customer(draw: st.DrawFn, features: Document) -> Document:
    tier: Document = {"from": ["Profiled.tier", "Rated.label"]}
    if draw(st.booleans()):
        tier["valid"] = "2h"
    granted = st.sampled_from(("granted", "denied"))
    reachable: Document = {"email": {"set": "Verified"}}
    if draw(st.booleans()):
        clear = {"on": "Bounced", "when": cel(("event", "permanent"))}
        reachable["push"] = {"set": ["Verified", "Viewed"], "clear": [clear]}
    consent: Document = {
        "set": {
            "on": "Consented",
            "purpose": cel(("event", "purpose")),
            "channel": cel(("event", "about")),
            "granted": cel(("event", "granted")),
        },
        "default": {"marketing": draw(granted), "service": "granted"},
    }
    if draw(st.booleans()):
        consent["revoke"] = [{"on": "Bounced", "purpose": cel(("lit", "marketing"))}]
    return {
        "traits": {"tier": tier},
        "consent": consent,
        "reachable": reachable,
        "features": features,
    }


def policies() -> Document:
    needs = {"marketing": "opt_in", "service": "opt_out", "vital": "none"}
    return {"purposes": {name: {"consent": need} for name, need in needs.items()}}


def channels(draw: st.DrawFn) -> Document:
    made: Document = {}
    for name in CHANNELS:
        made[name] = {"topic": f"commands.{name}.v1", "owner": "a-team", "actions": ["send"]}
        if draw(st.booleans()):
            made[name]["hold"] = draw(SHORT)
        if draw(st.integers(0, 3)) == 0:
            made[name]["expires"] = "2h"
    return {"channels": made}
