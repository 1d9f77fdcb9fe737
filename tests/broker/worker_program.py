"""A worker on the shop of `tests.run.shop`, as a process of its own that tests can kill."""

import sys

from journey_engine.run.definitions import Definitions
from journey_engine.run.lifecycle import run
from journey_engine.run.settings import load
from tests.broker.rig import topics
from tests.run.shop import SCHEMAS, plan

if __name__ == "__main__":
    settings = load()
    sys.exit(run(settings, Definitions(plan(), SCHEMAS, topics(settings.app_id))))
