"""Journeys of accounts as written (rule M3): what they may read, and what does not go with them."""

import pytest

from journey_engine.define.compiler import compile_definitions
from tests.decide.accounts import DUNNING, JOURNEY, files
from tests.define.definitions import CART, CUSTOMER, FILES, SCHEMAS, bent, compiled, errors_of

TRAIT = "instance.by == customer.first_name"


def codes(old: str, new: str) -> list[str]:
    return [e.code for e in errors_of(bent(DUNNING, old, new, files()))]


def test_accounts_have_a_plan_of_their_own() -> None:
    plan = compiled(files())

    assert plan.accounts is not None
    assert [one.name for one in plan.journeys] == ["cart"]
    assert [one.name for one in plan.accounts.journeys] == ["dunning"]
    copied = {name for name, reading in plan.readings.items() if reading.shared}
    assert copied == plan.accounts.fields.keys()
    assert {"PaymentFailed", "PaymentSucceeded", "TaskDone"} <= copied
    assert "CartUpdated" not in copied


def test_without_such_journeys_there_is_none_and_nothing_is_copied() -> None:
    plan = compiled({name: text for name, text in files().items() if name != DUNNING})

    assert plan.accounts is None
    assert not any(reading.shared for reading in plan.readings.values())
    assert plan.readings["AccountLinked"].joins is not None


def test_the_features_of_an_accounts_journey_are_counted_over_its_account_alone() -> None:
    plan = compiled(files())

    assert plan.accounts is not None
    [mine] = plan.accounts.by_name["dunning"].features.values()
    assert [one.id for one in plan.accounts.profile["PaymentFailed"].features] == [mine.id]
    assert "PaymentFailed" not in plan.profile


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("account.features.failures >= 2", "features.failures >= 2", "UNKNOWN_FIELD"),
        ("account.features.failures >= 2", "account.features.spend_90d > 1.0", "UNKNOWN_FIELD"),
        ("account.features.failures >= 2", "customer.first_name == 'x'", "UNKNOWN_FIELD"),
        ("account.features.failures >= 2", "\"consent('service', 'email')\"", "UNKNOWN_FIELD"),
        ("account.features.failures >= 2", "reachable('email')", "UNKNOWN_FIELD"),
        ("account.features.failures >= 2", "in_journey('cart')", "UNKNOWN_NAME"),
        ("{by: event.customer_id}", "{by: event.customer_id, members: '1'}", "RESERVED_NAME"),
        (
            "start: waiting",
            "holds: {purposes: [marketing], then: drop, at_most: 3d}\nstart: waiting",
            "SUB",
        ),
        ("start: waiting", "exits: [{on: CartEmptied, switch_to: cart}]\nstart: waiting", "SUB"),
    ],
)
def test_what_is_of_one_customer_does_not_go_with_an_account(
    old: str, new: str, found: str
) -> None:
    found = "SUBJECT_CONFLICT" if found == "SUB" else found
    assert codes(old, new) == [found]


@pytest.mark.parametrize(
    "guard",
    [
        "account.features.failures.complete",
        "has(account.features.failures)",
        "in_journey('dunning')",
    ],
)
def test_what_an_accounts_journey_may_read(guard: str) -> None:
    when = "account.features.failures >= 2"
    assert codes(when, f'"{guard}"') == []


def test_the_members_are_known_once_somebody_entered() -> None:
    guard, paid = "event.customer_id in instance.members", "paid: {on: PaymentSucceeded}"
    assert codes("account.features.failures >= 2", f'"{guard}"') == ["UNKNOWN_FIELD"]
    assert codes(paid, paid.replace("}", f", when: {guard}}}")) == []


def test_a_customers_journey_reads_no_account() -> None:
    bad = bent(CART, "event.total > 50.0", "account.features.views_1h > 1", files())
    assert [e.code for e in errors_of(bad)] == ["UNKNOWN_FIELD"]


def test_an_accounts_journey_needs_accounts() -> None:
    found = errors_of({**FILES, DUNNING: JOURNEY})
    assert [(e.code, e.line) for e in found] == [("SUBJECT_CONFLICT", 3)]


def test_an_advice_names_what_is_read_as_the_author_writes_it() -> None:
    text = JOURNEY.replace("{count: PaymentFailed, within: 7d}", "{max: OrderPlaced.total}")
    text = text.replace("failures >= 2", "failures >= 2.0")
    found = compile_definitions(files(text), SCHEMAS).findings
    assert [e.message.split("`")[1] for e in found] == ["account.features.failures"]


CALL = "          id: call\n"


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        (CALL, CALL + "          to: event.customer_id\n", ["UNKNOWN_FIELD"]),
        (CALL, CALL + "          to: everybody\n", ["BAD_VALUE"]),
        (CALL, CALL + "          to: members\n", []),
        (CALL, CALL + "          to: role('payer')\n", []),
        (
            CALL,
            CALL + "          to: members\n          replaces: call\n",
            ["SUBJECT_CONFLICT"] * 2,
        ),
        ("- task:", "- sync: {id: s, channel: email, audience: a, op: add}\n      - task:", None),
    ],
)
def test_an_action_says_whom_it_addresses(old: str, new: str, found: list[str] | None) -> None:
    assert codes(old, new) == (["SUBJECT_CONFLICT", "CHANNEL_ACTION"] if found is None else found)


def test_roles_are_told_by_the_companys_file() -> None:
    told = bent(CUSTOMER, ", role: [AccountLinked.role]", "", files())
    made = bent(DUNNING, CALL, CALL + "          to: role('payer')\n", told)
    assert [e.code for e in errors_of(made)] == ["SUBJECT_CONFLICT"]


def test_a_customers_journey_addresses_its_customer() -> None:
    made = bent(CART, "theme: cart", "theme: cart\n          to: members", files())
    assert [e.code for e in errors_of(made)] == ["SUBJECT_CONFLICT"]


def test_a_kept_version_that_asks_for_a_customers_zone_stays_as_it_was() -> None:
    traits = "traits:\n  timezone: {from: [ProfileChanged.timezone]}"
    made = bent(CUSTOMER, "traits:", traits, files())
    asks = bent(DUNNING, "{after: 1d,", "{at: {time: '09:00', tz: customer},", made)
    former = {DUNNING.replace(".yaml", "@1.yaml"): asks[DUNNING]}

    assert [e.code for e in errors_of(asks)] == ["SUBJECT_CONFLICT"]
    assert not errors_of({**bent(DUNNING, "version: 1", "version: 2", made), **former})


def test_members_know_the_journey_by_what_is_sent_along() -> None:
    plan = compiled(files())
    assert plan.accounts is not None
    [mine] = plan.accounts.by_name["dunning"].stages["calling"].on_enter
    [theirs] = plan.by_name["dunning"].stages["calling"].on_enter
    reads = {name: sorted(one.reads) for name, one in theirs.data}
    assert reads == {name: [("event", f"data.{name}")] for name, _ in mine.data}
