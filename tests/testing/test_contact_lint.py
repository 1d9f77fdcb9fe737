"""A journey that the contact policy refuses a part of, whatever its customers do (rule V4)."""

import pytest

from journey_engine.define.compiler import compile_definitions
from journey_engine.errors import DefinitionError
from journey_engine.testing import run_tests
from journey_engine.testing.witness import witness
from tests.define.definitions import CART, POLICIES, SCHEMAS, bent, marked

TEST = CART.replace(".yaml", ".test.yaml")
FIRST = "{after: 2d, to: end}"
SEND = "on_enter: [{send: {id: again, content: x, channels: [email], theme: more}}]"
CAPPED = "{consent: opt_in, obeys: [few], counts: [few]}"


def files(policy: str, journey: str, stage: str, send: str) -> tuple[dict[str, str], str | None]:
    """The cart journey with a stage `later` after the reminder's; where the mark stands."""
    found = bent(POLICIES, "{consent: opt_in}", policy)
    found = bent(CART, FIRST, journey, found)
    later = (
        f"stages:\n  later:\n    macro_stage: purchase\n    {send}\n    transitions: [{stage}]\n"
    )
    found = bent(CART, "stages:\n", later, found)
    if "«" not in found[CART]:
        return found, None
    found, (file, line, column) = marked(CART, found)
    return found, f"{file}:{line}:{column}"


def lint(found: dict[str, str]) -> list[DefinitionError]:
    return [each for each in compile_definitions(found, SCHEMAS).findings if not each.warning]


WRONG = [
    (
        "CAP_BROKEN_ALONE",
        "max: 1, rolling: 7d",
        "{after: 2d, to: later}",
        "id: again",
        "id: «again",
    ),
    ("CAP_BROKEN_ALONE", "max: 1, calendar: day", "{always: true, to: later}", "again", "«again"),
]


@pytest.mark.parametrize(("code", "cap", "way", "old", "new"), WRONG)
def test_a_journey_that_alone_breaks_a_cap(
    code: str, cap: str, way: str, old: str, new: str
) -> None:
    send = SEND.replace(old, new)
    found, place = files(CAPPED, way, "{after: 9d, to: end}", send)
    found[POLICIES] += f"caps: {{few: {{{cap}}}}}\n"

    (error,) = lint(found)

    assert error.code == code
    assert f"{error.file}:{error.line}:{error.column}" == place
    assert "`few`" in error.message


THEMES = "themes: {conflicts: [[cart, more]], within: 3d}\n"


def test_a_journey_whose_themes_contradict_each_other() -> None:
    found, place = files(
        "{consent: opt_in}",
        "{after: 2d, to: later}",
        "{after: 9d, to: end}",
        SEND.replace("theme: more", "theme: «more"),
    )
    found[POLICIES] += THEMES

    (error,) = lint(found)

    assert error.code == "THEMES_CONTRADICT"
    assert f"{error.file}:{error.line}:{error.column}" == place


RIGHT = [
    ("max: 2, rolling: 7d", "{after: 2d, to: later}", SEND),
    ("max: 1, rolling: 7d", "{after: 7d, to: later}", SEND),
    ("max: 1, calendar: week", "{after: 2d, to: later}", SEND),
    ("max: 1, rolling: 7d, channels: [email]", "{after: 2d, to: later}", SEND),
    ("max: 1, rolling: 7d", "{on: ProductViewed, scope: customer, to: later}", SEND),
    ("max: 1, rolling: 7d", "{after: 2d, when: instance.total > 1.0, to: later}", SEND),
    ("max: 1, rolling: 7d", "{after: 2d, to: later}", SEND[:-3] + ", when: reachable('email')}}]"),
]


@pytest.mark.parametrize(("cap", "way", "send"), RIGHT)
def test_what_may_all_be_sent_is_left_alone(cap: str, way: str, send: str) -> None:
    found, _ = files(CAPPED, way, "{after: 9d, to: end}", send)
    found[POLICIES] += f"caps: {{few: {{{cap}}}}}\n"

    assert lint(found) == []


@pytest.mark.parametrize(
    ("more", "outcome"),
    [("caps: {few: {max: 1, rolling: 7d}}\n", "CAP_REACHED"), (THEMES, "THEME_CONFLICT")],
)
def test_it_comes_with_the_events_that_show_it(more: str, outcome: str) -> None:
    purpose = CAPPED if "caps" in more else "{consent: opt_in}"
    found, _ = files(purpose, "{after: 2d, to: later}", "{after: 9d, to: end}", SEND)
    found[POLICIES] += more
    compiled = compile_definitions(found, SCHEMAS)
    (finding,) = compiled.findings
    assert compiled.plan is not None

    text = witness(finding, found[CART], compiled.plan, SCHEMAS)

    assert text is not None
    assert f'{{"send": "again", "outcome": "{outcome}"}}' in text
    assert run_tests({TEST: text}, compiled.plan, SCHEMAS).failed == []
