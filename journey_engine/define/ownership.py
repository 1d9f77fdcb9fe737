"""Who may change what: the definition files of now against those of before (table F).

A journey belongs to its `owner`, but a stage with an `owner` of its own to that team; a channel to
its `owner`; every other file of the company to the `owner` it names at its top, else to the centre
(topics.yaml: to the platform team). The buckets of an experiment belong to those whose stages split
by it. What counts is who owned it before: handing a thing on is its
present owner's right, and nobody else's. What is new belongs to whoever owns what it stands in.
"""

from collections.abc import Iterator, Mapping
from itertools import takewhile
from pathlib import PurePosixPath
from typing import Final, NamedTuple

from journey_engine.define.loader import Node, parse_yaml
from journey_engine.errors import DefinitionError, DefinitionErrors

CENTRE: Final = "centre"
"""The owner of a file of the company that names no other."""
PLATFORM: Final = "platform"
"""The owner of topics.yaml where it names no other."""
_DEFAULTS: Final[Mapping[str, str]] = {"topics.yaml": PLATFORM}
_TEST: Final = ".test.yaml"
_LOCK: Final = "experiments.lock.yaml"
_NOTHING: Final = Node(None, 1, 1)
_NO_EXPERIMENTS: Final = parse_yaml(_LOCK, "experiments: {}")


class _Change(NamedTuple):
    """One difference. `verb` is what was done; `at` is where that shows now."""

    path: tuple[str | int, ...]
    verb: str
    line: int
    column: int


def crossings(
    before: Mapping[str, str], after: Mapping[str, str], team: str
) -> list[DefinitionError]:
    """What the team changed between two sets of files (path to text) that others own.

    The order of keys, comments and white space are no change. Files that are no YAML now are left
    to the compiler.

    Raises:
        DefinitionErrors: a file of `before` is no YAML.
    """
    found: list[DefinitionError] = []
    roots = {path: _Rights(path, before, after) for path in sorted({*before, *after})}
    for path, rights in roots.items():
        if before.get(path) == after.get(path):
            continue
        try:
            now = parse_yaml(path, after[path]) if path in after else None
        except DefinitionErrors:
            continue
        for change in _file_changes(path, rights.before, now):
            owners = rights.owners(change.path, now or _NOTHING)
            if team not in owners:
                found.append(_crossing(path, change, owners, team))
    return sorted(found)


class _Rights:
    """Who owns the parts of one file."""

    def __init__(self, path: str, before: Mapping[str, str], after: Mapping[str, str]) -> None:
        self.before = parse_yaml(path, before[path]) if path in before else None
        self._name = PurePosixPath(path).name
        self._is_journey = PurePosixPath(path).parent.name == "journeys"
        self._files = (before, after)
        self._tested: Node | None = None
        if path.endswith(_TEST):
            journey = path.removesuffix(_TEST) + ".yaml"
            known = before if journey in before else after
            self._tested = _parsed(journey, known)

    def owners(self, path: tuple[str | int, ...], now: Node) -> list[str]:
        """Those who may change what stands there; `now` is the file's present root."""
        if self._tested is not None:
            return _all_owners(self._tested)
        if self._name == _LOCK:
            return _splitters(path[1:2], *self._files)
        root = self.before or now
        if self._name == "channels.yaml" and path[:1] == ("channels",) and len(path) > 1:
            return [_owner(_below(root, path[:2]), _owner(_below(now, path[:2]), CENTRE))]
        whole = _owner(root, _DEFAULTS.get(self._name, CENTRE))
        if self._is_journey and path[:1] == ("stages",) and self.before is not None:
            return [_owner(_below(root, path[:2]), whole)]
        return [whole]


def _parsed(path: str, files: Mapping[str, str]) -> Node:
    try:
        return parse_yaml(path, files[path]) if path in files else _NOTHING
    except DefinitionErrors:
        return _NOTHING


def _all_owners(journey: Node) -> list[str]:
    """The journey's owner first, then those of its stages: its tests are everybody's."""
    whole = _owner(journey, CENTRE)
    stages = _below(journey, ("stages",)).children.values()
    return list(dict.fromkeys([whole, *(_owner(stage, whole) for stage in stages)]))


def _splitters(
    path: tuple[str | int, ...], before: Mapping[str, str], after: Mapping[str, str]
) -> list[str]:
    """The owners of the stages that split by the experiment, before it was changed if any did."""
    for files in (before, after):
        journeys = [name for name in sorted(files) if PurePosixPath(name).parent.name == "journeys"]
        found: dict[str, None] = {}
        for root in (_parsed(name, files) for name in journeys):
            whole = _owner(root, CENTRE)
            for stage in _below(root, ("stages",)).children.values():
                if path and _below(stage, ("split", "experiment")).value == path[0]:
                    found[_owner(stage, whole)] = None
        if found:
            return list(found)
    return [CENTRE]


def _owner(node: Node, otherwise: str) -> str:
    written = node.children.get("owner")
    return written.value if written and isinstance(written.value, str) else otherwise


def _below(node: Node, path: tuple[str | int, ...]) -> Node:
    for step in path:
        node = node.children.get(step, _NOTHING)
    return node


def _file_changes(path: str, before: Node | None, after: Node | None) -> Iterator[_Change]:
    if PurePosixPath(path).name == _LOCK:
        before, after = before or _NO_EXPERIMENTS, after or _NO_EXPERIMENTS
    if before is None or after is None:
        if before is not after:
            yield _Change((), "deletes" if after is None else "adds", 1, 1)
        return
    yield from _changes(before, after, ())


def _changes(before: Node, after: Node, path: tuple[str | int, ...]) -> Iterator[_Change]:
    if isinstance(before.value, dict) and isinstance(after.value, dict):
        for key, child in after.children.items():
            if key in before.children:
                yield from _changes(before.children[key], child, (*path, key))
            else:
                yield _Change((*path, key), "adds", child.key_line, child.key_column)
        for key in before.children.keys() - after.children.keys():
            line, column = after.key_line or after.line, after.key_column or after.column
            yield _Change((*path, key), "removes", line, column)
    elif isinstance(before.value, list) and isinstance(after.value, list):
        yield from _list_changes(before, after, path)
    elif not _same(before, after):
        yield _Change(path, "changes", after.line, after.column)


def _list_changes(before: Node, after: Node, path: tuple[str | int, ...]) -> Iterator[_Change]:
    """Of lists as long as each other each item that differs, else the first place that does."""
    old, new = list(before.children.values()), list(after.children.values())
    if len(old) == len(new):
        for index, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _changes(one, other, (*path, index))
        return
    pairs = zip(old, new, strict=False)
    at = sum(1 for _ in takewhile(lambda pair: _same(*pair), pairs))
    shown = new[at] if at < len(new) else after
    verb = "adds" if len(new) > len(old) else "removes"
    yield _Change((*path, at), verb, shown.line, shown.column)


def _same(before: Node, after: Node) -> bool:
    # Python takes true for 1, and 1 for 1.0; an author does not.
    return repr(_ordered(before)) == repr(_ordered(after))


def _ordered(node: Node) -> object:
    if isinstance(node.value, dict):
        children = {str(key): _ordered(child) for key, child in node.children.items()}
        return sorted(children.items())
    if isinstance(node.value, list):
        return [_ordered(child) for child in node.children.values()]
    return node.value


def _crossing(path: str, change: _Change, owners: list[str], team: str) -> DefinitionError:
    what = "`" + ".".join(map(str, change.path)) + "`" if change.path else "the file"
    whose = " or ".join(f"`{owner}`" for owner in owners)
    code = "OWNER_TAKEN" if change.path[-1:] == ("owner",) else "NOT_OWNER"
    message = f"`{team}` {change.verb} {what}, which belongs to {whose}"
    hint = f"only its owner may: ask {whose} to make this change"
    dotted = ".".join(map(str, change.path))
    return DefinitionError(path, change.line, change.column, code, message, hint, dotted)
