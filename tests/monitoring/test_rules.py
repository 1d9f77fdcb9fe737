"""Alerts: Prometheus takes them, each fires and stays silent, and they ask for what there is."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from deploy.monitoring.files import DEPLOY
from deploy.monitoring.rule_tests import History, Stretch, counted, firing, held, histories, minutes
from deploy.monitoring.slos import BURNS, Objective, Slo, bucket, read
from journey_engine.observe import contract
from tests.monitoring.conftest import Promtool
from tests.monitoring.queries import closed_values, expressions, unknown_labels, unknown_names

RULES = sorted((DEPLOY / "prometheus/rules").glob("*.yaml"))
TESTS = sorted((DEPLOY / "prometheus/tests").glob("*.yaml"))
_, SLOS = read()


def loaded(path: Path) -> Any:
    return YAML(typ="safe").load(path)


def alerts() -> list[dict[str, Any]]:
    groups = [group for path in RULES for group in loaded(path)["groups"]]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


def test_prometheus_takes_the_rules(promtool: Promtool) -> None:
    promtool("check", "rules", *map(str, RULES))


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_each_alert_fires_and_stays_silent(promtool: Promtool, path: Path) -> None:
    promtool("test", "rules", str(path))


def test_every_alert_of_every_window_is_seen_to_fire_and_to_be_silent() -> None:
    tests = [test for path in TESTS for test in loaded(path)["tests"]]
    looked = [look for test in tests for look in test["alert_rule_test"]]
    for alert in alerts():
        of_it = [look["exp_alerts"] for look in looked if look["alertname"] == alert["alert"]]
        fired = [
            any(alert["labels"].items() <= each["exp_labels"].items() for each in expected)
            for expected in of_it
        ]
        assert True in fired, alert
        assert False in fired, alert


@pytest.mark.parametrize("slo", SLOS, ids=lambda slo: slo.name)
def test_an_objective_has_both_windows_of_each_burn(slo: Slo) -> None:
    of_it = [rule for rule in alerts() if rule["alert"] == slo.indicator.alert]
    assert len(of_it) == len(BURNS)
    for rule, burn in zip(of_it, BURNS, strict=True):
        for window in (burn.short, burn.long):
            assert f"{slo.recorded(window)} > ({burn.factor} * {slo.budget})" in rule["expr"]


def test_rules_ask_for_what_the_contract_has() -> None:
    for path in RULES:
        for query in expressions(loaded(path)):
            assert not unknown_names(query), query
            assert not unknown_labels(query), query
            assert not list(closed_values(query)), query


def test_an_objective_without_a_bucket_is_refused() -> None:
    with pytest.raises(ValueError, match="no bucket of 4 s"):
        bucket(contract.INPUT_DELAY, 4)


def test_a_history_too_near_a_threshold_is_refused() -> None:
    slo = SLOS[0]
    near = History("near", (Stretch(10_000, 0.0), Stretch(60, slo.budget * 14.4 * 1.1)))
    with pytest.raises(ValueError, match=r"near: 1h is at 1\.10 of its threshold"):
        firing(slo, near)


def test_histories_end_with_what_they_say() -> None:
    slo = Slo("events", Objective(objective=99.9, within=5), SLOS[0].indicator)
    burns, over, began = histories(slo, BURNS[0])
    assert [stretch.minutes for stretch in burns.stretches[1:]] == [60]
    assert over.stretches[-1].share == 0
    assert began.stretches[-1].minutes < 60


def test_series_go_on_where_the_last_stretch_ended() -> None:
    assert counted([(3, 10), (2, 0), (2, 5)]) == "0 10+10x2 30+0x1 35+5x1"
    assert held([(2, 7), (3, 4)]) == "7 7x1 4x2"
    assert held([(2, 7), (3, None), (2, 7)]) == "7 7x1 _x3 7x1"


def test_partitions_that_no_worker_tells_of_stand_still() -> None:
    tests = loaded(DEPLOY / "prometheus/tests/restore.yaml")["tests"]
    gone = [test for test in tests if test["name"] == "restore without a worker"]
    assert [each["values"].split()[-1] for each in gone[0]["input_series"]] == ["_x15"] * 4
    fired = {each["exp_labels"]["window"] for each in gone[0]["alert_rule_test"][0]["exp_alerts"]}
    assert fired == {burn.long for burn in BURNS}


def test_windows_are_a_twelfth_of_one_another() -> None:
    assert all(minutes(burn.long) == 12 * minutes(burn.short) for burn in BURNS)
    assert all(one.factor > other.factor for one, other in pairwise(BURNS))
