"""The runbook: a page for each alert, and every command in it is one."""

import re
from pathlib import Path

from journey_engine.cli.app import app
from journey_engine.observe.contract import METRICS
from tests.monitoring.test_rules import alerts

ROOT = Path(__file__).parents[2]
RUNBOOK = ROOT / "deploy/runbook/README.md"
TEXT = RUNBOOK.read_text()
PARTS = ("**It means**", "**Look at**", "**Do**")


def pages() -> dict[str, str]:
    """What stands under each heading."""
    found = re.split(r"^## (Journey\w+)$", TEXT, flags=re.MULTILINE)[1:]
    return dict(zip(found[::2], found[1::2], strict=True))


def test_each_alert_has_its_page_and_each_page_its_alert() -> None:
    assert sorted(pages()) == sorted({alert["alert"] for alert in alerts()})


def test_a_page_says_what_it_means_what_to_look_at_and_what_to_do() -> None:
    for name, page in pages().items():
        assert [part for part in PARTS if part not in page] == [], name


def test_an_alert_leads_to_its_page() -> None:
    headings = {f"deploy/runbook/README.md#{name.lower()}" for name in pages()}
    for alert in alerts():
        assert alert["annotations"]["runbook_url"] in headings


def test_every_command_is_one_and_has_what_it_needs() -> None:
    """What stands in angle quotes is for the reader to fill in."""
    said = re.findall(r"`journey-engine ([^`]+)`", TEXT)
    assert len(said) > 20
    for words in said:
        filled = re.sub("\u2039[^\u203a]+\u203a", "1", words)
        app.parse_args(filled, exit_on_error=False, print_error=False)
        assert filled != "deadletters replay", "it wants to be told which"


def test_every_metric_is_one() -> None:
    known = {metric.exposed for metric in METRICS}
    said = set(re.findall(r"`(journey_[a-z_]+)`", TEXT))
    assert said
    assert said <= known
