"""The journeys find the stories that lie in the shop's log (see data/README.md)."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from journey_engine.decide.decision import Command
from journey_engine.run.log_files import read_log, read_mapping
from journey_engine.run.outbox import Output
from journey_engine.schemas import Schemas

HERE = Path(__file__).parent
LOG = HERE / "data/ecom.csv.gz"
MAP = HERE.parents[1] / "schemas/maps/ecom.map.yaml"
JOURNEYS = ("cart-rescue", "onboarding", "payment-rescue", "win-back")
INCIDENT = (date(2024, 5, 19), date(2024, 6, 8))


@pytest.fixture(scope="module")
def outputs(schemas: Schemas, replayed: Callable[..., Iterator[Output]]) -> list[Output]:
    return list(replayed(read_log([LOG], schemas, read_mapping(MAP, schemas)), JOURNEYS))


def _days(outputs: list[Output], journey: str) -> Counter[date]:
    """Sends a day."""
    return Counter(
        datetime.fromtimestamp(output.created_at / 1000, UTC).date()
        for output in outputs
        if isinstance(output, Command)
        and output.action == "SEND"
        and output.journey.name == journey
    )


def test_payment_help_is_sent_in_the_incident_and_at_no_other_time(outputs: list[Output]) -> None:
    days = _days(outputs, "payment-rescue")
    assert days.total() > 80
    assert min(days) == INCIDENT[0]
    assert max(days) == INCIDENT[1]


def test_help_reaches_as_many_as_failed_and_did_not_pay_at_once(outputs: list[Output]) -> None:
    helped = {
        output.customer_id
        for output in outputs
        if isinstance(output, Command) and output.send_id == "help"
    }
    assert 75 <= len(helped) <= 87  # 87 customers failed


def test_every_journey_has_something_to_say_over_the_months(outputs: list[Output]) -> None:
    for journey in ("cart-rescue", "onboarding"):
        months = {day.month for day in _days(outputs, journey)}
        assert months >= {2, 3, 4, 5}, journey
    assert _days(outputs, "win-back").total() > 50
