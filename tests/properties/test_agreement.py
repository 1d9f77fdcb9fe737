"""The compiled core and the naive interpreter say the same of random journeys and logs."""

from collections import Counter
from typing import Any

from hypothesis import given, note, settings
from hypothesis import strategies as st

from tests.properties.core import Core, compiled
from tests.properties.drive import Feed
from tests.properties.generate import Definitions, definitions
from tests.properties.logs import logs
from tests.properties.memory import Answer, Happened
from tests.properties.naive import Naive

DAY = 24 * 3_600_000


class InStep:
    """Both interpreters, fed the same; the first answer on which they differ is the failure."""

    def __init__(self, given_: Definitions) -> None:
        self.naive = Naive(given_.journeys, given_.customer, given_.policies, given_.channels)
        self.core = Core(compiled(given_))

    def take(self, event: Happened, now: int) -> Answer:
        note(f"{now}: {event}")
        answer = self.naive.take(event, now)
        return self._same(event.key, answer, self.core.take(event, now))

    def tick(self, key: str, up_to: int, now: int) -> Answer:
        note(f"{now}: timers of {key} up to {up_to}")
        answer = self.naive.tick(key, up_to, now)
        return self._same(key, answer, self.core.tick(key, up_to, now))

    def next_due(self, key: str) -> int | None:
        return self.naive.next_due(key)

    def known(self) -> list[str]:
        return self.naive.known()

    def _same(self, key: str, naive: Answer, core: Answer) -> Answer:
        assert core.outcome == naive.outcome
        assert core.transitions == naive.transitions
        assert core.entries == naive.entries
        assert _by(core.sends, "decision_id") == _by(naive.sends, "decision_id")
        assert _by(core.commands, "command_id") == _by(naive.commands, "command_id")
        assert core.fired == naive.fired
        if key in self.naive.people:
            assert self.core.next_due(key) == self.naive.next_due(key)
        return naive


def _by(records: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """Within one decision the order of sends and commands is nobody's business."""
    return sorted(records, key=lambda record: str(record[name]))


SEEN_AT_LEAST = {
    *("APPLIED", "DUPLICATE", "CONFLICT", "LATE", "BACKFILL", "IGNORED"),
    *("ENTERED", "GUARD_FALSE", "GUARD_ERROR", "NO_KEY", "ALREADY_IN"),
    *("GOAL", "EXIT", "COMPLETED", "ABANDONED"),
    *("SENT", "DEFERRED", "NO_CONSENT", "UNREACHABLE", "CANCELLED"),
    *("SEND", "CANCEL", "after", "always", "when"),
}
"""What the examples must show: else the agreement would be about nothing."""


def test_in_stream_order() -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=4 * settings().max_examples)
    @given(definitions(), logs())
    def agree(given_: Definitions, log: list[Happened]) -> None:
        for answer in Feed(InStep(given_)).stream(log, max(event.at for event in log) + DAY):
            seen.update(said(answer))

    agree()
    assert set() == SEEN_AT_LEAST - seen.keys()


def said(answer: Answer) -> list[str]:
    words = [answer.outcome, *(outcome for _, outcome in answer.entries)]
    words += [each[what] for each in answer.transitions for what in ("end", "trigger")]
    return words + [e["outcome"] for e in answer.sends] + [e["action"] for e in answer.commands]


@given(
    definitions(),
    logs(),
    st.sampled_from((-3_600_000, -60_000, 0, 60_000, 7_200_000)),
    st.lists(st.booleans(), min_size=30, max_size=30),
)
def test_with_a_clock_of_its_own(
    given_: Definitions, log: list[Happened], late_clock: int, ticks: list[bool]
) -> None:
    """The wall clock: behind the events a timer waits for them, ahead it does not (rule T4)."""
    Feed(InStep(given_)).wall(log, late_clock, ticks)
