"""Where commands print: results on standard output, all else on standard error."""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec
import rich.console
from rich.measure import Measurement
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

T = TypeVar("T")

_LINE = 100_000
"""Columns that a line may have where nobody watches."""
REFRESH_EVERY = 500
"""Records between two updates of a progress bar: seen as smooth, not felt as a cost."""


_VISIBLE = {
    code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"
}


def visible(text: str) -> str:
    """With control characters as hexadecimal escapes: customers' data must steer no terminal."""
    return text.translate(_VISIBLE)


class Console(rich.console.Console):
    """A console that lets its caller know of a closed pipe, in place of ending with exit code 1,
    and prints each text as `visible`.
    """

    def render_str(self, text: str, **options: Any) -> Text:  # noqa: ANN401 - Rich's own
        """As Rich does, which drops some control characters and obeys the others."""
        return super().render_str(visible(text), **options)

    def on_broken_pipe(self) -> None:
        """Raise what Rich has caught."""
        raise BrokenPipeError


out = Console(emoji=False, soft_wrap=True)
"""Its lines are not broken where nobody watches: a program may read them."""
err = Console(stderr=True, emoji=False)


def show_table(table: Table, *, highlight: bool = True) -> None:
    """Print a table whose cells can be read whole: on a terminal what is too long goes on in the
    next line, elsewhere each row is one line, however long.
    """
    for column in table.columns:
        column.overflow = "fold"
    if not out.is_terminal:
        table.width = Measurement.get(out, out.options.update(max_width=_LINE), table).maximum
    out.print(table, highlight=highlight)


def fail(message: str) -> None:
    """Print an error as it is: no markup, no wrapping, so that `file:line:col` can be clicked.

    Rich would make a sign of `:100:`.
    """
    err.print(message, style="red", markup=False, emoji=False, highlight=False, soft_wrap=True)


def print_json(value: object) -> None:
    """Print one JSON document on one line, for machines."""
    try:
        text = msgspec.json.encode(value)
    except UnicodeEncodeError:  # a file's name, or an id that was typed, is no UTF-8
        plain = json.dumps(msgspec.to_builtins(value), ensure_ascii=False, separators=(",", ":"))
        text = os.fsencode(plain)
    print(text.decode(errors="replace"))  # noqa: T201 - machines read this, not a console


@contextmanager
def amount(of: str, *, quiet: bool = False) -> Iterator[Callable[[str, int, int], None]]:
    """A bar that is told what is being done, how much is done and of how much."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(pulse_style="cyan"))
    counts = (MofNCompleteColumn(), TextColumn(of), TimeElapsedColumn())
    with Progress(*columns, *counts, console=err, transient=True, disable=quiet) as bar:
        task = bar.add_task("", total=None)

        def show(doing: str, done: int, total: int) -> None:
            bar.update(task, description=doing, completed=done, total=total or None)

        yield show


def progress(records: Iterable[T], doing: str, *, quiet: bool = False) -> Iterator[T]:
    """Hand the records on and show how many there were, where somebody watches."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(pulse_style="cyan"))
    counts = (MofNCompleteColumn(), TextColumn("records"), TimeElapsedColumn())
    with Progress(*columns, *counts, console=err, transient=True, disable=quiet) as bar:
        task = bar.add_task(doing, total=None)
        for number, record in enumerate(records, start=1):
            if number % REFRESH_EVERY == 0:
                bar.update(task, completed=number)
            yield record
