"""Where parts of the language meet that know nothing of one another."""

from dataclasses import replace

from journey_engine.decide.message import IdentityHanded
from journey_engine.decide.state import STATE_BYTES_MAX
from journey_engine.define.plan import Reentry, ReentryMode
from journey_engine.define.policy_plan import Hold
from journey_engine.encode.state import encode_state
from tests.decide.contact import marketing, number, offer, under
from tests.decide.people import People, with_identity
from tests.decide.plans import (
    DAY,
    HOUR,
    MINUTE,
    Customer,
    after,
    clause,
    journey,
    on,
    read,
    stage,
)
from tests.decide.test_actions import answered, kinds, show, task


def test_m2_c8_what_a_merge_sets_free_waits_for_the_next_visitor() -> None:
    """The holder ends `MERGED` while another visitor is still asked for: nothing is lost."""
    hold = Hold(21 * DAY, drop=False, purposes=frozenset({"marketing"}))
    keeper = journey(
        "keeper",
        stage("in", after(60 * DAY, to="end")),
        entry=[clause("Complaint")],
        exits=[clause("Solved", name="solved")],
        holds=hold,
    )
    made = with_identity(under(marketing(), keeper, offer("a")))
    people = People(made)
    people.give("a:v", "Complaint", 0)
    people.give("a:v", "Solved", 1)
    people.give("c:anna", "Complaint", 2)
    people.give("c:anna", "Go", 3)
    assert [one.cause for one in people.sends] == ["HELD"]
    people.held = True
    people.link(MINUTE, "v")
    people.link(MINUTE, "w")
    for message in [*people.waiting]:
        people.take(message.target, message, MINUTE)
    answer = next(one for one in people.waiting if isinstance(one, IdentityHanded))
    people.take("c:anna", answer, MINUTE)
    assert ("c:anna", "MERGED") in people.ends
    assert [one.cause for one in people.sends] == ["HELD", "IDENTITY"]
    people.tick("c:anna", HOUR)
    assert [one.outcome.value for one in people.sends][2:] == ["SENT"]


def test_a3_a_slot_taken_in_this_very_step_may_be_lost_in_it() -> None:
    """The one ranks first by its score, the other is more important: one is left."""
    low = replace(show("low"), score=(("value", number(9)),))
    journeys = (
        journey(
            name,
            stage("idle", on("Go", to="in"), after(DAY, to="end")),
            stage("in", after(DAY, to="end"), enter=[one]),
            entry=[clause("Start")],
            purpose="marketing",
            priority=priority,
        )
        for name, one, priority in (("a", low, 1), ("b", show("high"), 2))
    )
    customer = Customer(under(marketing(), *journeys))
    customer.give("Start", 0)
    customer.give("Go", 1)
    assert kinds(customer) == [("SHOW", "low"), ("CANCEL", "low"), ("SHOW", "high")]


def test_law6_deadlines_of_tasks_that_are_done_are_forgotten() -> None:
    asked = stage("in", on("Again", do=[task(ack_within=HOUR, expires=30 * DAY)]))
    customer = Customer(answered(journey("j", asked, entry=[clause("Start")])))
    customer.give("Start", 0)
    for minutes in range(1, 200):
        customer.give("Again", minutes * MINUTE, f"again-{minutes}")
        command = customer.commands[-1].command_id
        customer.give("TaskDone", minutes * MINUTE, f"done-{minutes}", command_id=command)
    (instance,) = customer.state.instances
    assert len(instance.timers) <= 2


def test_law6_deadlines_are_no_more_than_the_commands_that_are_remembered() -> None:
    asked = stage("in", on("Again", do=[task(ack_within=20 * DAY, expires=30 * DAY)]))
    customer = Customer(answered(journey("j", asked, entry=[clause("Start")])))
    customer.give("Start", 0)
    for minutes in range(1, 200):
        customer.give("Again", minutes * MINUTE, f"again-{minutes}")
    (instance,) = customer.state.instances
    assert len(instance.timers) == 2 * len(instance.sent)
    customer.tick(40 * DAY)
    assert customer.state.instances[0].timers == []


def test_law6_keys_that_were_in_count_for_the_size() -> None:
    """Few journeys, no feature, but long keys in each of them."""
    key = read("event", "key")
    made = [
        journey(
            f"j{index}",
            stage("in", on("Leave", to="end", key=key)),
            entry=[clause("Start", key=key)],
            keyed=True,
            reentry=Reentry(ReentryMode.AFTER_END, cooldown=90 * DAY),
        )
        for index in range(4)
    ]
    customer = Customer(under(marketing(), *made))
    outcomes = set()
    for index in range(100):
        name = f"{index:04}" + 900 * "k"
        decision = customer.give("Start", 2 * index, key=name)
        outcomes |= {outcome.value for _, outcome in decision.entries}
        customer.give("Leave", 2 * index + 1, key=name)
        assert len(encode_state(customer.state)) <= STATE_BYTES_MAX
    assert "STATE_LIMIT" in outcomes
