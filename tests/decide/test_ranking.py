"""Rules C1 (5) and C5: who comes first among the candidates of one instant."""

from itertools import permutations
from typing import Any

from journey_engine.define.policy_plan import PurposePlan
from tests.decide.contact import cap, last, marketing, number, offer, shown, under
from tests.decide.plans import BROKEN, HOUR, Customer, after, expression, read, send


def scored(name: str, *factors: Any) -> Any:
    names = ("propensity", "context", "value", "lever")
    return send(name, score=tuple(zip(names, factors, strict=False)))


ONE = marketing(cap("day", 1))


def test_c5_the_higher_score_wins_whatever_its_name_and_priority() -> None:
    rich = offer("z", scored("z", number(0.5), number(1.0), number(120.0)))
    poor = offer("a", scored("a", number(0.9)), priority=90)
    customer = Customer(under(ONE, rich, poor))
    customer.give("Go", 0)
    assert sorted(shown(customer)) == [("a", "LOWER_PRIORITY"), ("z", "SENT")]
    won, lost = last(customer, "z"), last(customer, "a")
    assert (won.rank, won.score, won.rivals) == (1, 60.0, ("a/a",))
    assert (lost.rank, lost.score, lost.rivals) == (2, 0.9, ("z/z",))
    assert won.trace == (
        "score propensity 0.5",
        "score context 1",
        "score value 120",
        "email cap day: 0 of 1",
        "email chosen",
    )
    assert lost.trace[-1] == "email cap day: 1 of 1"


def test_c5_a_factor_that_is_missing_counts_one_and_is_shown() -> None:
    factors = [number(None), BROKEN, number(float("nan")), number(2)]
    customer = Customer(under(ONE, offer("a", scored("a", *factors))))
    customer.give("Go", 0)
    assert last(customer).score == 2.0
    assert last(customer).trace[:4] == (
        "score propensity missing, counts 1",
        "score context missing, counts 1",
        "score value missing, counts 1",
        "score lever 2",
    )
    assert customer.decisions[0].guard_errors == []


def test_c5_a_score_beyond_numbers_counts_one() -> None:
    customer = Customer(under(ONE, offer("a", scored("a", number(1e300), number(1e300)))))
    customer.give("Go", 0)
    assert last(customer).score == 1.0


def test_c5_then_priority_of_the_send_before_that_of_its_journey() -> None:
    low = offer("a", send("a", priority=10), priority=90)
    customer = Customer(under(ONE, low, offer("b", priority=50)))
    customer.give("Go", 0)
    assert last(customer, "b").outcome == "SENT"


def test_c5_then_a_hash_in_which_neither_arrival_nor_the_alphabet_shows() -> None:
    firsts = set()
    for index in range(12):
        names = [f"{one}{index}" for one in "abc"]
        winners: set[str] = set()
        for order in permutations(names):
            customer = Customer(under(ONE, *(offer(name) for name in order)))
            customer.give("Go", 0)
            winners.update(name for name, outcome in shown(customer) if outcome == "SENT")
        [winner] = winners
        firsts.add(winner[0])
    assert firsts == {"a", "b", "c"}


def test_c5_a_purpose_that_does_not_arbitrate_comes_before_all() -> None:
    day = cap("day", 1, counted=frozenset({"marketing", "service"}))
    policy = marketing(day, others={"service": PurposePlan(obeys=(day,))})
    rich = offer("a", scored("a", number(99.0)))
    customer = Customer(under(policy, rich, offer("b", purpose="service")))
    customer.give("Go", 0)
    assert shown(customer) == [("b", "SENT"), ("a", "LOWER_PRIORITY")]
    assert (last(customer, "b").rank, last(customer, "b").score) == (None, None)
    assert last(customer, "a").rivals == ()


def test_c1_what_history_forbids_is_not_lost_to_a_rival() -> None:
    customer = Customer(under(marketing(cap("day", 2)), offer("a"), offer("b")))
    customer.give("Go", 0)
    customer.give("Go", 1)
    assert customer.outcomes == ["SENT", "SENT", "CAP_REACHED", "CAP_REACHED"]


def test_c1_a_winner_that_cannot_be_sent_leaves_its_place() -> None:
    broken = offer("a", send("a", data={"x": read("event", "absent")}), priority=99)
    customer = Customer(under(ONE, broken, offer("b")))
    customer.give("Go", 0)
    assert shown(customer) == [("a", "GUARD_ERROR"), ("b", "SENT")]


def test_c1_all_timers_of_an_instant_are_decided_together() -> None:
    def later(name: str, priority: int) -> Any:
        moves = (after(HOUR, do=[send(f"{name}-late", priority=priority)]),)
        silent = send(name, when=expression(lambda _: False, "false"))
        return offer(name, silent, transitions=moves)

    customer = Customer(under(ONE, later("a", 1), later("b", 2)))
    customer.give("Go", 0)
    customer.tick(HOUR)
    assert shown(customer)[-2:] == [("b-late", "SENT"), ("a-late", "LOWER_PRIORITY")]
    assert last(customer, "a-late").rank == 2
