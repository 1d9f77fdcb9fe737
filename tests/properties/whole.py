"""Random definitions of the whole language: what `generate` draws, and beside it patterns, waits on
the calendar, all kinds of actions, and a contact policy.

What is left out says the README.
"""

from typing import Any

from hypothesis import strategies as st

from tests.properties.generate import (
    ON_EVENT,
    REMEMBER,
    SHORT,
    Author,
    Definitions,
    Document,
    channels,
    customer,
    feature,
    kinds,
    policies,
)
from tests.properties.shop import SHOP_TYPES
from tests.properties.trees import cel

PLACES = {"desk": ["route", "task"], "page": ["show"], "ads": ["sync"]}
"""Channels of other actions than messages, each with what it takes."""
_TYPES = st.sampled_from(SHOP_TYPES)
_CALENDAR = st.sampled_from(
    (
        {"time": "09:00"},
        {"time": "10:30", "only": "workdays", "tz": "Asia/Tokyo"},
        {"time": "08:00", "calendar": "office"},
        {"days": 1},
        {"workdays": 1, "time": "09:00", "calendar": "office", "if_past": "run"},
        {"date": "customer.due", "if_past": "run"},
        {"date": "customer.due", "days": -1, "time": "09:00", "if_past": "exit"},
        {"date": "customer.due", "days": 1, "if_past": "skip"},
        {"date": "customer.due", "months": -1, "if_past": "run", "yearly": True},
    )
)
_SUPPRESSED = st.sampled_from(
    ("end", {"to": "s0"}, {"CAP_REACHED": "end", "else": "continue"}, {"else": {"to": "s0"}})
)
_HOLDS = st.sampled_from(
    (
        {"purposes": ["marketing"], "then": "defer", "at_most": "2h"},
        {"purposes": ["marketing", "service"], "then": "drop", "at_most": "1h"},
        {"themes": ["loan"], "then": "defer", "at_most": "30m"},
    )
)


class WholeAuthor(Author):
    """Also writes what `Author` does not."""

    def journey(self) -> Document:
        made = super().journey()
        if self._one_in(3):
            others = [name for name in self._others if name != self._name]
            some = {"journeys": others, "then": "defer", "at_most": "3h"}
            made["holds"] = some if others and self._one_in(4) else self._draw(_HOLDS)
        for stage in made["stages"].values():
            ways = [way.get("do", []) for way in stage["transitions"] if "to" in way]
            for action in sum(ways, stage.get("on_exit", [])):
                # Who has left the stage is not there to be led elsewhere.
                action.get("send", {}).pop("on_suppressed", None)
        return made

    def _one_in(self, many: int) -> bool:
        return bool(self._draw(st.integers(1, many)) == 1)

    def _entry(self) -> Document:
        if self._one_in(3):
            return self._pattern() | {"remember": REMEMBER}
        made = super()._entry()
        if self._one_in(4):
            made.pop("when", None)
            number = 2 if self._features["shared"] is int else 2.0
            made["becomes"] = cel((">=", ("features", "shared"), ("lit", number)))
        return made

    def _pattern(self) -> Document:
        draw = self._draw
        kind = draw(st.sampled_from(("times", "sequence", "all", "not_followed_by")))
        within = {"within": draw(SHORT)}
        if kind == "times":
            return {"on": draw(_TYPES), "times": draw(st.integers(2, 3))} | within
        if kind == "not_followed_by":
            return {"on": draw(_TYPES), "not_followed_by": self._element()} | within
        return {kind: [self._element() for _ in range(draw(st.integers(2, 3)))]} | within

    def _element(self) -> Any:
        type_ = self._draw(_TYPES)
        if self._one_in(3):
            return {"on": type_, "when": cel(self._draw(ON_EVENT))}
        return type_

    def _transition(self, own_sends: list[str]) -> Document:
        draw = self._draw
        kind = draw(st.sampled_from(("plain", "plain", "pattern", "at")))
        if kind == "plain":
            return super()._transition(own_sends)
        if kind == "at":
            return {"at": draw(_CALENDAR)} | self._effect("at")
        since = {"since": "entry"} if draw(st.booleans()) else {}
        return self._pattern() | since | self._effect("pattern")

    def _action(self) -> Document:
        draw = self._draw
        kind = draw(st.sampled_from(("send", "send", "route", "show", "task", "sync")))
        if kind == "send":
            return self._message()
        name = f"{kind}{len(self._sends)}"
        self._sends.append(name)
        made: Document = {"id": name, "priority": self._rank()}
        match kind:
            case "route":
                reply = cel(("instance", "label"))
                made |= {"channel": "desk", "reply_to": reply, "target": "agent"}
            case "show":
                slot = draw(st.sampled_from(("top", "side")))
                made |= {"channel": "page", "slot": slot, "content": "hello"}
            case "task":
                made |= {"channel": "desk", "team": "care", "content": "call", "expires": "3h"}
                if draw(st.booleans()):
                    made["ack_within"] = draw(SHORT)
            case _:
                op = draw(st.sampled_from(("add", "remove")))
                made |= {"channel": "ads", "audience": "buyers", "op": op}
        if draw(st.booleans()):
            made["cancel_on"] = draw(st.sampled_from(("end", "leave", "never")))
        return {kind: made}

    def _message(self) -> Document:
        draw = self._draw
        made = self._send()
        send = made["send"]
        send["priority"] = self._rank()
        if draw(st.booleans()):
            send["theme"] = draw(st.sampled_from(("loan", "saving")))
        if self._one_in(3):
            send["score"] = {"value": cel(("instance", "x"))}
        if self._one_in(3):
            send["on_suppressed"] = draw(_SUPPRESSED)
        return made

    def _rank(self) -> int:
        """No two actions alike: how equals rank is a hash, and nobody's business."""
        return 10 * len(self._sends) + int(self._name[1:])


@st.composite
def whole_definitions(draw: st.DrawFn) -> Definitions:
    features = {"shared": draw(feature(warming=False))}
    names = [f"j{i}" for i in range(draw(st.integers(1, 3)))]
    read = kinds(features)
    authors = [WholeAuthor(draw, name, read, names, warming=False) for name in names]
    journeys = [author.journey() for author in authors]
    known = customer(draw, features)
    known["traits"] |= {"due": {"from": ["Dated.due"]}, "timezone": {"from": ["Dated.zone"]}}
    places = channels(draw)
    for name, actions in PLACES.items():
        place = {"topic": f"commands.{name}.v1", "owner": "a-team", "actions": actions}
        places["channels"][name] = place
    scored = {each["purpose"] for each in journeys if "'score'" in repr(each)}
    return Definitions(journeys, known, _policies(draw, scored), places)


def _policies(draw: st.DrawFn, scored: set[str]) -> Document:
    made = policies() | {"timezone": "America/Sao_Paulo"}
    made["calendars"] = {"office": {"week": ["mon", "wed", "fri"], "closed": ["2026-02-27"]}}
    capped = draw(st.lists(st.sampled_from(("marketing", "service")), unique=True))
    if capped:
        made["caps"] = {"few": _cap(draw)}
    for name, purpose in made["purposes"].items():
        purpose["quiet"] = draw(st.sampled_from(("defer", "skip", "ignore")))
        purpose["arbitrate"] = name in scored or draw(st.booleans())
        if name in capped:
            purpose |= {"obeys": ["few"], "counts": ["few"]}
    window: Document = draw(
        st.sampled_from(
            (
                {"start": "22:00", "end": "08:30"},
                {"start": "12:00", "end": "13:00", "days": ["wed", "thu"]},
                {"start": "07:00", "end": "19:00", "channels": ["email"], "purposes": ["service"]},
            )
        )
    )
    made["quiet_hours"] = [window]
    within = draw(st.sampled_from(("1m", "2h")))
    made["themes"] = {"conflicts": [["loan", "saving"]], "within": within}
    if draw(st.booleans()):
        made["holdouts"] = [{"id": "out", "share": "50%", "purposes": ["marketing"]}]
    return made


def _cap(draw: st.DrawFn) -> Document:
    period = draw(st.sampled_from(({"rolling": "2h"}, {"calendar": "day"}, {"calendar": "week"})))
    made: Document = {"max": draw(st.integers(1, 2))} | period
    return made | ({"channels": ["email", "push"]} if draw(st.booleans()) else {})
