"""Laws of experiments, milestones and `once`, whatever happens in whatever order."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from journey_engine.decide.state import CustomerState
from journey_engine.define.junction_plan import BUCKETS, Arm, Split, Unit
from journey_engine.define.plan import Plan, Reentry, ReentryMode
from tests.decide.carts import carts
from tests.decide.plans import Customer, after, clause, entries, journey, on, plan, stage
from tests.decide.test_junctions import junction
from tests.decide.test_milestones import onboarding

ARMS = ("control", "free", "gift")


def offers(edges: Sequence[int]) -> Plan:
    """A journey that splits, by customer, at these edges among the buckets."""
    first, second = sorted(edges)
    shares = {"control": first, "free": second - first, "gift": BUCKETS - second}
    arms = {name: Arm(name, share, "on") for name, share in shares.items()}
    runs = dict(zip((0, first, second), ARMS, strict=True))  # of no buckets: the later one stays
    runs = {start: arm for start, arm in runs.items() if start < BUCKETS}
    split = Split("law-2026", Unit.CUSTOMER, arms, tuple(runs), tuple(runs.values()))
    return plan(
        journey(
            "a",
            stage("in", on("Go", to="split")),
            junction("split", split),
            stage("on", on("Go", to="split"), on("Stop", to="end"), after(50, to="split")),
            entry=[clause("Enter")],
        )
    )


EDGES = st.tuples(st.integers(0, BUCKETS), st.integers(0, BUCKETS))
STEPS = st.lists(
    st.one_of(st.sampled_from(["Enter", "Go", "Stop", "restart"]), EDGES), min_size=4, max_size=30
)


@given(EDGES, STEPS)
def test_g1_a_customer_is_only_ever_in_one_arm_with_one_propensity(
    edges: tuple[int, int], steps: list[str | tuple[int, int]]
) -> None:
    customer = Customer(offers(edges))
    for at, step in enumerate(["Enter", "Go", *steps, "Enter", "Go"]):
        if step == "restart":
            customer.state = CustomerState(assigned=list(customer.state.assigned))
        elif isinstance(step, str):
            customer.give(step, 20 * at)
        else:
            customer.plan = offers(step)

    told = {
        (one.experiment.arm, one.experiment.propensity, one.experiment.contaminated)
        for decision in customer.decisions
        for one in decision.transitions
        if one.experiment is not None
    }
    assert len(told) == 1
    assert len(customer.state.assigned) == 1


@given(st.permutations(["Paid", "Paid", "Signed", "Opened", "Tick", "Tick"]))
def test_i5_the_order_of_events_changes_no_milestone(order: list[str]) -> None:
    customer = Customer(onboarding())
    customer.give("Open", 0)
    for at, kind in enumerate(order, 1):
        customer.give(kind, at, amount=5)

    reached = [t.milestone for d in customer.decisions for t in d.transitions if t.milestone]
    ended = [t.label for d in customer.decisions for t in d.transitions if t.end is not None]
    assert sorted(reached) == ["paid", "signed"]
    assert ended == ["active"]
    assert customer.state.instances == []


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=30))
def test_a3_with_once_no_key_enters_twice(steps: list[tuple[str, bool]]) -> None:
    customer = Customer(carts(reentry=Reentry(ReentryMode.ONCE)))
    entered: list[str] = []
    for at, (key, leaves) in enumerate(steps):
        if leaves:
            customer.give("Pay", 2 * at, cart=key)
        elif entries(customer.give("Cart", 2 * at, cart=key)) == ["ENTERED"]:
            entered.append(key)
    assert len(entered) == len(set(entered))
    assert set(entered) == {key for key, leaves in steps if not leaves}
