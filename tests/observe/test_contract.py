"""The contract of /metrics is what a worker's registry holds, and closed where it says so."""

import ast
import re
from pathlib import Path

from prometheus_client import CollectorRegistry

from journey_engine.observe.contract import DROPPED, METRICS, Kind, Metric
from journey_engine.observe.metrics import Metrics

DECIDE = Path(__file__).parents[2] / "journey_engine/decide"


def collected(registry: CollectorRegistry) -> set[tuple[str, str, str]]:
    return {(family.name, family.type, family.documentation) for family in registry.collect()}


def test_a_worker_has_the_metrics_of_the_contract_and_no_others() -> None:
    wanted = {(metric.name, str(metric.kind), metric.meaning) for metric in METRICS}
    assert collected(Metrics().registry) == wanted


def test_no_two_metrics_have_a_name() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)


def test_names_follow_the_conventions_of_prometheus() -> None:
    for metric in METRICS:
        assert re.fullmatch(r"journey_[a-z]+(_[a-z]+)*", metric.name), metric.name
        assert not metric.name.endswith(("_total", "_info", "_count", "_bucket", "_sum"))
        assert (metric.unit == "seconds") == metric.name.endswith("_seconds"), metric.name
        assert metric.meaning.endswith("."), metric.name


def test_a_histogram_has_buckets_of_its_own_in_order() -> None:
    for metric in METRICS:
        assert bool(metric.buckets) == (metric.kind is Kind.HISTOGRAM), metric.name
        assert list(metric.buckets) == sorted(set(metric.buckets)), metric.name


def test_closed_lists_stay_small() -> None:
    assert {metric.name: size for metric in METRICS if (size := series(metric)) > 64} == {}


def series(metric: Metric) -> int:
    size = 1
    for label in metric.labels:
        size *= len(label.values) if isinstance(label.values, frozenset) else 1
    return size


def test_all_that_a_state_drops_is_in_the_closed_list() -> None:
    said: set[object] = set()
    for path in DECIDE.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            match node:
                case ast.Call(func=ast.Attribute(attr="drop"), args=[ast.Constant(value=what), *_]):
                    said.add(what)
                case ast.Assign(targets=[ast.Name(id="_DROPPED")], value=ast.Constant(value=what)):
                    said.add(what)
    assert said == set(DROPPED)
