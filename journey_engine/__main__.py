"""`python -m journey_engine` is `journey-engine`."""

from journey_engine.cli.app import main

main()
