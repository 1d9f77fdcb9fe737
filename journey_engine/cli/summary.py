"""The summary of a run, for people and for machines."""

from collections import Counter

import msgspec
from rich.table import Table

from journey_engine.cli.console import show_table
from journey_engine.run.summary import Summary


def document(summary: Summary) -> dict[str, object]:
    """The summary as a JSON object, its counts in a stable order."""
    fields: dict[str, object] = msgspec.to_builtins(summary, order="sorted")
    return fields


def show(summary: Summary) -> None:
    """Print the summary as a table."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    table.add_column()
    table.add_row("events", f"{summary.events:,}", _counts(summary.inputs))
    table.add_row("ids", f"{summary.ids:,}", "of customers and visitors")
    table.add_row("entries", f"{summary.entries.total():,}", _counts(summary.entries))
    table.add_row("transitions", f"{summary.transitions:,}", "")
    table.add_row("commands", f"{summary.commands.total():,}", _counts(summary.commands))
    table.add_row("refused", f"{summary.refused.total():,}", _counts(summary.refused))
    table.add_row("answered", f"{summary.answered.total():,}", _counts(summary.answered))
    letters = summary.dead_letters
    table.add_row("dead letters", f"{letters.total():,}", _counts(letters))
    show_table(table, highlight=False)


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items()))
