"""Objectives, and how each is read from the metrics: the share of what went wrong, in PromQL."""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field
from ruamel.yaml import YAML

from journey_engine.observe import contract
from journey_engine.observe.contract import Metric
from journey_engine.observe.distribution import bound

FILE = Path(__file__).parent / "slos.yaml"
SERVED = "journey:partitions_served:ratio"
"""Recorded: the share of the app's partitions that run in some worker."""


class Severity(StrEnum):
    """Whether somebody is woken, or looks at it in the day."""

    PAGE = "page"
    TICKET = "ticket"


class Burn(NamedTuple):
    """An alert's two windows: it fires while both burn `factor` times the budget.

    The long one says that it matters, the short one that it goes on (Google's SRE workbook,
    chapter 5, table 5-8).
    """

    short: str
    long: str
    factor: float
    severity: Severity


BURNS: Final = (
    Burn("5m", "1h", 14.4, Severity.PAGE),
    Burn("30m", "6h", 6, Severity.PAGE),
    Burn("2h", "1d", 3, Severity.TICKET),
    Burn("6h", "3d", 1, Severity.TICKET),
)
WINDOWS: Final = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")


class Objective(BaseModel):
    """How much must go well; `within` is a bucket's bound in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    objective: Annotated[float, Field(ge=90, lt=100)]
    within: float | None = None


class Objectives(BaseModel):
    """The file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    job: str
    runbook: str
    slos: dict[str, Objective]


class Indicator(NamedTuple):
    """How a service level is read. `ratio` makes of an objective and a window the share of what
    went wrong; `bad` and `all` are what a test has to feed.
    """

    alert: str
    summary: str
    ratio: "Callable[[Objective, str], str]"
    timed: Metric | None = None
    """The histogram of which `within` is a bucket."""
    total: Metric | None = None
    """What is counted against it, where that is not its own count."""


class Slo(NamedTuple):
    """An objective and its indicator."""

    name: str
    objective: Objective
    indicator: Indicator

    @property
    def budget(self) -> float:
        """The share that may go wrong."""
        return round(1 - self.objective.objective / 100, 6)

    def recorded(self, window: str) -> str:
        """The name under which the share of what went wrong in a window is recorded."""
        return f"journey:{self.name}:error_ratio_{window}"

    def summary(self) -> str:
        """What an alert says first."""
        return self.indicator.summary.format(within=self.objective.within)


def bucket(metric: Metric, within: float | None) -> str:
    """The selector of what came within so many seconds.

    Raises:
        ValueError: the contract has no such bucket.
    """
    if within not in metric.buckets:
        raise ValueError(f"{metric.name} has no bucket of {within} s, but {metric.buckets}")
    return f'{metric.name}_bucket{{le="{bound(within)}"}}'


def per_job(series: str, window: str) -> str:
    """How fast a counter grew, of all workers of a job."""
    return f"sum by (job) (rate({series}[{window}]))"


def _late(timed: Metric, total: str) -> Callable[[Objective, str], str]:
    def ratio(objective: Objective, window: str) -> str:
        good = per_job(bucket(timed, objective.within), window)
        return f"1 - {good} / {per_job(total, window)}"

    return ratio


def _refused(objective: Objective, window: str) -> str:
    del objective
    refused = per_job(contract.DEAD_LETTERS.exposed, window)
    return f"{refused} / {per_job(f'{contract.INPUT_DELAY.name}_count', window)}"


def _not_served(objective: Objective, window: str) -> str:
    del objective
    return f"1 - avg_over_time({SERVED}[{window}])"


INDICATORS: Final = {
    "events": Indicator(
        "JourneyEventsLate",
        "Events take longer than {within} s from the broker to their commands",
        _late(contract.INPUT_DELAY, f"{contract.INPUT_DELAY.name}_count"),
        contract.INPUT_DELAY,
    ),
    "timers": Indicator(
        "JourneyTimersLate",
        "Timers fire more than {within} s late",
        _late(contract.TIMER_LATENESS, f"{contract.TIMER_LATENESS.name}_count"),
        contract.TIMER_LATENESS,
    ),
    "commands": Indicator(
        "JourneyCommandsNotPublished",
        "Commands are decided and not published within {within} s",
        _late(contract.PUBLISH_DELAY, contract.COMMANDS_DECIDED.exposed),
        contract.PUBLISH_DELAY,
        contract.COMMANDS_DECIDED,
    ),
    "dead_letters": Indicator(
        "JourneyRecordsRefused", "Too many records become dead letters", _refused
    ),
    "restore": Indicator(
        "JourneyPartitionsNotServed", "Partitions stand still: no worker has them at work",
        _not_served,
    ),
}  # fmt: skip
_DECLARED: Final = (
    f"(max by (job) ({contract.DECLARED.exposed})"
    f" or max by (job) (last_over_time({contract.DECLARED.exposed}[{WINDOWS[-1]}])))"
)
"""Where no worker is scraped, as many as the last ones told: all of them stand still."""
SERVED_SHARE: Final = (
    f"clamp_max((sum by (job) ({contract.PARTITIONS.exposed}) or 0 * {_DECLARED}) / {_DECLARED}, 1)"
)


def read() -> tuple[Objectives, list[Slo]]:
    """The file, and each objective with its indicator.

    Raises:
        ValueError: an objective has no indicator, or an indicator no objective.
    """
    objectives = Objectives.model_validate(YAML(typ="safe").load(FILE))
    if objectives.slos.keys() != INDICATORS.keys():
        raise ValueError(f"{FILE.name} must have {sorted(INDICATORS)}")
    return objectives, [
        Slo(name, objective, INDICATORS[name]) for name, objective in objectives.slos.items()
    ]
