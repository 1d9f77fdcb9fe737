"""The examples of topologies/README.md are right."""

import re
from textwrap import indent

from journey_engine.define.topics import parse_topics
from tests.define.dated import COMPANY as COMPANY_OF_TIME
from tests.define.definitions import CART, FILES, ROOT, compiled, errors_of

PAGE = (ROOT / "topologies" / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
JOURNEY, COMPANY, TOPICS = (
    next(block for block in BLOCKS if block.startswith(begin))
    for begin in ("journey: ", "# lifecycle.yaml", "# topics.yaml")
)

HEAD = FILES[CART][: FILES[CART].index("abandon:")]

OLD = "waiting nudged engaged lost"


def test_the_examples_make_a_plan() -> None:
    parts = re.split(r"^# (\w+\.yaml)", COMPANY, flags=re.MULTILINE)[1:]
    files = {name: f"#{text}" for name, text in zip(parts[::2], parts[1::2], strict=True)}
    files["journeys/cart-rescue.yaml"] = JOURNEY

    assert list(compiled(files).by_name) == ["cart-rescue"]


def test_the_waits_on_the_calendar_are_right() -> None:
    [waits] = [block for block in BLOCKS if block.startswith("transitions:\n  - {at:")]
    stages = re.findall(r"to: (\w+)}", waits)
    begun = "start: waiting\nstages:\n  waiting:\n    macro_stage: retention\n"
    written = "".join(
        f"  {name}:\n    macro_stage: retention\n    transitions: [{{after: 1d, to: end}}]\n"
        for name in stages
    )
    head = HEAD.replace("total: event.total", "ends_on: event.cart_id")
    files = {**COMPANY_OF_TIME, CART: head + begun + indent(waits, "    ") + written}

    assert len(compiled(files).by_name["cart"].stages["waiting"].timers) == len(stages) == 5


def test_the_topics_example_is_right() -> None:
    assert parse_topics("topics.yaml", TOPICS).partitions == 4


def test_the_example_of_a_migration_is_right() -> None:
    [written] = [block for block in BLOCKS if block.startswith("migrate:")]
    stage = "  {}:\n    macro_stage: retention\n    transitions: [{{after: 1d, to: end}}]\n"

    def version(number: int, stages: str, more: str = "") -> str:
        bodies = "".join(map(stage.format, stages.split()))
        head = HEAD.replace("version: 3", f"version: {number}")
        return f"{head}{more}abandon: {{after: 30d}}\nstart: waiting\nstages:\n{bodies}"

    older = {f"{CART[:-5]}@{number}.yaml": version(number, OLD) for number in (1, 2)}
    found = errors_of({**FILES, CART: version(3, "waiting called", written), **older})

    assert not found
