"""A company with a journey of its accounts, for the tests of rule M3, and partitions that talk."""

from collections.abc import Mapping
from typing import Any

from journey_engine.decide.accounts import plan_of
from journey_engine.decide.decide import decide
from journey_engine.decide.event import changed
from journey_engine.decide.message import Message, timers_of
from journey_engine.decide.state import EMPTY, CustomerState
from journey_engine.decide.verdict import Decision
from journey_engine.define.plan import Plan
from tests.decide.plans import T0, event
from tests.define.definitions import CUSTOMER, FILES, bent, compiled

DUNNING = "topologies/journeys/dunning.yaml"
_HEAD = """\
journey: dunning
version: 1
subject: account
owner: finance
objective: An account whose payments fail pays again
success: paid
review_by: 2027-03-01
purpose: service
features:
  failures: {count: PaymentFailed, within: 7d}
"""
JOURNEY = (
    _HEAD
    + """\
entry:
  - {on: PaymentFailed, when: account.features.failures >= 2, remember: {by: event.customer_id}}
goals:
  paid: {on: PaymentSucceeded}
start: waiting
stages:
  waiting:
    macro_stage: purchase
    transitions:
      - {after: 1d, to: calling}
  calling:
    macro_stage: purchase
    on_enter:
      - task:
          id: call
          channel: callcenter
          team: finance
          ack_within: 4h
          data: {by: instance.by, people: instance.members, failures: account.features.failures}
    transitions:
      - {on: TaskUnacked, when: event.send == 'call', to: end, outcome: nobody}
      - {on: TaskDone, when: event.send == 'call', to: end, outcome: called}
"""
)
SENDS = (
    _HEAD
    + """\
entry: [{on: PaymentFailed, remember: {by: event.customer_id}}]
goals:
  paid: {on: PaymentSucceeded}
start: asked
stages:
  asked:
    macro_stage: purchase
    on_enter:
      - send:
          id: pay
          content: please-pay
          channels: [push]
          to: TO
          expires: 1d
          data: {by: instance.by, failures: account.features.failures}
          on_suppressed: {else: {to: alone}}
    transitions:
      - {on: MessageClicked, when: event.send == 'pay', to: end, outcome: clicked}
      - {after: 2d, since: pay, to: end, outcome: silent}
  alone:
    macro_stage: purchase
    transitions: [{after: 1d, to: end, outcome: alone}]
"""
)
MEMBERS = "account: {from: [AccountLinked.account_id], role: [AccountLinked.role]}\n"


def files(journey: str = JOURNEY) -> dict[str, str]:
    """The company of `definitions` with the journey."""
    made = bent(CUSTOMER, "traits:", MEMBERS + "traits:", FILES)
    return {**made, DUNNING: journey}


def company(journey: str = JOURNEY) -> Plan:
    return compiled(files(journey))


class Partitions:
    """States by key; one clock; every message is taken at once, in order, unless `held`."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.states: dict[str, CustomerState] = {}
        self.decisions: list[tuple[str, Decision]] = []
        self.waiting: list[Message] = []
        self.taken: list[Message] = []
        self.held = False
        self.now = 0

    def happens(self, customer: str, kind: str, at: int, **fields: Any) -> Decision:
        """An event of a customer."""
        shared = {"customer_id": customer, "command_id": None, **fields}
        made = event(kind, at, f"{customer}-{kind}-{at}", **shared)
        key = f"c:{customer}"
        made = changed(made, customer_id=customer, anonymous_id=None)
        return self.take(key, made, at)

    def links(self, customer: str, account: str, at: int, role: str | None = None) -> Decision:
        return self.happens(customer, "AccountLinked", at, account_id=account, role=role)

    def tick(self, at: int) -> None:
        """The clock of every partition passes this time."""
        for key in sorted(self.states):
            self.take(key, timers_of(key, T0 + at), at)

    def take(self, key: str, item: Any, at: int) -> Decision:
        self.now = max(self.now, T0 + at)
        decision = decide(plan_of(self.plan, key), self.states.get(key, EMPTY), item, self.now)
        self.states[key] = decision.state
        self.decisions.append((key, decision))
        self.waiting += decision.messages
        self.deliver(at)
        return decision

    def deliver(self, at: int) -> None:
        while self.waiting and not self.held:
            message = self.waiting.pop(0)
            self.taken.append(message)
            self.take(message.target, message, at)

    def of(self, what: str) -> list[Any]:
        """All commands, transitions or sends."""
        return [one for _, decision in self.decisions for one in getattr(decision, what)]

    @property
    def stages(self) -> Mapping[str, list[str]]:
        """Where the instances stand, by key of those that have some."""
        return {
            key: [one.stage for one in state.instances]
            for key, state in self.states.items()
            if state.instances
        }

    def dropped(self, what: str) -> int:
        return sum(decision.dropped.get(what, 0) for _, decision in self.decisions)
