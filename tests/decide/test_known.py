"""Rule K1: traits, consent, reachability."""

from dataclasses import replace
from typing import Any

import pytest

from journey_engine.decide.decide import decide
from journey_engine.decide.profile import is_reachable, may_use
from journey_engine.decide.state import CONSENT_MAX, EMPTY, VALUE_BYTES_MAX
from journey_engine.define.expression import Warming
from journey_engine.define.plan import Plan
from journey_engine.define.profile_plan import ConsentRule, ProfileReaders, ReachRule, TraitRule
from tests.decide.plans import (
    BROKEN,
    DAY,
    HOUR,
    NEVER,
    T0,
    Customer,
    clause,
    entries,
    event,
    expression,
    journey,
    plan,
    read,
    stage,
)

PURPOSE, CHANNEL, GRANTED = (read("event", name) for name in ("purpose", "channel", "granted"))


def known(**more: Any) -> Plan:
    profile = {
        "Profile": ProfileReaders(traits=(TraitRule("name", "name"), TraitRule("score", "score"))),
        "Consent": ProfileReaders(consent=(ConsentRule(PURPOSE, CHANNEL, GRANTED),)),
        "Unsubscribed": ProfileReaders(consent=(ConsentRule(PURPOSE, None, None),)),
        "EmailVerified": ProfileReaders(reach=(ReachRule("email", reachable=True),)),
        "Bounced": ProfileReaders(
            reach=(
                ReachRule("email", reachable=False, when=read("event", "permanent")),
                ReachRule("push", reachable=False),
            )
        ),
    }
    return plan(profile=profile, traits={"name": None, "score": DAY}, **more)


def traits(customer: Customer) -> dict[str, Any]:
    return {name: one.value for name, one in customer.state.traits.items()}


def test_k1_the_last_writer_by_occurred_at_wins() -> None:
    customer = Customer(known())
    customer.give("Profile", HOUR, name="late", score=1)
    customer.give("Profile", 0, name="early", score=2)
    assert traits(customer) == {"name": "late", "score": 1}


def test_k1_tie_by_event_id() -> None:
    for order in (("a", "b"), ("b", "a")):
        customer = Customer(known())
        for name in order:
            customer.give("Profile", 0, name, name=name)
        assert traits(customer) == {"name": "b"}


def test_k1_a_null_field_says_nothing() -> None:
    customer = Customer(known())
    customer.give("Profile", 0, name="Anna")
    customer.give("Profile", 1, name=None)
    assert traits(customer) == {"name": "Anna"}


def test_k1_a_value_too_long_is_not_remembered() -> None:
    customer = Customer(known())
    decision = customer.give("Profile", 0, name="x" * (VALUE_BYTES_MAX + 1), score=["y" * 100] * 9)
    assert decision.dropped == {"values": 1}
    assert list(traits(customer)) == ["score"]


def test_k1_valid_makes_older_values_null() -> None:
    seen: list[Any] = []

    def note(scope: Any) -> bool:
        seen.append(dict(scope.customer))
        return False

    watch = journey(
        "a",
        stage("in"),
        entry=[clause("Look", when=expression(note))],
    )
    customer = Customer(replace_journeys(known(), watch))
    customer.give("Profile", 0, name="Anna", score=7)
    customer.give("Look", DAY)
    customer.give("Look", DAY + 1)
    assert seen == [{"name": "Anna", "score": 7}, {"name": "Anna", "score": None}]


def replace_journeys(one: Plan, *journeys: Any) -> Plan:
    more = plan(*journeys)
    return replace(
        one,
        journeys=more.journeys,
        by_name=more.by_name,
        by_type=more.by_type,
        fields={**one.fields, **more.fields},
    )


def test_i8_changed_tells_whether_this_input_changed_the_trait() -> None:
    changed = expression(lambda scope: scope.changed("name"))
    watch = journey("a", stage("in"), entry=[clause("Profile", when=changed)])
    customer = Customer(replace_journeys(known(), watch))
    assert entries(customer.give("Profile", 0, name="Anna")) == ["ENTERED"]
    assert entries(customer.give("Profile", 1, name="Anna")) == ["GUARD_FALSE"]
    assert entries(customer.give("Profile", 2, name="Anne")) == ["ALREADY_IN"]


def may(customer: Customer, purpose: str, channel: str) -> bool:
    return may_use(customer.plan, customer.state.consent, purpose, channel)


def test_k1_unknown_consent_is_the_default_of_the_purpose() -> None:
    customer = Customer(known())
    assert may(customer, "service", "email")
    assert not may(customer, "marketing", "email")


def test_k1_a_purpose_without_default_needs_no_consent() -> None:
    assert may(Customer(known()), "transactional", "email")


def test_k1_consent_is_by_purpose_and_channel() -> None:
    customer = Customer(known())
    customer.give("Consent", 0, purpose="marketing", channel="email", granted=True)
    assert may(customer, "marketing", "email")
    assert not may(customer, "marketing", "push")
    assert customer.state.consent["marketing/email"].value is True


def test_k1_of_a_channel_and_any_channel_the_later_word_counts() -> None:
    customer = Customer(known())
    customer.give("Consent", 0, purpose="marketing", channel=None, granted=True)
    assert may(customer, "marketing", "push")
    customer.give("Consent", 1, purpose="marketing", channel="push", granted=False)
    assert not may(customer, "marketing", "push")
    assert may(customer, "marketing", "email")
    customer.give("Consent", 2, purpose="marketing", channel="email", granted=True)
    customer.give("Unsubscribed", 3, purpose="marketing")
    assert not may(customer, "marketing", "email")
    customer.give("Consent", 4, purpose="marketing", channel="email", granted=True)
    assert may(customer, "marketing", "email")


def test_k1_an_older_word_of_consent_changes_nothing() -> None:
    customer = Customer(known())
    customer.give("Unsubscribed", HOUR, purpose="service")
    customer.give("Consent", 0, purpose="service", channel=None, granted=True)
    assert not may(customer, "service", "email")


def test_k1_consent_for_what_the_plan_does_not_know_is_bounded() -> None:
    customer = Customer(known())
    for number in range(CONSENT_MAX):
        customer.give("Consent", number, purpose=f"p{number}", channel="email", granted=False)
    lost = customer.give("Consent", 100, purpose="other", channel="email", granted=False)
    assert lost.dropped == {"consent": 1}
    customer.give("Consent", 101, purpose="p1", channel="email", granted=True)
    assert customer.state.consent["p1/email"].value is True
    customer.give("Consent", 102, purpose="service", channel="email", granted=False)
    assert not may(customer, "service", "email")


@pytest.mark.parametrize(
    "rule",
    [
        ConsentRule(BROKEN, None, None),
        ConsentRule(PURPOSE, BROKEN, None),
        ConsentRule(PURPOSE, None, BROKEN),
        ConsentRule(PURPOSE, None, None, when=BROKEN),
    ],
)
def test_k1_a_consent_rule_that_fails_writes_nothing(rule: ConsentRule) -> None:
    customer = Customer(plan(profile={"C": ProfileReaders(consent=(rule,))}))
    decision = customer.give("C", 0, purpose="service")
    assert customer.state.consent == {}
    assert len(decision.guard_errors) == 1


def test_k1_a_purpose_that_is_no_text_writes_nothing() -> None:
    def warming(_: Any) -> Any:
        raise Warming

    for purpose, when in (
        (expression(lambda _: None), None),
        (PURPOSE, NEVER),
        (expression(warming), None),
    ):
        rule = ConsentRule(purpose, None, None, when=when)
        customer = Customer(plan(profile={"C": ProfileReaders(consent=(rule,))}))
        customer.give("C", 0, purpose="service")
        assert customer.state.consent == {}


def reachable(customer: Customer, channel: str) -> bool:
    return is_reachable(customer.plan, customer.state.reach, channel)


def test_k1_a_channel_whose_address_no_event_tells_is_reachable_until_one_says_no() -> None:
    customer = Customer(known())
    assert reachable(customer, "sms")
    assert reachable(customer, "push")
    customer.give("Bounced", 0, permanent=False)
    assert not reachable(customer, "push")


def test_k1_a_channel_whose_address_an_event_tells_is_unreachable_until_then() -> None:
    customer = Customer(known())
    assert not reachable(customer, "email")
    customer.give("EmailVerified", HOUR)
    assert reachable(customer, "email")
    customer.give("Bounced", 2 * HOUR, permanent=False)
    assert reachable(customer, "email")
    customer.give("Bounced", 0, permanent=True)
    assert reachable(customer, "email")
    customer.give("Bounced", 3 * HOUR, permanent=True)
    assert not reachable(customer, "email")


def test_k1_late_and_backfilled_events_write_the_profile() -> None:
    customer = Customer(known())
    customer.give("Consent", 0, purpose="marketing", channel="email", granted=True, backfill=True)
    assert may(customer, "marketing", "email")


def test_k1_one_event_that_two_rules_read() -> None:
    decision = decide(known(), EMPTY, event("Profile", 0, name="Anna", score=3), T0)
    assert set(decision.state.traits) == {"name", "score"}
