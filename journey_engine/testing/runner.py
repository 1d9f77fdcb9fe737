"""Running one test: the core with the stream clock, on one customer who exists for the test.

The customer may have been a visitor before. What their states tell one another arrives at once, as
if all of them lay on one partition.
"""

import copy
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from journey_engine.decide.accounts import plan_of
from journey_engine.decide.decide import decide
from journey_engine.decide.decision import Command
from journey_engine.decide.due import next_due
from journey_engine.decide.event import Event, Origin
from journey_engine.decide.keys import state_key
from journey_engine.decide.message import CHANNEL, Input, Message, timers_of
from journey_engine.decide.room import decide_room
from journey_engine.decide.room_state import EMPTY_CHANNEL, ChannelState
from journey_engine.decide.state import EMPTY, CustomerState, State, Written
from journey_engine.define.expression import Value
from journey_engine.define.identity import LINKED
from journey_engine.define.plan import Plan
from journey_engine.testing.cases import Given, TestCase, TestStep
from journey_engine.testing.happenings import Happening, of_decision, of_instance

if TYPE_CHECKING:
    from journey_engine.decide.verdict import Decision

CUSTOMER = "customer"
KEY = state_key(CUSTOMER, None)
_SHARED = ("event_id", "customer_id", "anonymous_id", "occurred_at", "channel", "source")


class Unanswerable(Exception):  # noqa: N818 - a test that cannot go on, not a fault of ours
    """A step answers a send that was never sent."""

    def __init__(self, step: TestStep, send: str) -> None:
        self.step = step
        super().__init__(f"{step.event_type} answers the send {send!r}, which was not sent before")


class Run:
    """A customer's run through a plan. `decisions` are all that were made, one for each of
    `inputs`, in order; `states` is what is remembered by key, `rooms` what is left of channels.
    """

    def __init__(self, plan: Plan, case: TestCase) -> None:
        self._plan = plan
        self._case = case
        self._clock = case.steps[0].at if case.steps else 0
        self.states = {KEY: given_state(case.given, self._clock - 1)}
        self.rooms: dict[str, ChannelState] = {}
        self.inputs: list[Input] = []
        self.decisions: list[Decision] = []
        self._number = 0

    @property
    def state(self) -> CustomerState:
        """What is remembered of the customer."""
        return self.states[KEY]

    @property
    def clock(self) -> int:
        """The time that was reached."""
        return self._clock

    def play(self) -> None:
        """Take every step; the clock stops at the last one.

        Raises:
            Unanswerable: a feedback event names a send that was not sent.
        """
        for step in self._case.steps:
            self.take(step)

    def take(self, step: TestStep) -> None:
        """Take one step more; raises as `play` does."""
        self._number += 1
        self._fire_timers(step.at)
        self._clock = max(self._clock, step.at)
        if step.event_type:
            event = self._event(self._number, step)
            self._take(state_key(event.customer_id, event.anonymous_id), event)

    def forked(self) -> "Run":
        """The same run so far, to be gone on with another way."""
        other = copy.copy(self)
        other.states, other.rooms = dict(self.states), dict(self.rooms)
        other.inputs, other.decisions = list(self.inputs), list(self.decisions)
        return other

    def happened(self) -> list[Happening]:
        """What the decisions say, and where the live instances stand."""
        both = zip(self.inputs, self.decisions, strict=True)
        found = [each for given, decision in both for each in of_decision(given, decision)]
        live = [one for state in self.states.values() for one in state.instances]
        return found + [of_instance(instance) for instance in live]

    def _fire_timers(self, up_to: int) -> None:
        while (first := self._first_due()) is not None and first[0] <= up_to:
            self._clock = max(self._clock, first[0])
            if first[1] in self.rooms:
                self._room(first[1], None)
            else:
                self._take(first[1], timers_of(first[1], self._clock))

    def _first_due(self) -> tuple[int, str] | None:
        states: dict[str, State] = {**self.states, **self.rooms}
        dues = [(next_due(state), key) for key, state in states.items()]
        return min(((due, key) for due, key in dues if due is not None), default=None)

    def _take(self, key: str, happened: Input) -> None:
        plan = plan_of(self._plan, key)
        decision = decide(plan, self.states.get(key, EMPTY), happened, self._clock)
        self.states[key] = decision.state
        self.inputs.append(happened)
        self.decisions.append(decision)
        self._deliver(decision.messages)

    def _deliver(self, messages: list[Message]) -> None:
        for message in messages:
            if message.target.startswith(CHANNEL):
                self._room(message.target, message)
            else:
                self._take(message.target, message)

    def _room(self, key: str, message: Message | None) -> None:
        """The owner's part of a channel's capacity (rule C6)."""
        state = self.rooms.get(key, EMPTY_CHANNEL)
        decision = decide_room(self._plan, key, state, message, self._clock)
        self.rooms[key] = decision.state
        self._deliver(decision.messages)

    def _event(self, number: int, step: TestStep) -> Event:
        customer = None
        if step.visitor is None or step.event_type == LINKED:
            customer = step.customer or CUSTOMER
        fields: dict[str, Value] = {
            "event_id": f"step-{number}",
            "customer_id": customer,
            "anonymous_id": step.visitor,
            "occurred_at": step.at,
            "channel": "test",
            "source": "test",
            "session_id": None,
            **step.fields,
        }
        if step.event_type in self._plan.feedback and "send" in step.fields:
            # The engine itself knows by the command which send was answered (rule I2).
            del fields["send"]
            fields["command_id"] = self._command_id(step, customer)
        body = {name: value for name, value in fields.items() if name not in _SHARED}
        return Event(
            type=step.event_type,
            event_id=str(fields["event_id"]),
            customer_id=customer,
            anonymous_id=step.visitor,
            occurred_at=step.at,
            channel=str(fields["channel"]),
            source=str(fields["source"]),
            fields=fields,
            digest=_digest(body),
            recorded_at=self._clock,
            origin=Origin(str(fields["event_id"]), "test", 0, number),
            backfill=fields.get("backfill") is True,
        )

    def _command_id(self, step: TestStep, customer: str | None) -> str:
        send = step.fields["send"]
        sent = [command for command in self._commands() if command.send_id == send]
        own = [command for command in sent if command.journey.name == self._case.journey]
        if not sent:
            raise Unanswerable(step, str(send))
        theirs = [command for command in own if command.customer_id == customer]
        return (theirs or own or sent)[-1].command_id

    def _commands(self) -> list[Command]:
        return [c for d in self.decisions for c in d.commands if c.action != "CANCEL"]


def given_state(given: Given, at: int) -> CustomerState:
    """The customer of `given`, all of it known since `at`."""
    return CustomerState(
        traits=_written(given.traits, at),
        consent=_written(given.consent, at),
        reach=_written(dict.fromkeys(given.reachable, True), at),
    )


def _written(values: Mapping[str, Value] | Mapping[str, bool], at: int) -> dict[str, Written]:
    return {name: Written(value, at, "given") for name, value in values.items()}


def _digest(body: Mapping[str, Value]) -> bytes:
    return zlib.crc32(msgspec.json.encode(body, order="sorted")).to_bytes(4, "big")
