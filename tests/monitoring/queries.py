"""What queries ask for, held against the metrics' contract."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from deploy.monitoring.slos import SERVED, WINDOWS, read
from journey_engine.observe.contract import METRICS

_NAME = re.compile(r"\bjourney[_:][a-z0-9_:]*")
_LABELS = re.compile(r"\bby \(([^)]*)\)|(\w+)(?:=~|!~|!=|=)\"")
OF_PROMETHEUS = {"job", "instance", "le", "alertstate", "alertname", "window", "slo"}


def recorded() -> set[str]:
    return {slo.recorded(window) for slo in read()[1] for window in WINDOWS} | {SERVED}


def unknown_names(query: str) -> set[str]:
    """Metrics that neither the contract nor a recording rule has."""
    known = {sample for metric in METRICS for sample in metric.samples()} | recorded()
    return {name for name in _NAME.findall(bare(query)) if name not in known}


def unknown_labels(query: str) -> set[str]:
    """Labels that no metric of the query has."""
    names = set(_NAME.findall(bare(query)))
    known = {
        label.name for metric in METRICS if metric.samples() & names for label in metric.labels
    }
    said = {
        label.strip()
        for listed, matched in _LABELS.findall(query)
        for label in (listed or matched).split(",")
    }
    return said - known - OF_PROMETHEUS


def bare(query: str) -> str:
    """The query without the texts in it."""
    return re.sub(r'"[^"]*"', '""', query)


def closed_values(query: str) -> Iterator[tuple[str, str]]:
    """The (label, value) pairs of the query that a closed list of its metrics must have."""
    names = set(_NAME.findall(bare(query)))
    for metric in METRICS:
        if not metric.samples() & names:
            continue
        for label in metric.labels:
            for value in matched(query, label.name):
                if isinstance(label.values, frozenset) and value not in label.values:
                    yield label.name, value


def matched(query: str, label: str) -> Iterable[str]:
    for text in re.findall(rf'\b{label}(?:=~|!~|!=|=)"([^"]*)"', query):
        yield from (value for value in text.split("|") if "*" not in value and "$" not in value)


def expressions(document: Any) -> Iterator[str]:
    """Every query of rules or of a dashboard."""
    if isinstance(document, dict):
        for key, value in document.items():
            if key == "expr":
                yield value
            else:
                yield from expressions(value)
    elif isinstance(document, list):
        for each in document:
            yield from expressions(each)
