"""What commands print."""

import pytest
from rich.markup import escape
from rich.table import Table

from journey_engine.cli.console import fail, out, show_table
from journey_engine.errors import DefinitionError


def test_an_error_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    error = DefinitionError("journeys/cart.yaml", 100, 27, "BAD_VALUE", "not [red]a number")
    fail(str(error))
    assert capsys.readouterr().err == f"{error}\n"


ROW = ("SCHEMA_UNKNOWN", "interactions.callcenter.v1", "no schema " + "0123456789abcdef" * 8)


def test_a_table_can_be_read_whole(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def told() -> str:
        table = Table("code", "topic", "message")
        table.add_row(*ROW)
        show_table(table)
        return capsys.readouterr().out

    (line,) = [line for line in told().splitlines() if "SCHEMA_UNKNOWN" in line]
    assert all(cell in line for cell in ROW)
    monkeypatch.setattr(out, "_force_terminal", True)
    monkeypatch.setattr(out, "_width", 40)
    narrow = told()
    assert max(map(len, narrow.splitlines())) <= 40 < len(line)
    columns = [row.split("│")[1:-1] for row in narrow.splitlines() if "│" in row]
    assert tuple("".join(cells).replace(" ", "") for cells in zip(*columns, strict=True)) == tuple(
        cell.replace(" ", "") for cell in ROW
    )


STEERING = "c\x1b]0;owned\x07\x1b[2J\x9b2J\r\b"
SEEN = r"c\x1b]0;owned\x07\x1b[2J\x9b2J\x0d\x08"


def test_no_data_steers_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    out.print(f"[bold]{escape(STEERING)}[/bold] [éü]", highlight=False)
    out.print(STEERING, markup=False)
    table = Table(STEERING)
    table.add_row(escape(STEERING))
    out.print(table, {STEERING: [STEERING]})
    fail(STEERING)
    said = capsys.readouterr()
    assert said.out.startswith(f"{SEEN} [éü]\n{SEEN}\n")
    assert said.out.count(SEEN) == 4
    assert all(each.isprintable() or each in "\n\t" for each in said.out)
    assert said.err == f"{SEEN}\n"
