"""Rules M1 and M2 step by step: a visitor turns out to be a customer."""

from dataclasses import replace

from journey_engine.decide import history
from journey_engine.decide.identity_state import ALIASES_MAX, ENDED_MAX
from journey_engine.decide.message import Forwarded, IdentityAsked, IdentityHanded
from journey_engine.define.action_plan import CancelOn
from journey_engine.define.plan import Plan
from journey_engine.define.policy_plan import CapPlan, Period, Policy
from journey_engine.define.profile_plan import FeatureOp
from journey_engine.errors import CandidateOutcome, DeferredCause, InputOutcome
from tests.decide.people import People, with_identity
from tests.decide.plans import (
    HOUR,
    MINUTE,
    SECOND,
    T0,
    after,
    clause,
    feature,
    journey,
    on,
    plan,
    read,
    send,
    stage,
)
from tests.decide.sending import HELD, PROFILE
from tests.decide.test_milestones import with_milestones

SENDS = [send("m"), send("late", delay=HOUR)]
VIEWS = feature(FeatureOp.COUNT, "View", within=24 * HOUR)


def shop(*, held: bool = False, keyed: bool = False, rank: int = 0) -> Plan:
    key = read("event", "cart", "string") if keyed else None
    nudged = stage("nudged", after(HOUR, "end"), on("Clicked", to="end"), enter=[send("reminder")])
    made = plan(
        journey(
            "cart",
            replace(stage("waiting", on("Nudge", to="nudged")), rank=rank),
            replace(nudged, rank=1),
            entry=[clause("Cart", key=key)],
            goals=[clause("Order", name="ordered", key=key)],
            exits=[clause("Emptied", name="emptied", key=key)],
            features={"views": VIEWS},
            keyed=keyed,
        ),
        channels=HELD if held else (),
        feedback=["Clicked"],
    )
    return with_identity(made)


def test_the_customer_goes_on_where_the_visitor_stood() -> None:
    people = People(shop())
    people.give("a:v", "View", 0)
    people.give("a:v", "Cart", MINUTE)
    people.give("c:anna", "View", 2 * MINUTE)
    people.link(3 * MINUTE)

    anna = people.states["c:anna"]
    assert [(one.journey, one.stage, one.entered_at) for one in anna.instances] == [
        ("cart", "waiting", T0 + MINUTE)
    ]
    assert [at for at, _ in anna.features[VIEWS.id].entries] == [T0, T0 + 2 * MINUTE]
    kinds = [type(one) for _, decision in people.decisions for one in decision.messages]
    assert kinds == [IdentityAsked, IdentityHanded]


def test_later_events_of_the_visitor_go_on_to_the_customer() -> None:
    people = People(shop())
    people.give("a:v", "Cart", 0)
    people.link(MINUTE)
    passed = people.give("a:v", "Nudge", 2 * MINUTE)

    assert passed.outcome is InputOutcome.MERGED
    assert [type(one) for one in passed.messages] == [Forwarded]
    assert [one.stage for one in people.states["c:anna"].instances] == ["nudged"]
    assert [one.customer_id for one in people.commands] == ["anna"]
    assert not people.states["a:v"].instances


def test_an_event_that_the_visitor_had_read_before_is_a_duplicate_for_the_customer() -> None:
    people = People(shop())
    people.give("a:v", "View", 0, "once")
    people.link(MINUTE)
    people.give("a:v", "View", 0, "once")

    assert people.decisions[-1][1].outcome is InputOutcome.DUPLICATE
    assert len(people.states["c:anna"].features[VIEWS.id].entries) == 1


def test_sends_wait_for_the_answer_and_go_with_it() -> None:
    people = People(shop())
    people.give("c:anna", "Cart", 0)
    people.held = True
    people.link(MINUTE)
    people.give("c:anna", "Nudge", MINUTE + SECOND)

    waits = people.sends[-1]
    assert (waits.outcome, waits.cause) == (CandidateOutcome.DEFERRED, DeferredCause.IDENTITY)
    assert waits.until == T0 + 2 * MINUTE
    assert not people.commands
    people.release(MINUTE + 2 * SECOND)
    assert [one.created_at for one in people.commands] == [T0 + MINUTE + 2 * SECOND]


def test_sends_wait_a_minute_at_most_and_a_later_answer_is_merged_all_the_same() -> None:
    people = People(shop())
    people.give("a:v", "View", 0)
    people.give("c:anna", "Cart", 0)
    people.held = True
    people.link(MINUTE)
    people.give("c:anna", "Nudge", MINUTE + SECOND)
    people.tick("c:anna", 2 * MINUTE)

    assert [one.created_at for one in people.commands] == [T0 + 2 * MINUTE]
    people.release(5 * MINUTE)
    assert len(people.states["c:anna"].features[VIEWS.id].entries) == 1


def test_a_visitor_belongs_to_who_asked_first() -> None:
    people = People(shop())
    people.give("a:v", "Cart", 0)
    people.link(MINUTE)
    people.link(2 * MINUTE, customer="bert")
    people.give("a:v", "Nudge", 3 * MINUTE)

    assert [one.customer_id for one in people.commands] == ["anna"]
    assert not people.states["c:bert"].instances
    identity = people.states["c:bert"].identity
    assert identity is not None
    assert (identity.aliases, identity.asked) == ([], [])


def test_of_two_live_ones_the_one_further_on_wins_and_no_message_goes_out_twice() -> None:
    people = People(shop())
    people.give("a:v", "Cart", 0)
    people.give("a:v", "Nudge", MINUTE)
    people.give("c:anna", "Cart", 2 * MINUTE)
    people.link(3 * MINUTE)
    people.give("c:anna", "Nudge", 4 * MINUTE)

    assert people.ends == [("c:anna", "MERGED")]
    assert [one.stage for one in people.states["c:anna"].instances] == ["nudged"]
    assert [one.send_id for one in people.commands] == ["reminder"]


def test_the_winner_does_not_send_what_the_loser_sent() -> None:
    people = People(shop(rank=5))
    people.give("a:v", "Cart", 0)
    people.give("a:v", "Nudge", MINUTE)
    people.give("c:anna", "Cart", 2 * MINUTE)
    people.link(3 * MINUTE)
    assert [one.stage for one in people.states["c:anna"].instances] == ["waiting"]
    people.give("c:anna", "Nudge", 4 * MINUTE)

    assert [one.anonymous_id for one in people.commands] == ["v"]
    assert people.sends[-1].outcome is CandidateOutcome.CANCELLED


def test_of_two_messages_that_are_held_one_is_taken_back() -> None:
    people = People(shop(held=True))
    for key in ("a:v", "c:anna"):
        people.give(key, "Cart", 0)
        people.give(key, "Nudge", MINUTE)
    people.link(2 * MINUTE)

    assert [one.action for one in people.commands] == ["SEND", "SEND", "CANCEL"]
    people.give("c:anna", "Order", 3 * MINUTE)
    cancelled = [one.cancels for one in people.commands if one.action == "CANCEL"]
    assert sorted(cancelled) == sorted(one.command_id for one in people.commands[:2])


def test_an_ended_instance_beats_a_live_one() -> None:
    people = People(shop(keyed=True))
    people.give("c:anna", "Cart", 0, cart="k1")
    people.give("c:anna", "Order", MINUTE, cart="k1")
    people.give("a:v", "Cart", 2 * MINUTE, cart="k1")
    people.give("a:v", "Cart", 2 * MINUTE, cart="k2")
    people.link(3 * MINUTE)

    assert people.ends == [("c:anna", "GOAL"), ("c:anna", "MERGED")]
    assert [one.key for one in people.states["c:anna"].instances] == ["k2"]


def test_whoever_entered_again_is_not_beaten_by_the_end_before() -> None:
    people = People(shop())
    people.give("c:anna", "Cart", 0)
    people.give("c:anna", "Order", MINUTE)
    people.give("c:anna", "Cart", 2 * MINUTE, "again")
    people.link(3 * MINUTE)

    assert people.ends == [("c:anna", "GOAL")]
    assert len(people.states["c:anna"].instances) == 1


def test_answers_to_what_the_visitor_was_sent_reach_the_customers_instance() -> None:
    people = People(shop())
    people.give("a:v", "Cart", 0)
    people.give("a:v", "Nudge", MINUTE)
    people.link(2 * MINUTE)
    people.give("a:v", "Clicked", 3 * MINUTE, command_id=people.commands[0].command_id)

    assert people.ends == [("c:anna", "COMPLETED")]


def test_entries_of_visitors_have_numbers_that_no_customers_entry_gets() -> None:
    people = People(shop())
    people.give("a:v", "Cart", 0)
    people.link(MINUTE)

    number = people.states["c:anna"].instances[0].entry_no
    assert 1 << 30 <= number < 1 << 31


def test_a_candidate_that_waited_keeps_its_id() -> None:
    made = with_identity(
        plan(journey("j", stage("s", enter=[send("m", delay=HOUR)]), entry=[clause("Go")]))
    )
    people = People(made)
    people.give("a:v", "Go", 0)
    people.link(MINUTE)
    people.tick("c:anna", HOUR)

    assert [one.outcome.value for one in people.sends] == ["DEFERRED", "SENT"]
    assert len({one.command_id for one in people.sends}) == 1
    assert [one.customer_id for one in people.commands] == ["anna"]


def test_a_withdrawal_takes_back_what_was_sent_under_the_other_identity() -> None:
    for no, sender in (("a:v", "c:anna"), ("c:anna", "a:v")):
        held = plan(
            journey(
                "j", stage("s", enter=[send("m"), send("late", delay=HOUR)]), entry=[clause("Go")]
            ),
            profile=PROFILE,
            channels=HELD,
        )
        people = People(with_identity(held))
        people.give(sender, "Go", 0)
        people.give(no, "Consent", MINUTE, purpose="service", channel="email", granted=False)
        people.link(2 * MINUTE)

        assert [one.action for one in people.commands] == ["SEND", "CANCEL"]
        assert people.commands[1].cancels == people.commands[0].command_id
        assert people.sends[-1].outcome is CandidateOutcome.CANCELLED
        assert not people.states["c:anna"].pending


def test_a_double_that_is_taken_back_counts_no_longer() -> None:
    capped = Policy(caps=(CapPlan("daily", 3, Period.ROLLING, 24 * HOUR),))
    people = People(replace(shop(held=True), policy=capped))
    for key in ("a:v", "c:anna"):
        people.give(key, "Cart", 0)
        people.give(key, "Nudge", MINUTE)
    assert len(people.states["c:anna"].contact.sent) == history.ENTRY
    people.link(2 * MINUTE)

    assert len(people.states["c:anna"].contact.sent) == history.ENTRY


def test_milestones_of_both_are_reached() -> None:
    both = journey(
        "j",
        stage("s"),
        entry=[clause("Go")],
    )
    both = with_milestones(both, clause("Paid", name="paid"), clause("Called", name="called"))
    people = People(with_identity(plan(both)))
    people.give("a:v", "Go", 0)
    people.give("a:v", "Paid", MINUTE)
    people.give("c:anna", "Go", 2 * MINUTE)
    people.give("c:anna", "Called", 3 * MINUTE)
    people.link(4 * MINUTE)
    people.give("c:anna", "Paid", 5 * MINUTE, "again")

    assert [one.milestones for one in people.states["c:anna"].instances] == [["called", "paid"]]
    assert people.decisions[-1][1].transitions == []


def test_who_is_beaten_by_one_that_ended_sends_nothing_more() -> None:
    said = send("m", cancel_on=CancelOn.NEVER)
    once = journey(
        "j",
        stage("s", enter=[said]),
        entry=[clause("Go")],
        goals=[clause("Order", name="ordered")],
    )
    people = People(with_identity(plan(once, channels=HELD)))
    people.give("c:anna", "Go", 0)
    people.give("c:anna", "Order", MINUTE)
    people.give("a:v", "Go", 20 * MINUTE)
    people.link(21 * MINUTE)

    assert people.ends == [("c:anna", "GOAL"), ("c:anna", "MERGED")]
    assert [(one.action, one.anonymous_id) for one in people.commands] == [
        ("SEND", None),
        ("SEND", "v"),
        ("CANCEL", None),
    ]


def completed(*, late: bool) -> People:
    """Both were sent the reminder, or it waits for them, and their instances came to an end."""
    sends = [send("reminder", delay=10 * MINUTE if late else 0)]
    done = stage("done", on("Nudge", to="end"), enter=sends)
    made = plan(journey("cart", done, entry=[clause("Cart")]), channels=HELD)
    people = People(with_identity(made))
    people.give("a:v", "Cart", 0)
    people.give("a:v", "Nudge", 1)
    people.give("c:anna", "Cart", 2, "hers")
    people.give("c:anna", "Nudge", 3, "hers, too")
    people.link(4)
    return people


def test_of_held_messages_of_two_that_completed_the_earlier_goes_out() -> None:
    people = completed(late=False)
    (left,) = people.states["c:anna"].open
    back = [one.cancels for one in people.commands if one.cancels is not None]
    sent = [one.command_id for one in people.commands if one.cancels is None]
    assert (sent[0], back) == (left.sent.command_id, sent[1:])
    assert len(sent) == 2


def test_of_messages_that_wait_for_two_that_completed_one_goes_out() -> None:
    people = completed(late=True)
    people.tick("c:anna", HOUR)
    assert len(people.commands) == 1
    assert [one.outcome.value for one in people.sends][-2:] == ["CANCELLED", "SENT"]


def test_a_message_that_waits_falls_where_the_other_has_it_out() -> None:
    late = send("reminder", delay=10 * MINUTE)
    done = stage("done", on("Nudge", to="end"), enter=[late])
    made = plan(journey("cart", done, entry=[clause("Cart")]), channels=HELD)
    people = People(with_identity(made))
    for at, who in ((0, "a:v"), (5 * MINUTE, "c:anna")):
        people.give(who, "Cart", at, who)
        people.give(who, "Nudge", at + 1, f"{who}-")
    people.tick("a:v", 11 * MINUTE)
    people.link(12 * MINUTE)
    people.tick("c:anna", HOUR)
    assert [one.anonymous_id for one in people.commands] == ["v"]
    assert people.states["c:anna"].pending == []


def test_law6_aliases_and_those_asked_for_are_bounded_together() -> None:
    people = People(with_identity(shop()))
    half = ALIASES_MAX // 2
    for number in range(half):
        people.link(number, f"v{number:02}")
    people.held = True
    for number in range(half, ALIASES_MAX):
        people.link(number, f"v{number:02}")
    known = people.states["c:anna"].identity
    assert known is not None
    assert (len(known.aliases), len(known.asked)) == (half, ALIASES_MAX - half)
    assert [one.anonymous_id for one in known.asked] == [
        f"v{number:02}" for number in range(half, ALIASES_MAX)
    ]
    dropped = [people.link(MINUTE, visitor) for visitor in ("v00", "v31", "one-more")]
    assert [one.dropped for one in dropped] == [{}, {}, {"aliases": 1}]
    assert people.states["c:anna"].identity == known


def test_law6_the_ends_remembered_for_a_merge_are_bounded_and_counted() -> None:
    people = People(with_identity(shop(keyed=True)))
    for key in ("k0", "k1"):
        people.give("a:v", "Cart", 0, key, cart=key)
    dropped = []
    for number in range(ENDED_MAX + 1):
        key = f"k{number}"
        people.give("c:anna", "Cart", MINUTE + number, f"in-{key}", cart=key)
        dropped.append(
            people.give("c:anna", "Order", MINUTE + number, f"out-{key}", cart=key).dropped
        )
    assert [one.get("ended", 0) for one in dropped] == [0] * ENDED_MAX + [1]
    people.link(2 * MINUTE)
    assert [one.key for one in people.states["c:anna"].instances] == ["k0"]
    assert people.ends[-1] == ("c:anna", "MERGED")
