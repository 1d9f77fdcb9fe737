"""The command line: each command a module of its own.

A command imports what it runs when it is called, so that `--help` answers at once.
Exit codes: 0 done, 1 findings or a failure that the message explains, 2 wrong usage.
"""

import os
import sys

import cyclopts

from journey_engine.cli.connection import Refused
from journey_engine.cli.console import fail
from journey_engine.cli.definitions import definitions
from journey_engine.cli.demo import demo
from journey_engine.cli.diagram import diagram
from journey_engine.cli.experiments import experiments
from journey_engine.cli.explain import explain
from journey_engine.cli.groups import AUTHORS, FIRST, OPERATORS
from journey_engine.cli.journeys import journeys
from journey_engine.cli.publish import publish
from journey_engine.cli.repartition import repartition
from journey_engine.cli.replay import replay
from journey_engine.cli.tail import tail
from journey_engine.cli.test import test
from journey_engine.cli.topics import topics
from journey_engine.cli.validate import validate
from journey_engine.cli.worker import worker
from journey_engine.errors import DefinitionErrors

EXIT_FINDINGS = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130

app = cyclopts.App(
    name="journey-engine",
    help="""Customer journeys on Kafka: events in, orchestration commands out.

    Write journeys as files, check and try them with `validate`, `test`, `diagram`, `replay` and
    `explain`; run them with `topics create` and `worker`; feed and watch them with `publish` and
    `tail`; see it all at once with `demo`.
    """,
    help_format="markdown",
    version_flags=["--version"],
)

app.command(demo, group=FIRST)
app.command(validate, group=AUTHORS)
app.command(test, group=AUTHORS)
app.command(diagram, group=AUTHORS)
app.command(experiments)
app.command(replay, group=AUTHORS)
app.command(explain, group=AUTHORS)
app.command(worker, group=OPERATORS)
app.command(publish, group=OPERATORS)
app.command(tail, group=OPERATORS)
app.command(repartition, group=OPERATORS)
app.command(topics)
app.command(definitions)
app.command(journeys)


def main() -> None:
    """Run the command line and leave with its exit code."""
    try:
        result = app(sys.argv[1:], exit_on_error=False, result_action="return_value")
    except cyclopts.CycloptsError:
        sys.exit(EXIT_USAGE)
    except (DefinitionErrors, Refused) as reason:
        fail(str(reason))
        sys.exit(EXIT_FINDINGS)
    except BrokenPipeError:  # the reader of a pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        if error.filename is None:
            raise
        fail(f"{error.filename}: {error.strerror}")
        sys.exit(EXIT_FINDINGS)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    sys.exit(result if isinstance(result, int) else 0)
