"""The examples of topologies/README.md are right."""

import re

from journey_engine.define.later import LATER_KEYS
from journey_engine.define.topics import parse_topics
from tests.define.definitions import ROOT, compiled

PAGE = (ROOT / "topologies" / "README.md").read_text("utf-8")
JOURNEY, COMPANY, TOPICS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


def test_the_examples_make_a_plan() -> None:
    parts = re.split(r"^# (\w+\.yaml)", COMPANY, flags=re.MULTILINE)[1:]
    files = {name: f"#{text}" for name, text in zip(parts[::2], parts[1::2], strict=True)}
    files["journeys/cart-rescue.yaml"] = JOURNEY

    assert list(compiled(files).by_name) == ["cart-rescue"]


def test_the_topics_example_is_right() -> None:
    assert parse_topics("topics.yaml", TOPICS).partitions == 4


def test_what_is_not_run_is_said() -> None:
    unsaid = {key for key in LATER_KEYS if not re.search(rf"\b{key}\b", PAGE)}

    assert unsaid <= {"within", "with", "rank", "quiet", "quiet_hours", "obeys", "counts"} | {
        "arbitrate",
        "calendars",
    }
