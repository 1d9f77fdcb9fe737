"""Tests for `promtool test rules`: each alert fires, and each stays silent.

An objective's test is a history: so long so much went wrong. What each window then shows follows
from it by arithmetic; a history that leaves an alert too near its threshold is refused.
"""

from typing import Any, NamedTuple

from deploy.monitoring.causes import Cause, Series, causes
from deploy.monitoring.rules import annotations, labels, slo_annotations
from deploy.monitoring.slos import BURNS, Burn, Slo, bucket, read
from journey_engine.observe import contract

STEP_M = 4
EVERY_M = 120
SERVED_EVERY_M = 15
"""Minutes between samples, and between evaluations; more of these where what they record is
averaged. As few as tell: promtool takes its time.
"""
TRAFFIC = 1_000_000
"""Records and the like in a step: all shares come out whole."""
CLEAR = 0.2
"""So far from its threshold every share must lie."""
_MINUTES = {"m": 1, "h": 60, "d": 24 * 60}
_QUIET_M = 3 * 24 * 60 + 60
"""A history begins with so long a time in which all went well: longer than any window."""


class Stretch(NamedTuple):
    """So many minutes, in which so large a share goes wrong."""

    minutes: int
    share: float


class History(NamedTuple):
    """What happened, ending with the moment that is looked at."""

    name: str
    stretches: tuple[Stretch, ...]


def minutes(window: str) -> int:
    """A window's length."""
    return int(window[:-1]) * _MINUTES[window[-1]]


def histories(slo: Slo, burn: Burn) -> list[History]:
    """Those that prove an alert: it fires; it is silent once the trouble is over, or while it has
    only begun.
    """
    quiet = Stretch(_QUIET_M, 0.0)
    much, more = slo.budget * burn.factor * 1.4, slo.budget * burn.factor * 2
    said = f"{slo.name} {burn.long}"
    return [
        History(f"{said} burns", (quiet, Stretch(minutes(burn.long), much))),
        History(
            f"{said} burnt and is over",
            (quiet, Stretch(minutes(burn.long), much), Stretch(minutes(burn.short) + 15, 0.0)),
        ),
        History(f"{said} only began", (quiet, Stretch(max(minutes(burn.short), 10), more))),
    ]


def firing(slo: Slo, history: History) -> list[Burn]:
    """The alerts that must fire after it.

    Raises:
        ValueError: some alert is too near its threshold to tell.
    """
    found = []
    for burn in BURNS:
        most = slo.budget * burn.factor
        lower = min(_share(history, window) for window in (burn.short, burn.long)) / most
        if abs(lower - 1) < CLEAR:
            raise ValueError(f"{history.name}: {burn.long} is at {lower:.2f} of its threshold")
        if lower > 1:
            found.append(burn)
    return found


def _share(history: History, window: str) -> float:
    left, wrong = minutes(window), 0.0
    for stretch in reversed(history.stretches):
        spent = min(left, stretch.minutes)
        wrong += spent * stretch.share
        left -= spent
    return wrong / minutes(window)


def slo_tests(slo: Slo, rules_file: str) -> dict[str, Any]:
    """The file of an objective's tests."""
    objectives, _ = read()
    every = SERVED_EVERY_M if slo.name == "restore" else EVERY_M
    healthy = Stretch(_QUIET_M, slo.budget * 0.5)
    tried = [History(f"{slo.name} in good order", (healthy,))]
    tried += [history for burn in BURNS for history in histories(slo, burn)]
    if slo.name == "restore":
        tried.append(History("restore without a worker", (healthy, Stretch(60, 1.0))))
    return {
        "rule_files": [rules_file],
        "evaluation_interval": f"{every}m",
        "tests": [_test(slo, history, objectives.job, every) for history in tried],
    }


def cause_tests(rules_file: str) -> dict[str, Any]:
    """The file of tests of causes: each minute, as they are held for minutes."""
    objectives, _ = read()
    tests = []
    for cause in causes(objectives.job):
        told = {"exp_labels": {"severity": str(cause.severity), **cause.about}}
        told["exp_annotations"] = annotations(cause.alert, cause.summary)
        tests.append(_cause_test(cause, "fires", cause.fires, [told]))
        if cause.fires_too is not None:
            tests.append(_cause_test(cause, "fires, too", cause.fires_too, [told]))
        tests.append(_cause_test(cause, "silent", cause.silent, []))
    return {"rule_files": [rules_file], "evaluation_interval": "1m", "tests": tests}


def _cause_test(
    cause: Cause, name: str, series: Series, expected: list[dict[str, Any]]
) -> dict[str, Any]:
    looked = {"eval_time": f"{cause.at_m}m", "alertname": cause.alert, "exp_alerts": expected}
    return {
        "name": f"{cause.alert} {name}",
        "interval": "1m",
        "input_series": _input(series),
        "alert_rule_test": [looked],
    }


def _test(slo: Slo, history: History, job: str, every: int) -> dict[str, Any]:
    at = sum(stretch.minutes for stretch in history.stretches)
    first, *rest = history.stretches
    longer = -at % every  # the moment that is looked at must be one of an evaluation
    at += longer
    stretches = (first._replace(minutes=first.minutes + longer), *rest)
    expected = [
        {
            "exp_labels": {"job": job, **labels(slo, burn)},
            "exp_annotations": slo_annotations(slo, burn),
        }
        for burn in firing(slo, history)
    ]
    looked = {"eval_time": f"{at}m", "alertname": slo.indicator.alert, "exp_alerts": expected}
    return {
        "name": history.name,
        "interval": f"{STEP_M}m",
        "input_series": _input(fed(slo, stretches, job)),
        "alert_rule_test": [looked],
    }


def _input(series: Series) -> list[dict[str, str]]:
    return [{"series": name, "values": values} for name, values in series.items()]


def fed(slo: Slo, stretches: tuple[Stretch, ...], job: str) -> Series:
    """The samples of two workers, to which the same happens."""
    indicator, series = slo.indicator, {}
    for instance in ("a:6066", "b:6066"):
        labelled = f'{{job="{job}",instance="{instance}"'
        good, total = [], []
        for stretch in stretches:
            steps = stretch.minutes // STEP_M
            good.append((steps, round(TRAFFIC * (1 - stretch.share))))
            total.append((steps, TRAFFIC))
        wrong = [(steps, TRAFFIC - well) for steps, well in good]
        if indicator.timed is not None:
            within = bucket(indicator.timed, slo.objective.within).removesuffix("}")
            series[f"{within},{labelled[1:]}}}"] = counted(good)
            counts = indicator.total
            name = f"{indicator.timed.name}_count" if counts is None else counts.exposed
            series[f"{name}{labelled}}}"] = counted(total)
        elif slo.name == "dead_letters":
            refused = f'{contract.DEAD_LETTERS.exposed}{labelled},code="INVALID"}}'
            series[refused] = counted(wrong)
            series[f"{contract.INPUT_DELAY.name}_count{labelled}}}"] = counted(total)
        else:
            # Where none is served, no worker is there to tell.
            at_work = [(steps, count or None) for steps, count in good]
            declared = [(steps, count and 2 * TRAFFIC) for steps, count in at_work]
            series[f"{contract.PARTITIONS.exposed}{labelled}}}"] = held(at_work)
            series[f"{contract.DECLARED.exposed}{labelled}}}"] = held(declared)
    return series


def counted(stretches: list[tuple[int, int]]) -> str:
    """A counter's values: each stretch goes on from the one before by so much a step."""
    last, told = 0, ["0"]
    for steps, by in stretches:
        told.append(f"{last + by}+{by}x{steps - 1}")
        last += by * steps
    return " ".join(told)


def held(stretches: list[tuple[int, int | None]]) -> str:
    """A gauge's values; None where nothing tells one."""
    first = stretches[0][1]
    told = (f"_x{steps}" if value is None else f"{value}x{steps - 1}" for steps, value in stretches)
    return " ".join([str(first), *told])
