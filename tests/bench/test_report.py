"""What is kept of a bench is what the report shows."""

from pathlib import Path
from typing import Any

from tests.bench.figures import Figures
from tests.bench.latency import Latency
from tests.bench.measuring import Run
from tests.bench.report import benches, growths
from tests.bench.results import keep


def figures() -> Figures:
    found = Figures()
    for cpu_s in (1.0, 2.0, 4.0):
        found.add("engine_alo", Run(40_000, cpu_s, 3.0, 170, 6_467, 1_236.4))
    for cpu_s in (10.0, 20.0, 20.0):
        found.add("faust", Run(20_000, cpu_s, 30.0, 70))
    for way, cpu_s in (("batch", 1.0), ("send", 3.0)):
        found.add(f"pipe_{way}", Run(90_000, cpu_s, 3.0, 80))
    for p99_ms in (48.26, 81.0, 32.0):
        found.delayed("engine_alo", Latency(6_666, 500, 21.0, p99_ms))
    return found


def test_the_line_has_medians_and_the_fastest_pipe() -> None:
    line = figures().line()

    assert line["engine_alo"] == 20_000
    assert line["faust"] == 1_000
    assert line["pipe"] == 90_000
    assert line["over_faust"] == 20.0
    assert line["p99_ms_alo"] == 48.3
    assert line["rss_mb"] == 170
    assert line["quix"] is None


def test_a_bench_is_a_table(tmp_path: Path) -> None:
    keep(tmp_path / "bench.json", {"customers": 2_000}, figures().kept())

    text = "\n".join(benches(tmp_path))

    assert "| engine_alo | 20,000 | 10,000 - 40,000 | 13,333 | 170 | 1,236 | 6,467 |" in text
    assert "| 21 / 48 | 32 - 81 |" in text
    assert "2,000 customers" in text


def test_an_axis_is_a_table_and_charts(tmp_path: Path) -> None:
    points: list[dict[str, Any]] = [
        {"x": x, "series": "disk", "per_cpu_second": rate, "per_second": 10, "rss_mib": 99}
        | {"state_bytes": None, "p50_ms": 1.0, "p99_ms": 2.0, "events": 500, "commit": "abc"}
        for x, rate in ((10_000, 51_000), (5_000_000, 43_000))
    ]
    keep(tmp_path / "growth-customers.json", {"rounds": 1}, {"points": points})

    text = "\n".join(growths(tmp_path))

    assert "| 5,000,000 | disk | abc | 500 | 43,000 | 10 | 99 |  | 1 / 2 |" in text
    drawn = (tmp_path / "growth-customers-per_cpu_second.svg").read_text(encoding="utf-8")
    assert "5,000,000" in drawn
    assert "<script" not in drawn
