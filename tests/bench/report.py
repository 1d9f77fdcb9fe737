"""`make bench-report`: tables and charts of what is in `results/`, into the README beside it.

What stands between the markers is written anew; nothing is measured.
"""

import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pygal
from pygal.style import CleanStyle

from tests.bench.results import FOLDER, read

README = Path(__file__).parent / "README.md"
BEGIN, END = "<!-- begin of the report -->", "<!-- end of the report -->"
AXES = {
    "customers": "customers",
    "journeys": "journeys, of which at most 3 listen",
    "instances": "live instances of a customer, each of which does the job",
    "processes": "processes on two cores, the broker's beside them",
    "unread": "share of events of a type that nobody reads",
    "partitions": "partitions of one worker",
}
# For plug-ins of its past pygal leaves a hook of Python 2's kind, at which each later import warns.
sys.meta_path[:] = [each for each in sys.meta_path if not isinstance(each, pygal.PluginImportFixer)]

BENCHES = {"bench": "On Apache Kafka", "bench-embedded": "On the embedded broker"}
SCRIPT = "script"
Rows = Iterator[Sequence[str]]


def main() -> int:
    """The exit code."""
    text = README.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        sys.stderr.write(f"error: {README} has no {BEGIN} … {END}\n")
        return 1
    parts = [*benches(FOLDER), *growths(FOLDER)]
    README.write_text(before + "\n\n".join([BEGIN, *parts, END]) + after, encoding="utf-8")
    return 0


def benches(folder: Path) -> Iterator[str]:
    """Each bench that was kept, as a table."""
    for name, title in BENCHES.items():
        kept = read(name, folder)
        if kept is not None:
            yield f"### {title}\n\n{_taken(kept)}"
            yield table(_HEADINGS, _peers(kept))


def growths(folder: Path) -> Iterator[str]:
    """Each axis that was kept, as a table and charts, which are written beside it."""
    for axis, title in AXES.items():
        kept = read(f"growth-{axis}", folder)
        if kept is None:
            continue
        yield f"### Against {title}\n\nLast point: {_taken(kept)}"
        yield table(_GROWN, _points(kept["points"]))
        for key, what in (("per_cpu_second", "events for a CPU-second"), ("p99_ms", "p99, ms")):
            place = folder / f"growth-{axis}-{key}.svg"
            place.write_bytes(chart(f"{what} against {title}", kept["points"], key))
            yield f"![{what} against {title}]({folder.name}/{place.name})"


_HEADINGS = (
    "",
    "events for a CPU-second",
    "min - max",
    "events a second",
    "RSS, MiB",
    "bytes of a customer's state",
    "commands",
    "p50 / p99 at half load, ms",
    "p99, min - max",
)
_GROWN = (
    "",
    "",
    "commit",
    "events",
    "events for a CPU-second",
    "events a second",
    "RSS, MiB",
    "bytes of a customer's state",
    "p50 / p99 at half load, ms",
)


def table(headings: Sequence[str], rows: Rows) -> str:
    """In Markdown."""
    lines = [headings, ["---", *["---:"] * (len(headings) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def chart(title: str, points: Sequence[Mapping[str, Any]], key: str) -> bytes:
    """A line for each series, as SVG without scripts."""
    places = sorted({point["x"] for point in points})
    drawn = pygal.Line(
        title=title,
        style=CleanStyle,
        no_prefix=True,
        height=320,
        width=720,
        legend_at_bottom=True,
        dots_size=4,
        range=(0, 1.1 * max(point[key] for point in points)),
    )
    drawn.x_labels = [f"{place:,g}" if place < 1000 else f"{place:,.0f}" for place in places]
    for series in sorted({point["series"] for point in points}):
        found = {point["x"]: point[key] for point in points if point["series"] == series}
        drawn.add(series, [found.get(place) for place in places])
    root = drawn.render_tree()
    for parent in list(root.iter()):
        for script in parent.findall(SCRIPT):
            parent.remove(script)
    return ET.tostring(root)


def _taken(kept: Mapping[str, Any]) -> str:
    taken, settings = kept["taken"], kept["settings"]
    told = ", ".join(
        f"{settings[key]:,} {key if settings[key] > 1 else key[:-1]}"
        for key in ("customers", "events", "rounds")
        if settings.get(key)
    )
    return (
        f"{taken['at']}, commit {taken['commit']}, Python {taken['python']}, "
        f"{taken['cores']} cores, load before {taken['load_1m']}; {told}."
    )


def _peers(kept: Mapping[str, Any]) -> Rows:
    for name, runs in kept["runs"].items():
        rates = [run["events"] / run["cpu_s"] for run in runs]
        walls = [run["events"] / run["wall_s"] for run in runs]
        last = runs[-1]
        yield (
            name,
            f"{statistics.median(rates):,.0f}",
            f"{min(rates):,.0f} - {max(rates):,.0f}",
            f"{statistics.median(walls):,.0f}",
            f"{last['rss_mib']}",
            _number(last["state_bytes"]),
            _number(last["commands"]),
            *_delays(kept["latencies"].get(name, ())),
        )


def _points(points: Sequence[Mapping[str, Any]]) -> Rows:
    for point in points:
        yield (
            f"{point['x']:,g}" if point["x"] < 1000 else f"{point['x']:,.0f}",
            point["series"],
            point["commit"],
            _number(point["events"]),
            _number(point["per_cpu_second"]),
            _number(point["per_second"]),
            f"{point['rss_mib']}",
            _number(point["state_bytes"]),
            f"{point['p50_ms']:.0f} / {point['p99_ms']:.0f}",
        )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"


def _delays(found: Sequence[Mapping[str, float]]) -> tuple[str, str]:
    if not found:
        return "", ""
    half = statistics.median(each["p50_ms"] for each in found)
    last = [each["p99_ms"] for each in found]
    return f"{half:.0f} / {statistics.median(last):.0f}", f"{min(last):.0f} - {max(last):.0f}"


if __name__ == "__main__":
    sys.exit(main())
