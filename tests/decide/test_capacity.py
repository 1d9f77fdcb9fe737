"""Rule C6 from the customer's side: how room on a channel meets the rest of contact policy."""

from dataclasses import replace
from typing import Any

from journey_engine.decide.event import Event, TimersDue
from journey_engine.decide.message import CapacityRefused, Message
from journey_engine.decide.room import decide_room
from journey_engine.decide.room_state import EMPTY_CHANNEL, ChannelState
from journey_engine.decide.verdict import Decision
from journey_engine.define.plan import ChannelPlan, Plan
from journey_engine.define.policy_plan import Capacity, Collection, Policy, Quiet
from journey_engine.errors import CandidateOutcome, InputOutcome
from tests.decide.contact import NIGHT, marketing, number, offer, under
from tests.decide.people import People
from tests.decide.plans import BROKEN, DAY, HOUR, MINUTE, T0, after, send, stage


class Limited(People):
    """People, and the owner of the room on `email`, who answers at once unless `held`."""

    def __init__(self, made: Plan) -> None:
        super().__init__(made)
        self.room: ChannelState = EMPTY_CHANNEL

    def take(self, key: str, item: Event | TimersDue | Message, at: int) -> Decision:
        if not key.startswith("n:"):
            return super().take(key, item, at)
        assert isinstance(item, Message)
        decided = decide_room(self.plan, key, self.room, item, self.now)
        self.room = decided.state
        self.waiting += decided.messages
        return Decision(self.states["c:anna"], InputOutcome.APPLIED)

    def shown(self) -> list[tuple[str, str]]:
        return [(one.send_id, one.outcome.value) for one in self.sends]

    def written(self) -> list[str]:
        return [one.send_id for one in self.commands if one.action != "CANCEL"]


def narrow(policy: Policy, *journeys: Any, most: int = 1, **more: Any) -> Plan:
    """A plan in which `email` takes so many commands an hour."""
    made = under(policy, *journeys, **more)
    email = ChannelPlan("email", "commands.email.v1", capacity=Capacity(most, HOUR))
    return replace(made, channels={**made.channels, "email": email})


def test_c6_a_grant_at_night_waits_for_the_morning() -> None:
    """Quiet hours are asked at the time of the grant, not at that when the wait would be over."""
    policy = marketing(quiet_hours=[NIGHT], quiet=Quiet.DEFER)
    people = Limited(narrow(policy, offer("a", send("a", expires=12 * HOUR))))
    people.held = True
    people.give("c:anna", "Go", 21 * HOUR)
    people.release(23 * HOUR)
    assert people.shown() == [("a", "DEFERRED"), ("a", "DEFERRED")]
    assert people.sends[-1].until == T0 + DAY + 8 * HOUR
    assert not people.room.granted, "given back"


def test_c6_what_won_its_slot_has_won_it_also_while_it_waits_for_room() -> None:
    policy = marketing(collection=Collection(winners=1, collect=HOUR))
    sends = [send(name, score=(("value", number(rank)),)) for name, rank in (("a", 2), ("b", 1))]
    people = Limited(narrow(policy, offer("a", sends[0]), offer("b", sends[1]), most=9))
    people.give("c:anna", "Go", 0)
    people.tick("c:anna", HOUR)
    assert people.written() == ["a"]
    assert people.shown()[-3:] == [("a", "DEFERRED"), ("b", "LOWER_PRIORITY"), ("a", "SENT")]


def test_c6_one_grant_is_for_one_command() -> None:
    """What its instance asks for next needs room of its own."""
    moves = {CandidateOutcome.GUARD_ERROR: "other"}
    broken = send("a", on_suppressed=moves, data={"x": BROKEN})
    other = stage("other", after(DAY, to="end"), enter=[send("b"), send("c")])
    people = Limited(narrow(marketing(), offer("a", broken, stages=[other])))
    people.give("c:anna", "Go", 0)
    assert len(people.written()) == 1
    assert sum(count for _, count in people.room.used) == 1


def test_c6_c9_no_room_in_time_is_an_outcome_that_may_move_its_instance() -> None:
    asked = send("b", expires=HOUR, on_suppressed={CandidateOutcome.CAPACITY: "other"})
    other = stage("other", after(DAY, to="end"), enter=[send("call", "push")])
    people = Limited(narrow(marketing(), offer("a"), offer("b", asked, stages=[other])))
    people.give("c:anna", "Go", 0)
    assert people.shown()[-1][1] == "SENT"
    people.tick("c:anna", 2 * HOUR)
    assert ("b", "CAPACITY") in people.shown()
    assert people.written() == ["a", "call"]
    assert [one.stage for one in people.states["c:anna"].instances] == ["in", "other"]
    assert not people.room.waiting, "withdrawn"


def test_c6_c9_so_is_a_refusal() -> None:
    asked = send("b", on_suppressed={CandidateOutcome.CAPACITY: "other"})
    other = stage("other", after(DAY, to="end"), enter=[send("call", "push")])
    people = Limited(narrow(marketing(), offer("b", asked, stages=[other])))
    people.held = True
    people.give("c:anna", "Go", 0)
    (question,) = people.waiting
    people.waiting = []
    refused = CapacityRefused("c:anna", "r", T0, question.origin, "email", question.id)
    people.take("c:anna", refused, MINUTE)
    assert people.shown()[-2:] == [("b", "CAPACITY"), ("call", "SENT")]
    assert [one.stage for one in people.states["c:anna"].instances] == ["other"]
