"""Definitions of a case: what they leave out filled in, and what is released later."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from journey_engine.define.loader import parse_yaml

Document = dict[str, Any]
COMPANY = ("lifecycle", "customer", "policies", "channels")
_JOURNEYS = "journeys/"


def files_of(documents: Mapping[str, Document]) -> dict[str, str]:
    """The definitions as the compiler takes them: JSON is YAML."""
    return {f"topologies/{name}.yaml": json.dumps(text) for name, text in documents.items()}


def release(
    first: Document, later: Document, before: Sequence[Mapping[str, Document]]
) -> dict[str, Document]:
    """The definitions of a later release: what it writes takes the place of the first's. Versions
    of its journeys that were released before are kept, unless `keeps` lists those that are.
    """
    written = {**first, **{name: later[name] for name in later if name not in COMPANY}}
    for name in COMPANY:
        written[name] = merged(first.get(name, {}), later.get(name, {}))
    if "journey" in later:
        written["journey"] = {**first.get("journey", {}), **later["journey"]}
    found = documents(written)
    entered = {name: found[name] for name in found if name.startswith(_JOURNEYS)}
    for known in before:
        for name, journey in entered.items():
            version = known.get(name, journey)["version"]
            others = [version] if version != journey["version"] else []
            if version in later.get("keeps", others):
                found[f"{name}@{version}"] = known[name]
    return found


@cache
def base() -> Document:
    """`base.yaml`."""
    path = Path(__file__).parent / "base.yaml"
    read = parse_yaml(str(path), path.read_text(encoding="utf-8")).value
    assert isinstance(read, dict)
    return read


def documents(written: Document) -> dict[str, Document]:
    """All definitions, by file name without `.yaml`."""
    found = {name: merged(base()[name], written.get(name, {})) for name in COMPANY}
    if "experiments" in written:
        found["experiments.lock"] = {"experiments": written["experiments"]}
    journeys = written.get("journeys") or {"trial": written.get("journey", {})}
    for name, journey in journeys.items():
        found[f"journeys/{name}"] = _journey(name, journey)
    return found


def merged(under: Any, over: Any) -> Any:
    """Mappings merged, anything else replaced, null removed."""
    if not (isinstance(under, dict) and isinstance(over, dict)):
        return over
    both = {
        name: merged(under[name], over[name])
        if name in over and name in under
        else over.get(name, under.get(name))
        for name in {**under, **over}
    }
    return {
        name: value for name, value in both.items() if name not in over or over[name] is not None
    }


def _journey(name: str, written: Document) -> Document:
    whole = {"journey": name, **base()["journey"], **written}
    whole = {key: value for key, value in whole.items() if value is not None}
    whole.setdefault("success", next(iter(whole["goals"])))
    whole.setdefault("start", next(iter(whole["stages"])))
    whole["stages"] = {stage: _stage(form or {}) for stage, form in whole["stages"].items()}
    return whole


def _stage(written: Document) -> Document:
    stage = {**base()["stage"], **written}
    for place in ("on_enter", "on_exit"):
        if place in stage:
            stage[place] = [_action(action) for action in stage[place]]
    ways = stage.get("transitions", [])
    stage["transitions"] = [
        way | {"do": [_action(action) for action in way["do"]]} if "do" in way else way
        for way in ways
    ]
    return stage


def _action(written: Document) -> Document:
    return {kind: {**base()["actions"].get(kind, {}), **form} for kind, form in written.items()}
