"""A visitor who turns out to be a customer, for the tests of section M: their events, and messages
taken in the order in which they were sent.
"""

from dataclasses import replace
from typing import Any

from journey_engine.decide.decide import decide
from journey_engine.decide.event import Event, TimersDue, changed
from journey_engine.decide.message import Message, ids_of
from journey_engine.decide.state import EMPTY, CustomerState
from journey_engine.decide.verdict import Decision
from journey_engine.define.identity import ERASED, LINKED
from journey_engine.define.plan import Plan
from tests.decide.plans import T0, event


def with_identity(made: Plan) -> Plan:
    """The plan, where the events of section M are published."""
    return replace(made, fields={**made.fields, LINKED: frozenset(), ERASED: frozenset()})


def of(item: Event, key: str) -> Event:
    """The event, of somebody else."""
    customer, visitor = ids_of(key)
    return changed(item, customer_id=customer, anonymous_id=visitor)


def linked(at: int, visitor: str = "v", customer: str = "anna") -> Event:
    item = event(LINKED, at, f"link-{visitor}-{customer}-{at}")
    return changed(item, customer_id=customer, anonymous_id=visitor)


class People:
    """States by key; one clock; every message is taken at once unless `held`."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.states: dict[str, CustomerState] = {}
        self.decisions: list[tuple[str, Decision]] = []
        self.waiting: list[Message] = []
        self.held = False
        self.now = 0

    def give(self, key: str, kind: str, at: int, event_id: str = "", /, **fields: Any) -> Decision:
        return self.take(key, of(event(kind, at, event_id, **fields), key), at)

    def link(self, at: int, visitor: str = "v", customer: str = "anna") -> Decision:
        return self.take(f"c:{customer}", linked(at, visitor, customer), at)

    def tick(self, key: str, at: int) -> Decision:
        return self.take(key, TimersDue(*ids_of(key), T0 + at), at)

    def take(self, key: str, item: Event | TimersDue | Message, at: int) -> Decision:
        self.now = max(self.now, T0 + at)
        decision = decide(self.plan, self.states.get(key, EMPTY), item, self.now)
        self.states[key] = decision.state
        self.decisions.append((key, decision))
        self.waiting += decision.messages
        while self.waiting and not self.held:
            message = self.waiting.pop(0)
            self.take(message.target, message, at)
        return decision

    def release(self, at: int) -> None:
        """Take the messages that were held."""
        self.held = False
        while self.waiting:
            message = self.waiting.pop(0)
            self.take(message.target, message, at)

    @property
    def commands(self) -> list[Any]:
        return [one for _, decision in self.decisions for one in decision.commands]

    @property
    def sends(self) -> list[Any]:
        return [one for _, decision in self.decisions for one in decision.sends]

    @property
    def ends(self) -> list[tuple[str, str]]:
        return [
            (key, one.end.value)
            for key, decision in self.decisions
            for one in decision.transitions
            if one.end is not None
        ]
