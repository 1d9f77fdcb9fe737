"""How much waits for a group."""

import pytest

from journey_engine.run.lag import Lag


@pytest.mark.parametrize(
    ("begin", "committed", "waiting"),
    [(0, None, 60), (50, None, 10), (50, 20, 10), (50, 55, 5), (0, 70, 0)],
)
def test_what_retention_deleted_or_was_never_there_does_not_wait(
    begin: int, committed: int | None, waiting: int
) -> None:
    assert Lag("interactions.web.v1", 0, begin, committed, 60).records == waiting
