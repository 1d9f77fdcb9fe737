"""Every line that the engine logs is in the page, with its fields, and none of them is an id."""

import ast
import re
from collections import defaultdict
from pathlib import Path

from journey_engine.observe.logs import CUSTOMER_FIELDS

PACKAGE = Path(__file__).parents[2] / "journey_engine"
LEVELS = {"debug", "info", "warning", "error", "critical", "exception"}
_ROW = re.compile(r"^\| `(\w+)` \| ([a-z, ]+) \| ([^|]*) \|", re.MULTILINE)

Lines = dict[str, tuple[set[str], set[str]]]
"""By event the levels and the fields."""


def written() -> Lines:
    found: defaultdict[str, tuple[set[str], set[str]]] = defaultdict(lambda: (set(), set()))
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=ast.Name(id="log"), attr=level),
                    args=[ast.Constant(value=str(event))],
                ) if level in LEVELS:
                    levels, fields = found[event]
                    levels.add(level)
                    fields |= {each.arg for each in node.keywords if each.arg is not None}
    return dict(found)


def documented() -> Lines:
    page = (PACKAGE / "observe/README.md").read_text(encoding="utf-8")
    logs = page[page.index("## Logs") : page.index("## Traces")]
    return {
        event: (set(levels.split(", ")), set(re.findall(r"`(\w+)`", fields)))
        for event, levels, fields in _ROW.findall(logs)
    }


def test_the_page_has_what_is_logged() -> None:
    assert documented() == written()


def test_no_line_bears_a_customers_id() -> None:
    fields = {field for _, fields in written().values() for field in fields}
    assert len(fields) > 20
    assert not fields & set(CUSTOMER_FIELDS)
