"""Rule M4: what is known goes, what is out is taken back, a proof stays."""

from dataclasses import replace
from hashlib import blake2b

from journey_engine.decide.message import AliasErased
from journey_engine.decide.state import CustomerState
from journey_engine.define.action_plan import CancelOn
from journey_engine.define.identity import ERASED
from journey_engine.errors import CandidateOutcome, InputOutcome
from tests.decide.people import People, with_identity
from tests.decide.plans import HOUR, MINUTE, T0, send
from tests.decide.sending import HELD, sending

PLAN = replace(
    with_identity(sending(send("held"), send("late", delay=HOUR), channels=HELD)),
    proof_key=b"secret",
)


def erased() -> People:
    people = People(PLAN)
    people.give("c:anna", "Cart", 0)
    people.give("c:anna", ERASED, MINUTE)
    return people


def test_nothing_is_kept_but_the_proof() -> None:
    people = erased()
    state = people.states["c:anna"]

    assert state.identity is not None
    proof = state.identity.erased
    assert proof is not None
    assert proof.proof == blake2b(b"anna", digest_size=16, key=b"secret").digest()
    assert (proof.at, proof.life) == (T0 + MINUTE, 0)
    assert state == CustomerState(life=1, identity=state.identity)


def test_instances_end_and_what_is_out_is_taken_back() -> None:
    people = erased()

    assert people.ends == [("c:anna", "ERASED")]
    assert [one.action for one in people.commands] == ["SEND", "CANCEL"]
    assert people.commands[1].cancels == people.commands[0].command_id
    assert people.sends[-1].outcome is CandidateOutcome.CANCELLED


def test_also_what_is_never_cancelled_otherwise_is_taken_back() -> None:
    people = People(with_identity(sending(send("held", cancel_on=CancelOn.NEVER), channels=HELD)))
    people.give("c:anna", "Cart", 0)
    people.give("c:anna", ERASED, MINUTE)

    assert [one.action for one in people.commands] == ["SEND", "CANCEL"]


def test_what_happened_before_is_refused_and_the_erasure_itself_when_it_is_repeated() -> None:
    people = erased()

    assert people.give("c:anna", "Cart", 59_999, "old").outcome is InputOutcome.ERASED
    assert people.give("c:anna", "Cart", MINUTE, "now").outcome is InputOutcome.ERASED
    assert people.give("c:anna", ERASED, MINUTE).outcome is InputOutcome.ERASED
    assert people.states["c:anna"].life == 1


def test_what_happens_later_starts_the_next_life_with_other_command_ids() -> None:
    people = erased()
    people.give("c:anna", "Cart", HOUR)

    first, _, second = people.commands
    assert (first.send_id, first.journey) == (second.send_id, second.journey)
    assert first.command_id != second.command_id
    assert people.states["c:anna"].instances[0].entry_no == 1


def test_a_customer_who_was_never_seen_leaves_a_proof_too() -> None:
    people = People(PLAN)
    people.give("c:anna", ERASED, 0)

    assert people.states["c:anna"].life == 1
    assert people.give("c:anna", "Cart", 0).outcome is InputOutcome.ERASED


def test_the_visitors_that_the_customer_was_are_erased() -> None:
    people = People(PLAN)
    people.give("a:v", "Cart", 0)
    people.link(MINUTE)
    decision = people.give("c:anna", ERASED, HOUR)

    assert [type(one) for one in decision.messages] == [AliasErased]
    assert people.give("a:v", "Cart", HOUR - 1).outcome is InputOutcome.ERASED
    assert people.give("a:v", "Cart", HOUR + 1).outcome is InputOutcome.APPLIED
    assert people.states["a:v"].life == 1
    assert not people.states["c:anna"].instances


def test_a_visitor_who_was_asked_is_erased_though_the_answer_came_too_late() -> None:
    people = People(PLAN)
    people.give("a:v", "Cart", 0)
    people.held = True
    people.link(MINUTE)
    people.give("c:anna", ERASED, 2 * MINUTE)
    people.release(3 * MINUTE)

    assert people.states["c:anna"].life == 1
    assert not people.states["c:anna"].instances
    assert people.ends == [("c:anna", "ERASED")]
    assert [one.action for one in people.commands] == ["SEND", "CANCEL"]
    assert [one.outcome.value for one in people.sends if one.send_id == "late"] == [
        "DEFERRED",
        "CANCELLED",
    ]
    visitor = people.states["a:v"]
    assert visitor.identity is not None
    assert visitor.identity.alias_of is None
    assert visitor.identity.erased is not None
    assert not visitor.instances


def test_what_was_asked_for_in_a_life_that_was_erased_is_not_merged_into_the_next() -> None:
    people = People(PLAN)
    people.give("a:v", "Cart", 0)
    people.held = True
    people.link(MINUTE)
    people.give("c:anna", ERASED, 2 * MINUTE)
    people.link(3 * MINUTE)
    people.release(4 * MINUTE)

    anna = people.states["c:anna"]
    assert anna.instances == []
    assert anna.identity is not None
    assert (anna.identity.asked, anna.identity.aliases) == ([], ["v"])
    assert [one.action for one in people.commands] == ["SEND", "CANCEL"]
