"""Rule C3: caps are exact, over windows that roll and over the customer's own days."""

from typing import Any

import pytest

from journey_engine.decide.state import CONTACTS_MAX
from journey_engine.define.action_plan import ActionKind
from journey_engine.define.plan import ChannelPlan
from journey_engine.define.policy_plan import Period, PurposePlan
from journey_engine.define.profile_plan import ProfileReaders
from tests.decide.contact import cap, last, marketing, offer, rolling, shown, under
from tests.decide.plans import DAY, HOUR, MINUTE, T0, Customer, send
from tests.decide.sending import PROFILE, consent


def test_c3_a_rolling_window_is_open_at_its_old_end() -> None:
    customer = Customer(under(marketing(rolling("week", 2)), offer("a")))
    for at in (0, HOUR, 2 * HOUR, 7 * DAY - 1, 7 * DAY, 7 * DAY + HOUR - 1, 7 * DAY + HOUR):
        customer.give("Go", at)
    assert customer.outcomes == [
        "SENT",
        "SENT",
        "CAP_REACHED",
        "CAP_REACHED",
        "SENT",
        "CAP_REACHED",
        "SENT",
    ]
    assert customer.sends[2].trace == ("email cap week: 2 of 2",)
    assert customer.sends[4].trace == ("email cap week: 1 of 2", "email chosen")


def test_c3_a_day_is_the_customers_own() -> None:
    customer = Customer(under(marketing(cap("day", 1)), offer("a")))
    customer.give("Moved", 0, zone="America/Sao_Paulo")
    for at in (2 * HOUR, 3 * HOUR - 1, 3 * HOUR, 26 * HOUR, 27 * HOUR):
        customer.give("Go", at)
    assert customer.outcomes == ["SENT", "CAP_REACHED", "SENT", "CAP_REACHED", "SENT"]


def test_c3_a_zone_that_nobody_knows_is_that_of_the_policies() -> None:
    customer = Customer(under(marketing(cap("day", 1)), offer("a")))
    customer.give("Moved", 0, zone="Mars/Olympus")
    for at in (0, DAY - 1, DAY):
        customer.give("Go", at)
    assert customer.outcomes == ["SENT", "CAP_REACHED", "SENT"]


@pytest.mark.parametrize(
    ("period", "end"),
    [(Period.WEEK, 4 * DAY), (Period.MONTH, 31 * DAY)],
)
def test_c3_weeks_begin_on_monday_and_months_on_the_first(period: Period, end: int) -> None:
    customer = Customer(under(marketing(cap("one", 1, period=period)), offer("a")))
    for at in (0, end - 1, end):
        customer.give("Go", at)
    assert customer.outcomes == ["SENT", "CAP_REACHED", "SENT"]


@pytest.mark.parametrize(
    ("period", "end"), [(Period.DAY, DAY), (Period.WEEK, 4 * DAY), (Period.MONTH, 31 * DAY)]
)
def test_c3_the_first_instant_belongs_to_the_new_period(period: Period, end: int) -> None:
    customer = Customer(under(marketing(cap("one", 1, period=period)), offer("a")))
    for at in (end - 1, end, end + 1):
        customer.give("Go", at)
    assert customer.outcomes == ["SENT", "SENT", "CAP_REACHED"]


def test_c3_a_cap_of_some_channels_leaves_the_others() -> None:
    policy = marketing(rolling("mail", 1, channels=frozenset({"email"})), rolling("all", 3))
    customer = Customer(under(policy, offer("a", send("a", "email", "push"))))
    for at in range(4):
        customer.give("Go", at)
    assert [one.channel for one in customer.commands] == ["email", "push", "push"]
    assert last(customer).outcome == "CAP_REACHED"
    assert last(customer).channels_tried == ("email", "push")
    assert last(customer).trace == (
        "email cap mail: 1 of 1",
        "push cap all: 3 of 3",
    )


def test_c3_obeying_and_counting_are_two_things() -> None:
    day = cap("day", 1, counted=frozenset({"marketing", "service"}))
    policy = marketing(day, others={"service": PurposePlan()})
    customer = Customer(under(policy, offer("a"), offer("b", purpose="service", on_type="Help")))
    customer.give("Help", 0)
    customer.give("Help", 1)
    customer.give("Go", 2)
    assert shown(customer) == [("b", "SENT"), ("b", "SENT"), ("a", "CAP_REACHED")]


def test_c3_a_message_taken_back_while_it_is_held_counts_no_longer() -> None:
    channels = [ChannelPlan("email", "commands.email.v1", hold=10 * MINUTE)]
    customer = Customer(under(marketing(cap("day", 1)), offer("a"), channels=channels))
    customer.give("Go", 0)
    customer.give("Order", MINUTE)
    customer.give("Go", HOUR)
    customer.give("Order", 2 * HOUR)
    customer.give("Go", 3 * HOUR)
    assert [one.action for one in customer.commands] == ["SEND", "CANCEL", "SEND"]
    assert customer.outcomes == ["SENT", "SENT", "CAP_REACHED"]


def test_c3_consent_withdrawn_from_an_ended_instance_gives_it_back() -> None:
    channels = [ChannelPlan("email", "commands.email.v1", hold=10 * MINUTE)]
    made = under(marketing(cap("day", 1)), offer("a"), channels=channels, profile=PROFILE)
    customer = Customer(made)
    customer.give("Go", 0)
    customer.give("Stop", 1)
    consent(customer, 2, granted=False, purpose="marketing")
    consent(customer, 3, granted=True, purpose="marketing")
    customer.give("Go", 4)
    assert customer.outcomes == ["SENT", "SENT"]


def test_c3_messages_of_others_count_when_they_were_sent() -> None:
    customer = Customer(under(marketing(rolling("week", 2)), offer("a")))
    customer.give("ExternalSend", 0, purpose="marketing", theme=None)
    customer.give("ExternalSend", 0, "other", purpose="unheard", theme=None)
    customer.give("ExternalSend", 0, "none", purpose=None, theme=None)
    assert len(customer.state.contact.sent) == 14
    customer.give("Go", HOUR)
    customer.give("Go", 2 * HOUR)
    customer.give("Go", 7 * DAY)
    assert customer.outcomes == ["SENT", "CAP_REACHED", "SENT"]


def test_c3_an_old_report_finds_its_place_in_the_past() -> None:
    customer = Customer(under(marketing(rolling("week", 2)), offer("a")))
    customer.give("Go", 7 * DAY)
    customer.give("ExternalSend", 3 * DAY, purpose="marketing", theme=None, backfill=True)
    customer.give("ExternalSend", -8 * DAY, purpose="marketing", theme=None, backfill=True)
    customer.give("Go", 8 * DAY)
    customer.give("Go", 10 * DAY)
    assert customer.outcomes == ["SENT", "CAP_REACHED", "SENT"]


def test_c3_a_bounce_gives_it_back_and_a_fallback_counts_once() -> None:
    action = send("a", "email", "push", expires=DAY)
    types: dict[str, Any] = {
        "profile": {"MessageBounced": ProfileReaders()},
        "feedback": ["MessageBounced"],
    }
    customer = Customer(under(marketing(rolling("week", 1)), offer("a", action), **types))
    customer.give("Go", 0)
    first = customer.commands[0].command_id
    customer.give("MessageBounced", HOUR, command_id=first, permanent=True)
    assert [one.channel for one in customer.commands] == ["email", "push"]
    assert len(customer.state.contact.sent) == 14
    customer.give("Go", 2 * HOUR)
    second = customer.commands[1].command_id
    customer.give("MessageBounced", 3 * HOUR, command_id=second, permanent=True)
    customer.give("Go", 4 * HOUR)
    assert [one for one in customer.outcomes if one in {"SENT", "CAP_REACHED"}] == [
        "SENT",
        "SENT",
        "CAP_REACHED",
        "SENT",
    ]


def test_c3_what_lies_further_back_than_any_cap_looks_is_forgotten() -> None:
    customer = Customer(under(marketing(rolling("hour", 5, HOUR)), offer("a")))
    for at in range(50):
        customer.give("Go", at * HOUR)
    assert len(customer.state.contact.sent) == 14
    assert customer.state.contact.kinds == [("email", "marketing", None)]


def test_c3_reports_are_kept_in_the_order_in_which_things_were_sent() -> None:
    customer = Customer(under(marketing(rolling("week", 9)), offer("a")))
    for at in (1, 2, 3):
        customer.give("Go", at * DAY)
    for at in (2 * DAY + HOUR, DAY + HOUR, HOUR):
        customer.give("ExternalSend", at, purpose="marketing", theme=None, backfill=True)
    sent = customer.state.contact.sent
    times = [int.from_bytes(sent[one : one + 6], "big") - T0 for one in range(0, len(sent), 14)]
    assert times == [HOUR, DAY, DAY + HOUR, 2 * DAY, 2 * DAY + HOUR, 3 * DAY]


def test_c3_kinds_that_are_forgotten_leave_the_others_as_they_were() -> None:
    mail = rolling("mail", 1, HOUR, channels=frozenset({"email"}))
    push = rolling("push", 1, HOUR, channels=frozenset({"push"}))
    customer = Customer(under(marketing(mail, push), offer("a", send("a", "email", "push"))))
    for at in (0, 50 * MINUTE, 70 * MINUTE, 80 * MINUTE, 110 * MINUTE):
        customer.give("Go", at)
    assert [one.channel for one in customer.commands] == ["email", "push", "email", "push"]
    assert customer.outcomes[3] == "CAP_REACHED"
    assert customer.state.contact.kinds == [
        ("email", "marketing", None),
        ("push", "marketing", None),
    ]


def test_c3_over_the_bound_a_cap_counts_as_reached() -> None:
    mail = rolling("mail", 3, channels=frozenset({"email"}))
    policy = marketing(mail, others={"service": PurposePlan()})
    customer = Customer(
        under(policy, offer("a"), offer("b", send("b", "push"), purpose="service", on_type="Help"))
    )
    customer.give("Go", 0)
    for at in range(1, CONTACTS_MAX + 1):
        customer.give("Help", at)
    assert len(customer.state.contact.sent) == 14 * CONTACTS_MAX
    customer.give("Go", HOUR)
    customer.give("Go", 7 * DAY)
    assert customer.decisions[CONTACTS_MAX].dropped["contact"] == 1
    assert [one.trace[0] for one in customer.sends if one.send_id == "a"] == [
        "email cap mail: 0 of 3",
        "email cap mail: 3 of 3",
        "email cap mail: 0 of 3",
    ]


def test_c3_a_show_obeys_and_counts_when_it_was_shown_and_what_is_no_message_does_neither() -> None:
    for kind, outcomes in {
        ActionKind.SHOW: ["SENT", "CAP_REACHED"],
        ActionKind.TASK: ["SENT", "SENT"],
        ActionKind.SYNC: ["SENT", "SENT"],
    }.items():
        action = send("a", "email", kind=kind, slot="top" if kind is ActionKind.SHOW else None)
        shown_types: dict[str, Any] = {
            "profile": {"Shown": ProfileReaders()},
            "feedback": ["Shown"],
        }
        made = under(marketing(cap("day", 1)), offer("a", action), **shown_types)
        customer = Customer(made)
        customer.give("Go", 0)
        [command] = customer.commands
        assert customer.state.contact.sent == b""
        customer.give("Shown", 1, command_id=command.command_id)
        assert len(customer.state.contact.sent) == (14 if kind is ActionKind.SHOW else 0)
        customer.give("Go", 2)
        assert customer.outcomes == outcomes


def test_a_plan_without_policy_remembers_no_messages() -> None:
    customer = Customer(under(marketing(arbitrate=False), offer("a")))
    customer.give("Go", 0)
    assert customer.outcomes == ["SENT"]
    assert customer.state.contact.sent == b""
