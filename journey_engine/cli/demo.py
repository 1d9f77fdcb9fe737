"""`journey-engine demo`."""

from collections import Counter, deque
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self
from uuid import uuid4

from cyclopts import Parameter
from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner
from rich.table import Table

from journey_engine.cli.connection import Refused, load_settings, run
from journey_engine.cli.console import out, print_json
from journey_engine.cli.options import EMBEDDED, HERE, ON_EMBEDDED, Definitions
from journey_engine.cli.summary import document, show

if TYPE_CHECKING:
    from journey_engine.run.demo import Happening
    from journey_engine.run.settings import Settings

SHOWN = 12
"""Happenings that the live view shows; off a terminal, how many are printed at all."""


def demo(
    *,
    broker: str = EMBEDDED,
    input: Annotated[  # noqa: A002 - what the command line calls it
        tuple[Path, ...], Parameter(consume_multiple=True, negative="")
    ] = (),
    map: Path | None = None,  # noqa: A002 - what the command line calls it
    definitions: Definitions = HERE,
    json: bool = False,
) -> int:
    """See it all at once: a broker, a worker, a shop's log going in, commands coming out.

    The clock is the log's own, so months pass in seconds and each run ends with the same summary,
    the one that `journey-engine replay` gives for the same log.

    For example:

        journey-engine demo

        journey-engine demo --broker localhost:9092 --input shop.csv.gz --map ecom.map.yaml

    Args:
        broker: `embedded` starts one for the demo; or HOST:PORT, where the demo's topics get a
            prefix of their own and are deleted at the end.
        input: The log's files; else the shop's log that comes with the package.
        map: The mapping of a CSV log.
        json: Print only the summary, as one JSON document.
    """
    from journey_engine.run.definitions import load
    from journey_engine.run.demo import Demo, WorkerEndedError
    from journey_engine.run.log_files import read_records
    from journey_engine.simulate import SHOP_LOG

    with ExitStack() as stack:
        settings = _settings(stack, broker, definitions)
        defined = load(definitions.topologies, definitions.schemas, settings.app_id)
        schemas, topics = defined.schemas, defined.topics
        records = read_records(input or (SHOP_LOG,), map, schemas, topics)
        view = stack.enter_context(_View(quiet=json))
        try:
            guest = broker != EMBEDDED
            work = Demo(settings, schemas, topics, guest).run(records, view.add)
            summary = run(work, settings)
        except WorkerEndedError as error:
            raise Refused(str(error)) from error
    if json:
        print_json(document(summary))
    else:
        show(summary)
    return 0


def _settings(stack: ExitStack, broker: str, definitions: Definitions) -> "Settings":
    """A worker for a moment: log time, state in memory. On somebody else's broker its app and its
    topics bear a name that nobody else has.
    """
    from journey_engine.run.brokers import BrokerError, EmbeddedBroker, free_port

    embedded = broker == EMBEDDED
    name = "demo" if embedded else f"demo-{uuid4().hex[:8]}"
    try:
        address = stack.enter_context(EmbeddedBroker()).address if embedded else broker
    except BrokerError as error:
        raise Refused(str(error)) from error
    return load_settings(
        brokers=address,
        app_id=name,
        topic_prefix="" if embedded else f"{name}.",
        clock="stream",
        store="volatile",
        topologies=definitions.topologies,
        schemas=definitions.schemas,
        web_host="127.0.0.1",
        web_port=free_port(),
        shadow="",
        definitions="files",
        log_level="warning",
        **(ON_EMBEDDED if embedded else {}),
    )


class _View(AbstractContextManager["_View"]):
    """What comes out, live: on a terminal a table that moves, else the first few lines."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._counts: Counter[str] = Counter()
        self._last: deque[str] = deque(maxlen=SHOWN)
        waiting = Spinner("dots", "a worker is starting, the log goes in …")
        self._live = Live(waiting, console=out, transient=True, refresh_per_second=8)

    def __enter__(self) -> Self:
        if out.is_terminal and not self._quiet:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def add(self, happening: "Happening") -> None:
        """Show one more."""
        self._counts[_label(happening)] += 1
        if self._quiet:
            return
        if self._live.is_started:
            self._last.append(_line(happening))
            self._live.update(self._table())
        elif self._counts.total() <= SHOWN:
            out.print(_line(happening), highlight=False, soft_wrap=True)
        elif self._counts.total() == SHOWN + 1:
            out.print("…", highlight=False)

    def _table(self) -> Group:
        counts = Table.grid(padding=(0, 2))
        for label, count in sorted(self._counts.items()):
            counts.add_row(f"[bold]{count:,}[/bold]", label)
        return Group(*self._last, "", counts)


def _label(happening: "Happening") -> str:
    if happening.kind == "transition":
        return "transitions"
    return f"commands on {happening.fields['channel']}"


def _line(happening: "Happening") -> str:
    fields = happening.fields
    who = escape(str(fields["customer_id"]))
    if happening.kind == "transition":
        when, place = fields["occurred_at"], fields["journey"]
        step = f"{fields['from'] or 'enters'} → {fields['to'] or fields['end']}"
        return f"[dim]{when:%Y-%m-%d %H:%M}[/dim]  {who}  {place}: {step}"
    when, place = fields["created_at"], fields["journey"]["name"]
    what = escape(f"{fields['action']} {fields['content']} by {fields['channel']}")
    return f"[dim]{when:%Y-%m-%d %H:%M}[/dim]  {who}  {place}: [green]{what}[/green]"
