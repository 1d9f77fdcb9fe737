"""The table of metrics in the page that explains them."""

import re

from journey_engine.observe.contract import METRICS, Label, Metric, Source

BEGIN, END = "<!-- metrics: made by `make gen` -->", "<!-- end of metrics -->"
_TABLE = re.compile(rf"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
_FEW = 2
"""Values that a cell names; of more it says how many."""


def documented(page: str) -> str:
    """The page with the table between its marks."""
    return _TABLE.sub(lambda _: f"{BEGIN}\n{table()}\n{END}", page)


def table() -> str:
    """The contract as Markdown."""
    head = ["| metric | kind, unit | labels | meaning |", "|---|---|---|---|"]
    return "\n".join([*head, *map(_row, METRICS)])


def _row(metric: Metric) -> str:
    unit = f"{metric.kind}, {metric.unit}" if metric.unit else str(metric.kind)
    labels = ", ".join(map(_label, metric.labels))
    meaning = metric.meaning
    if metric.buckets:
        meaning += f" Buckets: {' '.join(f'{bound:g}' for bound in metric.buckets)}."
    return f"| `{metric.exposed}` | {unit} | {labels} | {meaning} |"


def _label(label: Label) -> str:
    if isinstance(label.values, Source):
        return f"`{label.name}`: {label.values}"
    if len(label.values) <= _FEW:
        return f"`{label.name}`: {' or '.join(f'`{value}`' for value in sorted(label.values))}"
    return f"`{label.name}`: {len(label.values)} values"
