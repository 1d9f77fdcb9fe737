"""Dashboards ask for what there is, in words that Prometheus understands."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from deploy.monitoring.files import DEPLOY
from journey_engine.errors import CandidateOutcome
from journey_engine.observe.contract import METRICS
from tests.monitoring.conftest import Promtool
from tests.monitoring.queries import closed_values, expressions, unknown_labels, unknown_names

BOARDS = sorted((DEPLOY / "grafana").glob("*.json"))
VARIABLES = {"$__rate_interval": "5m", "$__range": "3h"}
COLUMNS = 24


def board(path: Path) -> Any:
    return json.loads(path.read_text())


def concrete(query: str) -> str:
    for name, value in VARIABLES.items():
        query = query.replace(name, value)
    return re.sub(r"\$\w+", ".*", query)


def test_there_are_three() -> None:
    assert [path.stem for path in BOARDS] == ["channels", "journeys", "operations"]


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_every_query_asks_for_what_the_contract_has(path: Path) -> None:
    for query in expressions(board(path)):
        assert not unknown_names(query), query
        assert not unknown_labels(query), query
        assert not list(closed_values(query)), query


def test_every_query_parses(promtool: Promtool, tmp_path: Path) -> None:
    queries = [query for path in BOARDS for query in expressions(board(path))]
    rules = [
        {"record": f"journey:query_{number}", "expr": concrete(query)}
        for number, query in enumerate(queries)
    ]
    assert len(rules) > 60
    # A file of rules may be JSON, which is YAML.
    file = tmp_path / "queries.yaml"
    file.write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}))
    promtool("check", "rules", str(file))


def chosen(name: str, title: str, label: str) -> set[str]:
    """The values of a label by which the panel chooses."""
    panels = board(DEPLOY / f"grafana/{name}.json")["panels"]
    (panel,) = [panel for panel in panels if panel["title"] == title]
    (found,) = re.findall(label + r'[=!]~"([^"$]+)"', panel["targets"][0]["expr"])
    return set(found.split("|"))


def test_what_became_of_a_sent_message_is_not_a_reason_why_it_was_not_sent() -> None:
    afterwards = set(list(CandidateOutcome)[-4:])
    assert chosen("journeys", "Not sent, by reason", "outcome") == {
        "SENT", "DEFERRED", *afterwards
    }  # fmt: skip


def test_answers_are_those_that_the_engine_reads() -> None:
    read = chosen("channels", "Answers", "type")
    assert {"Dismissed", "Shown", "MessageClicked", "TaskDeclined"} <= read
    assert not {"CardApplied", "TaskUnacked", "TaskExpired"} & read


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_its_variables_are_declared_and_used(path: Path) -> None:
    text = path.read_text()
    declared = {variable["name"] for variable in board(path)["templating"]["list"]}
    used = set(re.findall(r"\$\{?([a-z]+)\b", text.replace("$__", "")))
    assert declared == used


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_panels_lie_within_the_screen_and_not_over_one_another(path: Path) -> None:
    taken: set[tuple[int, int]] = set()
    panels = board(path)["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= COLUMNS, panel["title"]
        cells = {
            (place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
        letters = [target["refId"] for target in panel.get("targets", [])]
        assert len(set(letters)) == len(letters), panel["title"]
        assert panel["type"] == "row" or panel["description"], panel["title"]


def test_every_metric_is_shown_somewhere() -> None:
    shown = " ".join(query for path in BOARDS for query in expressions(board(path)))
    assert [m.name for m in METRICS if not any(name in shown for name in m.samples())] == []
