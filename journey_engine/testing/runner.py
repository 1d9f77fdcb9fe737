"""Running one test: the core with the stream clock, on one customer who exists for the test."""

import zlib
from collections.abc import Mapping

import msgspec

from journey_engine.decide.decide import decide
from journey_engine.decide.decision import Command, Decision
from journey_engine.decide.event import Event, Input, Origin, TimersDue
from journey_engine.decide.state import CustomerState, Written, next_due
from journey_engine.define.plan import Plan, Value
from journey_engine.testing.cases import Given, TestCase, TestStep

CUSTOMER = "customer"
_SHARED = ("event_id", "customer_id", "anonymous_id", "occurred_at", "channel", "source")


class Unanswerable(Exception):  # noqa: N818 - a test that cannot go on, not a fault of ours
    """A step answers a send that was never sent."""

    def __init__(self, step: TestStep, send: str) -> None:
        self.step = step
        super().__init__(f"{step.event_type} answers the send {send!r}, which was not sent before")


class Run:
    """A customer's run through a plan. `decisions` are all that were made, in order."""

    def __init__(self, plan: Plan, case: TestCase) -> None:
        self._plan = plan
        self._case = case
        self._clock = case.steps[0].at if case.steps else 0
        self.state = given_state(case.given, self._clock - 1)
        self.decisions: list[Decision] = []

    def play(self) -> None:
        """Take every step; the clock stops at the last one.

        Raises:
            Unanswerable: a feedback event names a send that was not sent.
        """
        for number, step in enumerate(self._case.steps, 1):
            self._fire_timers(step.at)
            self._clock = max(self._clock, step.at)
            if step.event_type:
                self._take(self._event(number, step))

    def _fire_timers(self, up_to: int) -> None:
        while (due := next_due(self.state)) is not None and due <= up_to:
            self._clock = max(self._clock, due)
            self._take(TimersDue(CUSTOMER, None, self._clock))

    def _take(self, happened: Input) -> None:
        decision = decide(self._plan, self.state, happened, self._clock)
        self.state = decision.state
        self.decisions.append(decision)

    def _event(self, number: int, step: TestStep) -> Event:
        fields: dict[str, Value] = {
            "event_id": f"step-{number}",
            "customer_id": CUSTOMER,
            "anonymous_id": None,
            "occurred_at": step.at,
            "channel": "test",
            "source": "test",
            "session_id": None,
            **step.fields,
        }
        if step.event_type in self._plan.feedback and "send" in step.fields:
            # The engine itself knows by the command which send was answered (rule I2).
            del fields["send"]
            fields["command_id"] = self._command_id(step)
        body = {name: value for name, value in fields.items() if name not in _SHARED}
        return Event(
            type=step.event_type,
            event_id=str(fields["event_id"]),
            customer_id=CUSTOMER,
            anonymous_id=None,
            occurred_at=step.at,
            channel=str(fields["channel"]),
            source=str(fields["source"]),
            fields=fields,
            digest=_digest(body),
            recorded_at=self._clock,
            origin=Origin(str(fields["event_id"]), "test", 0, number),
            backfill=fields.get("backfill") is True,
        )

    def _command_id(self, step: TestStep) -> str:
        send = step.fields["send"]
        sent = [command for command in self._commands() if command.send_id == send]
        own = [command for command in sent if command.journey.name == self._case.journey]
        if not sent:
            raise Unanswerable(step, str(send))
        return (own or sent)[-1].command_id

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
