"""Rules J1 to J3: the way out of a junction, and who is in which arm."""

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from journey_engine.decide.assignment import bucket, draw, keep, merge
from journey_engine.decide.explain import sentences
from journey_engine.decide.state import ASSIGNED_MAX, Exposure
from journey_engine.decide.verdict import Decision
from journey_engine.define.expression import Expression
from journey_engine.define.junction_plan import BUCKETS, Arm, Branch, Choice, Junction, Split, Unit
from journey_engine.define.plan import Plan, StagePlan
from tests.decide.plans import (
    BROKEN,
    DAY,
    HOUR,
    T0,
    Customer,
    after,
    always,
    check,
    clause,
    ends,
    journey,
    moves,
    on,
    plan,
    read,
    send,
    stage,
)


def junction(name: str, what: Junction, macro: str = "purchase") -> StagePlan:
    return replace(stage(name, macro=macro), junction=what)


def choice(*ways: tuple[Expression | None, str], outcome: str | None = None) -> Choice:
    branches = [Branch("else" if w is None else f"when {w.text}", to, w) for w, to in ways]
    return Choice((*branches[:-1], replace(branches[-1], outcome=outcome)))


def split(control: int = 2000, unit: Unit = Unit.CUSTOMER, to: str = "offered") -> Split:
    arms = {"control": Arm("control", control, "end"), "free": Arm("free", BUCKETS - control, to)}
    owned = [(0, "control"), (control, "free")]
    kept = [(start, arm) for start, arm in owned if arms[arm].share]
    return Split(
        "gift-2026",
        unit,
        arms,
        tuple(start for start, _ in kept),
        tuple(arm for _, arm in kept),
    )


def offers(what: Junction, **more: Any) -> Plan:
    return plan(
        journey(
            "rescue",
            stage("in", after(HOUR, to="offer"), on("Go", to="offer")),
            junction("offer", what),
            stage("offered", after(DAY, to="end"), on("Again", to="offer"), enter=[send("offer")]),
            entry=[clause("Cart")],
            **more,
        )
    )


RICH = check("event", "total", lambda total: total > 50)


def test_j1_the_first_branch_that_holds_is_taken_at_once() -> None:
    total = check("instance", "total", lambda total: total > 50)
    what = choice((BROKEN, "end"), (total, "offered"), (None, "end"), outcome="poor")
    steps = offers(what)
    entry = clause("Cart", remember={"total": read("event", "total")})
    steps = plan(replace(steps.journeys[0], entries={"Cart": (entry,)}))

    rich, poor = Customer(steps), Customer(steps)
    rich.give("Cart", 0, total=60)
    poor.give("Cart", 0, total=40)
    taken, left = rich.give("Go", 1), poor.give("Go", 1)

    assert moves(taken) == [("in", "offer", "Go"), ("offer", "offered", "choose")]
    assert moves(left) == [("in", "offer", "Go"), ("offer", None, "choose")]
    assert ends(left) == [("COMPLETED", "poor")]
    assert [name for name, _ in taken.guard_errors] == ["rescue"]
    assert [one.send_id for one in taken.commands] == ["offer"]
    assert "branch 'else' of a junction was asked: true" in " ".join(sentences(left, steps))


def test_j1_a_branch_may_read_the_event_that_led_into_the_junction() -> None:
    customer = Customer(offers(choice((RICH, "offered"), (None, "end"))))
    customer.give("Cart", 0)
    customer.give("Go", 1, total=60)
    assert customer.stages == ["offered"]


def test_j1_an_entry_may_begin_in_a_junction() -> None:
    what = junction("door", choice((RICH, "in"), (None, "end")))
    steps = plan(journey("a", what, stage("in", on("Go", to="end")), entry=[clause("Cart")]))
    customer = Customer(steps)

    assert moves(customer.give("Cart", 0, total=1)) == [
        (None, "door", "Cart"),
        ("door", None, "choose"),
    ]
    assert moves(customer.give("Cart", 1, total=60))[-1] == ("door", "in", "choose")


def test_s3_junctions_and_always_share_the_bound_of_microsteps() -> None:
    round_ = plan(
        journey(
            "a",
            stage("in", on("Go", to="door")),
            junction("door", choice((None, "on"))),
            stage("on", always(to="door")),
            entry=[clause("Cart")],
        )
    )
    customer = Customer(round_)
    customer.give("Cart", 0)
    decision = customer.give("Go", 1)

    assert ends(decision) == [("LOOP", None)]
    assert len(decision.transitions) == 1 + 32 + 1


def test_k4_a_junction_counts_for_the_macro_stage() -> None:
    what = junction("offer", choice((None, "offered")), macro="loyalty")
    steps = plan(
        journey(
            "rescue",
            stage("in", on("Go", to="offer")),
            what,
            stage("offered", on("Go", to="end")),
            entry=[clause("Cart")],
        )
    )
    customer = Customer(steps)
    customer.give("Cart", 0)
    customer.give("Go", 1)
    assert [one.stage for one in customer.state.macro_history] == [
        "purchase",
        "loyalty",
        "purchase",
    ]


def told(decision: Decision) -> list[tuple[str, float, bool] | None]:
    found = [one.experiment for one in decision.transitions]
    return [None if e is None else (e.arm, e.propensity, e.contaminated) for e in found]


def test_j3_exposure_is_recorded_with_its_propensity_on_what_follows() -> None:
    mine = bucket("gift-2026", "anna")
    assert mine == 2363
    customer = Customer(offers(split()))
    customer.give("Cart", 0)
    decision = customer.give("Go", 1)

    assert moves(decision) == [("in", "offer", "Go"), ("offer", "offered", "split")]
    assert told(decision) == [None, ("free", 0.8, False)]
    (command,) = decision.commands
    assert command.experiment is not None
    assert (command.experiment.id, command.experiment.arm) == ("gift-2026", "free")
    assert customer.state.assigned == [Exposure("gift-2026", "free", 0.8, T0 + 1)]
    said = " ".join(sentences(decision, customer.plan))
    assert "experiment gift-2026 assigns arm free, which has 80.00% and the bucket 2363" in said


def test_j3_the_arm_ends_the_instance_and_is_recorded_with_the_end() -> None:
    customer = Customer(offers(split(control=4000)))
    customer.give("Cart", 0)
    decision = customer.give("Go", 1)

    assert ends(decision) == [("COMPLETED", None)]
    assert told(decision) == [None, ("control", 0.4, False)]


def test_g1_the_first_arm_wins_over_loops_entries_and_other_shares() -> None:
    customer = Customer(offers(split()))
    customer.give("Cart", 0)
    customer.give("Go", 1)
    customer.plan = offers(split(control=9000))  # its bucket now belongs to control

    assert told(customer.give("Again", 2)) == [None, ("free", 0.8, False)]
    customer.tick(2 * DAY)
    assert customer.stages == []
    customer.give("Cart", 3 * DAY)
    decision = customer.give("Go", 3 * DAY + 1)
    assert told(decision)[-1] == ("free", 0.8, False)
    assert "drawn before with 80.00%" in " ".join(sentences(decision, customer.plan))


def test_g2_an_arm_that_is_gone_is_drawn_anew_and_contaminated() -> None:
    customer = Customer(offers(split()))
    customer.give("Cart", 0)
    customer.give("Go", 1)
    other = split()
    arms = {"control": other.arms["control"], "gift": Arm("gift", 8000, "offered")}
    customer.plan = offers(Split("gift-2026", Unit.CUSTOMER, arms, (0, 2000), ("control", "gift")))

    assert told(customer.give("Again", 2))[-1] == ("gift", 0.8, True)
    assert [one.arm for one in customer.state.assigned] == ["gift"]


def test_j2_by_instance_each_entry_is_drawn_and_a_loop_is_not() -> None:
    customer = Customer(offers(split(5000, Unit.INSTANCE)))
    drawn = []
    for number in range(1, 40):
        customer.give("Cart", number * 2 * DAY)
        arm = told(customer.give("Go", number * 2 * DAY + 1))[-1]
        assert arm is not None
        owner = "control" if bucket("gift-2026", f"anna/rescue/{number}") < 5000 else "free"
        assert arm[0] == owner
        if owner == "free":
            assert told(customer.give("Again", number * 2 * DAY + 2))[-1] == arm
        drawn.append(owner)
    assert set(drawn) == {"control", "free"}
    assert customer.state.assigned == []


def test_g6_a_customer_whose_send_is_refused_was_exposed_all_the_same() -> None:
    customer = Customer(offers(split(), purpose="marketing"))
    customer.give("Cart", 0)
    decision = customer.give("Go", 1)

    assert customer.outcomes == ["NO_CONSENT"]
    assert told(decision)[-1] == ("free", 0.8, False)


EXPOSURES = st.builds(
    Exposure,
    st.sampled_from(["e1", "e2"]),
    st.sampled_from(["a", "b"]),
    st.sampled_from([0.2, 0.8]),
    st.integers(0, 3),
    st.booleans(),
)


@st.composite
def assigned(draw_: st.DrawFn) -> list[Exposure]:
    known: list[Exposure] = []
    for one in draw_(st.lists(EXPOSURES, max_size=3)):
        known = keep(known, one)
    return merge(known, [])


@given(assigned(), assigned(), assigned())
def test_law_8_assignments_merge_alike_in_every_order(
    one: list[Exposure], two: list[Exposure], three: list[Exposure]
) -> None:
    assert merge(one, two) == merge(two, one)
    assert merge(merge(one, two), three) == merge(one, merge(two, three))
    assert merge(one, one) == one
    assert merge(merge(one, two), two) == merge(one, two)


def test_j3_of_two_exposures_the_earlier_wins_and_a_differing_one_contaminates() -> None:
    early, late = Exposure("e", "a", 0.2, 5), Exposure("e", "b", 0.8, 9)

    assert merge([late], [early]) == [Exposure("e", "a", 0.2, 5, contaminated=True)]
    assert merge([late], [Exposure("e", "b", 0.5, 7)]) == [Exposure("e", "b", 0.5, 7)]


def test_the_arms_of_a_customer_are_bounded_the_oldest_going_first() -> None:
    known: list[Exposure] = []
    for number in range(ASSIGNED_MAX + 1):
        known = keep(known, Exposure(f"e{number}", "a", 1.0, number))
    assert [one.experiment for one in known[:1]] == ["e1"]
    assert len(known) == ASSIGNED_MAX


@given(st.text(max_size=12), st.integers(0, BUCKETS), st.integers(0, BUCKETS))
def test_g1_what_was_drawn_stays_whatever_the_shares_become(
    unit: str, first: int, later: int
) -> None:
    before = draw(split(first), [], unit, 0)
    assert draw(split(later), [before], unit, 9) is before
    if before.arm == "control" and later >= first:
        assert draw(split(later), [], unit, 9).arm == "control"
