"""Every rule of the language has a case, and so has what other products get wrong."""

import re

from tests.conformance.reading import HERE, all_cases

CHAPTERS = ["F4", "T9", "S8", "I8", "K4", "P1", "W5", "J4", "A7", "C9", "M4", "V4", "L8"]
"""Each with the number of its rules."""
IDS = {case.id for case in all_cases()}


def table(heading: str) -> list[list[str]]:
    """The rows of the README's table below a heading."""
    text = (HERE / "README.md").read_text(encoding="utf-8").partition(f"## {heading}\n")[2]
    lines = [line for line in text.partition("\n## ")[0].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_every_rule_has_a_case_or_a_reason_for_none() -> None:
    every = {f"{name[0]}{n}" for name in CHAPTERS for n in range(1, int(name[1]) + 1)}
    shown = {name.partition("-")[0] for name in IDS}
    reasons = {row[0]: row[1] for row in table("Rules without a case")}
    assert shown | reasons.keys() == every
    assert shown & reasons.keys() == set()
    assert [rule for rule, why in reasons.items() if missing(why)] == []


def test_every_edge_case_is_shown() -> None:
    rows = table("What other products document, or get wrong")
    assert len({row[0] for row in rows}) == len(rows) == 70
    assert [row[0] for row in rows if missing(row[1])] == []


def missing(cell: str) -> list[str]:
    """What it names that is neither a case nor a part of the tests."""
    named = re.findall(r"`([^`]+)`", cell)
    assert named, cell
    root = HERE.parents[1]
    return [name for name in named if name not in IDS and not (root / name).exists()]
