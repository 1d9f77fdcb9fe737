"""The command line: each command a module of its own.

A command imports what it runs when it is called, so that `--help` answers at once.
Exit codes: 0 done, 1 findings or a failure that the message explains, 2 wrong usage. With `--json`
a failure is told as a JSON document on standard output, `{"ok": false, "errors": [...]}`, as
`validate` tells its findings; wrong usage is always text on standard error.
"""

import os
import sys

import cyclopts
import msgspec

from journey_engine.cli.channel import channel
from journey_engine.cli.connection import Misused, Refused
from journey_engine.cli.console import Console, fail, out, print_json
from journey_engine.cli.deadletters import deadletters
from journey_engine.cli.definitions import definitions
from journey_engine.cli.demo import demo
from journey_engine.cli.diagram import diagram
from journey_engine.cli.diff import diff
from journey_engine.cli.doctor import doctor
from journey_engine.cli.experiments import experiments
from journey_engine.cli.explain import explain
from journey_engine.cli.failover import failover
from journey_engine.cli.folders import fill_in
from journey_engine.cli.groups import AUTHORS, FIRST, OPERATORS
from journey_engine.cli.journeys import journeys
from journey_engine.cli.lag import lag
from journey_engine.cli.person import erase, state
from journey_engine.cli.publish import publish
from journey_engine.cli.repartition import repartition
from journey_engine.cli.replay import replay
from journey_engine.cli.schemas import schemas
from journey_engine.cli.shadow import shadow
from journey_engine.cli.sizing import sizing
from journey_engine.cli.tail import tail
from journey_engine.cli.test import test
from journey_engine.cli.topics import topics
from journey_engine.cli.validate import validate
from journey_engine.cli.worker import worker
from journey_engine.errors import DefinitionErrors

EXIT_FINDINGS = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
REFUSED = "REFUSED"
"""The code, in JSON, of a failure that is not in a file of definitions or a log."""

app = cyclopts.App(
    name="journey-engine",
    help="""Customer journeys on Kafka: events in, orchestration commands out.

    Write journeys as files, check and try them with `validate`, `test`, `diagram`, `replay` and
    `explain`; run them with `topics create` and `worker`; feed and watch them with `publish` and
    `tail`; change what runs with `definitions` and `journeys`; see it all at once with `demo`.

    Where a command talks to a broker, what is not said comes from the settings: `JOURNEY_BROKERS`
    and the like (`worker --print-config` lists them).
    """,
    console=Console(),
    config=fill_in,
    help_format="markdown",
    version_flags=["--version"],
    default_parameter=cyclopts.Parameter(negative="", show_default=lambda value: value or None),
)

app.command(demo, group=FIRST)
app.command(validate, group=AUTHORS)
app.command(test, group=AUTHORS)
app.command(diagram, group=AUTHORS)
app.command(experiments)
app.command(schemas)
app.command(replay, group=AUTHORS)
app.command(explain, group=AUTHORS)
app.command(worker, group=OPERATORS)
app.command(publish, group=OPERATORS)
app.command(tail, group=OPERATORS)
app.command(lag, group=OPERATORS)
app.command(doctor, group=OPERATORS)
app.command(state)
app.command(erase, group=OPERATORS)
app.command(repartition, group=OPERATORS)
app.command(shadow)
app.command(diff, group=OPERATORS)
app.command(failover, group=OPERATORS)
app.command(sizing, group=OPERATORS)
app.command(topics)
app.command(channel)
app.command(definitions)
app.command(journeys)
app.command(deadletters)


def main() -> None:
    """Run the command line and leave with its exit code."""
    code = 0
    try:
        code = _run()
        out.file.flush()  # what waits there would fail when nobody can tell it any more
    except BrokenPipeError:  # the reader of a pipe has seen enough
        _print_no_more()
    except OSError as error:  # standard output takes no more, such as on a full disk
        if error.strerror is None:
            raise
        code = EXIT_FINDINGS
        fail(error.strerror)
        _print_no_more()
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED
    sys.exit(code)


def _print_no_more() -> None:
    """Keep the interpreter from trying once more, at its end, to write what could not be."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run() -> int:
    """The exit code; an OSError of standard output is left to the caller."""
    json = "--json" in sys.argv  # as long as nobody has read the command line
    try:
        command, given, _ = app.parse_args(sys.argv[1:], exit_on_error=False)
        json = given.arguments.get("json") is True
        result = command(*given.args, **given.kwargs)
    except cyclopts.CycloptsError:
        return EXIT_USAGE
    except Misused as wrong:
        fail(str(wrong))
        return EXIT_USAGE
    except DefinitionErrors as found:
        errors = [msgspec.to_builtins(each) for each in found.errors]
        return _refuse(str(found), errors, json=json)
    except Refused as reason:
        return _refuse(str(reason), [_other(str(reason))], json=json)
    except OSError as error:
        if error.strerror is None or isinstance(error, BrokenPipeError) or not _printable():
            raise
        text = error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"
        return _refuse(text, [_other(text)], json=json)
    return result if isinstance(result, int) else 0


def _printable() -> bool:
    """Whether standard output takes what waits there."""
    try:
        out.file.flush()
    except OSError:
        return False
    return True


def _other(text: str) -> dict[str, object]:
    return {"code": REFUSED, "message": text}


def _refuse(text: str, errors: list[dict[str, object]], *, json: bool) -> int:
    """Say why a command cannot go on; the exit code."""
    if json:
        print_json({"ok": False, "errors": errors})
    else:
        fail(text)
    return EXIT_FINDINGS
