"""Definitions as authors write them, made ready for the naive interpreter.

Every expression gets its tree. A key that the naive interpreter does not know is an error here:
what it leaves out, it says.
"""

from typing import Any

from tests.properties.cel_text import NotKnown, parsed

Document = dict[str, Any]

_EXPRESSIONS = {"becomes", "reply_to", "date", "when", "where", "key", "value", "granted"}
_PATTERNS = ("times", "sequence", "all", "not_followed_by")
_NAMED_EXPRESSIONS = {"with", "remember", "data", "score"}
_KNOWN = {
    "journey": "journey version owner objective success review_by purpose priority key lateness"
    " features entry updates reentry max_live goals exits abandon start stages milestones holds"
    " subject",
    "milestones": "on when key scope",
    "entry": "on when key remember times sequence all not_followed_by within becomes",
    "elements": "on when",
    "updates": "on when key scope remember",
    "goals": "on when key scope value",
    "exits": "on when key scope reason switch_to with",
    "reentry": "mode cooldown limit within per",
    "stages": "macro_stage owner rank on_enter on_exit transitions choose split",
    "choose": "when to outcome",
    "split": "experiment unit arms",
    "transitions": "on after at always when since reset_on key scope to do remember outcome"
    " times sequence all not_followed_by within",
    "send": "id to content channels when theme delay expires priority data cancel_on score"
    " on_suppressed",
    "route": "id to channel reply_to target when expires data priority cancel_on",
    "show": "id to channel slot content when expires data priority cancel_on",
    "task": "id to channel team content ack_within replaces when expires data priority cancel_on",
    "sync": "id to channel audience op when expires data priority cancel_on",
    "features": "count sum min max first last recent distinct fields where within keep warm_up",
    "customer": "traits consent reachable features account",
    "traits": "from valid",
    "consent": "set revoke default",
    "policies": "purposes timezone calendars caps quiet_hours arbitration holdouts themes",
    "caps": "max rolling calendar channels",
    "quiet_hours": "start end days channels purposes",
    "arbitration": "purpose slots collect winners losers score",
    "holdouts": "id share purposes until",
    "holds": "purposes themes journeys then at_most",
    "at": "date months days workdays time tz only calendar if_past yearly spread",
    "purposes": "consent quiet obeys counts arbitrate",
    "channels": "topic owner actions hold expires capacity",
}
"""The keys of each part of a definition that the naive interpreter has a rule for."""


def journey(written: Document) -> Document:
    """A journey. Raises `NotKnown`."""
    made = _part("journey", written)
    made["stages"] = {name: _stage(stage) for name, stage in made["stages"].items()}
    for several in ("entry", "updates", "exits"):
        made[several] = [_clause(several, each) for each in made.get(several, [])]
    for named in ("goals", "features", "milestones"):
        made[named] = {name: _part(named, each) for name, each in made.get(named, {}).items()}
    made["reentry"] = _part("reentry", made.get("reentry", {}))
    return made


def customer(written: Document) -> Document:
    """`customer.yaml`. Raises `NotKnown`."""
    made = _part("customer", written)
    for named in ("traits", "features"):
        made[named] = {name: _part(named, each) for name, each in made.get(named, {}).items()}
    made["consent"] = _part("consent", made.get("consent", {}))
    for side in ("set", "revoke"):
        made["consent"][side] = [_consent_rule(r) for r in _listed(made["consent"].get(side, []))]
    for channel, sides in made.get("reachable", {}).items():
        made["reachable"][channel] = {
            side: [_trees({"on": r} if isinstance(r, str) else r) for r in _listed(rules)]
            for side, rules in sides.items()
        }
    return made


def policies(written: Document) -> Document:
    """`policies.yaml`. Raises `NotKnown`."""
    made = _part("policies", written)
    made["purposes"] = {n: _part("purposes", each) for n, each in made["purposes"].items()}
    made["caps"] = {n: _part("caps", each) for n, each in made.get("caps", {}).items()}
    for several in ("quiet_hours", "holdouts", "arbitration"):
        made[several] = [_policy(several, each) for each in _listed(made.get(several, []))]
    return made


def _policy(kind: str, written: Document) -> Document:
    """Without its expressions: in policies `score` is a word."""
    score = {"score": written["score"]} if "score" in written else {}
    return _part(kind, {n: value for n, value in written.items() if n != "score"}) | score


def channels(written: Document) -> Document:
    """`channels.yaml`. Raises `NotKnown`."""
    return {"channels": {n: _part("channels", e) for n, e in written["channels"].items()}}


def _stage(written: Document) -> Document:
    made = _part("stages", written)
    for place in ("on_enter", "on_exit"):
        made[place] = [_action(each) for each in made.get(place, [])]
    made["transitions"] = [_transition(each) for each in made.get("transitions", [])]
    if "choose" in made:
        made["choose"] = [_part("choose", each) for each in made["choose"]]
    if "split" in made:
        made["split"] = _part("split", made["split"])
    return made


def _clause(kind: str, written: Document) -> Document:
    """A clause; one of several events has them all as `on`, and what it asks of each apart."""
    made = _part(kind, written)
    pattern = next((word for word in _PATTERNS if word in made), None)
    if pattern is None:
        return made
    first: Document = {name: made.pop(name) for name in ("on", "when") if name in made}
    if pattern == "times":
        elements = [first] * made["times"]
    elif pattern == "not_followed_by":
        elements = [first, _element(made["not_followed_by"])]
    else:
        elements = [_element(each) for each in made[pattern]]
    types = [type_ for element in elements for type_ in _listed(element["on"])]
    told = {"kind": pattern, "elements": elements, "within": made["within"]}
    return made | {"on": types, "pattern": told}


def _element(written: Any) -> Document:
    return _part("elements", written if isinstance(written, dict) else {"on": written})


def _transition(written: Document) -> Document:
    made = _clause("transitions", written)
    if "at" in made:
        made["at"] = _part("at", made["at"])
    if "do" in made:
        made["do"] = [_action(each) for each in made["do"]]
    return made


def _action(written: Document) -> Document:
    """The action under `send`, whichever it is; all but a message name one channel."""
    kind, form = next(iter(written.items()))
    made = _part(kind, form)
    if kind == "send":
        return {"send": made}
    content = made.get("content", made.get("target", made.get("audience", "")))
    return {
        "send": made | {"kind": kind.upper(), "channels": [made["channel"]], "content": content}
    }


def _consent_rule(written: Document) -> Document:
    made = _trees(written)
    return made | {name: parsed(made[name]) for name in ("purpose", "channel") if name in made}


def _part(kind: str, written: Document) -> Document:
    for key in written:
        if key not in _KNOWN[kind].split():
            raise NotKnown(f"`{key}` of {kind}")
    return _trees(written)


def _trees(written: Document) -> Document:
    made = dict(written)
    for key in made.keys() & _EXPRESSIONS:
        made[key] = parsed(made[key])
    for key in made.keys() & _NAMED_EXPRESSIONS:
        made[key] = {name: parsed(text) for name, text in made[key].items()}
    return made


def _listed(rules: Any) -> list[Any]:
    return rules if isinstance(rules, list) else [rules]
