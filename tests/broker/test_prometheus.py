"""A real Prometheus scrapes a real worker: it finds the contract, and takes the shipped rules."""

import asyncio
import json
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from ruamel.yaml import YAML

from deploy.monitoring.files import DEPLOY
from deploy.monitoring.slos import INDICATORS, SERVED, read
from journey_engine.observe.contract import METRICS, Label, Metric, Source
from journey_engine.run.brokers import EmbeddedBroker, free_port
from journey_engine.run.replay import Replay
from tests.broker.rig import Rig, shop_log
from tests.run.shop import SCHEMAS

pytestmark = [pytest.mark.timeout(120), pytest.mark.embedded]

OF_PROMETHEUS = {"__name__", "job", "instance", "le"}
MAY_FIRE = {each.alert for name, each in INDICATORS.items() if each.timed or name == "restore"}
"""In its first minutes an app was not served for most of its life; how soon is the machine's."""
INTERVAL = timedelta(milliseconds=500)
UNHEARD_OF = {"journey_guard_errors_total", "journey_standby_remaining_records"}
"""Samples that a worker in good order does not have."""


class Prometheus:
    """One that scrapes a port, and evaluates its rules, each `INTERVAL`."""

    def __init__(self, url: str) -> None:
        self._url = url

    def ask(self, path: str, **parameters: str) -> Any:
        query = urllib.parse.urlencode(parameters)
        try:
            with urllib.request.urlopen(f"{self._url}/api/v1/{path}?{query}", timeout=10) as answer:  # noqa: S310 - our own
                return json.loads(answer.read())["data"]
        except OSError:
            return None  # not up yet

    def number(self, query: str) -> float | None:
        answer = self.ask("query", query=query)
        return float(answer["result"][0]["value"][1]) if answer and answer["result"] else None

    def evaluated(self) -> datetime:
        """When the group of rules was evaluated that was so the longest ago."""
        groups = self.ask("rules")["groups"]
        return min(datetime.fromisoformat(group["lastEvaluation"]) for group in groups)

    def wait(self, done: Callable[[], bool]) -> None:
        while not done():  # the test's own time-out ends it
            time.sleep(0.2)


@contextmanager
def started(programs: Path, worker_port: int, data: Path) -> Iterator[Prometheus]:
    job = read()[0].job
    interval = f"{INTERVAL // timedelta(milliseconds=1)}ms"
    config = {
        "global": {"scrape_interval": interval, "evaluation_interval": interval},
        "rule_files": [str(DEPLOY / "prometheus/rules/*.yaml")],
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{worker_port}"]}]}
        ],
    }
    file, address = data / "prometheus.yaml", f"127.0.0.1:{free_port()}"
    YAML().dump(config, file)
    command: list[str | Path] = [
        programs / "prometheus",
        f"--config.file={file}",
        f"--web.listen-address={address}",
    ]
    with (data / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, f"--storage.tsdb.path={data / 'tsdb'}"], stdout=log, stderr=log
        )
    try:
        yield Prometheus(f"http://{address}")
    finally:
        process.kill()
        process.wait()


async def test_prometheus_reads_the_contract_and_the_rules(
    prometheus_programs: Path, embedded_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    rig = Rig(embedded_broker.address, f"shop-{uuid4().hex[:8]}", tmp_path)
    await rig.create()
    records = rig.records(shop_log(120))
    await rig.publish(records)
    replay = Replay(rig.plan, SCHEMAS, rig.names.inputs, rig.topics.partitions)
    assert sum(1 for _ in replay.outputs(records)) > 0
    with (
        rig.start() as worker,
        started(prometheus_programs, rig.web_port, tmp_path) as prometheus,
    ):
        await asyncio.to_thread(scraped, prometheus, replay.summary.commands.total())
        seen = prometheus.ask("series", **{"match[]": '{__name__=~"journey_.*"}'})
        types = prometheus.ask("metadata")
        rules = [rule for g in prometheus.ask("rules")["groups"] for rule in g["rules"]]
        alerts = {alert["labels"]["alertname"] for alert in prometheus.ask("alerts")["alerts"]}
        assert worker.stop() == 0

    assert {each["__name__"] for each in seen} == expected_samples()
    for each in seen:
        assert breach(each, rig) is None, each
    for metric in METRICS:
        assert types[metric.exposed][0]["help"] == metric.meaning
    assert len(rules) > 60
    assert [rule["name"] for rule in rules if rule["health"] != "ok"] == []
    assert alerts <= MAY_FIRE


def scraped(prometheus: Prometheus, commands: int) -> None:
    """Wait until all that was decided is shown, and every group of rules was evaluated over it.

    Before the worker is scraped for the first time an alert that it is absent is pending.
    """
    prometheus.wait(lambda: prometheus.number("sum(journey_commands_total)") == commands)
    prometheus.wait(lambda: prometheus.number(SERVED) == 1)
    shown = datetime.now(UTC) + INTERVAL  # an evaluation looks back by up to one
    prometheus.wait(lambda: prometheus.evaluated() > shown)


def expected_samples() -> set[str]:
    return {sample for metric in METRICS for sample in metric.samples()} - UNHEARD_OF


def breach(series: Mapping[str, str], rig: Rig) -> str | None:
    """What of a series is not in the contract. Prometheus drops a label that says nothing."""
    (metric,) = (each for each in METRICS if series["__name__"] in each.samples())
    if series.keys() - OF_PROMETHEUS - {label.name for label in metric.labels}:
        return "labels"
    if "le" in series and not within_buckets(metric, series["le"]):
        return "bucket"
    wrong = [
        label.name for label in metric.labels if not allowed(label, series.get(label.name, ""), rig)
    ]
    return wrong[0] if wrong else None


def within_buckets(metric: Metric, bound: str) -> bool:
    return float(bound) in {*metric.buckets, float("inf")}


def allowed(label: Label, value: str, rig: Rig) -> bool:
    plan = rig.plan
    names: dict[Source, set[str]] = {
        Source.EVENT_TYPES: set(SCHEMAS.events),
        Source.JOURNEYS: {journey.name for journey in plan.journeys},
        Source.STAGES: {stage for journey in plan.journeys for stage in journey.stages},
        Source.CHANNELS: set(plan.channels),
        Source.TOPICS: set(rig.names.read),
        Source.PARTITIONS: {str(number) for number in range(rig.topics.partitions)},
    }
    closed = label.values
    return value in (closed if isinstance(closed, frozenset) else names[closed])
