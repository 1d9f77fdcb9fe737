"""A worker of the shop in one of two releases, the first argument.

The second reads one channel more, and knows one journey more: another plan, with another hash.
"""

import sys
from dataclasses import replace

from journey_engine.define.action_plan import Action
from journey_engine.define.plan import END, Plan
from journey_engine.define.topics import Topics, parse_topics
from journey_engine.run.definitions import Definitions
from journey_engine.run.lifecycle import run
from journey_engine.run.settings import load
from tests.broker.rig import TOPICS, topics
from tests.run.shop import DAY, SCHEMAS, after, journey, plan, stage

FIRST = "1"

ORDER = journey(
    "order",
    "OrderPlaced",
    "PaymentFailed",
    (
        stage(
            "thanked",
            after(0, DAY, END),
            sends=(Action("thanks", "thanks", ("email",)),),
        ),
    ),
    priority=3,
)


def release_topics(release: str, app: str) -> Topics:
    if release == FIRST:
        return parse_topics("topics.yaml", TOPICS.replace(" app: {},", ""), app)
    return topics(app)


def release_plan(release: str) -> Plan:
    first = plan()
    if release == FIRST:
        return first
    journeys = (ORDER, *first.journeys)
    by_name = {each.name: each for each in journeys}
    return replace(first, hash="shop-2", journeys=journeys, by_name=by_name)


if __name__ == "__main__":
    settings, release = load(), sys.argv[1]
    definitions = Definitions(
        release_plan(release), SCHEMAS, release_topics(release, settings.app_id)
    )
    sys.exit(run(settings, definitions))
