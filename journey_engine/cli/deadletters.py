"""`journey-engine deadletters`."""

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import cyclopts
from rich.markup import escape
from rich.table import Table

from journey_engine.cli.connection import Misused, Refused, names_of, run, settings_of
from journey_engine.cli.console import out, print_json, show_table
from journey_engine.cli.groups import OPERATORS
from journey_engine.cli.options import FROM_SETTINGS, HERE, Broker, Definitions

if TYPE_CHECKING:
    from journey_engine.run.deadletters import Letter
    from journey_engine.run.naming import Names
    from journey_engine.run.settings import Settings

Code = Annotated[str | None, cyclopts.Parameter(metavar="CODE")]

deadletters = cyclopts.App(
    name="deadletters",
    help="Look at records that were refused, and send them again.",
    group=OPERATORS,
    version_flags=[],
)


@deadletters.command(name="list")
def list_(
    *,
    code: Code = None,
    broker: Broker = FROM_SETTINGS,
    definitions: Definitions = HERE,
    json: bool = False,
) -> int:
    """How many there are of each code and topic, and the newest of each.

    For example:

        journey-engine deadletters list --broker localhost:9092

    Args:
        code: Only those with this code, such as DECODE_ERROR.
        json: One JSON document a letter, a line each, without what was in it.
    """
    settings = settings_of(broker)
    found = _read(settings, names_of(settings, definitions))
    letters = [each for each in found if code in (None, each.failure["code"])]
    if json:
        for letter in letters:
            print_json(_told(letter))
        return 0
    if not letters:
        out.print("no dead letters")
        return 0
    again = Counter(_kind(each) for each in letters if each.replayed)
    newest = {_kind(each): each for each in sorted(letters, key=lambda each: each.failure["at"])}
    table = Table("code", "topic", "letters", "sent again", "newest", "at", "message")
    for kind, count in sorted(Counter(map(_kind, letters)).items()):
        last = newest[kind]
        told = (*kind, f"{count:,}", f"{again[kind]:,}", last.place, last.failure["at"])
        table.add_row(*map(escape, (*told, last.failure.get("message", ""))))
    show_table(table)
    return 0


@deadletters.command
def show(
    place: str,
    /,
    *,
    reveal: bool = False,
    broker: Broker = FROM_SETTINGS,
    definitions: Definitions = HERE,
    json: bool = False,
) -> int:
    """Show one of them: why it was refused, and what is in it as far as it can be read.

    For example:

        journey-engine deadletters show 3@17

    Args:
        place: Its partition and offset, as `list` shows them.
        reveal: Show personal fields and unreadable bytes, too.
        json: One JSON document.
    """
    from journey_engine.run.definitions import load_schemas
    from journey_engine.run.readable import masked, readable

    settings = settings_of(broker)
    letter = _named(_read(settings, names_of(settings, definitions), whole=place), [place])[0]
    schemas = load_schemas(definitions.schemas)
    shown = (readable if reveal else masked)(letter.record, schemas)
    told = _told(letter) | {"record": shown}
    if json:
        print_json(told)
    else:
        out.print(told, soft_wrap=True)
    return 0


@deadletters.command
def replay(
    *places: str,
    code: Code = None,
    every: Annotated[bool, cyclopts.Parameter(name="--all")] = False,
    dry_run: bool = False,
    broker: Broker = FROM_SETTINGS,
    definitions: Definitions = HERE,
    json: bool = False,
) -> int:
    """Send them again to where they came from, once their cause is mended.

    Each customer's keep their order. None is sent twice: what was sent is noted beside the letter,
    in one transaction where the broker has them. What fails again is a new letter.

    For example:

        journey-engine deadletters replay --code SCHEMA_UNKNOWN

    Args:
        places: Those that lie there (partition@offset); else say `--code` or `--all`.
        code: All with this code.
        every: All that were not sent again yet.
        dry_run: Say how many it would be.
        json: Print the counts as one JSON document.
    """
    if sum((bool(places), code is not None, every)) != 1:
        raise Misused("say which: places, or --code, or --all")
    settings = settings_of(broker)
    if settings.shadow:
        raise Refused("a shadow's dead letters are not sent again: its inputs are the live app's")
    names = names_of(settings, definitions)
    letters = _read(settings, names)
    wanted = _named(letters, places) if places else letters
    chosen = [each for each in wanted if code in (None, each.failure["code"])]
    left = {each.place: why for each in chosen if (why := each.obstacle(names)) is not None}
    able = [each.place for each in chosen if each.place not in left]
    sent = len(able)
    if able and not dry_run:
        gone = {each.place for each in _send(settings, names, able)}
        meanwhile = [place for place in able if place not in gone]
        left |= dict.fromkeys(meanwhile, "another replay sent it meanwhile")
        sent = len(gone)
    _report(sent, left, dry=dry_run, json=json)
    return 0


def _send(settings: "Settings", names: "Names", places: list[str]) -> "list[Letter]":
    from journey_engine.run.deadletters import replay as send_again
    from journey_engine.run.guarantee import GuaranteeError
    from journey_engine.run.producing import FencedError, UnresolvedError

    wanted = frozenset(places)
    try:
        return run(send_again(settings, names, lambda letter: letter.place in wanted), settings)
    except (GuaranteeError, UnresolvedError) as error:
        raise Refused(f"{error}; what was sent is noted, so say it again") from error
    except FencedError as error:
        raise Refused(
            "another replay has begun, so this one stopped; what was sent is noted: say it again "
            "once the other is over"
        ) from error


def _report(sent: int, left: dict[str, str], *, dry: bool, json: bool) -> None:
    if json:
        print_json({"sent": 0 if dry else sent, "would_send": sent, "left": left})
        return
    out.print(f"{sent:,} {'would be' if dry else 'were'} sent again", highlight=False)
    for why, count in Counter(left.values()).items():
        out.print(f"{count:,} were not: {why}", markup=False, highlight=False)


def _read(settings: "Settings", names: "Names", whole: str | None = None) -> "list[Letter]":
    """All letters; with its value the one that lies at `whole`."""
    from journey_engine.encode.outgoing import OutKind
    from journey_engine.run.deadletters import read_letters
    from journey_engine.run.topics import require_topics

    async def read() -> "list[Letter]":
        topic = names.outputs[OutKind.DEADLETTER]
        await require_topics(settings, [topic], partitions=names.partitions)
        return await read_letters(settings, names, lambda letter: letter.place == whole)

    return run(read(), settings)


def _named(letters: "list[Letter]", places: "list[str] | tuple[str, ...]") -> "list[Letter]":
    by_place = {letter.place: letter for letter in letters}
    if unknown := [place for place in places if place not in by_place]:
        raise Refused(f"no dead letter lies at {', '.join(unknown)}: see `deadletters list --json`")
    return [by_place[place] for place in places]


def _kind(letter: "Letter") -> tuple[str, str]:
    return (letter.failure["code"], letter.record.topic)


def _told(letter: "Letter") -> dict[str, object]:
    return {"place": letter.place, "sent_again": letter.replayed, "failure": letter.failure}
