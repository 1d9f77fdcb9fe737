"""The search finds its way through every journey that the project ships."""

from pathlib import Path

import pytest

from journey_engine.run.definitions import Definitions, load
from journey_engine.testing.runner import Run
from journey_engine.testing.search import Search

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def shipped() -> Definitions:
    return load(ROOT / "topologies", ROOT / "schemas")


def test_a_way_is_found_to_every_stage_of_the_journeys(shipped: Definitions) -> None:
    unfound = []
    for journey in shipped.plan.journeys:
        search = Search(shipped.plan, shipped.schemas, journey)
        for stage in journey.stages:

            def passed(run: Run, name: str = journey.name, to: str = stage) -> bool:
                return any(
                    one.journey == name and one.kind == "visited" and one.facts["stage"] == to
                    for one in run.happened()
                )

            if search.shortest(passed) is None:
                unfound.append(f"{journey.name}: {stage}")

    assert unfound == []


def test_the_way_is_the_shortest(shipped: Definitions) -> None:
    journey = shipped.plan.by_name["cart-rescue"]
    search = Search(shipped.plan, shipped.schemas, journey)

    found = search.shortest(lambda run: any(each.commands for each in run.decisions))

    assert found is not None
    assert [move.event_type for move in found.moved] == ["CartUpdated", ""]
    assert search.shortest(lambda _: False) is None
