"""Why a content was sent or not, and what would have sent it."""

import re
from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from journey_engine.decide.event import Event
from journey_engine.decide.explain import sentences
from journey_engine.decide.verdict import Decision
from journey_engine.define.compiler import compile_plan
from journey_engine.define.personal import personal
from journey_engine.schemas import Schemas
from journey_engine.testing.parse import parse_cases
from journey_engine.testing.runner import Run
from journey_engine.why.answer import Answer, answers
from journey_engine.why.past import Taken, World, decided
from journey_engine.why.question import names, wanted
from journey_engine.why.records import recorded
from tests.why.refusal import REFUSED

HOUR = 3_600_000
POLICIES = "topologies/policies.yaml"
FILES: Mapping[str, str] = {
    "topologies/lifecycle.yaml": "stages: {purchase: {owner: shop}}",
    POLICIES: "purposes: {marketing: {consent: opt_out}}\n",
    "topologies/channels.yaml": """
channels:
  email: {topic: commands.email.v1, owner: mail, actions: [send]}
  push: {topic: commands.push.v1, owner: app, actions: [send]}
""",
    "topologies/customer.yaml": """
traits: {tier: {from: [ProfileChanged.tier]}}
consent:
  set: {on: ConsentChanged, purpose: event.purpose, granted: event.granted}
reachable:
  push: {set: PushTokenAdded, clear: PushTokenRemoved}
""",
    "topologies/journeys/cart.yaml": """
journey: cart
version: 7
owner: team
objective: Bring back who leaves a cart
success: ordered
review_by: 2027-03-01
purpose: marketing
entry:
  - on: CartUpdated
    when: "event.total != null && event.total > 50.0"
    remember: {total: event.total}
reentry: {mode: after_end}
goals: {ordered: {on: OrderPlaced}}
start: waiting
stages:
  waiting:
    macro_stage: purchase
    transitions: [{after: 4h, to: reminded}]
  reminded:
    macro_stage: purchase
    on_enter: [{send: {id: reminder, content: cart-reminder, channels: [email]}}]
    transitions: [{after: 1d, to: end}]
""",
}
CART = '{at: "2026-03-02T10:00Z", CartUpdated: {cart_id: k1, total: 80.0}}'
SEND = "channels: [email]"


def files(*changes: tuple[str, str, str]) -> dict[str, str]:
    found = dict(FILES)
    for file, old, new in changes:
        assert old in found[file]
        found[file] = found[file].replace(old, new, 1)
    return found


def sends(old: str, new: str) -> tuple[str, str, str]:
    return ("topologies/journeys/cart.yaml", old, new)


class Life:
    """What happened to one customer, from the steps of a test."""

    def __init__(self, schemas: Schemas, steps: list[str], *changes: tuple[str, str, str]) -> None:
        self.schemas = schemas
        self.plan = compile_plan(files(*changes), schemas)
        lines = ["tests:", "  - name: life", "    then: {}", "    steps:"]
        text = "\n".join([*lines, *(f"      - {step}" for step in steps)])
        case = parse_cases("cart.test.yaml", text, self.plan, schemas)[0]
        self.run = Run(self.plan, case)
        self.run.play()

    def world(self) -> World:
        taken = [Taken(e, e.recorded_at) for e in self.run.inputs if isinstance(e, Event)]
        return World(self.plan, taken, self.run.clock)

    def ask(self, content: str = "cart-reminder") -> Answer:
        (answer,) = answers(self.world(), wanted(self.plan, content), self.schemas)
        return answer


def test_a_world_that_is_not_changed_is_as_it_was(schemas: Schemas) -> None:
    life = Life(schemas, [CART, "{after: 20d}"])

    made = decided(life.world())

    def told(decisions: list[Decision]) -> list[tuple[object, list[str]]]:
        return [(each.state, sentences(each, life.plan)) for each in decisions]

    assert told([each.decision for each in made]) == told(life.run.decisions)
    assert [repr(each.given) for each in made] == list(map(repr, life.run.inputs))


def test_what_was_sent_needs_no_change(schemas: Schemas) -> None:
    answer = Life(schemas, [CART, "{after: 5h}"]).ask()

    assert (answer.outcome, answer.why, answer.instead) == ("SENT", "it was sent", ())
    assert (answer.journey, answer.version, answer.action) == ("cart", 7, "reminder")
    assert answer.decided_at == "2026-03-02T14:00:00+00:00"
    assert answer.trace == ("email chosen",)


def test_it_may_be_asked_by_the_id_of_the_action(schemas: Schemas) -> None:
    assert Life(schemas, [CART, "{after: 5h}"]).ask("reminder").outcome == "SENT"


def test_no_consent_names_who_withdrew_it_and_what_would_have_helped(schemas: Schemas) -> None:
    withdrawn = '{at: "2026-03-01T10:00Z", ConsentChanged: {purpose: marketing, granted: false}}'
    answer = Life(schemas, [withdrawn, CART, "{after: 5h}"]).ask()

    assert (answer.outcome, answer.rule) == ("NO_CONSENT", "K1")
    assert answer.trace == ("email no consent",)
    assert answer.inputs["consent marketing/*"] == "false since 2026-03-01T10:00:00+00:00"
    assert answer.instead[0] == "with consent to marketing on email"
    assert any(each.startswith("without ConsentChanged of 2026-03-01") for each in answer.instead)


def test_no_address_is_helped_by_one(schemas: Schemas) -> None:
    answer = Life(schemas, [CART, "{after: 5h}"], sends(SEND, "channels: [push]")).ask()

    assert (answer.outcome, answer.rule) == ("UNREACHABLE", "K1")
    assert answer.instead[0] == "with an address on push"
    assert any("one PushTokenAdded" in each for each in answer.instead) is False


def test_a_guard_tells_what_it_read_and_where_its_boundary_is(schemas: Schemas) -> None:
    guarded = sends(SEND, SEND + ", when: 'instance.total >= 100.0'")
    answer = Life(schemas, [CART, "{after: 5h}"], guarded).ask()

    assert (answer.outcome, answer.rule) == ("GUARD_FALSE", "C1")
    assert answer.inputs["instance.total"] == "80.0"
    assert answer.instead[0].startswith("with total = 100.0 instead of 80.0 in CartUpdated")


def test_a_trait_that_a_guard_wants_is_told(schemas: Schemas) -> None:
    guarded = sends(SEND, SEND + ", when: \"customer.tier == 'gold'\"")
    answer = Life(schemas, [CART, "{after: 5h}"], guarded).ask()

    assert answer.inputs["customer.tier"] == "null"
    assert answer.instead[0] == "with the trait tier = 'gold'"


def test_an_entry_that_was_refused_tells_what_it_read(schemas: Schemas) -> None:
    answer = Life(schemas, [CART.replace("80.0", "50.0"), "{after: 5h}"]).ask()

    assert (answer.outcome, answer.rule) == ("NOT_ASKED", "S1")
    assert "the entry 'on CartUpdated" in answer.why
    assert "GUARD_FALSE" in answer.why
    assert answer.inputs == {"event.total": "50.0"}
    assert answer.instead[0] == (
        "with total = 50.01 instead of 50.0 in CartUpdated of 2026-03-02T10:00:00+00:00 (step-1)"
    )


@pytest.mark.parametrize(
    ("guard", "change"),
    [
        ("customer.tier == 'gold'", "with the trait tier = 'gold'"),
        ("reachable('push')", "with an address on push"),
    ],
)
def test_what_an_entry_wanted_to_know_is_tried_when_it_was_refused(
    guard: str, change: str, schemas: Schemas
) -> None:
    asks = sends("event.total != null && event.total > 50.0", guard)
    both = sends(SEND, "channels: [email, push]")
    answer = Life(schemas, [CART, "{after: 9h}"], asks, both).ask()

    assert answer.outcome == "NOT_ASKED"
    assert change in answer.instead


def test_an_instance_that_ended_is_told_and_what_ended_it(schemas: Schemas) -> None:
    answer = Life(schemas, [CART, "{after: 1h, OrderPlaced: {order_id: o}}", "{after: 5h}"]).ask()

    assert answer.why.startswith("it ended GOAL (ordered) in stage waiting")
    assert any(each.startswith("without OrderPlaced") for each in answer.instead)


def test_an_instance_that_waits_is_told_with_its_timer(schemas: Schemas) -> None:
    answer = Life(schemas, [CART, "{after: 3h}"]).ask()

    assert answer.why == (
        "it stands in stage waiting since 2026-03-02T10:00:00+00:00; "
        "its next timer is due 2026-03-02T14:00:00+00:00"
    )
    assert any(
        re.fullmatch(r"with CartUpdated of 2026-03-02T10:00.* 1 hours before", each)
        for each in answer.instead
    )


def test_of_whom_nothing_is_known_one_event_more_is_told(schemas: Schemas) -> None:
    elsewhere = '{at: "2026-03-01T10:00Z", PushTokenAdded: {}}'
    answer = Life(schemas, [elsewhere, "{after: 9h}"]).ask()

    assert answer.why == "nothing happened by which the customer enters the journey"
    (more,) = answer.instead
    assert more.startswith("with one CartUpdated of 2026-03-01T14:59:00+00:00 more")
    assert "total = 50.01" in more


def test_a_message_that_waits_says_until_when(schemas: Schemas) -> None:
    answer = Life(schemas, [CART, "{after: 4h}"], sends(SEND, SEND + ", delay: 2h")).ask()

    assert (answer.outcome, answer.rule) == ("DEFERRED", "A1")
    assert answer.why == "it waits until 2026-03-02T16:00:00+00:00 (DELAY)"


def test_a_cap_is_told_with_the_one_more_that_it_would_take(schemas: Schemas) -> None:
    capped = (
        POLICIES,
        "{consent: opt_out}}",
        "{consent: opt_out, obeys: [week], counts: [week]}}\ncaps: {week: {max: 1, rolling: 7d}}",
    )
    again = "{after: 2d, CartUpdated: {cart_id: k2, total: 90.0}}"
    answer = Life(schemas, [CART, again, "{after: 5h}"], capped).ask()

    assert (answer.outcome, answer.rule) == ("CAP_REACHED", "C3")
    assert "with the cap week at 2 instead of 1" in answer.instead


def test_quiet_hours_are_told_and_the_hour_before_them(schemas: Schemas) -> None:
    quiet = (
        POLICIES,
        "{consent: opt_out}}",
        '{consent: opt_out, quiet: skip}}\nquiet_hours: [{start: "13:00", end: "20:00"}]',
    )
    answer = Life(schemas, [CART, "{after: 5h}"], quiet).ask()

    assert (answer.outcome, answer.rule) == ("QUIET_HOURS", "C4")
    assert "without the quiet hours from 13:00 to 20:00" in answer.instead
    assert any(each.endswith("2 hours before") for each in answer.instead)


def test_a_holdout_is_told(schemas: Schemas) -> None:
    held = (
        POLICIES,
        "{consent: opt_out}}",
        "{consent: opt_out}}\nholdouts: [{id: all, share: 100%, purposes: [marketing]}]",
    )
    answer = Life(schemas, [CART, "{after: 5h}"], held).ask()

    assert (answer.outcome, answer.rule) == ("HOLDOUT", "J4")
    assert answer.instead[0] == "without the holdout all"


@pytest.mark.parametrize("customer", ["customer", "nobody"])
def test_records_tell_the_last_decision_by_then(schemas: Schemas, customer: str) -> None:
    life = Life(schemas, [CART, "{after: 20d}"], sends(SEND, SEND + ", delay: 2h"))
    records = [
        {name: getattr(send, name) for name in send.__struct_fields__}
        for decision in life.run.decisions
        for send in decision.sends
    ]
    asked = wanted(life.plan, "cart-reminder")
    sent_at = max(record["decided_at"] for record in records)

    last = recorded(records, customer, asked, None)
    before = recorded(records, customer, asked, sent_at - 1)

    if customer == "nobody":
        assert (last, before) == (None, None)
        return
    assert last is not None
    assert before is not None
    assert (last.outcome, last.version, last.plan) == ("SENT", 7, life.plan.hash)
    assert (before.outcome, before.rule) == ("DEFERRED", "A1")
    assert recorded(records, customer, asked, sent_at - 3 * HOUR) is None


def test_what_only_a_kept_version_sends_may_be_asked(schemas: Schemas) -> None:
    kept = FILES["topologies/journeys/cart.yaml"].replace("version: 7", "version: 6")
    kept = kept.replace("content: cart-reminder", "content: cart-letter").replace(
        "id: reminder", "id: letter"
    )
    plan = compile_plan({**FILES, "topologies/journeys/cart@6.yaml": kept}, schemas)

    assert [(one.journey.version, one.action.id) for one in wanted(plan, "cart-letter")] == [
        (6, "letter")
    ]
    assert [one.journey.version for one in wanted(plan, "cart-reminder")] == [7]
    assert "cart-letter" in names(plan)
    sent = replace(REFUSED, journey="cart", send_id="letter", version=6)
    record = {name: getattr(sent, name) for name in sent.__struct_fields__}
    told = recorded([record], "anna", wanted(plan, "cart-letter"), None)
    assert told is not None
    assert (told.version, told.plan) == (6, REFUSED.definition_hash)


def test_what_is_personal_was_read_and_is_not_told(schemas: Schemas) -> None:
    rule = "traits: {name: {from: [AccountOpened.first_name]}, "
    named = ("topologies/customer.yaml", "traits: {", rule)
    asks = sends(SEND, f"""when: "customer.name == 'Bea'", {SEND}""")
    opened = '{at: "2026-03-01T10:00Z", AccountOpened: {first_name: Ana}}'
    life = Life(schemas, [opened, CART, "{after: 5h}"], named, asks)
    hidden = personal(life.plan, schemas)
    asked = wanted(life.plan, "cart-reminder")
    (open_,) = answers(life.world(), asked, schemas)
    assert open_.inputs["customer.name"] == "'Ana'"
    (masked,) = answers(life.world(), asked, schemas, hidden)
    assert masked.inputs["customer.name"] == "(personal)"
    assert (masked.outcome, masked.rule) == ("GUARD_FALSE", "C1")
    assert "with the trait name = 'Bea'" in masked.instead
    assert "Ana" not in str(masked)
    told = "".join(line for d in life.run.decisions for line in sentences(d, life.plan, hidden))
    assert "customer.name = (personal)" in told
    assert "Ana" not in told
