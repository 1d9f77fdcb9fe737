"""The mutants: what mutmut makes of each module of `decide/`, and which the type checker refuses.

A mutant that `mypy --strict` refuses is no program of ours: `make check` stops it, and the wheel,
which mypyc compiles, cannot be built with it. Of these only a sample is run.
"""

import hashlib
import json
import shutil
import subprocess
import sys
from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from mutmut.mutation.file_mutation import mutate_file_contents

ROOT = Path(__file__).parents[2]
TREE = ROOT / "var" / "mutants"
"""The package with all mutants in it, each a function beside its original."""
DECIDE = Path("journey_engine", "decide")
_ORIGINAL = "_orig"
_BY_ANOTHER = {"no-redef", "has-type"}
"""What mypy says of a function for no other reason than that it stands there many times."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one function; lines are those of the module in `TREE`."""

    module: str
    name: str
    text: str
    line: int
    """The line of the original that it changes."""
    body: tuple[int, int]
    """The first and the last line of the function's body."""

    @property
    def key(self) -> str:
        """The same for the same change of the same function, whatever else has changed."""
        return hashlib.sha256(f"{self.module}.{self.function}\n{self.text}".encode()).hexdigest()[
            :16
        ]

    @property
    def function(self) -> str:
        return self.name.rpartition("__mutmut_")[0]


@dataclass(frozen=True, slots=True)
class _Made:
    module: str
    lines: list[str]
    spans: dict[str, tuple[int, int]]

    def text(self, name: str) -> list[str]:
        """The function of this name, without its first line, which says the name."""
        first, last = self.spans[name]
        return "\n".join(self.lines[first - 1 : last]).strip("\n").split("\n")[1:]

    def mutant(self, name: str) -> Mutant:
        """The mutant of this name, and where it first differs from its original."""
        function = name.rpartition("__mutmut_")[0]
        original = self.text(f"{function}__mutmut{_ORIGINAL}")
        changed = self.text(name)
        pairs = enumerate(zip(original, changed, strict=False))
        at = next((at for at, (old, new) in pairs if old != new), 0)
        first = self._body(function)
        body = (first, first + len(original) - 1)
        return Mutant(self.module, name, "\n".join(changed), first + at, body)

    def _body(self, function: str) -> int:
        """The second line of the function itself, which stands above its original's copy."""
        first, _ = self.spans[f"{function}__mutmut{_ORIGINAL}"]
        copy = self.text(f"{function}__mutmut{_ORIGINAL}")
        for line in range(first - len(copy), 0, -1):
            if self.lines[line : line + len(copy)] == copy:
                return line + 1
        raise LookupError(f"{self.module}: {function} does not stand above its copy")


def make() -> tuple[list[Mutant], list[Mutant]]:
    """Write the tree; the mutants that run, and those that the type checker refuses."""
    modules = [_module(path) for path in sorted((ROOT / DECIDE).glob("*.py"))]
    shutil.rmtree(TREE / "journey_engine", ignore_errors=True)
    shutil.copytree(
        ROOT / "journey_engine",
        TREE / "journey_engine",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    for made in modules:
        (TREE / DECIDE / f"{made.module}.py").write_text("\n".join(made.lines))
    refused = _refused({made.module: made for made in modules})
    run: list[Mutant] = []
    left: list[Mutant] = []
    for made in modules:
        for name in made.spans:
            if not name.endswith(_ORIGINAL):
                (left if (made.module, name) in refused else run).append(made.mutant(name))
    return run, left


def _module(path: Path) -> _Made:
    source = path.read_text()
    kept = TREE / "made" / f"{path.stem}-{hashlib.sha256(source.encode()).hexdigest()[:16]}.json"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        file = mutate_file_contents(str(path.relative_to(ROOT)), source)
        spans = {
            name: (span.start, span.end) for name, span in file.line_span_by_function_name.items()
        }
        kept.write_text(json.dumps([file.code, spans]))
    code, spans = json.loads(kept.read_text())
    return _Made(path.stem, code.split("\n"), spans)


def _refused(modules: dict[str, _Made]) -> set[tuple[str, str]]:
    """The mutants with an error of mypy's within. Raises if an original has one."""
    command = [sys.executable, "-m", "mypy", "--config-file=", "--strict", "--output=json"]
    options = ["--no-warn-unused-ignores", "--explicit-package-bases", "--follow-imports=silent"]
    checked = subprocess.run(
        [*command, *options, str(DECIDE)], cwd=TREE, capture_output=True, text=True, check=False
    )
    errors: dict[str, list[int]] = defaultdict(list)
    for line in checked.stdout.splitlines():
        error = json.loads(line)
        if error["severity"] == "error" and error["code"] not in _BY_ANOTHER:
            errors[Path(error["file"]).stem].append(error["line"])
    if not errors:
        raise RuntimeError(f"mypy found nothing wrong in any mutant: {checked.stderr}")
    return {(module, _at(modules[module], line)) for module in errors for line in errors[module]}


def _at(made: _Made, line: int) -> str:
    spans = sorted((first, last, name) for name, (first, last) in made.spans.items())
    first, last, name = spans[max(0, bisect_right(spans, (line, sys.maxsize, "")) - 1)]
    if not first <= line <= last or name.endswith(_ORIGINAL):
        raise RuntimeError(f"{made.module}:{line} in {TREE} is wrong, and no mutant is there")
    return name
