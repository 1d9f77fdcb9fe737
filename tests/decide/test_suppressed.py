"""Rule C9: where an instance goes when its send came to nothing."""

from dataclasses import replace
from typing import Any

from journey_engine.define.action_plan import Action
from journey_engine.define.plan import END
from journey_engine.define.policy_plan import Collection, Quiet
from journey_engine.errors import CandidateOutcome
from tests.decide.contact import NIGHT, cap, marketing, offer, shown, under
from tests.decide.plans import (
    DAY,
    HOUR,
    NEVER,
    Customer,
    after,
    always,
    ends,
    moves,
    on,
    plan,
    send,
    stage,
)

CAPPED = CandidateOutcome.CAP_REACHED
ONE = marketing(cap("day", 1))


def moving(to: str, *outcomes: CandidateOutcome, **more: Any) -> Action:
    return send("a", on_suppressed=dict.fromkeys(outcomes or (CAPPED,), to), **more)


def test_c9_it_moves_on_after_the_candidates_of_the_instant_were_decided() -> None:
    other = stage("other", after(DAY, to="end"))
    customer = Customer(under(ONE, offer("a", moving("other"), stages=[other])))
    customer.give("Go", 0)
    assert customer.stages == ["in"]
    decision = customer.give("Go", 1)
    assert shown(customer)[-1] == ("a", "CAP_REACHED")
    assert customer.stages == ["other"]
    assert moves(decision) == [("in", "other", "suppressed")]


def test_c9_or_to_the_end() -> None:
    customer = Customer(under(ONE, offer("a", moving(END))))
    customer.give("Go", 0)
    decision = customer.give("Go", 1)
    assert ends(decision) == [("COMPLETED", None)]
    assert customer.stages == []


def test_c9_other_outcomes_leave_it_where_it_is() -> None:
    customer = Customer(under(ONE, offer("a", moving(END, when=NEVER))))
    customer.give("Go", 0)
    assert (customer.outcomes, customer.stages) == (["GUARD_FALSE"], ["in"])


def test_c9_what_it_asks_for_there_is_decided_in_the_same_instant() -> None:
    other = stage("other", after(DAY, to="end"), enter=[send("b", "push")])
    mail = marketing(cap("mail", 1, channels=frozenset({"email"})))
    customer = Customer(under(mail, offer("a", moving("other"), stages=[other])))
    customer.give("Go", 0)
    decision = customer.give("Go", 1)
    assert [one.outcome for one in decision.sends] == ["CAP_REACHED", "SENT"]
    assert [one.channel for one in decision.commands] == ["push"]


def test_c9_round_and_round_ends_as_a_loop() -> None:
    back = stage("back", always(to="in"))
    customer = Customer(under(ONE, offer("a", moving("back"), stages=[back])))
    customer.give("Go", 0)
    decision = customer.give("Go", 1)
    assert ends(decision) == [("LOOP", None)]
    assert len(decision.sends) == 33
    assert customer.state.pending == []


def test_c9_it_waits_for_the_final_outcome() -> None:
    night = marketing(cap("day", 1), quiet=Quiet.DEFER, quiet_hours=(NIGHT,))
    loser = moving(END, CandidateOutcome.LOWER_PRIORITY)
    rival = offer("b", send("b", priority=9), on_type="Other")
    customer = Customer(under(night, offer("a", loser), rival))
    customer.give("Go", 0)
    customer.give("Other", 1)
    assert customer.stages == ["in", "in"]
    customer.tick(8 * HOUR)
    assert shown(customer)[2:] == [("b", "SENT"), ("a", "LOWER_PRIORITY")]
    assert [one.journey for one in customer.state.instances] == ["b"]


def test_c9_of_a_loser_at_its_slot() -> None:
    rule = marketing(collection=Collection(slots=(10 * HOUR,)))
    loser = moving(END, CandidateOutcome.LOWER_PRIORITY)
    customer = Customer(under(rule, offer("a", loser), offer("b", send("b", priority=9))))
    customer.give("Go", 0)
    customer.tick(10 * HOUR)
    assert [one.journey for one in customer.state.instances] == ["b"]


def test_c9_an_instance_that_has_moved_on_is_left_alone() -> None:
    night = marketing(quiet=Quiet.DEFER, quiet_hours=(NIGHT,))
    action = moving(END, CandidateOutcome.NO_CONSENT)
    next_ = stage("next", after(9 * DAY, to="end"))
    made = under(night, offer("a", action, transitions=[on("On", to="next")], stages=[next_]))
    customer = Customer(made)
    customer.give("Go", 0)
    customer.give("On", HOUR)
    customer.plan = replace(made, consent_default={"marketing": False})
    customer.tick(8 * HOUR)
    assert shown(customer)[-1] == ("a", "NO_CONSENT")
    assert customer.stages == ["next"]


def test_c9_without_policies_too() -> None:
    action = moving(END, CandidateOutcome.NO_CONSENT)
    customer = Customer(plan(offer("a", action)))
    decision = customer.give("Go", 0)
    assert (customer.outcomes, ends(decision)) == (["NO_CONSENT"], [("COMPLETED", None)])
