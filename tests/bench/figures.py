"""All runs of a bench: the table that people read, and the line that machines read."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.table import Table

from tests.bench.latency import Latency
from tests.bench.measuring import Run

LINE = (
    "engine_alo",
    "engine_eos",
    "faust",
    "faust_tuned",
    "quix",
    "kafka_streams_alo",
    "kafka_streams_eos",
)
PIPE = "pipe"
RATIOS = ("faust", "faust_tuned", "quix", "kafka_streams_alo", PIPE)


@dataclass
class Figures:
    """By engine its runs and its latencies, a round each; `restored_per_s` are customers."""

    runs: dict[str, list[Run]] = field(default_factory=dict)
    latencies: dict[str, list[Latency]] = field(default_factory=dict)
    restored_per_s: float | None = None

    def add(self, name: str, run: Run) -> None:
        self.runs.setdefault(name, []).append(run)

    def delayed(self, name: str, found: Latency) -> None:
        self.latencies.setdefault(name, []).append(found)

    def per_cpu_second(self, name: str) -> float | None:
        """The median; of `pipe` that of its fastest way."""
        if name == PIPE:
            ways = [each for each in self.runs if each.startswith(PIPE)]
            return max((self._median(way) for way in ways), default=None)
        return self._median(name) if name in self.runs else None

    def per_second(self, name: str) -> float:
        return statistics.median(run.per_second for run in self.runs[name])

    def _median(self, name: str) -> float:
        return statistics.median(run.per_cpu_second for run in self.runs[name])

    def share(self, above: str, below: str) -> float | None:
        """The one's rate over the other's, round by round, the median."""
        pairs = zip(self.runs.get(above, ()), self.runs.get(below, ()), strict=False)
        shares = [a.per_cpu_second / b.per_cpu_second for a, b in pairs]
        return round(statistics.median(shares), 2) if shares else None

    def line(self) -> dict[str, object]:
        """What the bench ends with: events for a CPU-second; null of what was not measured."""
        rates = {name: _rounded(self.per_cpu_second(name)) for name in (*LINE, PIPE)}
        engine = self.runs.get("engine_alo")
        return {
            **rates,
            "p99_ms_alo": self._p99("engine_alo"),
            "p99_ms_eos": self._p99("engine_eos"),
            "restore_per_s": _rounded(self.restored_per_s),
            "rss_mb": round(statistics.median(run.rss_mib for run in engine)) if engine else None,
            "engine_policed": _rounded(self.per_cpu_second("engine_policed")),
            "policed_share": self.share("engine_policed", "engine_alo"),
            "eos_share": self.share("engine_eos", "engine_alo"),
            **{f"over_{name}": self._over(name) for name in RATIOS},
        }

    def _p99(self, name: str) -> float | None:
        found = self.latencies.get(name)
        return None if not found else round(statistics.median(each.p99_ms for each in found), 1)

    def _over(self, name: str) -> float | None:
        ours, theirs = self.per_cpu_second("engine_alo"), self.per_cpu_second(name)
        return None if ours is None or theirs is None else round(ours / theirs, 2)

    def table(self) -> Table:
        """For people; medians, and the spread of rates and of p99."""
        table = Table(box=None)
        for title in HEADINGS:
            table.add_column(title, justify="left" if title == "" else "right")
        for name, runs in self.runs.items():
            table.add_row(name, *_cells(runs), *_delays(self.latencies.get(name, ())))
        return table

    def kept(self) -> dict[str, Any]:
        """All that was measured, for a results file."""
        return {
            "runs": {name: [run._asdict() for run in runs] for name, runs in self.runs.items()},
            "latencies": {
                name: [each._asdict() for each in found] for name, found in self.latencies.items()
            },
            "line": self.line(),
        }


HEADINGS = (
    "",
    "events/CPU-s",
    "[min - max]",
    "events/s",
    "RSS MiB",
    "bytes/customer",
    "commands",
    "p50 ms",
    "p99 ms",
    "[min - max]",
)


def _cells(runs: Sequence[Run]) -> list[str]:
    rates = [run.per_cpu_second for run in runs]
    sizes = [run.state_bytes for run in runs if run.state_bytes is not None]
    commands = runs[-1].commands
    return [
        f"{statistics.median(rates):,.0f}",
        f"[{min(rates):,.0f} - {max(rates):,.0f}]",
        f"{statistics.median(run.per_second for run in runs):,.0f}",
        f"{statistics.median(run.rss_mib for run in runs):,.0f}",
        f"{sizes[-1]:,.0f}" if sizes else "",
        "" if commands is None else f"{commands:,}",
    ]


def _delays(found: Sequence[Latency]) -> list[str]:
    if not found:
        return ["", "", ""]
    last = [each.p99_ms for each in found]
    return [
        f"{statistics.median(each.p50_ms for each in found):.0f}",
        f"{statistics.median(last):.0f}",
        f"[{min(last):.0f} - {max(last):.0f}]",
    ]


def _rounded(value: float | None) -> int | None:
    return None if value is None else round(value)
