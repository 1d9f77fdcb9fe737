"""`journey-engine explain`."""

import codecs
import datetime as dt
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from cyclopts import Parameter
from rich.markup import escape

from journey_engine.cli.connection import Misused, Refused, require_files, run, settings_of
from journey_engine.cli.console import out, print_json
from journey_engine.cli.options import FROM_SETTINGS, HERE, Broker, Definitions
from journey_engine.cli.values import Time

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from journey_engine.decide.message import Input
    from journey_engine.decide.verdict import Decision
    from journey_engine.define.personal import Personal
    from journey_engine.run.deciding import Observer
    from journey_engine.run.definitions import Definitions as Defined
    from journey_engine.run.settings import Settings
    from journey_engine.why.answer import Answer
    from journey_engine.why.past import Taken, World
    from journey_engine.why.question import Wanted
    from journey_engine.why.records import Recorded

    Before = tuple[Defined, int]

DECISIONS = "decisions"
RECORD = "SendDecision"
_NOTHING = "nothing that a journey reads happened to {!r} in this log"


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where what happened is written down; nothing: the broker's decision topic."""

    events: Annotated[tuple[Path, ...], Parameter(consume_multiple=True, negative="")] = ()
    """The log's files: JSON lines, Avro object container files (.avro) or CSV, also .gz."""

    map: Path | None = None
    """The mapping of a CSV file's columns to event types and fields (`.map.yaml`)."""

    decisions: Path | None = None
    """A file of decisions that `replay` wrote."""

    former: Path | None = None
    """The folder of the definitions that were in force until `--activated`."""

    activated: Time = None
    """When those of `--topologies` came into force, in the middle of the log (ISO 8601)."""


TOPIC = Source()
"""What the broker holds."""


def explain(  # noqa: PLR0913 - what one may ask
    *,
    customer: str,
    content: str | None = None,
    at: Time = None,
    source: Source = TOPIC,
    broker: Broker = FROM_SETTINGS,
    definitions: Definitions = HERE,
    reveal: bool = False,
    json: bool = False,
) -> int:
    """Tell what happened to one customer and why, in sentences; or why one content was not sent.

    With `--content`: whether it was sent by the time of `--at`, the first rule that stood in the
    way, what it read, and the smallest single changes with which it would have been sent, each of
    them tried. Where the definitions changed in the middle of the log, `--former` and `--activated`
    say so: who had entered stays in the version of then.

    From `--decisions`, or from the broker's decision topic where no log is named, the same without
    what was read and what would have helped.

    For example:

        journey-engine explain --events shop.jsonl.gz --customer c-0042 --content cart-reminder

    Args:
        customer: The customer's id, or an anonymous id; without `--content` also an account's.
        content: The content, or the id of the action, that is asked about.
        at: By when it should have been sent (ISO 8601), else the log's end.
        reveal: Show personal values, too: of fields that the schemas mark, and of what is kept of
            them.
        json: Print one JSON document: an entry for each input, or the answers.
    """
    from journey_engine.define.personal import NOTHING_PERSONAL, personal
    from journey_engine.run.definitions import load
    from journey_engine.why.answer import answers as answers_of

    if content is None and at is not None:
        raise Misused("--at goes with --content: which content should have been sent by then?")
    defined = load(definitions.topologies, definitions.schemas)
    before = _before(source, definitions.schemas, content)
    hidden = NOTHING_PERSONAL if reveal else personal(defined.plan, defined.schemas)
    if content is None:
        return _story(defined, source, customer, hidden, json=json)
    asked = _asked(defined, before, content)
    if source.events:
        past = _past(defined, before, source, customer, at)
        answers = answers_of(past, asked, defined.schemas, hidden)
    else:
        answer = _from_records(defined, source.decisions, broker, customer, asked, at)
        if answer is None:
            raise Refused(f"nothing was decided on {content!r} for {customer!r}")
        answers = [answer]
    if json:
        print_json({"customer": customer, "content": content, "answers": answers})
    for each in [] if json else answers:
        _tell(each)
    return 0


def _before(source: Source, schemas: Path, content: str | None) -> "Before | None":
    """The definitions of before, and until when they were in force."""
    from journey_engine.run.definitions import load

    if source.former is None and source.activated is None:
        return None
    if source.former is None or source.activated is None or content is None or not source.events:
        raise Misused("--former and --activated go together, with --events and --content")
    require_files(source.events)
    return load(source.former, schemas), source.activated


def _asked(defined: "Defined", before: "Before | None", content: str) -> "list[Wanted]":
    from journey_engine.define.place import suggestion
    from journey_engine.why.question import names, wanted

    asked = wanted(defined.plan, content, None if before is None else before[0].plan)
    if not asked:
        hint = suggestion(content, names(defined.plan))
        raise Refused(f"no journey sends the content {content!r}; {hint}")
    return asked


def _watch(defined: "Defined", source: Source, observe: "Observer") -> None:
    """Show every decision that the log comes to; none is kept."""
    from journey_engine.run.log_files import read_records
    from journey_engine.run.replay import Replay

    if not source.events:
        raise Misused("name the log with --events")
    plan, schemas, topics = defined.plan, defined.schemas, defined.topics
    names = [t.name for t in topics.inputs.values()]
    replay = Replay(
        plan, schemas, names, topics.partitions, observe, value_bytes_max=topics.input_bytes_max
    )
    for _ in replay.outputs(read_records(source.events, source.map, schemas, topics)):
        pass


def _past(
    defined: "Defined",
    before: "Before | None",
    source: Source,
    customer: str,
    by: int | None,
) -> "World":
    """What happened to the customer, each input as the definitions in force read it."""
    from journey_engine.why.past import World

    taken, end = _taken(defined, source, customer)
    world = World(defined.plan, taken, end if by is None else by)
    if before is not None:
        former, activated = before
        first, _ = _taken(former, source, customer)
        read = [one for one in first if one.now < activated]
        read += [one for one in taken if one.now >= activated]
        world = replace(world, taken=read, former=former.plan, activated=activated)
    if not world.taken:
        raise Refused(_NOTHING.format(customer))
    return world


def _taken(defined: "Defined", source: Source, customer: str) -> "tuple[list[Taken], int]":
    """The inputs of the customer from outside, and when the log ends."""
    from journey_engine.decide.event import TimersDue
    from journey_engine.why.past import Taken

    taken: list[Taken] = []
    end = 0

    def observe(given: "Input", now: int, _: "Decision") -> None:
        nonlocal end
        end = max(end, now)
        # A visitor has a state of its own, also once it is known who that is.
        who = given.anonymous_id if given.customer_id is None else given.customer_id
        if who == customer and not isinstance(given, TimersDue):
            taken.append(Taken(given, now))

    _watch(defined, source, observe)
    return taken, end


def _from_records(
    defined: "Defined",
    file: Path | None,
    broker: Broker,
    customer: str,
    asked: "list[Wanted]",
    by: int | None,
) -> "Answer | None":
    from journey_engine.why.records import recorded

    records: Iterable[Mapping[str, Any]]
    if file is None:
        settings = settings_of(broker)
        records = run(_topic(defined, settings, customer), settings)
    else:
        records = _lines(file)
    return recorded(records, customer, asked, by)


def _lines(file: Path) -> "Iterator[Recorded]":
    from journey_engine.why.records import Recorded

    decoder = msgspec.json.Decoder(Recorded)
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            text = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
            if text.isspace():
                continue
            try:
                yield decoder.decode(text)
            except (ValueError, RecursionError) as error:
                raise Refused(f"{file}:{number}: not a decision: {error}") from error


async def _topic(defined: "Defined", settings: "Settings", customer: str) -> list[dict[str, Any]]:
    """The decisions on the customer."""
    from journey_engine.run.readable import readable
    from journey_engine.run.tailing import tail
    from journey_engine.run.topics import require_topics

    name = settings.own_prefix + defined.topics.outputs[DECISIONS].name
    partitions = defined.topics.partitions
    await require_topics(settings, [name], partitions=partitions)
    found: list[dict[str, Any]] = []
    async for record in tail(settings, [name], partitions):
        shown = readable(record, defined.schemas)
        if shown.get("type") == RECORD:
            fields = shown["value"]
            if customer in (fields["customer_id"], fields["anonymous_id"]):
                found.append(as_written(fields))
    return found


def as_written(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields as `decisions.jsonl` has them: times in milliseconds."""
    return {
        name: round(value.timestamp() * 1000) if isinstance(value, dt.datetime) else value
        for name, value in fields.items()
    }


def _tell(answer: "Answer") -> None:
    when = "" if answer.decided_at is None else f" at {answer.decided_at}"
    key = "" if answer.key is None else f" [{answer.key}]"
    of = f"rule {answer.rule}, version {answer.version}, plan {answer.plan[:12]}"
    _line(f"{answer.journey}{key}: {answer.action}: {answer.outcome}{when}")
    _line(f"  {answer.why} ({of})")
    if answer.trace:
        _line(f"  looked at: {'; '.join(answer.trace)}")
    for operand, value in answer.inputs.items():
        _line(f"  read: {operand} = {value}")
    for change in answer.instead:
        _line(f"  it would have been sent {change}")


def _line(text: str) -> None:
    out.print(text, markup=False, highlight=False, soft_wrap=True)


def _story(
    defined: "Defined", source: Source, customer: str, hidden: "Personal", *, json: bool
) -> int:
    from journey_engine.decide.explain import sentences
    from journey_engine.define.iso import iso_utc

    told: list[dict[str, Any]] = []

    def observe(given: "Input", now: int, decision: "Decision") -> None:
        if customer in _ids(given):
            lines = sentences(decision, defined.plan, hidden)
            told.append({"at": iso_utc(now), "input": _title(given), "sentences": lines})

    _watch(defined, source, observe)
    if not told:
        raise Refused(_NOTHING.format(customer))
    if json:
        print_json({"customer": customer, "inputs": told})
    for each in [] if json else told:
        out.print(f"[bold]{each['at']}[/bold]  {escape(each['input'])}", highlight=False)
        for line in each["sentences"]:
            _line(f"  {line}")
    return 0


def _ids(given: "Input") -> "tuple[str | None, ...]":
    """Whose input it is."""
    from journey_engine.decide.event import Event

    who = (given.customer_id, given.anonymous_id)
    return who if isinstance(given, Event) else (*who, given.account_id)


def _title(given: "Input") -> str:
    from journey_engine.decide.event import Event, TimersDue

    if isinstance(given, Event):
        return f"{given.type} ({given.event_id})"
    return "a timer is due" if isinstance(given, TimersDue) else "a message from another partition"
