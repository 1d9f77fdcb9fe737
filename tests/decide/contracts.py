"""A journey that waits for a contract's end, written as an author writes it, and its customer."""

import datetime as dt
from functools import lru_cache

from journey_engine.decide import calendar
from journey_engine.define.plan import Plan
from journey_engine.run.zones import load_zones
from tests.decide.plans import T0, Customer
from tests.define.dated import COMPANY
from tests.define.definitions import CART, compiled

ZONES = load_zones().by_name
NEW_YORK = "America/New_York"
JOURNEY = """\
journey: contract
version: 1
owner: desk
objective: A contract is renewed
success: renewed
review_by: 2027-03-01
purpose: service
features:
  last_order: {last: OrderPlaced, fields: [total]}
entry: [{on: ContractStarted, remember: {ends_on: event.ends_on}}]
updates: [{on: ContractChanged, remember: {ends_on: event.ends_on}}]
goals: {renewed: {on: ContractRenewed}}
start: waiting
stages:
  waiting:
    macro_stage: retention
    transitions:
      - {WAIT}
      - {on: ContractCancelled, to: waiting}
      - {on: CartEmptied, to: spare}
  done:
    macro_stage: retention
    transitions: [{after: 9000d, to: end}]
  spare:
    macro_stage: retention
    transitions: [{after: 24h, to: done}]
"""


def ms(text: str) -> int:
    return round(dt.datetime.fromisoformat(text).timestamp() * 1000)


@lru_cache(maxsize=64)
def plan_of(at: str, more: str = "to: done") -> Plan:
    """The plan of the journey whose stage waits for `at`."""
    files = {path: text for path, text in COMPANY.items() if path != CART}
    journey = JOURNEY.replace("{WAIT}", f"{{at: {at}, {more}}}")
    return compiled({**files, "topologies/journeys/contract.yaml": journey})


class Party(Customer):
    """A customer with a contract; times are written with an offset."""

    def __init__(self, plan: Plan, zone: str | None = NEW_YORK) -> None:
        super().__init__(plan)
        if zone is not None:
            self.move("2025-12-31T12:00Z", zone)

    def happens(self, at: str, kind: str, /, **fields: object) -> None:
        self.give(kind, ms(at) - T0, f"{kind}-{at}", **fields)

    def starts(self, at: str, ends_on: str | None = "2027-07-15") -> None:
        self.happens(at, "ContractStarted", contract_id="k1", ends_on=ends_on)

    def changes(self, at: str, ends_on: str | None) -> None:
        self.happens(at, "ContractChanged", contract_id="k1", ends_on=ends_on)

    def move(self, at: str, zone: str) -> None:
        self.happens(at, "ProfileChanged", timezone=zone)

    def until(self, at: str) -> None:
        self.tick(ms(at) - T0)

    @property
    def dues(self) -> list[int]:
        return [timer.due for one in self.state.instances for timer in one.timers]

    def due(self, zone: str = NEW_YORK) -> str:
        """When the only wait is due, by the clock of the zone."""
        [due] = self.dues
        return calendar.local(due, ZONES[zone]).isoformat(timespec="minutes")

    @property
    def moves(self) -> list[str]:
        """When the wait led on, or ended the instance."""
        return [
            dt.datetime.fromtimestamp(one.occurred_at / 1000, dt.UTC).isoformat()[:16]
            for decision in self.decisions
            for one in decision.transitions
            if one.trigger == "at"
        ]

    @property
    def ends(self) -> list[tuple[str, str | None]]:
        return [
            (one.end.value, one.label)
            for decision in self.decisions
            for one in decision.transitions
            if one.end is not None
        ]

    @property
    def errors(self) -> list[str]:
        return [text for decision in self.decisions for _, text in decision.guard_errors]


def waiting(
    at: str,
    since: str = "2026-01-15T12:00Z",
    ends_on: str | None = "2027-07-15",
    zone: str | None = NEW_YORK,
) -> Party:
    """One who began to wait."""
    party = Party(plan_of(at), zone)
    party.starts(since, ends_on)
    return party
