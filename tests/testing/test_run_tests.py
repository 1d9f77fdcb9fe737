from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journey_engine.define.compiler import compile_plan
from journey_engine.define.plan import Plan
from journey_engine.errors import DefinitionErrors
from journey_engine.schemas import Schemas
from journey_engine.testing import TestReport, run_tests

COMPANY = {
    "topologies/lifecycle.yaml": "stages: {purchase: {owner: shop}}",
    "topologies/policies.yaml": "purposes: {marketing: {consent: opt_out}}",
    "topologies/channels.yaml": """
channels:
  email: {topic: commands.email.v1, owner: mail, actions: [send], hold: 10m}
  push: {topic: commands.push.v1, owner: app, actions: [send]}
""",
    "topologies/customer.yaml": """
traits:
  first_name: {from: [ProfileChanged.first_name]}
  seen: {from: [PageViewed.occurred_at]}
consent:
  set: {on: ConsentChanged, purpose: event.purpose, granted: event.granted}
reachable: {push: {set: PushTokenAdded, clear: PushTokenRemoved}}
""",
}
CART = """
journey: cart
version: 1
owner: team
objective: Bring back who leaves a cart
success: ordered
review_by: 2027-03-01
purpose: marketing
entry: [{on: CartUpdated, when: "event.total > 50.0", remember: {total: event.total}}]
goals: {ordered: {on: OrderPlaced}}
exits: [{on: CartEmptied, reason: emptied}]
start: waiting
stages:
  waiting:
    macro_stage: purchase
    transitions: [{after: 4h, to: reminded}]
  reminded:
    macro_stage: purchase
    on_enter:
      - send: {id: reminder, content: cart, channels: [push, email], data: {total: instance.total}}
    transitions:
      - {on: MessageClicked, when: "event.send == 'reminder'", to: clicked}
      - {after: 1d, to: end, outcome: ignored}
  clicked:
    macro_stage: purchase
    transitions: [{after: 1d, to: end, outcome: clicked}]
"""
FILE = "topologies/journeys/cart.test.yaml"


@pytest.fixture(scope="module")
def plan(schemas: Schemas) -> Plan:
    return compile_plan({**COMPANY, "topologies/journeys/cart.yaml": CART}, schemas)


class Bench:
    """One test with these steps, run against the cart journey."""

    def __init__(self, plan: Plan, schemas: Schemas) -> None:
        self._plan = plan
        self._schemas = schemas

    def run(self, steps: str, **parts: str) -> TestReport:
        lines = ["tests:", "  - name: example", "    steps:", *_indented(steps)]
        for name, text in parts.items():
            lines.append(f"    {name}: {text}")
        return run_tests({FILE: "\n".join(lines) + "\n"}, self._plan, self._schemas)

    def told(self, steps: str, **parts: str) -> list[str]:
        report = self.run(steps, **parts)
        return [str(failure) for result in report.results for failure in result.failures]

    def refused(self, steps: str, **parts: str) -> list[tuple[int, str]]:
        with pytest.raises(DefinitionErrors) as caught:
            self.run(steps, **parts)
        return [(error.line, error.code) for error in caught.value.errors]


def _indented(steps: str) -> list[str]:
    return [f"      - {step}" for step in steps.strip().splitlines()]


@pytest.fixture
def bench(plan: Plan, schemas: Schemas) -> Bench:
    return Bench(plan, schemas)


LEFT = '{at: "2026-03-02T10:00+01:00", CartUpdated: {cart_id: k1, total: 80}}\n'


def test_time_passes_and_what_was_sent_is_as_the_test_says(bench: Bench) -> None:
    sent = '[{send: reminder, channel: email, at: "2026-03-02T13:00Z", data: {total: 80.0}}]'
    assert bench.told(LEFT + "{after: 4h}", then=f"{{sent: {sent}}}") == []


def test_a_channel_with_a_capacity_has_room_for_the_one_customer(schemas: Schemas) -> None:
    channels = COMPANY["topologies/channels.yaml"].replace("hold: 10m", "capacity: 1 per 1h")
    files = {**COMPANY, "topologies/channels.yaml": channels, "topologies/journeys/cart.yaml": CART}
    limited = Bench(compile_plan(files, schemas), schemas)
    sent = '[{send: reminder, channel: email, at: "2026-03-02T13:00Z"}]'

    assert limited.told(LEFT + "{after: 4h}", then=f"{{sent: {sent}}}") == []


def test_a_timer_fires_at_its_due_time_however_far_the_step_goes(bench: Bench) -> None:
    ended = '[{as: ignored, at: "2026-03-03T13:00Z"}]'
    assert bench.told(LEFT + "{after: 600d}", then=f"{{ended: {ended}}}") == []


@given(cuts=st.lists(st.integers(1, 40), min_size=1, max_size=6))
def test_how_often_a_test_looks_at_the_clock_changes_nothing(
    plan: Plan, schemas: Schemas, cuts: list[int]
) -> None:
    bench = Bench(plan, schemas)
    apart = "".join(f"{{after: {hours}h}}\n" for hours in cuts)
    at_once = f"{{after: {sum(cuts)}h}}"
    then = "{sent: [{key: none}], ended: [{key: none}], stage: [{key: none}]}"
    told = [text.split(": ", 1)[1] for text in bench.told(LEFT + apart, then=then)]
    assert told == [text.split(": ", 1)[1] for text in bench.told(LEFT + at_once, then=then)]


def test_what_did_not_happen_is_told_with_its_line_and_what_happened_instead(bench: Bench) -> None:
    (told,) = bench.told(LEFT + "{after: 4h}", then="{sent: [{send: reminder, channel: push}]}")
    assert told == (
        f"{FILE}:6: expected reminder sent on push; what happened: reminder sent on email"
        " at 2026-03-02T13:00:00Z with content cart with data {'total': 80.0} by cart"
    )


def test_nothing_at_all_is_told_as_such(bench: Bench) -> None:
    told = bench.told(LEFT + "{after: 3h}", then="{sent: [{send: reminder}]}")
    assert told == [f"{FILE}:6: expected reminder sent; nothing of the kind (sent) happened"]


def test_a_refusal_is_told_where_a_send_was_expected(bench: Bench) -> None:
    told = bench.told(
        LEFT + "{after: 4h}",
        given="{customer: {consent: {marketing: denied}}}",
        then="{sent: [{send: reminder}]}",
    )
    assert len(told) == 1
    assert "reminder suppressed for NO_CONSENT" in told[0]


def test_a_list_is_complete(bench: Bench) -> None:
    told = bench.told(LEFT + "{after: 4h}", then="{sent: []}")
    assert len(told) == 1
    assert told[0].startswith(f"{FILE}:2: not expected under `sent`, but happened: reminder sent")


def test_a_list_that_is_not_there_is_not_looked_at(bench: Bench) -> None:
    assert bench.told(LEFT + "{after: 4h}", then="{entered: [{journey: cart}]}") == []


def test_one_happening_meets_one_expectation(bench: Bench) -> None:
    told = bench.told(LEFT + "{after: 4h}", then="{sent: [{send: reminder}, {send: any}]}")
    assert len(told) == 1


@pytest.mark.parametrize(
    "never",
    [
        "{send: any}",
        "{send: reminder, channel: email}",
        "{entered: cart}",
        "{stage: waiting}",
    ],
)
def test_never_forbids(bench: Bench, never: str) -> None:
    told = bench.told(LEFT + "{after: 4h}", never=f"[{never}]")
    assert len(told) == 1
    assert "must never be" in told[0]


@pytest.mark.parametrize(
    "never", ["{cancelled: reminder}", "{ended: any}", "{stage: clicked}", "{suppressed: any}"]
)
def test_never_lets_pass_what_did_not_happen(bench: Bench, never: str) -> None:
    assert bench.told(LEFT + "{after: 4h}", never=f"[{never}]") == []


def test_given_is_known_from_the_first_step_on(bench: Bench) -> None:
    told = bench.told(
        LEFT + "{after: 4h}",
        given="{customer: {reachable: [push], consent: {marketing: {email: denied}}}}",
        then="{sent: [{channel: push}]}",
    )
    assert told == []


def test_an_end_and_a_call_back_are_seen(bench: Bench) -> None:
    steps = LEFT + "{after: 4h}\n{after: 5m, OrderPlaced: {order_id: o1}}"
    then = "{ended: [{as: ordered}], cancelled: [{send: reminder}], stage: []}"
    assert bench.told(steps, then=then) == []
    assert bench.told(steps, then="{ended: [{as: GOAL}]}") == []


def test_feedback_answers_a_send_by_its_name(bench: Bench) -> None:
    steps = LEFT + "{after: 5h, MessageClicked: {send: reminder}}"
    assert bench.told(steps, then="{stage: [{stage: clicked}]}") == []


def test_feedback_on_what_was_never_sent_fails_the_test_at_its_step(bench: Bench) -> None:
    steps = LEFT + "{after: 1h, MessageClicked: {send: reminder}}"
    told = bench.told(steps, then="{sent: []}")
    assert told == [
        f"{FILE}:5: MessageClicked answers the send 'reminder', which was not sent before"
    ]


def test_the_same_event_id_twice_is_a_repeat(bench: Bench) -> None:
    once = "{event_id: e1, cart_id: k1, total: 80.0}"
    steps = (
        f'{{at: "2026-03-02T10:00Z", CartUpdated: {once}}}\n'
        "{after: 1h, CartEmptied: {cart_id: k1}}\n"
        f'{{at: "2026-03-02T10:00Z", CartUpdated: {once}}}'
    )
    assert bench.told(steps, then="{entered: [{journey: cart}]}") == []


def test_a_field_left_out_is_null_and_a_guard_without_value_is_noted(bench: Bench) -> None:
    steps = '{at: "2026-03-02T10:00Z", CartUpdated: {cart_id: k1}}'
    told = bench.told(steps, then="{entered: [{journey: cart}]}")
    assert len(told) == 1
    assert "a guard of cart had no value" in told[0]


def test_a_time_that_is_given_is_one(schemas: Schemas) -> None:
    guard = "customer.seen != null && now - customer.seen > duration('720h')"
    journey = CART.replace("event.total > 50.0", guard)
    bench = Bench(
        compile_plan({**COMPANY, "topologies/journeys/cart.yaml": journey}, schemas), schemas
    )
    for then, seen in (("[{journey: cart}]", "2026-01-01T10:00Z"), ("[]", "2026-03-01T10:00Z")):
        given = f'{{customer: {{seen: "{seen}", first_name: null}}}}'
        assert bench.told(LEFT, given=given, then=f"{{entered: {then}}}") == []


def test_coverage_names_what_no_test_reached(bench: Bench) -> None:
    report = bench.run(LEFT + "{after: 4h}", then="{stage: [{stage: reminded}]}")
    (cart,) = report.coverage
    assert cart.journey == "cart"
    assert {name for kind, name in cart.parts if kind == "stage"} == {
        "waiting",
        "reminded",
        "clicked",
    }
    missed = {(kind, name.split(" (")[0]) for kind, name in cart.missed}
    assert missed == {
        ("stage", "clicked"),
        ("transition", "reminded -> clicked"),
        ("transition", "reminded -> end"),
        ("transition", "clicked -> end"),
        ("goal", "ordered"),
        ("exit", "emptied"),
    }
    assert 0 < cart.share < 1


@pytest.mark.parametrize(
    ("steps", "parts", "code"),
    [
        ("{after: 4h}", {}, "TEST_TIME"),
        ('{at: "2026-03-02T10:00"}', {}, "TEST_TIME"),
        (LEFT + "{after: 4 hours}", {}, "TEST_TIME"),
        ('{at: "9999-12-31T10:00Z", CartUpdated: {}}', {}, "TEST_TIME"),
        ('{at: "0001-01-01T00:00+10:00", CartUpdated: {}}', {}, "TEST_TIME"),
        ('{at: "8999-12-31T10:00Z", CartUpdated: {}}\n{after: 2d}', {}, "TEST_TIME"),
        ('{at: "2026-03-02T10:00Z", CartUpdate: {}}', {}, "TEST_WORD_UNKNOWN"),
        ('{at: "2026-03-02T10:00Z", CartUpdated: {totel: 1.0}}', {}, "TEST_WORD_UNKNOWN"),
        ('{at: "2026-03-02T10:00Z", CartUpdated: {total: much}}', {}, "TEST_VALUE"),
        ('{at: "2026-03-02T10:00Z", CartUpdated: {cart_id: null}}', {}, "TEST_VALUE"),
        (LEFT, {"given": "{customer: {shoe_size: 43}}"}, "TEST_WORD_UNKNOWN"),
        (LEFT, {"given": "{customer: {first_name: 5}}"}, "TEST_VALUE"),
        (LEFT, {"given": "{customer: {seen: true}}"}, "TEST_VALUE"),
        (LEFT, {"given": "{customer: {seen: yesterday}}"}, "TEST_TIME"),
        (LEFT, {"given": "{customer: {reachable: [pigeon]}}"}, "TEST_NAME_UNKNOWN"),
        (LEFT, {"given": "{customer: {consent: {marketing: perhaps}}}"}, "TEST_CONSENT"),
        (LEFT, {"then": "{send: []}"}, "TEST_WORD_UNKNOWN"),
        (LEFT, {"then": "{sent: [{id: reminder}]}"}, "TEST_WORD_UNKNOWN"),
        (LEFT, {"then": "{sent: [{send: r, journey: basket}]}"}, "TEST_NAME_UNKNOWN"),
        (LEFT, {"never": "[{sent: reminder}]"}, "TEST_NEVER"),
        (LEFT, {"never": "[{send: remindr}]"}, "TEST_NAME_UNKNOWN"),
        (LEFT, {"never": "[{send: any, key: 17}]"}, "TEST_VALUE"),
        (LEFT, {"never": "[{send: any, content: cart-remindr}]"}, "TEST_NAME_UNKNOWN"),
        (LEFT, {"never": "[{task: any, content: cart}]"}, "TEST_NAME_UNKNOWN"),
        (LEFT, {"never": "[{send: reminder, data: {totl: 80.0}}]"}, "TEST_WORD_UNKNOWN"),
        (LEFT, {"never": "[{ended: purchased}]"}, "TEST_NAME_UNKNOWN"),
        (LEFT, {"never": "[{stage: recaled}]"}, "TEST_NAME_UNKNOWN"),
        (LEFT, {"then": "{suppressed: [{outcome: SENT}]}"}, "TEST_NAME_UNKNOWN"),
        (LEFT, {"then": "{sent: [{channel: pigeon}]}"}, "TEST_NAME_UNKNOWN"),
        ('{at: "2026-03-02T10:00Z", CartUpdated: {occurred_at: 1}}', {}, "TEST_WORD_UNKNOWN"),
        (LEFT, {"never": "[{task: call}]"}, "TEST_NAME_UNKNOWN"),
    ],
)
def test_what_is_wrong_in_a_test_is_told_with_its_place(
    bench: Bench, steps: str, parts: Mapping[str, str], code: str
) -> None:
    refused = bench.refused(steps, **{"then": "{sent: []}", **parts})
    assert code in [found for _, found in refused]
    assert all(line >= 4 for line, _ in refused)


def test_a_test_that_expects_nothing_is_refused(bench: Bench) -> None:
    assert bench.refused(LEFT) == [(2, "TEST_INCOMPLETE")]


def test_the_wrong_of_all_files_is_told_at_once(plan: Plan, schemas: Schemas) -> None:
    with pytest.raises(DefinitionErrors) as caught:
        run_tests({"a.test.yaml": "tests: []", "b.test.yaml": "tests: {}"}, plan, schemas)
    assert [error.file for error in caught.value.errors] == [
        "a.test.yaml",
        "b.test.yaml",
        "b.test.yaml",
    ]


def test_of_ways_that_lead_alike_only_those_that_held_are_covered(schemas: Schemas) -> None:
    ways = [
        "{on: ProductViewed, when: \"event.product_id == 'a'\", to: reminded}",
        "{on: ProductViewed, when: \"event.product_id == 'b'\", to: reminded}",
        "{after: 4h, to: reminded}",
    ]
    journey = CART.replace("[{after: 4h, to: reminded}]", f"[{', '.join(ways)}]")
    plan = compile_plan({**COMPANY, "topologies/journeys/cart.yaml": journey}, schemas)
    bench = Bench(plan, schemas)

    report = bench.run(LEFT + "{after: 1h, ProductViewed: {product_id: b}}", then="{}")

    missed = [name for kind, name in report.coverage[0].missed if "-> reminded" in name]
    assert missed == [
        "waiting -> reminded (on ProductViewed, when event.product_id == 'a')",
        "waiting -> reminded (after 4h)",
    ]
