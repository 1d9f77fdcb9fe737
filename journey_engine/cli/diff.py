"""`journey-engine diff`."""

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number
from rich.markup import escape
from rich.table import Table

from journey_engine.cli.connection import Refused, run
from journey_engine.cli.console import amount, out, print_json, show_table
from journey_engine.cli.options import FROM_SETTINGS, HERE, Broker, Definitions
from journey_engine.cli.shadow import apps
from journey_engine.cli.values import Duration

if TYPE_CHECKING:
    from journey_engine.run.comparing import Compared, Comparison, Show
    from journey_engine.run.decided import Decided
    from journey_engine.run.differing import Divergence

MINUTE = 60_000


def diff(
    shadow: str,
    /,
    *,
    limit: Annotated[int, Parameter(validator=Number(gte=0, lte=100_000))] = 20,
    tolerance: Duration = None,
    reveal: bool = False,
    broker: Broker = FROM_SETTINGS,
    definitions: Definitions = HERE,
    json: bool = False,
) -> int:
    """What a shadow's definitions would change, and for whom.

    Compares what the live app and the shadow decided since it began, as far as both have come: of
    each customer the first decision that differs. What follows it is not told, since a shadow that
    decided otherwise gets no answers. Exit code 1 where anything differs.

    For example:

        journey-engine diff summer --broker localhost:9092

    Args:
        shadow: The shadow's name.
        limit: Tell so many customers by name.
        tolerance: A decision taken so much sooner or later is still the same; else 1m.
        reveal: Show customers' ids and what commands carry, not hashes.
        json: One JSON document.
    """
    from journey_engine.run.comparing import Comparison
    from journey_engine.run.definitions import load_schemas

    live, other = apps(shadow, broker, definitions)
    about = MINUTE if tolerance is None else tolerance
    comparison = Comparison(live, other, load_schemas(definitions.schemas), about, limit)
    with amount("records", quiet=json) as show:
        found = run(_compare(comparison, show), live.settings)
    if json:
        print_json(_document(shadow, found, reveal=reveal))
    else:
        _tell(shadow, found, reveal=reveal)
    return 1 if found.diverged else 0


async def _compare(comparison: "Comparison", show: "Show") -> "Compared":
    from journey_engine.run.moving import MoveError

    try:
        return await comparison.run(show)
    except MoveError as error:
        raise Refused(str(error)) from error
    except TimeoutError:
        raise Refused("the broker does not answer in time") from None


def _document(shadow: str, found: "Compared", *, reveal: bool) -> dict[str, Any]:
    return {
        "shadow": shadow,
        "plans": {"live": found.plans[0], "shadow": found.plans[1]},
        "since": _time(found.since),
        "until": _time(found.until),
        "records": found.records,
        "customers": found.customers,
        "diverged": found.diverged,
        "at_edges": found.at_edges,
        "counts": [
            {"journey": journey, "live": live, "shadow": other, "customers": count}
            for (journey, live, other), count in found.counts.most_common()
        ],
        "first": [_divergence(each, reveal=reveal) for each in found.first],
    }


def _divergence(each: "Divergence", *, reveal: bool) -> dict[str, Any]:
    one = each.live or each.shadow
    return {
        "customer": _person(each.person, reveal=reveal),
        "journey": each.journey,
        "at": _time(each.at),
        "input": None if one is None else one.input,
        "live": _side(each.live, reveal=reveal),
        "shadow": _side(each.shadow, reveal=reveal),
    }


def _side(one: "Decided | None", *, reveal: bool) -> dict[str, Any] | None:
    if one is None:
        return None
    shown = one.shown
    if not reveal and "data" in shown:
        shown = {**shown, "data": dict.fromkeys(shown["data"], "…")}
    return {"at": _time(one.at), "version": one.version, "decided": one.word, **shown}


def _tell(shadow: str, found: "Compared", *, reveal: bool) -> None:
    out.print(
        f"{found.diverged:,} of {found.customers:,} customers would be treated otherwise by "
        f"{shadow} (plan {found.plans[1][:12]}, live {found.plans[0][:12]}), "
        f"{_time(found.since)} to {_time(found.until)}",
        highlight=False,
    )
    if found.at_edges:
        out.print(
            f"{found.at_edges:,} decisions near the begin or the end of that are left out: the "
            "other side may have taken them just outside",
            highlight=False,
        )
    if not found.diverged:
        return
    table = Table("journey", "live", "shadow", "customers")
    for (journey, live, other), count in found.counts.most_common():
        table.add_row(escape(journey), escape(live), escape(other), f"{count:,}")
    show_table(table)
    for each in found.first:
        _tell_one(each, reveal=reveal)
    if len(found.first) < found.diverged:
        left = found.diverged - len(found.first)
        out.print(f"and {left:,} more customers: --limit tells more", highlight=False)


def _tell_one(each: "Divergence", *, reveal: bool) -> None:
    one = each.live or each.shadow
    cause = None if one is None else one.input
    place = "" if cause is None else (
        f", by {cause['event_id']} ({cause['topic']} {cause['partition']}@{cause['offset']})"
    )  # fmt: skip
    who = _person(each.person, reveal=reveal)
    out.print(
        f"[bold]{escape(who)}[/bold] {_time(each.at)} {escape(each.journey + place)}",
        highlight=False,
    )
    for name, side, word in zip(
        ("live", "shadow"), (each.live, each.shadow), each.words, strict=True
    ):
        told = "" if side is None else f" (version {side.version})"
        why = side.shown.get("trace", []) if side is not None else []
        last = f": {why[-1]}" if why else ""
        out.print(f"  {name}: {word}{told}{last}", highlight=False, markup=False)


def _person(person: str, *, reveal: bool) -> str:
    from journey_engine.observe.logs import hashed

    return person if reveal else hashed(person)


def _time(at: int) -> str:
    from journey_engine.define.iso import iso_utc

    return iso_utc(max(at, 0))
