"""`journey-engine channel`."""

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import cyclopts
from cyclopts import Parameter
from cyclopts.validators import Number
from rich.markup import escape

from journey_engine.cli.connection import Misused, Refused, load_settings, run
from journey_engine.cli.console import err, out, print_json
from journey_engine.cli.groups import OPERATORS
from journey_engine.cli.options import EMBEDDED, HERE, ON_EMBEDDED, Definitions

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

    from journey_engine.contract.answers import Finding
    from journey_engine.contract.channels import Company
    from journey_engine.contract.intake import Told
    from journey_engine.define.action_plan import ActionKind
    from journey_engine.run.settings import Settings

Program = Annotated[str, Parameter(allow_leading_hyphen=True)]
Seconds = Annotated[float, Parameter(validator=Number(gt=0, lte=86_400))]


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """The broker of a trial."""

    broker: str = EMBEDDED
    """`embedded` starts one for the trial; or HOST:PORT, where missing topics are made."""

    prefix: str = ""
    """What stands before every topic's name."""


FOR_NOW = Where()
"""A broker of the trial's own."""

channel = cyclopts.App(
    name="channel",
    help="Try a channel's programs, in whatever language, without an engine.",
    group=OPERATORS,
    version_flags=[],
)


@channel.command
def golden(
    *,
    folder: Annotated[Path, Parameter(name="--out")] = Path("var/golden"),
    definitions: Definitions = HERE,
    json: bool = False,
) -> int:
    """Write golden messages: the bytes of events and commands, each with what it means.

    Events that are taken, events that are refused with the code, commands in every frame.

    For example:

        journey-engine channel golden --out golden

    Args:
        folder: The folder to write to.
        json: Print the count as one JSON document.
    """
    from journey_engine.run.company import load_company, write_golden

    company = load_company(definitions.topologies, definitions.schemas)
    count = write_golden(company, folder)
    if json:
        print_json({"messages": count})
    else:
        out.print(f"{count} messages written to {folder}", highlight=False)
    return 0


@channel.command
def check_publisher(
    *program: Program,
    where: Where = FOR_NOW,
    definitions: Definitions = HERE,
    events: Annotated[int, Parameter(validator=Number(gte=1))] = 1_000_000,
    within: Seconds = 600,
    json: bool = False,
) -> int:
    """Say of each event that a program publishes whether an engine takes it, and if not, why.

    A broker is started, with the topics; the program runs beside it with `JOURNEY_BROKERS` and
    `JOURNEY_TOPIC_PREFIX` in its environment. Without a program, publish from elsewhere, to the
    broker that is named. Exit code 1 where an event is refused or lies wrongly, none came, or the
    program failed.

    For example:

        journey-engine channel check-publisher -- node publisher.mjs

        journey-engine channel check-publisher --broker localhost:9092 --events 3

    Args:
        program: The program and its arguments, behind `--`.
        events: End once so many have come.
        within: End after so many seconds.
        json: Print the verdict as one JSON document.
    """
    from journey_engine.run.company import load_company
    from journey_engine.run.trial import try_publisher

    company = load_company(definitions.topologies, definitions.schemas)
    with _settings(where, definitions, program) as settings:
        work = try_publisher(settings, company, program, _tell, events=events, within_s=within)
        return _verdict(_run(work, settings), json=json)


@channel.command
def check_sender(
    name: str,
    /,
    *program: Program,
    where: Where = FOR_NOW,
    definitions: Definitions = HERE,
    action: str | None = None,
    start: Seconds = 60,
    within: Seconds = 30,
    json: bool = False,
) -> int:
    """Ask a channel's sender for what an engine would ask, and judge its answers.

    A command on every partition, one twice, one that has expired, one to be kept, one that is
    cancelled, three of one customer, a visitor's: each is to be answered as it should, by events
    with the right schema, key, partition, command and order. Nothing is sent to real customers'
    ids, but the sender must be one that sends nothing in earnest. Exit code 1 where an answer is
    missing or wrong.

    For example:

        journey-engine channel check-sender email -- node sender.mjs

        journey-engine channel check-sender push --broker localhost:9092

    Args:
        name: The channel.
        program: The sender and its arguments, behind `--`; it is stopped at the end.
        action: What to ask for: send, show or task; else the first of them that the channel takes.
        start: Seconds until the first answer.
        within: Seconds until all other answers are there.
        json: Print the verdict as one JSON document.
    """
    from uuid import uuid4

    from journey_engine.contract.errands import Trial
    from journey_engine.run.company import load_company
    from journey_engine.run.trial import try_sender

    company = load_company(definitions.topologies, definitions.schemas)
    trial = Trial(company, name, _action(company, name, action), uuid4().hex[:8])
    with _settings(where, definitions, program) as settings:
        work = try_sender(settings, company, trial, program, _tell, start_s=start, within_s=within)
        return _verdict(_run(work, settings), json=json)


def _action(company: "Company", name: str, wanted: str | None) -> "ActionKind":
    """What to ask the channel for."""
    from journey_engine.contract.errands import answered_actions

    known = answered_actions(company, name)
    chosen = [kind for kind in known if wanted is None or kind.value == wanted.upper()]
    if not chosen:
        channels = (each for each in company.channels if answered_actions(company, each))
        said = ", ".join(f"{each}: {_words(answered_actions(company, each))}" for each in channels)
        raise Misused(f"there is nothing to ask {name} for; there are {said}")
    return chosen[0]


def _words(kinds: "list[ActionKind]") -> str:
    return " ".join(kind.value.lower() for kind in kinds)


@contextmanager
def _settings(
    where: Where, definitions: Definitions, program: tuple[str, ...]
) -> "Iterator[Settings]":
    """Settings for the broker that is named, or for one that is started for now."""
    from contextlib import ExitStack

    from journey_engine.run.brokers import BrokerError, EmbeddedBroker

    with ExitStack() as stack:
        try:
            embedded = where.broker == EMBEDDED
            address = stack.enter_context(EmbeddedBroker()).address if embedded else where.broker
        except BrokerError as error:
            raise Refused(str(error)) from error
        if not program:
            err.print(f"the broker is {address}; start your program now", highlight=False)
        yield load_settings(
            brokers=address,
            topic_prefix=where.prefix,
            topologies=definitions.topologies.absolute(),
            schemas=definitions.schemas.absolute(),
            shadow="",
            definitions="files",
            **(ON_EMBEDDED if embedded else {}),
        )


def _run(work: "Coroutine[Any, Any, list[Finding]]", settings: "Settings") -> "list[Finding]":
    try:
        return run(work, settings)
    except FileNotFoundError as error:
        raise Refused(f"the program cannot be started: {error}") from error


def _tell(told: "Told") -> None:
    """Show an event as it comes; its key as logs show a customer's id."""
    from journey_engine.observe.logs import hashed

    key = None if told.key is None else hashed(told.key)
    what = "a record" if told.event is None else f"{told.event.type} {told.event.event_id}"
    place = f"{told.topic} {told.partition}@{told.offset}"
    colour = "green" if told.good else "red"
    err.print(
        f"[{colour}]{told.code}[/{colour}] {escape(what)} ({place}, key {key})",
        highlight=False,
        soft_wrap=True,
    )


def _verdict(findings: "list[Finding]", *, json: bool) -> int:
    wrong = [each for each in findings if each.faults]
    if json:
        cases = [{"name": f.name, "about": f.about, "faults": f.faults} for f in findings]
        print_json({"ok": not wrong, "cases": cases})
        return 1 if wrong else 0
    for each in findings:
        mark = "[red]✗[/red]" if each.faults else "[green]✓[/green]"
        out.print(f"{mark} {escape(each.name)}: {escape(each.about)}", highlight=False)
        for fault in each.faults:
            out.print(f"    {fault}", highlight=False, markup=False)
    good = len(findings) - len(wrong)
    out.print(f"{good} as they should be, {len(wrong)} not", highlight=False)
    return 1 if wrong else 0
