"""The house rules that no linter of ours knows; each failure says what to do instead."""

import ast
import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import pytest

from journey_engine.errors import (
    CandidateOutcome,
    DeadLetterCode,
    DeferredCause,
    EndReason,
    EntryOutcome,
    InputOutcome,
)

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "journey_engine"
MODULE_LINES = 400
FUNCTION_LINES = 60

BANNED_NAMES = {
    "utils": "the thing that it works on",
    "util": "the thing that it works on",
    "common": "the thing that is shared",
    "helpers": "the thing that it helps to do",
    "helper": "the thing that it helps to do",
    "manager": "what it does: store, clock, task",
    "misc": "one module for each of its things",
}
LEFT_OVER = {
    "TO" + "DO": "do it, or file an issue",
    "FIX" + "ME": "fix it, or file an issue",
    "XX" + "X": "say what is meant",
}
TEXT_CALLS = {"eval": "a compiled expression of define/", "exec": "a function"}
ENTRY_POINT = "__main__"
"""What Python itself starts, of a package."""


def modules() -> list[Path]:
    return sorted([*PACKAGE.rglob("*.py"), *(ROOT / "tests").rglob("*.py")])


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def place(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


def nothing(found: list[str]) -> None:
    assert not found, "\n" + "\n".join(found)


def test_a_module_fits_in_the_head() -> None:
    nothing(
        [
            f"{place(path, lines)}: {lines} lines, at most {MODULE_LINES}: split it by meaning"
            for folder in (PACKAGE, ROOT / "tests")
            for path in sorted(folder.rglob("*.py"))
            if (lines := len(path.read_text(encoding="utf-8").splitlines())) > MODULE_LINES
        ]
    )


def test_a_function_fits_on_a_screen() -> None:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    nothing(
        [
            f"{place(path, node.lineno)}: {node.name} has {lines} lines, at most {FUNCTION_LINES}"
            for path in modules()
            for node in ast.walk(tree(path))
            if isinstance(node, functions)
            and (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES
        ]
    )


def test_a_module_is_named_after_what_is_in_it() -> None:
    nothing(
        [
            f"{place(path, 1)}: '{word}' says nothing: name it after {BANNED_NAMES[word]}"
            for path in modules()
            for word in re.split(r"[_/.]", str(path.relative_to(ROOT)))
            if word in BANNED_NAMES
        ]
    )


def test_nothing_is_left_for_later_in_the_text() -> None:
    words = re.compile(rf"\b({'|'.join(LEFT_OVER)})\b")
    nothing(
        [
            f"{place(path, number)}: '{found[1]}': {LEFT_OVER[found[1]]}"
            for path in modules()
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
            if (found := words.search(line))
        ]
    )


def test_no_text_is_run_as_code() -> None:
    nothing(
        [
            f"{place(path, node.lineno)}: {node.func.id}(): use {TEXT_CALLS[node.func.id]}"
            for path in modules()
            for node in ast.walk(tree(path))
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in TEXT_CALLS
        ]
    )


PURE = ("avro", "define", "decode", "decide", "encode", "contract")
IMPURE_CALLS = {"now", "today", "utcnow", "uuid1", "uuid4", "urandom", "open", "print", "input"}


def test_the_core_reads_no_clock_no_chance_and_no_file() -> None:
    """What imports cannot show: calls such as `datetime.now()` (rule T1)."""
    nothing(
        [
            f"{place(path, node.lineno)}: {name}(): take it as an argument; run/ does the rest"
            for package in PURE
            for path in sorted((PACKAGE / package).rglob("*.py"))
            for node in ast.walk(tree(path))
            if isinstance(node, ast.Call) and (name := called(node)) in IMPURE_CALLS
        ]
    )


def called(node: ast.Call) -> str:
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path) -> Iterator[str]:
    """Every module or name that a module imports, or names in a text such as `package.module`."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value.partition(":")[0]


def with_parents(name: str) -> Iterator[str]:
    parts = name.split(".")
    yield from (".".join(parts[:size]) for size in range(1, len(parts) + 1))


def test_every_module_is_used() -> None:
    """A module that only its tests import is dead; the examples are programs."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    reached = set(re.findall(r"journey_engine(?:\.\w+)+", project))
    paths = {module_name(path): path for path in PACKAGE.rglob("*.py") if path.stem != ENTRY_POINT}
    for path in PACKAGE.rglob("*.py"):
        for other in imported(path):
            reached.update(found for found in with_parents(other) if found != module_name(path))
    packages = {module_name(path) for path in PACKAGE.rglob("__init__.py")}
    examples = {name for name in paths if ".examples." in name}
    unused = set(paths) - reached - packages - examples
    nothing([f"{place(paths[name], 1)}: nobody imports it: use it or remove it" for name in unused])


VOCABULARIES: list[type[StrEnum]] = [
    InputOutcome,
    DeadLetterCode,
    EntryOutcome,
    EndReason,
    CandidateOutcome,
    DeferredCause,
]


@pytest.mark.parametrize("vocabulary", VOCABULARIES, ids=lambda each: each.__name__)
def test_every_code_is_explained_to_people(vocabulary: type[StrEnum]) -> None:
    documents = (ROOT / "topologies/README.md", ROOT / "schemas/README.md")
    text = "\n".join(path.read_text(encoding="utf-8") for path in documents if path.exists())
    nothing(
        [
            f"{vocabulary.__name__}.{code}: explain `{code}` in topologies/ or schemas/README.md"
            for code in vocabulary
            if not re.search(rf"`{code}`|^#+ .*\b{code}\b", text, re.MULTILINE)
        ]
    )
