"""The cases: read from their files, what they leave out filled in from `base.yaml`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from journey_engine.define.loader import Node, parse_yaml
from tests.conformance.releases import COMPANY, Document, documents, files_of, merged, release
from tests.conformance.steps import Beyond, apart

HERE = Path(__file__).parent
OWN = {
    *("id", "why", "journey", "journeys", "experiments", "releases"),
    *("refuses", "shown_by", "quarantines"),
    *COMPANY,
}
"""What a case says beside what any test says (`given steps then never`)."""


@dataclass(frozen=True, slots=True)
class Case:
    """One case. `documents` are its whole definitions, by file name without `.yaml`."""

    id: str
    file: str
    line: int
    documents: Mapping[str, Document]
    releases: Mapping[str, Mapping[str, Document]]
    """The definitions that take the place of `documents` later, by name."""
    refuses: tuple[str, ...]
    """The codes of the errors with which its definitions must be refused."""
    shown_by: tuple[str, ...] | None
    """The events, and lengths of time, by which the lint shows what it refuses."""
    quarantines: tuple[str, ...]
    """The journeys that a worker leaves out."""
    test: Node
    """What is left for the parser of tests."""
    beyond: Beyond
    """What its steps say that no test says."""

    @property
    def files(self) -> dict[str, str]:
        """The definitions as the compiler takes them."""
        return files_of(self.documents)

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
    named = replace(node.children["id"], value=str(written["id"]))
    test: dict[str | int, Node] = {name: child for name, child in rest.items() if name not in OWN}
    test["steps"], beyond = apart(rest["steps"]) if "steps" in rest else (node, {})
    if "steps" not in rest:
        del test["steps"]
    first = documents(written)
    return Case(
        id=str(written["id"]),
        file=file,
        line=node.line,
        documents=first,
        releases=_releases(written, first),
        refuses=tuple(written.get("refuses") or ()),
        shown_by=tuple(written["shown_by"]) if "shown_by" in written else None,
        quarantines=tuple(written.get("quarantines") or ()),
        test=replace(node, children={**test, "name": named}),
        beyond=beyond,
    )


def _releases(written: Document, first: dict[str, Document]) -> dict[str, dict[str, Document]]:
    found: dict[str, dict[str, Document]] = {}
    for name, later in (written.get("releases") or {}).items():
        found[name] = release(written, later, [first, *found.values()])
    return found


def _mapping(node: Node) -> Document:
    assert isinstance(node.value, dict)
    return node.value
