"""Laws 3 and 7 and the order of candidates, for arbitrary histories under a full policy."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from journey_engine.decide.decide import decide
from journey_engine.decide.due import next_due
from journey_engine.decide.event import TimersDue
from journey_engine.define.plan import ChannelPlan, JourneyPlan, Plan
from journey_engine.define.policy_plan import (
    Collection,
    Hold,
    Holdout,
    Period,
    Policy,
    PurposePlan,
    Quiet,
    QuietWindow,
)
from journey_engine.define.profile_plan import ProfileReaders
from journey_engine.errors import CandidateOutcome
from tests.decide.contact import NIGHT, cap, number, offer, rolling, under
from tests.decide.plans import DAY, HOUR, MINUTE, T0, Customer, send
from tests.decide.recount import Recount
from tests.examples import examples

BOTH = frozenset({"marketing", "service"})
ZONES = ("America/Sao_Paulo", "Asia/Tokyo", "UTC")
CAPS = (
    cap("day", 2, counted=BOTH),
    cap("week", 5, period=Period.WEEK, counted=BOTH),
    cap("month", 9, period=Period.MONTH),
    rolling("mails", 2, 3 * DAY, channels=frozenset({"email"})),
    rolling("all", 6, 9 * DAY, counted=BOTH),
)
DAY_CAP, _, _, MAILS, _ = CAPS
CHANNELS = {
    "m1": ["email", "push"],
    "m2": ["email"],
    "m3": ["push", "email"],
    "s1": ["email", "push"],
    "s2": ["push"],
}
OUTCOMES = (CandidateOutcome.CAP_REACHED, CandidateOutcome.LOWER_PRIORITY)


def policy(**more: Any) -> Policy:
    marketing = PurposePlan(obeys=CAPS, arbitrate=True, **more)
    service = PurposePlan(obeys=(MAILS,), quiet=more.get("quiet", Quiet.IGNORE))
    purposes = {"marketing": marketing, "service": service, "m": marketing, "s": service}
    quiet = (NIGHT, QuietWindow(8 * HOUR, 9 * HOUR, channels=frozenset({"email"})))
    conflicts = {"rise": frozenset({"sale"}), "sale": frozenset({"rise"})}
    return Policy(purposes, CAPS, quiet, conflicts if "quiet" in more else {}, 2 * DAY)


def journeys(**more: Any) -> list[JourneyPlan]:
    """Each on `Go`, and on an event of its own."""
    made = []
    for place, (name, channels) in enumerate(CHANNELS.items()):
        action = send(
            name,
            *channels,
            score=(("value", number(1.0 + place % 3)),) if name[0] == "m" else (),
            theme={"m1": "rise", "m2": "sale"}.get(name),
            delay=HOUR if name == "m3" else 0,
            expires=3 * DAY if name == "s1" else None,
            on_suppressed=dict.fromkeys(OUTCOMES, "end") if name == "m2" else {},
        )
        purpose = "marketing" if name[0] == "m" else "service"
        made.append(offer(name, action, purpose=purpose, **more.get(name, {})))
    return made


def plan_of(rules: Policy, made: list[JourneyPlan]) -> Plan:
    channels = [ChannelPlan("email", "e", hold=10 * MINUTE)]
    return under(
        rules,
        *made,
        channels=channels,
        feedback=["MessageBounced"],
        profile={"MessageBounced": ProfileReaders()},
    )


SIMPLE = plan_of(policy(), journeys())
WHOLE = plan_of(
    policy(
        quiet=Quiet.DEFER,
        collection=Collection(2, (10 * HOUR, 18 * HOUR), defer_losers=True),
        holdouts=(Holdout("out", 100),),
    ),
    journeys(s2={"holds": Hold(2 * DAY, drop=False, purposes=frozenset({"marketing"}))}),
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from([0, 1, MINUTE, HOUR, 7 * HOUR, 20 * HOUR, DAY, 3 * DAY]),
        st.sampled_from(["Go", "Go", "Go", "Order", "Stop", "ExternalSend", "Moved", "Bounce"]),
        st.integers(0, 5),
    ),
    max_size=30,
)
Steps = list[tuple[int, str, int]]
RETURNED_FROM_WHO_LEFT = [
    (1, "Go", 3),
    (0, "ExternalSend", 0),
    (0, "Go", 1),
    (1, "Order", 3),
    (0, "Go", 2),
    (7 * HOUR, "Bounce", 4),
    (3 * DAY, "Bounce", 5),
    (HOUR, "Go", 1),
]
"""A message is given back whose instance is gone, so that nobody tells that it bounced."""


def happenings(customer: Customer, steps: Steps) -> Iterator[tuple[str, dict[str, Any], Any]]:
    """Drive the customer, each timer at its own instant, and tell of each decision."""
    at = 0
    for wait, what, choice in steps:
        at, kind = at + wait, what
        while (due := next_due(customer.state)) is not None and due <= T0 + at:
            yield "tick", {}, customer.tick(due - T0)
        fields: dict[str, Any] = {}
        if kind == "ExternalSend":
            fields = {"purpose": "marketing" if choice % 2 else "service", "theme": None}
        elif kind == "Moved":
            fields = {"zone": ZONES[choice % len(ZONES)]}
        elif kind == "Bounce":
            sent = [one for one in customer.commands if one.action == "SEND"]
            if not sent:
                continue
            kind = "MessageBounced"
            fields = {"command_id": sent[-1 - choice % len(sent)].command_id, "permanent": True}
        yield kind, fields, customer.give(kind, at, f"{kind}-{len(customer.decisions)}", **fields)


@given(STEPS)
@example(RETURNED_FROM_WHO_LEFT)
@examples(120)
def test_law3_no_window_holds_more_than_its_cap_and_none_refuses_what_it_would_not(
    steps: Steps,
) -> None:
    customer, recount = Customer(SIMPLE), Recount(SIMPLE.policy)
    for kind, fields, decision in happenings(customer, steps):
        if kind == "Moved":
            recount.zone = ZoneInfo(fields["zone"])
        if kind == "ExternalSend":
            recount.external(customer.now, customer.now, "", fields["purpose"])
        if kind == "MessageBounced":
            recount.give_back(fields["command_id"])
        recount.check(decision, customer.now, CHANNELS)


@given(STEPS)
def test_law7_every_candidate_ends_in_exactly_one_final_outcome(steps: Steps) -> None:
    customer = Customer(WHOLE)
    for _ in happenings(customer, steps):
        pass
    while (due := next_due(customer.state)) is not None:
        customer.tick(due - T0)
    afterwards = {"DEFERRED", "BOUNCED", "FALLBACK"}
    final = [one.command_id for one in customer.sends if one.outcome.value not in afterwards]
    assert len(final) == len(set(final))
    assert {one.command_id for one in customer.sends} == set(final)
    assert customer.state.pending == []


@given(STEPS)
def test_c5_the_order_of_journeys_changes_nothing(steps: Steps) -> None:
    for made in (SIMPLE, WHOLE):
        turned = replace(
            made,
            journeys=made.journeys[::-1],
            by_type={name: found[::-1] for name, found in made.by_type.items()},
        )
        one, other = Customer(made), Customer(turned)
        for left, right in zip(happenings(one, steps), happenings(other, steps), strict=True):
            assert _told(left[2]) == _told(right[2])
        assert one.state.contact == other.state.contact
        assert sorted(map(str, one.state.pending)) == sorted(map(str, other.state.pending))


def _told(decision: Any) -> list[Any]:
    sends = [(one.command_id, one.outcome, one.until, one.trace) for one in decision.sends]
    return sorted(map(str, [*sends, *((one.command_id, one.channel) for one in decision.commands)]))


@given(STEPS)
def test_law1_a_winner_of_a_slot_is_one_of_as_many_as_may_win(steps: Steps) -> None:
    customer = Customer(WHOLE)
    for _ in happenings(customer, steps):
        pass
    wins: dict[int, int] = {}
    for decision in customer.decisions:
        for one in decision.commands:
            if one.action == "SEND" and one.purpose == "marketing" and one.attempt == 0:
                wins[one.created_at] = wins.get(one.created_at, 0) + 1
    assert all(count <= 2 for count in wins.values())


def test_law4_ticks_may_come_in_any_steps_under_a_policy() -> None:
    customer = Customer(WHOLE)
    for at in (0, HOUR, DAY):
        customer.give("Go", at)
    end = T0 + 30 * DAY
    whole = decide(WHOLE, customer.state, TimersDue("anna", None, end), end)
    state, sends = customer.state, []
    while (due := next_due(state)) is not None and due <= end:
        decision = decide(WHOLE, state, TimersDue("anna", None, due), end)
        sends += decision.sends
        state = decision.state
    assert sends == whole.sends
    assert msgspec.msgpack.encode(state) == msgspec.msgpack.encode(whole.state)
