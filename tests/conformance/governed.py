"""A test on the core as partitions run it: definitions are activated, operators give orders (V)."""

import io
from collections.abc import Mapping
from typing import Any

from fastavro import schemaless_writer

from journey_engine.decide import governing
from journey_engine.decide.accounts import governed
from journey_engine.decide.event import Origin
from journey_engine.decide.governing_state import NOTHING_SAID
from journey_engine.decide.message import PARTITION, JourneyOperated, Order, timers_of
from journey_engine.decode.decode import Reader, Rejected, decode
from journey_engine.decode.frame import frame
from journey_engine.decode.record import Record
from journey_engine.define.form import parse_duration
from journey_engine.define.plan import Plan
from journey_engine.schemas import Schemas
from journey_engine.testing.cases import Fact, TestCase, TestStep
from journey_engine.testing.happenings import Happening
from journey_engine.testing.runner import CUSTOMER, Run
from tests.conformance.steps import ORDERS, Beyond, millis_of

FIRST = "first"
"""The release of the case's own definitions."""
_OPERATOR = Origin("", "", -1, -1)
_NEVER_DUE = -1


class GovernedRun(Run):
    """A run whose plan changes at definite points. `plans` are those of the case's releases."""

    def __init__(
        self, plans: Mapping[str, Plan], test: TestCase, beyond: Beyond, schemas: Schemas
    ) -> None:
        super().__init__(plans[FIRST], test)
        self._plans = plans
        self._active = plans[FIRST]
        self._beyond = beyond
        self._schemas = schemas
        self._partition = NOTHING_SAID
        self._dead: list[Happening] = []

    def happened(self) -> list[Happening]:
        """With the records that became dead letters."""
        return [*self._dead, *super().happened()]

    def take(self, step: TestStep) -> None:
        said = self._beyond.get(self._number, {})
        if "recorded" in said and not self._readable(step, said["recorded"]):
            self._number += 1
            return
        super().take(step)
        for order in ORDERS:
            if order in said:
                self._operated(Order(order), said)
        if "activate" in said:
            self._active = self._plans[said["activate"]]
            self._govern()
        if "sweep" in said:
            self._sweep()

    def _operated(self, order: Order, said: Mapping[str, Any]) -> None:
        over = parse_duration(said["over"]) if "over" in said else 0
        admits = said.get("entries") == "kept"
        message = JourneyOperated(
            PARTITION, "", self._clock, _OPERATOR, said[order], order, admits, over
        )
        self._partition = governing.operated(self._partition, message, self._clock)
        self._govern()

    def _govern(self) -> None:
        operations = self._partition.operations
        self._plan = governed(self._active, operations) if operations else self._active

    def _sweep(self) -> None:
        for key in sorted(self.states):
            self._take(key, timers_of(key, _NEVER_DUE))
        self._partition = governing.sweep_on(self._partition, None)
        self._govern()

    def _readable(self, step: TestStep, recorded: str) -> bool:
        """Whether the record becomes an event; the clock is at when it was written (rule T8)."""
        at = millis_of(recorded)
        self._fire_timers(at)
        self._clock = max(self._clock, at)
        event = self._event(self._number + 1, step)
        schema, body = self._schemas.events[event.type], io.BytesIO()
        schemaless_writer(body, schema.parsed, dict(event.fields))
        value = frame(schema.fingerprint, body.getvalue())
        record = Record("test", 0, self._number, at, CUSTOMER.encode(), value)
        found = decode(record, Reader(self._schemas, {event.type: frozenset()}))
        if isinstance(found, Rejected):
            facts: dict[str, Fact] = {"event": event.type, "at": event.occurred_at}
            self._dead.append(Happening("inputs", "", facts | {"outcome": found.code.value}))
        return not isinstance(found, Rejected)
