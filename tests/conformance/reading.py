"""The cases: read from their files, what they leave out filled in from `base.yaml`."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from journey_engine.define.loader import Node, parse_yaml

HERE = Path(__file__).parent
Document = dict[str, Any]
COMPANY = ("lifecycle", "customer", "policies", "channels")
OWN = {"id", "why", "journey", "journeys", "experiments", "refuses", *COMPANY}
"""What a case says beside what any test says (`given steps then never`)."""


@dataclass(frozen=True, slots=True)
class Case:
    """One case. `documents` are its whole definitions, by file name without `.yaml`."""

    id: str
    file: str
    line: int
    documents: Mapping[str, Document]
    refuses: tuple[str, ...]
    """The codes of the errors with which its definitions must be refused."""
    test: Node
    """What is left for the parser of tests."""

    @property
    def files(self) -> dict[str, str]:
        """The definitions as the compiler takes them: JSON is YAML."""
        return {
            f"topologies/{name}.yaml": json.dumps(text) for name, text in self.documents.items()
        }

    @property
    def journeys(self) -> list[Document]:
        return [text for name, text in self.documents.items() if name.startswith("journeys/")]


def all_cases() -> list[Case]:
    """Every case of every file, in their order."""
    return [case for path in sorted((HERE / "cases").glob("*.yaml")) for case in _of_file(path)]


def _of_file(path: Path) -> Iterator[Case]:
    file = str(path.relative_to(HERE.parents[1]))
    root = parse_yaml(file, path.read_text(encoding="utf-8"))
    shared = {name: node for name, node in root.children.items() if name != "cases"}
    for node in root.children["cases"].children.values():
        yield _case(file, node, {str(name): given for name, given in shared.items()})


def _case(file: str, node: Node, shared: Mapping[str, Node]) -> Case:
    own = {str(name): child for name, child in node.children.items()}
    written: Document = {
        name: child.value for name, child in {**shared, **own}.items() if name in OWN
    }
    for name in COMPANY:
        if name in shared and name in own:
            written[name] = merged(shared[name].value, own[name].value)
    if "journey" in shared and "journey" in own:
        written["journey"] = {**_mapping(shared["journey"]), **_mapping(own["journey"])}
    if "journeys" in own:
        written.pop("journey", None)
    rest = {**{n: c for n, c in shared.items() if n not in OWN}, **own}
    test: dict[str | int, Node] = {name: child for name, child in rest.items() if name not in OWN}
    named = replace(node.children["id"], value=str(written["id"]))
    return Case(
        id=str(written["id"]),
        file=file,
        line=node.line,
        documents=_documents(written),
        refuses=tuple(written.get("refuses") or ()),
        test=replace(node, children={**test, "name": named}),
    )


def _mapping(node: Node) -> Document:
    assert isinstance(node.value, dict)
    return node.value


@cache
def base() -> Document:
    """`base.yaml`."""
    path = HERE / "base.yaml"
    read = parse_yaml(str(path), path.read_text(encoding="utf-8")).value
    assert isinstance(read, dict)
    return read


def _documents(written: Document) -> dict[str, Document]:
    documents = {name: merged(base()[name], written.get(name, {})) for name in COMPANY}
    if "experiments" in written:
        documents["experiments.lock"] = {"experiments": written["experiments"]}
    journeys = written.get("journeys") or {"trial": written.get("journey", {})}
    for name, journey in journeys.items():
        documents[f"journeys/{name}"] = _journey(name, journey)
    return documents


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
