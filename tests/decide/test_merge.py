"""Law 8: whatever the order in which visitors are handed over, and however often, the customer's
state is the same, to the byte.
"""

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from journey_engine.decide.decide import decide
from journey_engine.decide.due import next_due
from journey_engine.decide.message import IdentityHanded
from journey_engine.decide.state import CustomerState
from journey_engine.define.action_plan import CancelOn
from journey_engine.define.calendar_plan import AtPlan, IfPast
from journey_engine.define.junction_plan import Arm, Split, Unit
from journey_engine.define.plan import Plan, Reentry, ReentryMode
from journey_engine.define.profile_plan import FeatureOp, ProfileReaders, TraitRule
from journey_engine.encode.state import encode_state
from tests.decide.contact import ZONES
from tests.decide.people import People, with_identity
from tests.decide.plans import (
    DAY,
    HOUR,
    MINUTE,
    T0,
    after,
    at_time,
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
from tests.examples import examples

FEATURES = {
    "views": feature(FeatureOp.COUNT, "View", within=HOUR),
    "ever": feature(FeatureOp.SUM, "View", "n"),
    "most": feature(FeatureOp.MAX, "View", "n", within=DAY),
    "first": feature(FeatureOp.FIRST, "View", "n", within=DAY),
    "last": feature(FeatureOp.LAST, "View", "n"),
    "recent": feature(FeatureOp.RECENT, "View", "n", keep=3),
    "kinds": feature(FeatureOp.DISTINCT, "View", "n", within=DAY),
}
KEY = read("event", "cart", "string")
ARMS = {name: Arm(name, 5000, "nudged") for name in ("one", "two")}
DRAWN = Split("drawn", Unit.INSTANCE, ARMS, (0, 5000), ("one", "two"))


def _plan() -> Plan:
    cart = journey(
        "cart",
        stage("waiting", on("Nudge", to="drawn"), after(4 * HOUR, "drawn"), macro="awareness"),
        replace(stage("drawn"), junction=DRAWN),
        stage("nudged", on("Back", to="waiting"), enter=[send("soon"), send("late", delay=HOUR)]),
        entry=[clause("Cart", key=KEY)],
        goals=[clause("Order", name="ordered", key=KEY)],
        features=FEATURES,
        keyed=True,
        reentry=Reentry(cooldown=MINUTE, limit=2, within=DAY),
    )
    once = journey(
        "once",
        stage("in", after(2 * HOUR, "end"), enter=[send("hello", cancel_on=CancelOn.NEVER)]),
        entry=[clause("View")],
        exits=[clause("Order", name="bought")],
        reentry=Reentry(ReentryMode.ONCE),
    )
    dated = journey(
        "dated",
        stage(
            "in",
            at_time(AtPlan(time=9 * HOUR), "in"),
            at_time(AtPlan(days=1, moves=True, time=9 * HOUR), "in"),
            at_time(AtPlan(read("customer", "day"), moves=True, if_past=IfPast.SKIP), "end"),
            at_time(AtPlan(read("features", "ever"), moves=True, time=HOUR, yearly=True), "end"),
        ),
        entry=[clause("Cart")],
        features=FEATURES,
    )
    names = ("name", "timezone", "day")
    profile = {**PROFILE, "Profile": ProfileReaders(traits=tuple(TraitRule(n, n) for n in names))}
    cart = with_milestones(cart, clause("Back", name="back", key=KEY), clause("View", name="seen"))
    traits = dict.fromkeys(names)
    made = plan(cart, once, dated, profile=profile, channels=HELD, traits=traits)
    return with_identity(replace(made, prefers=False, zones=ZONES))


PLAN = _plan()
VISITORS = ("a:u", "a:v", "a:w")


KINDS = [
    "Cart",
    "Reminded",
    "Reminded",
    "Reminded",
    "Nudge",
    "Back",
    "Order",
    "View",
    "Profile",
    "Consent",
]


whereabouts = st.fixed_dictionaries(
    {
        "timezone": st.sampled_from([None, *ZONES.by_name]),
        "day": st.sampled_from([None, "2026-01-01", "2026-01-01T05:00", "2026-01-02"]),
    }
)


@st.composite
def lives(draw: st.DrawFn) -> People:
    """A customer and three visitors, each with a past, and nothing answered yet."""
    people = People(PLAN)
    at = 0
    for number in range(draw(st.integers(4, 30))):
        at += draw(st.sampled_from([0, 0, 1, MINUTE, MINUTE, 11 * MINUTE, HOUR]))
        key = draw(st.sampled_from(["c:anna", *VISITORS]))
        kind = draw(st.sampled_from(KINDS))
        fields: dict[str, Any] = {"cart": draw(st.sampled_from(["k1", "k2", "k3"]))}
        if kind == "Profile":
            fields = {"name": draw(st.sampled_from(["A", "B"])), **draw(whereabouts)}
        elif kind == "Consent":
            fields = {"purpose": "service", "channel": None, "granted": draw(st.booleans())}
        elif kind == "View":
            fields = {"n": draw(st.integers(0, 5))}
        _let_time_pass(people, at)
        if kind == "Reminded":
            people.give(key, "Cart", at, f"{number}-cart", **fields)
            kind = "Nudge"
        people.give(key, kind, at, str(number), **fields)
    people.held = True
    for visitor in VISITORS:
        people.link(at, visitor[2:])
    asked, people.waiting = people.waiting, []
    for message in asked:
        people.take(message.target, message, at)
    return people


def _let_time_pass(people: People, at: int) -> None:
    for key in ("c:anna", *VISITORS):
        due = next_due(people.states[key]) if key in people.states else None
        if due is not None and due <= T0 + at:
            people.tick(key, at)


def handed(people: People, order: list[int]) -> CustomerState:
    answers = [one for one in people.waiting if isinstance(one, IdentityHanded)]
    assert len(answers) == len(VISITORS)
    state = people.states["c:anna"]
    for place in order:
        state = decide(PLAN, state, answers[place], people.now).state
    return state


@examples(300)
@given(
    people=lives(),
    order=st.permutations(range(3)),
    repeats=st.lists(st.integers(0, 2), max_size=3),
)
def test_law8_any_order_and_any_repetition_of_hand_overs_give_the_same_state(
    people: People, order: list[int], repeats: list[int]
) -> None:
    twice = [place for one in order for place in (one, *repeats)]
    first = [place for n, place in enumerate(twice) if place not in twice[:n]]

    assert encode_state(handed(people, list(order))) == encode_state(handed(people, [0, 1, 2]))
    assert encode_state(handed(people, twice)) == encode_state(handed(people, first))


@examples(200)
@given(people=lives(), order=st.permutations(range(3)))
def test_what_is_merged_holds_no_place_twice_and_loses_no_candidate(
    people: People, order: list[int]
) -> None:
    answers = [one for one in people.waiting if isinstance(one, IdentityHanded)]
    waited = {
        one.command_id
        for key, decision in people.decisions
        for one in decision.sends
        if one.outcome == "DEFERRED"
    }
    for place in order:
        people.take("c:anna", answers[place], (people.now - T0))
    state = people.states["c:anna"]
    live = [(one.journey, one.key) for one in state.instances]
    assert len(set(live)) == len(live)

    people.tick("c:anna", people.now - T0 + 30 * DAY)
    finals = [
        one.command_id
        for key, decision in people.decisions
        for one in decision.sends
        if one.outcome != "DEFERRED"
    ]
    assert waited <= set(finals)
    assert len(set(finals)) == len(finals)
    sent = [one.command_id for one in people.commands]
    assert len(set(sent)) == len(sent)
