"""Rules C1 (3) and J4: themes that contradict each other, and customers held out."""

from journey_engine.decide import assignment
from journey_engine.decide.decide import decide
from journey_engine.decide.event import changed
from journey_engine.decide.state import EMPTY
from journey_engine.define.action_plan import ActionKind
from journey_engine.define.policy_plan import Holdout, PurposePlan
from tests.decide.contact import cap, last, marketing, offer, shown, under
from tests.decide.plans import DAY, HOUR, NEVER, T0, Customer, event, send

PRICE, SALE = "price-rise", "discount"
RULE = marketing(themes=[(PRICE, SALE)])
RISE = offer("rise", send("rise", theme=PRICE), on_type="Rise")
CUT = offer("cut", send("cut", theme=SALE), on_type="Cut")


def test_c1_the_other_theme_was_sent_within_the_window() -> None:
    customer = Customer(under(RULE, RISE, CUT))
    customer.give("Rise", 0)
    customer.give("Rise", 1)
    for at in (2, 7 * DAY, 7 * DAY + 1):
        customer.give("Cut", at)
    assert customer.outcomes == ["SENT", "SENT", "THEME_CONFLICT", "THEME_CONFLICT", "SENT"]
    assert customer.sends[2].trace == ("theme discount: price-rise was sent",)


def test_c1_the_other_theme_ranks_above_now() -> None:
    made = under(
        RULE,
        offer("rise", send("rise", theme=PRICE, priority=1)),
        offer("cut", send("cut", theme=SALE, priority=2)),
        offer("plain", send("plain", theme="news", priority=3)),
    )
    customer = Customer(made)
    customer.give("Go", 0)
    assert sorted(shown(customer)) == [
        ("cut", "SENT"),
        ("plain", "SENT"),
        ("rise", "THEME_CONFLICT"),
    ]
    assert last(customer, "rise").trace == ("theme price-rise: discount ranks above",)


def test_c1_what_does_not_stand_contradicts_nothing() -> None:
    made = under(
        RULE,
        offer("rise", send("rise", theme=PRICE, priority=1)),
        offer("cut", send("cut", theme=SALE, priority=2, when=NEVER)),
    )
    customer = Customer(made)
    customer.give("Go", 0)
    assert sorted(shown(customer)) == [("cut", "GUARD_FALSE"), ("rise", "SENT")]


def test_c1_of_three_the_second_that_falls_does_not_take_the_third_along() -> None:
    policy = marketing(themes=[("a", "b"), ("b", "c")])
    made = under(
        policy,
        *(
            offer(theme, send(theme, theme=theme, priority=priority))
            for theme, priority in (("a", 3), ("b", 2), ("c", 1))
        ),
    )
    customer = Customer(made)
    customer.give("Go", 0)
    assert sorted(shown(customer)) == [("a", "SENT"), ("b", "THEME_CONFLICT"), ("c", "SENT")]


def test_c3_a_message_of_others_has_its_theme() -> None:
    customer = Customer(under(RULE, CUT))
    customer.give("ExternalSend", 0, purpose="marketing", theme=PRICE)
    customer.give("Cut", HOUR)
    assert customer.outcomes == ["THEME_CONFLICT"]


OUT = Holdout("global", 10_000)


def test_j4_the_customer_goes_through_the_journey_without_its_messages() -> None:
    customer = Customer(under(marketing(holdouts=(OUT,)), offer("a")))
    customer.give("Go", 0)
    assert customer.outcomes == ["HOLDOUT"]
    assert customer.stages == ["in"]
    assert last(customer).trace == ("holdout global: holdout",)


def test_j4_shows_and_syncs_are_held_out_and_what_serves_somebody_is_not() -> None:
    kinds = {
        kind: ("HOLDOUT" if kind in {"SEND", "SHOW", "SYNC"} else "SENT") for kind in ActionKind
    }
    for kind, outcome in kinds.items():
        made = under(marketing(holdouts=(OUT,)), offer("a", send("a", kind=kind)))
        customer = Customer(made)
        customer.give("Go", 0)
        assert customer.outcomes == [outcome]


def test_j4_other_purposes_are_not_held_out() -> None:
    policy = marketing(holdouts=(OUT,), others={"service": PurposePlan(transactional=True)})
    customer = Customer(under(policy, offer("a", purpose="service")))
    customer.give("Go", 0)
    assert customer.outcomes == ["SENT"]


def test_j4_the_bucket_of_the_first_identity_is_stored_and_wins_over_another_share() -> None:
    bucket = assignment.bucket("global", "anna")
    for share, arm in ((bucket, "treated"), (bucket + 1, "holdout")):
        first = marketing(holdouts=(Holdout("global", share),))
        customer = Customer(under(first, offer("a")))
        customer.give("Go", 0)
        other = marketing(holdouts=(Holdout("global", 10_000 - share),))
        customer.plan = under(other, offer("a"))
        customer.give("Go", HOUR)
        [kept] = customer.state.assigned
        assert (kept.experiment, kept.arm, kept.at) == ("holdout/global", arm, T0)
        assert customer.outcomes == ["HOLDOUT" if arm == "holdout" else "SENT"] * 2


def test_j4_a_visitor_is_drawn_by_their_own_id_and_the_share_is_kept() -> None:
    bucket = assignment.bucket("global", "visitor-7")
    made = under(marketing(holdouts=(Holdout("global", bucket),)), offer("a"))
    item = changed(event("Go", 0), customer_id=None, anonymous_id="visitor-7")
    decision = decide(made, EMPTY, item, T0)
    [kept] = decision.state.assigned
    assert (kept.arm, kept.propensity) == ("treated", (10_000 - bucket) / 10_000)


def test_g6_who_is_refused_later_was_drawn_all_the_same() -> None:
    policy = marketing(cap("day", 1), holdouts=(Holdout("global", 0),))
    made = under(policy, offer("a"), consent={"marketing": False})
    customer = Customer(made)
    customer.give("Go", 0)
    assert customer.outcomes == ["NO_CONSENT"]
    assert last(customer).trace == ("holdout global: treated", "email no consent")
    assert [one.arm for one in customer.state.assigned] == ["treated"]


def test_j4_it_ends() -> None:
    policy = marketing(holdouts=(Holdout("global", 10_000, until=T0 + DAY),))
    customer = Customer(under(policy, offer("a")))
    customer.give("Go", DAY - 1)
    customer.give("Go", DAY)
    assert customer.outcomes == ["HOLDOUT", "SENT"]


def test_j4_each_holdout_draws_until_one_holds_out() -> None:
    both = (Holdout("first", 0), Holdout("second", 10_000), Holdout("third", 10_000))
    customer = Customer(under(marketing(holdouts=both), offer("a")))
    customer.give("Go", 0)
    assert [(one.experiment, one.arm) for one in customer.state.assigned] == [
        ("holdout/first", "treated"),
        ("holdout/second", "holdout"),
    ]
