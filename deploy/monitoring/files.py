"""The generated files, by their path."""

from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from deploy.monitoring.contract_table import documented
from deploy.monitoring.dashboards import dashboards
from deploy.monitoring.rule_tests import cause_tests, slo_tests
from deploy.monitoring.rules import cause_rules, slo_rules
from deploy.monitoring.slos import read

DEPLOY = Path(__file__).parents[1]
CONTRACT = DEPLOY.parent / "journey_engine/observe/README.md"
MADE_OF = "# Made by `make gen` of deploy/monitoring and the metrics' contract: change these.\n"


def files() -> dict[Path, str]:
    """The text of each file that is made."""
    prometheus = DEPLOY / "prometheus"
    made = {"causes": (cause_rules(), cause_tests("../rules/causes.yaml"))}
    for slo in read()[1]:
        made[slo.name] = (slo_rules(slo), slo_tests(slo, f"../rules/{slo.name}.yaml"))
    found = {}
    for name, (rules, tests) in made.items():
        found[prometheus / f"rules/{name}.yaml"] = _yaml(rules)
        found[prometheus / f"tests/{name}.yaml"] = _yaml(tests)
    found[CONTRACT] = documented(CONTRACT.read_text(encoding="utf-8"))
    for name, text in dashboards().items():
        found[DEPLOY / f"grafana/{name}.json"] = text
    return found


def _yaml(value: dict[str, Any]) -> str:
    yaml = YAML()
    yaml.width = 100_000
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.representer.ignore_aliases = lambda *_: True
    text = StringIO()
    yaml.dump(value, text)
    return MADE_OF + text.getvalue()
