"""What commands print."""

import pytest

from journey_engine.cli.console import fail
from journey_engine.errors import DefinitionError


def test_an_error_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    error = DefinitionError("journeys/cart.yaml", 100, 27, "BAD_VALUE", "not [red]a number")
    fail(str(error))
    assert capsys.readouterr().err == f"{error}\n"
