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
    counter whose labels are no closed lists is not told before its first count. One that was told
    in the day before is none of them: for a while nobody scraped it.
    """
    before = f"last_over_time({metric.exposed}[1d] offset {window})"
    return f"sum by ({by}) ({metric.exposed} unless {before})"


def _labels(job: str) -> str:
    return f'job="{job}",instance="a:6066"'


def _series(job: str, metric: contract.Metric, values: str, more: str = "") -> Series:
    return {f"{metric.exposed}{{{_labels(job)}{more}}}": values}


def causes(job: str) -> list[Cause]:
    """All of them, for the workers of a scrape job."""
    return [*_of_workers(job), *_of_reading(job), *_of_meaning(job), *_of_writing(job)]


def _of_workers(job: str) -> list[Cause]:
    """They are not there."""
    running = contract.PARTITIONS.exposed
    return [
        Cause(
            "JourneyWorkersAbsent",
            Severity.PAGE,
            "No worker tells of itself: nothing is decided",
            f'absent({running}{{job="{job}"}})',
            "5m",
            fires=_series(job, contract.PARTITIONS, "4x20"),
            silent=_series(job, contract.PARTITIONS, "4x120"),
            about={"job": job},
        ),
        Cause(
            "JourneyWorkerDown",
            Severity.TICKET,
            "A worker cannot be scraped; others have its partitions, if there are any",
            f'up{{job="{job}"}} == 0',
            "10m",
            fires={f"up{{{_labels(job)}}}": "1x60 0x60"},
            silent={f"up{{{_labels(job)}}}": "1x80 0x3 1x60"},
            about={"job": job, "instance": "a:6066"},
        ),
    ]


def _of_reading(job: str) -> list[Cause]:
    """Inputs come too late, or not at all."""
    place = ',topic="interactions.web.v1",partition="1"'
    behind = f"max by (job, topic, partition) ({contract.LAG.exposed})"
    return [
        Cause(
            "JourneyLagGrows",
            Severity.PAGE,
            "A partition has been behind for 15 minutes and does not catch up",
            f"min_over_time({behind}[15m:1m]) > 0 and {behind} >= "
            f"max by (job, topic, partition) ({contract.LAG.exposed} offset 15m)",
            "5m",
            fires=_series(job, contract.LAG, "0x30 100+10x90", place),
            silent=_series(job, contract.LAG, "0x30 9000-60x90", place),
            about={"job": job, "topic": "interactions.web.v1", "partition": "1"},
        ),
        Cause(
            "JourneyBrokerSilent",
            Severity.PAGE,
            "No broker answers a worker's fetches: nothing comes in, and nothing is late for it",
            f"max by (job) ({contract.BROKER_SILENT.exposed}) > 60",
            "5m",
            fires=_series(job, contract.BROKER_SILENT, "0x60 60+60x60"),
            silent=_series(job, contract.BROKER_SILENT, "0x86 60+60x60"),
            about={"job": job},
        ),
        Cause(
            "JourneyRecordsLost",
            Severity.PAGE,
            "Retention deleted inputs before a worker read them",
            f"{_grew(contract.LOST, 'job, topic', '1h')} > 0 or "
            f"{_began(contract.LOST, 'job, topic', '1h')} > 0",
            "0m",
            fires=_series(job, contract.LOST, "2x60 7x60", ',topic="interactions.web.v1"'),
            fires_too=_series(job, contract.LOST, "_x60 7x60", ',topic="interactions.web.v1"'),
            silent=_series(job, contract.LOST, "7x10 _x21 7x90", ',topic="interactions.web.v1"'),
            about={"job": job, "topic": "interactions.web.v1"},
        ),
    ]


def _of_meaning(job: str) -> list[Cause]:
    """What comes is not understood, or lies in the wrong place."""
    return [
        Cause(
            "JourneyDefinitionQuarantined",
            Severity.TICKET,
            "A journey's definition is wrong: its customers lie dormant",
            f"max by (job) ({contract.QUARANTINED.exposed}) > 0",
            "5m",
            fires=_series(job, contract.QUARANTINED, "0x60 1x60"),
            silent=_series(job, contract.QUARANTINED, "1x60 0x60"),
            about={"job": job},
        ),
        Cause(
            "JourneySchemasAwaited",
            Severity.PAGE,
            "The Schema Registry does not tell what ids mean: partitions wait for it",
            f"max by (job) ({contract.REGISTRY_WANTED.exposed}) > 0",
            "5m",
            fires=_series(job, contract.REGISTRY_WANTED, "0x60 1x60"),
            silent=_series(job, contract.REGISTRY_WANTED, "0x86 1x60"),
            about={"job": job},
        ),
        Cause(
            "JourneyWrongPartition",
            Severity.TICKET,
            "A producer does not partition by murmur2: its events take a detour",
            f"{_grew(contract.FORWARDED, 'job', '1h')} > 0",
            "0m",
            fires=_series(job, contract.FORWARDED, "0x60 0+5x60"),
            silent=_series(job, contract.FORWARDED, "9x120"),
            about={"job": job},
        ),
    ]


def _of_writing(job: str) -> list[Cause]:
    """What was decided does not get out, or is too much."""
    return [
        Cause(
            "JourneyCommitsFail",
            Severity.TICKET,
            "Commits fail again and again: time-outs, lost connections, refused batches",
            f"{_grew(contract.UNRESOLVED, 'job', '15m')} > 3",
            "5m",
            fires=_series(job, contract.UNRESOLVED, "0x60 0+1x60"),
            silent=_series(job, contract.UNRESOLVED, "0x85 2x60"),
            about={"job": job},
        ),
        Cause(
            "JourneyPartitionsFenced",
            Severity.TICKET,
            "Two workers take the same partitions from one another",
            f"{_grew(contract.FENCED, 'job', '1h')} > 3",
            "0m",
            fires=_series(job, contract.FENCED, "0x60 0+1x60"),
            silent=_series(job, contract.FENCED, "0x85 1x60"),
            about={"job": job},
        ),
        Cause(
            "JourneyStatesOversized",
            Severity.TICKET,
            "States stay over their bound: a fault of the engine",
            f"{_grew(contract.OVERSIZED, 'job', '1h')} > 0",
            "0m",
            fires=_series(job, contract.OVERSIZED, "0x60 1x60"),
            silent=_series(job, contract.OVERSIZED, "1x120"),
            about={"job": job},
        ),
    ]
