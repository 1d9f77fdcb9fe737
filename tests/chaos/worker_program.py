"""A worker of the chaos runs: the shipped one, but its clock may be wrong and it dies on order."""

import sys
from pathlib import Path

from journey_engine.run import definitions
from journey_engine.run.lifecycle import run
from journey_engine.run.settings import load
from tests.chaos.control import Control
from tests.chaos.wounded import wounding

if __name__ == "__main__":
    control = Control(Path(sys.argv[1]))
    control.bend_time()
    settings = load()
    defined = definitions.load(settings.topologies, settings.schemas, settings.app_id)
    sys.exit(run(settings, defined, wounding(control)))
