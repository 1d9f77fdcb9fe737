"""`make mutants`: mutmut's mutants of `decide/` against the tests of the core."""

import json
import random
import sys
import time
from collections import Counter, defaultdict
from math import sqrt

import pytest
from mutmut.mutation import trampoline

from tests.mutants.making import TREE, Mutant, make
from tests.mutants.running import Session, Verdict, register

AT_LEAST = 0.85
"""Of all that mutmut makes; held against the lower end of what the sample lets us say."""
SAMPLE = 300
"""So many of the mutants that mypy refuses run, to estimate how many of all of them are killed.

Those whose keys, which are hashes, come first: as good as drawn by lot, and most of them stay
when a function changes, with their verdicts.
"""
CERTAIN = 1.96
"""Within so many standard deviations of the truth lie 95 % of all samples."""
KEPT = TREE / "verdicts.jsonl"
TESTS = ["tests/decide", "tests/mutants/cases.py"]
OPTIONS = ["-q", "-s", "--tb=native", "-p", "no:cacheprovider", "-o", "pythonpath=var/mutants ."]
"""Any other traceback parses the whole module of mutants for each frame: seconds."""


def main(words: list[str]) -> int:
    """Run those of the modules named, or all; with `again`, no mutant that was killed before.

    1 where fewer are killed than is asked, of those that mypy passes and of a sample of the rest.
    """
    again = "again" in words
    modules = {word for word in words if word != "again"}
    passed, refused = (
        [each for each in kind if not modules or each.module in modules] for kind in make()
    )
    drawn = sorted(refused, key=lambda each: each.key)[:SAMPLE]
    mutants = [*passed, *drawn]
    killed = _killed() if again else set()
    todo = [each for each in mutants if each.key not in killed]
    random.Random(0).shuffle(todo)
    found = {each: Verdict.KILLED for each in mutants if each.key in killed}
    _say(f"mypy passes {len(passed)} mutants and refuses {len(refused)}: {len(drawn)} of these are")
    _say(f"drawn; {len(todo)} to run")
    begun = time.monotonic()

    def tell(mutant: Mutant, verdict: Verdict) -> None:
        found[mutant] = verdict
        with KEPT.open("a") as kept:
            kept.write(json.dumps([mutant.key, verdict, mutant.module, mutant.name]) + "\n")
        if len(found) % 50 == 0:
            _say(f"{len(found)} of {len(mutants)}, {time.monotonic() - begun:.0f} s")

    sys.path.insert(0, str(TREE))
    trampoline.wrap_in_trampoline = register  # type: ignore[assignment]
    code = pytest.main([*OPTIONS, *TESTS], plugins=[Session(todo, tell)])
    if code:
        return int(code)
    _report({each: found[each] for each in passed})
    return _estimate(
        [found[each] for each in passed], [found[each] for each in drawn], len(refused)
    )


def _killed() -> set[str]:
    if not KEPT.exists():
        return set()
    verdicts = [json.loads(line) for line in KEPT.read_text().splitlines()]
    return {key for key, verdict, *_ in verdicts if verdict == Verdict.KILLED}


def _report(found: dict[Mutant, Verdict]) -> None:
    of: dict[str, Counter[Verdict]] = defaultdict(Counter)
    for mutant, verdict in found.items():
        of[mutant.module][verdict] += 1
    for mutant, verdict in sorted(found.items(), key=lambda each: (each[0].module, each[0].name)):
        if verdict != Verdict.KILLED:
            _say(f"{verdict:9} {mutant.module}.{mutant.name}")
    _say(f"{'module':20} killed survived unreached share")
    for module, counts in sorted(of.items()):
        _say(f"{module:20} {_line(counts)}")
    _say(f"{'all':20} {_line(sum(of.values(), Counter[Verdict]()))}")


def _estimate(passed: list[Verdict], drawn: list[Verdict], refused: int) -> int:
    """Tell the share killed of all that mutmut makes, with its 95 % interval."""
    killed, all_made = passed.count(Verdict.KILLED), len(passed) + refused
    of_drawn = drawn.count(Verdict.KILLED)
    likely = of_drawn / max(1, len(drawn))
    sampled = len(drawn) < refused
    lowest, highest = _between(of_drawn, len(drawn)) if sampled else (likely, likely)
    low, share, high = (
        (killed + refused * each) / max(1, all_made) for each in (lowest, likely, highest)
    )
    _say(f"drawn of the {refused} that mypy refuses: {of_drawn} of {len(drawn)} killed")
    _say(f"of all {all_made} that mutmut makes: {share:.1%} killed ({low:.1%} to {high:.1%})")
    return int(low < AT_LEAST)


def _between(killed: int, drawn: int) -> tuple[float, float]:
    """Where the share lies of which a sample had `killed` of `drawn` (Wilson's interval)."""
    share, spread = killed / max(1, drawn), CERTAIN**2 / max(1, drawn)
    middle = share + spread / 2
    half = sqrt(spread * (share * (1 - share) + spread / 4))
    return (middle - half) / (1 + spread), (middle + half) / (1 + spread)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _line(counts: Counter[Verdict]) -> str:
    share = counts[Verdict.KILLED] / max(1, counts.total())
    three = (Verdict.KILLED, Verdict.SURVIVED, Verdict.UNREACHED)
    return " ".join([*(f"{counts[each]:6}" for each in three), f"{share:.1%}"])


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
