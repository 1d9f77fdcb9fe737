"""Each finding of the lint comes with the shortest events that show it (rule V4)."""

from collections.abc import Mapping

import pytest

from journey_engine.define.codes import LINT_CODES
from journey_engine.define.compiler import Compiled, compile_definitions
from journey_engine.testing import JourneyCoverage, TestReport, run_tests
from journey_engine.testing.witness import witness
from tests.define.definitions import CART, FILES, SCHEMAS, bent, marked
from tests.define.error_cases import CASES, Case

TEST = CART.replace(".yaml", ".test.yaml")
HELD = Case(
    "HELD_BEYOND_EXPIRES",
    CART,
    "[preferred, email, push]\n          theme: cart\n          expires: 1d",
    "«[email]\n          expires: 5m",
)
OF_JOURNEYS = [each for each in CASES if each.code in LINT_CODES and "where:" not in each.new]
OF_JOURNEYS.append(HELD)


def shown(case: Case, whole: Mapping[str, str] = FILES) -> tuple[str, TestReport]:
    files, _ = marked(case.file, bent(case.file, case.old, case.new, whole))
    compiled = compile_definitions(files, SCHEMAS)
    (finding,) = [each for each in compiled.findings if each.code in LINT_CODES]
    assert compiled.plan is not None
    text = witness(finding, files[finding.file], compiled.plan, SCHEMAS)
    assert text is not None
    return text, run_tests({TEST: text}, compiled.plan, SCHEMAS)


@pytest.mark.parametrize("case", OF_JOURNEYS, ids=lambda case: case.code)
def test_a_witness_passes_as_a_test(case: Case) -> None:
    text, report = shown(case)

    assert len(report.results) == 1
    assert report.failed == []
    assert case.code in report.results[0].name
    assert "steps" in text


def of_code(code: str, index: int = 0) -> tuple[str, JourneyCoverage]:
    text, report = shown([each for each in OF_JOURNEYS if each.code == code][index])
    return text, report.coverage[0]


def reached(coverage: JourneyCoverage, kind: str) -> set[str]:
    return {name for (what, name), was in coverage.parts.items() if was and what == kind}


def test_a_stage_that_nothing_leads_to_is_not_reached_in_a_year() -> None:
    text, coverage = of_code("UNREACHABLE_STAGE")

    assert 'never: [{"stage": "spare"}]' in text
    assert '{"after": "365d"}' in text
    assert "waiting" in reached(coverage, "stage")
    assert "spare" not in reached(coverage, "stage")


def test_a_stage_without_a_way_out_holds_for_a_year() -> None:
    text, _ = of_code("NO_WAY_OUT")

    assert '"stage": [{"stage": "engaged"}]' in text
    assert 'never: [{"ended": "any"}]' in text


def test_a_circle_ends_in_a_loop() -> None:
    assert '"ended": [{"as": "LOOP"}]' in of_code("ALWAYS_LOOP")[0]


def test_a_wait_beyond_abandon_is_never_over() -> None:
    text, _ = of_code("WAIT_BEYOND_ABANDON")

    assert '"ended": [{"as": "ABANDONED"}]' in text
    assert 'never: [{"stage": "nudged"}]' in text


def test_a_guard_of_an_entry_lets_nobody_in() -> None:
    assert 'never: [{"entered": "cart"}]' in of_code("GUARD_NEVER_TRUE")[0]


def test_a_guard_of_a_transition_lets_nobody_pass_though_its_event_comes() -> None:
    text, coverage = of_code("GUARD_NEVER_TRUE", 1)

    assert '"MessageClicked": {"send": "reminder"}' in text
    assert 'never: [{"stage": "engaged"}]' in text
    assert "nudged" in reached(coverage, "stage")


def test_a_guard_of_a_send_refuses_it() -> None:
    text, _ = of_code("GUARD_NEVER_TRUE", 2)

    assert '"suppressed": [{"send": "reminder", "outcome": "GUARD_FALSE"}]' in text
    assert 'never: [{"send": "reminder"}]' in text


def test_a_send_that_is_held_too_long_expires_though_the_customer_can_be_reached() -> None:
    text, _ = of_code("HELD_BEYOND_EXPIRES")

    assert '"suppressed": [{"send": "reminder", "outcome": "EXPIRED"}]' in text
    assert '"reachable"' in text


def test_a_timeout_without_a_path_moves_nobody() -> None:
    text, _ = of_code("TIMEOUT_WITHOUT_PATH")

    assert '{"after": "1h"}' in text
    assert '"ended": []' in text or '"ended": [{"as": "clicked"}]' in text


def test_a_transition_in_the_shadow_of_another_sees_that_one_taken() -> None:
    for index in range(5):
        _, coverage = of_code("SHADOWED_TRANSITION", index)
        taken = reached(coverage, "transition")
        assert any(name.startswith(("engaged ->", "nudged ->")) for name in taken)


@pytest.mark.parametrize(
    ("old", "new", "claim"),
    [
        ("value: event.total}", "when: «1 > 2}", '"stage": [{"stage": "waiting"}]'),
        ("reason: emptied}", "reason: emptied, when: «1 > 2}", 'never: [{"ended": "emptied"}]'),
        (
            "{on: CartUpdated, remember: {total: event.total}}",
            "{on: CartUpdated, when: «1 > 2, remember: {total: event.total}}",
            '"stage": [{"stage": "waiting"}]',
        ),
    ],
    ids=["goal", "exit", "update"],
)
def test_a_clause_that_is_never_met_is_shown_by_its_event(old: str, new: str, claim: str) -> None:
    text, report = shown(Case("GUARD_NEVER_TRUE", CART, old, new))

    assert claim in text
    assert report.failed == []


def test_a_milestone_that_is_never_reached_is_shown_by_its_event() -> None:
    new = "abandon: {after: 30d}\nmilestones: {paid: {on: CheckoutStarted, when: «1 > 2}}"
    text, report = shown(Case("GUARD_NEVER_TRUE", CART, "abandon: {after: 30d}", new))

    assert '"CheckoutStarted": {"cart_id": "k1"}' in text
    assert 'never: [{"milestone": "paid"}]' in text
    assert report.failed == []


def test_a_branch_that_is_never_taken_is_shown_by_who_passes_the_junction() -> None:
    old = "{on: MessageClicked, when: \"event.send == 'reminder'\", to: engaged}"
    files = bent(CART, old, "{on: MessageClicked, to: choice}")
    junction = "[{when: «1 > 2, to: engaged}, {to: waiting}]"
    choice = f"stages:\n  choice: {{macro_stage: purchase, choose: {junction}}}\n"
    text, report = shown(Case("GUARD_NEVER_TRUE", CART, "stages:\n", choice), files)

    assert 'never: [{"stage": "engaged"}]' in text
    assert report.failed == []


def test_a_plan_that_the_lint_refuses_is_there_to_be_shown_and_no_other() -> None:
    def compiled(old: str, new: str) -> Compiled:
        return compile_definitions(bent(CART, old, new), SCHEMAS)

    assert compile_definitions(FILES, SCHEMAS).findings == []
    assert compiled("after: 4h", "after: 31d").plan is not None
    assert compiled("to: engaged", "to: engagd").plan is None


def test_a_way_leads_through_a_pattern() -> None:
    entry = "entry:\n  - on: CartUpdated\n    times: 3\n    within: 1h"
    files = bent(CART, "entry:\n  - on: CartUpdated", entry)
    text, report = shown(Case("WAIT_BEYOND_ABANDON", CART, "after: 4h", "after: «31d"), files)

    assert text.count('"CartUpdated"') == 3
    assert report.failed == []
