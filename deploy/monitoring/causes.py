"""Alerts on causes: what no objective shows, or shows too late. Each with what makes it fire."""

from typing import NamedTuple

from deploy.monitoring.slos import Severity
from journey_engine.observe import contract

Series = dict[str, str]
"""What a test feeds: values each minute in promtool's notation, by series."""


class Cause(NamedTuple):
    """An alert. `fires`, `fires_too` and `silent` are fed for two hours, and it is looked at after
    `at_m` minutes; `about` are the labels with which it fires.
    """

    alert: str
    severity: Severity
    summary: str
    expression: str
    hold: str
    """For how long it must be so."""
    fires: Series
    silent: Series
    about: dict[str, str]
    at_m: int = 90
    fires_too: Series | None = None
    """Where there are two ways to it."""


def _grew(metric: contract.Metric, by: str, window: str) -> str:
    return f"sum by ({by}) (increase({metric.exposed}[{window}]))"


def _began(metric: contract.Metric, by: str, window: str) -> str:
    """What series that are younger than the window began with: `increase` does not see it. A
    counter whose labels are no closed lists is not told before its first count.
    """
    return f"sum by ({by}) ({metric.exposed} unless {metric.exposed} offset {window})"


def causes(job: str) -> list[Cause]:
    """All of them, for the workers of a scrape job."""
    labels = f'job="{job}",instance="a:6066"'
    about = {"job": job}

    def one(metric: contract.Metric, values: str, more: str = "") -> Series:
        return {f"{metric.exposed}{{{labels}{more}}}": values}

    place = ',topic="interactions.web.v1",partition="1"'
    behind = f"max by (job, topic, partition) ({contract.LAG.exposed})"
    running = contract.PARTITIONS.exposed
    return [
        Cause(
            "JourneyWorkersAbsent",
            Severity.PAGE,
            "No worker tells of itself: nothing is decided",
            f'absent({running}{{job="{job}"}})',
            "5m",
            fires=one(contract.PARTITIONS, "4x20"),
            silent=one(contract.PARTITIONS, "4x120"),
            about=about,
        ),
        Cause(
            "JourneyWorkerDown",
            Severity.TICKET,
            "A worker cannot be scraped; others have its partitions, if there are any",
            f'up{{job="{job}"}} == 0',
            "10m",
            fires={f"up{{{labels}}}": "1x60 0x60"},
            silent={f"up{{{labels}}}": "1x80 0x3 1x60"},
            about={**about, "instance": "a:6066"},
        ),
        Cause(
            "JourneyLagGrows",
            Severity.PAGE,
            "A partition has been behind for 15 minutes and does not catch up",
            f"min_over_time({behind}[15m:1m]) > 0 and {behind} >= "
            f"max by (job, topic, partition) ({contract.LAG.exposed} offset 15m)",
            "5m",
            fires=one(contract.LAG, "0x30 100+10x90", place),
            silent=one(contract.LAG, "0x30 9000-60x90", place),
            about={**about, "topic": "interactions.web.v1", "partition": "1"},
        ),
        Cause(
            "JourneyRecordsLost",
            Severity.PAGE,
            "Retention deleted inputs before a worker read them",
            f"{_grew(contract.LOST, 'job, topic', '1h')} > 0 or "
            f"{_began(contract.LOST, 'job, topic', '1h')} > 0",
            "0m",
            fires=one(contract.LOST, "2x60 7x60", ',topic="interactions.web.v1"'),
            fires_too=one(contract.LOST, "_x60 7x60", ',topic="interactions.web.v1"'),
            silent=one(contract.LOST, "7x120", ',topic="interactions.web.v1"'),
            about={**about, "topic": "interactions.web.v1"},
        ),
        Cause(
            "JourneyDefinitionQuarantined",
            Severity.TICKET,
            "A journey's definition is wrong: its customers lie dormant",
            f"max by (job) ({contract.QUARANTINED.exposed}) > 0",
            "5m",
            fires=one(contract.QUARANTINED, "0x60 1x60"),
            silent=one(contract.QUARANTINED, "1x60 0x60"),
            about=about,
        ),
        Cause(
            "JourneySchemasAwaited",
            Severity.PAGE,
            "The Schema Registry does not tell what ids mean: partitions wait for it",
            f"max by (job) ({contract.REGISTRY_WANTED.exposed}) > 0",
            "5m",
            fires=one(contract.REGISTRY_WANTED, "0x60 1x60"),
            silent=one(contract.REGISTRY_WANTED, "0x86 1x60"),
            about=about,
        ),
        Cause(
            "JourneyWrongPartition",
            Severity.TICKET,
            "A producer does not partition by murmur2: its events take a detour",
            f"{_grew(contract.FORWARDED, 'job', '1h')} > 0",
            "0m",
            fires=one(contract.FORWARDED, "0x60 0+5x60"),
            silent=one(contract.FORWARDED, "9x120"),
            about=about,
        ),
        Cause(
            "JourneyCommitsFail",
            Severity.TICKET,
            "Commits fail again and again: time-outs, lost connections, refused batches",
            f"{_grew(contract.UNRESOLVED, 'job', '15m')} > 3",
            "5m",
            fires=one(contract.UNRESOLVED, "0x60 0+1x60"),
            silent=one(contract.UNRESOLVED, "0x85 2x60"),
            about=about,
        ),
        Cause(
            "JourneyPartitionsFenced",
            Severity.TICKET,
            "Two workers take the same partitions from one another",
            f"{_grew(contract.FENCED, 'job', '1h')} > 3",
            "0m",
            fires=one(contract.FENCED, "0x60 0+1x60"),
            silent=one(contract.FENCED, "0x85 1x60"),
            about=about,
        ),
        Cause(
            "JourneyStatesOversized",
            Severity.TICKET,
            "States stay over their bound: a fault of the engine",
            f"{_grew(contract.OVERSIZED, 'job', '1h')} > 0",
            "0m",
            fires=one(contract.OVERSIZED, "0x60 1x60"),
            silent=one(contract.OVERSIZED, "1x120"),
            about=about,
        ),
    ]
