"""The compiled core and the naive interpreter say the same of random journeys and logs."""

from collections import Counter
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.properties.cel_text import NotKnown
from tests.properties.drive import Feed
from tests.properties.generate import Definitions, definitions
from tests.properties.in_step import InStep, WithinBounds
from tests.properties.logs import logs
from tests.properties.memory import Answer, Happened
from tests.properties.shop import MORE_TYPES
from tests.properties.whole import whole_definitions

DAY = 24 * 3_600_000


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

    @examples(160)
    @given(definitions(), logs())
    def agree(given_: Definitions, log: list[Happened]) -> None:
        for answer in Feed(InStep(given_)).stream(log, max(event.at for event in log) + DAY):
            seen.update(said(answer))

    agree()
    assert set() == SEEN_AT_LEAST - seen.keys()


SEEN_OF_THE_WHOLE = {
    *("SENT", "DEFERRED", "NO_CONSENT", "GUARD_ERROR", "LOWER_PRIORITY"),
    *("SEND", "ROUTE", "SHOW", "TASK", "SYNC", "CANCEL", "at", "not_followed_by", "suppressed"),
    *("ENTERED", "GOAL", "COMPLETED"),
}
"""As above, under a contact policy, with all kinds of actions, patterns and the calendar."""


def test_of_the_whole_language() -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=60, derandomize=True, database=None)
    @given(whole_definitions(), logs(more=tuple(MORE_TYPES), least=20))
    def agree(given_: Definitions, log: list[Happened]) -> None:
        feed = Feed(WithinBounds(given_))
        try:
            for answer in feed.stream(log, max(event.at for event in log) + 2 * DAY):
                seen.update(said(answer))
        except NotKnown:
            return  # a hash of the engine's decides, or a bound on its memory

    agree()
    assert set() == SEEN_OF_THE_WHOLE - seen.keys()


def said(answer: Answer) -> list[str]:
    words = [answer.outcome, *(outcome for _, outcome in answer.entries)]
    words += [each[what] for each in answer.transitions for what in ("end", "trigger")]
    return words + [e["outcome"] for e in answer.sends] + [e["action"] for e in answer.commands]


def test_of_features_that_warm_up() -> None:
    """Rule K3: since when a feature is known, whatever history comes when."""
    seen: Counter[str] = Counter()

    @given(definitions(warming=True), logs())
    def agree(given_: Definitions, log: list[Happened]) -> None:
        with suppress(NotKnown):
            for answer in Feed(WithinBounds(given_)).stream(log, max(e.at for e in log) + DAY):
                seen.update(said(answer))

    agree()
    assert {"WARMING", "ENTERED", "BACKFILL"} <= seen.keys()


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
    with suppress(NotKnown):
        Feed(WithinBounds(given_)).wall(log, late_clock, ticks)
