"""The tests against the mutants, in one session of pytest.

All tests run once; coverage notes which of them reach which line. Then each mutant gets a fork
of this process, in which its code takes the place of the original's, and the tests that reach
the changed line run in it until one fails.
"""

import gc
import os
import resource
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from types import FunctionType
from typing import Any, NoReturn

import coverage
import pytest
from _pytest.runner import runtestprotocol

from tests.mutants.making import DECIDE, TREE, Mutant

CPU_SECONDS = 60
"""Of a mutant that runs longer than any tests of ours, in seconds of the processor."""
CONTROL = 500
"""So many tests, the quickest, must pass in a fork in which nothing is changed."""
MORE_MEMORY = 1 << 30
"""What a mutant may take above what the tests have taken, in bytes."""

_FUNCTIONS: list[tuple[FunctionType, dict[str, FunctionType]]] = []
"""The functions of `decide/`, each with its mutants by their names."""


_Change = tuple[FunctionType, FunctionType]


class Verdict(StrEnum):
    """What became of a mutant."""

    KILLED = "killed"
    SURVIVED = "survived"
    UNREACHED = "unreached"


def register(mutants: dict[str, FunctionType], **_: object) -> Callable[[FunctionType], object]:
    """Stand in for mutmut's trampoline: the function stays what it is, its mutants are known."""

    def known(function: FunctionType) -> FunctionType:
        _FUNCTIONS.append((function, mutants))
        return function

    return known


class Session:
    """A plugin of pytest that runs each of `mutants` in place of the usual loop."""

    def __init__(self, mutants: list[Mutant], tell: Callable[[Mutant, Verdict], None]) -> None:
        self._mutants = mutants
        self._tell = tell
        self._seconds: dict[pytest.Item, float] = {}
        self._kills: dict[tuple[str, ...], Counter[pytest.Item]] = defaultdict(Counter)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        reached = self._clean(session)
        gc.freeze()  # or the first collection in each fork copies all that stands here
        self._control(session.items)
        self._judge(self._mutants, reached)
        return True

    def _control(self, items: list[pytest.Item]) -> None:
        """What fails in a fork for another reason than a mutant would kill them all."""
        function, _ = _FUNCTIONS[0]
        quick = sorted(items, key=lambda each: self._seconds[each])[:CONTROL]
        verdict, by = _fork(quick, (function, function))
        if verdict is not Verdict.SURVIVED:
            pytest.exit(f"{by and by.nodeid} fails in a fork without any mutant", 1)

    def _judge(self, mutants: list[Mutant], reached: Callable[[Mutant], list[pytest.Item]]) -> None:
        changes = {
            (function.__module__.rpartition(".")[2], name): (function, mutant)
            for function, changed in _FUNCTIONS
            for name, mutant in changed.items()
            if function.__code__.co_freevars == mutant.__code__.co_freevars
        }
        for mutant in mutants:
            items = reached(mutant)
            verdict = Verdict.UNREACHED
            if items:
                verdict = self._judged(mutant, items, changes[mutant.module, mutant.name])
            self._tell(mutant, verdict)

    def _clean(self, session: pytest.Session) -> Callable[[Mutant], list[pytest.Item]]:
        """Run each test once. What comes back says which of them reach a mutant."""
        cover = coverage.Coverage(data_file=None, config_file=False, include=[f"{TREE / DECIDE}/*"])
        cover.start()
        for number, item in enumerate(session.items):
            cover.switch_context(str(number))
            begun = time.process_time()
            if not _passes(item):
                pytest.exit(f"{item.nodeid} fails without any mutant", 1)
            self._seconds[item] = time.process_time() - begun
        cover.stop()
        lines: dict[str, dict[int, list[str]]] = {}
        for file in cover.get_data().measured_files():
            lines[Path(file).stem] = cover.get_data().contexts_by_lineno(file)

        def reached(mutant: Mutant) -> list[pytest.Item]:
            of = lines.get(mutant.module, {})
            first, last = mutant.body
            above, below = range(mutant.line, first - 1, -1), range(mutant.line, last + 1)
            line = next((at for at in (*above, *below) if any(of.get(at, ()))), 0)
            return [session.items[int(each)] for each in of.get(line, ()) if each]

        return reached

    def _judged(self, mutant: Mutant, items: list[pytest.Item], change: _Change) -> Verdict:
        """In order: what killed mutants of the function, those of the module, what is quick."""
        near = self._kills[mutant.module, mutant.function]
        far = self._kills[(mutant.module,)]
        items = sorted(items, key=lambda each: (-near[each], -far[each], self._seconds[each]))
        verdict, by = _fork(items, change)
        if by is not None:
            near[by] += 1
            far[by] += 1
        return verdict


def _fork(items: list[pytest.Item], change: _Change) -> tuple[Verdict, pytest.Item | None]:
    """The verdict of these tests, and which of them failed, if one did."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        _run(items, change, write)
    os.close(write)
    told = os.read(read, 8)
    os.close(read)
    _, status = os.waitpid(child, 0)
    verdict = Verdict.SURVIVED if status == 0 else Verdict.KILLED
    return verdict, items[int(told)] if told else None


def _run(items: list[pytest.Item], change: _Change, write: int) -> NoReturn:
    """End with 0 where all tests pass; write the place of the one that does not."""
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    _limit()
    _swap(*change)
    survives = False
    try:
        failing = next((place for place, item in enumerate(items) if not _passes(item)), None)
        survives = failing is None
        os.write(write, b"" if failing is None else str(failing).encode())
    finally:
        os._exit(not survives)


def _limit() -> None:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    memory = pages * resource.getpagesize() + MORE_MEMORY
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def _swap(function: FunctionType, changed: FunctionType) -> None:
    function.__code__ = changed.__code__
    function.__defaults__ = changed.__defaults__
    function.__kwdefaults__ = changed.__kwdefaults__


def _passes(item: pytest.Item) -> bool:
    """What belongs to the session stays for the next test; what belongs to a module does not."""
    stays: Any = item.session
    return not any(report.failed for report in runtestprotocol(item, log=False, nextitem=stays))
