"""The command line. `journey_engine.cli.app` puts the commands together."""
