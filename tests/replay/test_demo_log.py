"""The shop that the project ships for its demo has something to show of everything."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from journey_engine.decide.decision import Command, SendDecision
from journey_engine.errors import CandidateOutcome, DeadLetterCode
from journey_engine.run.log_files import read_log
from journey_engine.run.outbox import DeadLetter, Output
from journey_engine.schemas import Schemas

ROOT = Path(__file__).parents[2]
LOG = ROOT / "journey_engine/simulate/shop.jsonl.gz"
JOURNEYS = ("cart-rescue", "onboarding", "payment-rescue", "win-back")


@pytest.fixture(scope="module")
def outputs(schemas: Schemas, replayed: Callable[..., Iterator[Output]]) -> list[Output]:
    return list(replayed(read_log([LOG], schemas), JOURNEYS))


@pytest.fixture(scope="module")
def commands(outputs: list[Output]) -> list[Command]:
    return [output for output in outputs if isinstance(output, Command)]


def test_every_journey_sends_on_several_channels(commands: list[Command]) -> None:
    assert {command.journey.name for command in commands} == set(JOURNEYS)
    assert {command.channel for command in commands} == {"email", "push", "app"}
    assert {command.action for command in commands} == {"SEND", "CANCEL"}


def test_nobody_is_written_to_who_is_not_known(commands: list[Command]) -> None:
    assert [command for command in commands if command.customer_id is None] == []


def test_sends_are_refused_for_want_of_consent_and_of_an_address(outputs: list[Output]) -> None:
    outcomes = {output.outcome for output in outputs if isinstance(output, SendDecision)}
    assert outcomes == {
        CandidateOutcome.DEFERRED,
        CandidateOutcome.SENT,
        CandidateOutcome.NO_CONSENT,
        CandidateOutcome.UNREACHABLE,
        CandidateOutcome.GUARD_FALSE,
        CandidateOutcome.CANCELLED,
    }


def test_every_kind_of_broken_record_ends_in_the_dead_letters(outputs: list[Output]) -> None:
    codes = Counter(output.failure.code for output in outputs if isinstance(output, DeadLetter))
    assert set(codes) == set(DeadLetterCode) - {DeadLetterCode.TOO_LARGE}
