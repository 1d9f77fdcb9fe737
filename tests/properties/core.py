"""The compiled core behind the same seam as the naive interpreter."""

from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from journey_engine.decide.decide import decide
from journey_engine.decide.decision import Command, SendDecision, Transition
from journey_engine.decide.due import UNKNOWN, next_due
from journey_engine.decide.event import Event, Origin, TimersDue
from journey_engine.decide.keys import state_key
from journey_engine.decide.state import EMPTY, CustomerState
from journey_engine.decide.verdict import Decision
from journey_engine.define.calendar_plan import Zones
from journey_engine.define.compiler import compile_definitions
from journey_engine.define.plan import Plan
from journey_engine.schemas import Schemas
from tests.properties.generate import Definitions
from tests.properties.memory import Answer, Happened
from tests.properties.profile import event_fields
from tests.properties.shop import schema_files

SCHEMAS = Schemas.parse(schema_files())
ZONES = Zones("test", {name: ZoneInfo(name) for name in ("America/Sao_Paulo", "Asia/Tokyo")})


def compiled(definitions: Definitions) -> Plan:
    """The plan, also where the lint is right that a part of it can never be."""
    found = compile_definitions(definitions.files(), SCHEMAS, ZONES)
    assert found.plan is not None, found.findings
    return found.plan


def as_event(happened: Happened) -> Event:
    return Event(
        type=happened.type,
        event_id=happened.event_id,
        customer_id=happened.customer_id,
        anonymous_id=happened.anonymous_id,
        occurred_at=happened.at,
        channel=happened.channel,
        source=happened.source,
        fields=event_fields(happened),
        digest=sha256(repr(happened.body).encode()).digest()[:4],
        recorded_at=happened.recorded_at,
        origin=Origin(happened.event_id, happened.topic, 0, happened.offset),
        backfill=happened.backfill,
    )


class Core:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.states: dict[str, CustomerState] = {}
        self.dropped: set[str] = set()
        """Which bounds on memory were reached."""
        self._ids: dict[str, tuple[str | None, str | None]] = {}

    def take(self, happened: Happened, now: int) -> Answer:
        event = as_event(happened)
        key = state_key(event.customer_id, event.anonymous_id)
        anonymous = event.anonymous_id if event.customer_id is None else None
        self._ids.setdefault(key, (event.customer_id, anonymous))
        return self._decided(key, event, now)

    def tick(self, key: str, up_to: int, now: int) -> Answer:
        return self._decided(key, TimersDue(*self._ids[key], up_to), now)

    def next_due(self, key: str) -> int | None:
        return next_due(self.states.get(key, EMPTY))

    def known(self) -> list[str]:
        return list(self.states)

    def _decided(self, key: str, given: Event | TimersDue, now: int) -> Answer:
        before = self.states.get(key, EMPTY)
        decision = decide(self.plan, before, given, now)
        self.states[key] = decision.state
        assert decision.due in (UNKNOWN, next_due(decision.state))
        self.dropped.update(decision.dropped)
        self.decided(before, given, now, decision)
        return as_answer(decision)

    def decided(
        self, before: CustomerState, given: Event | TimersDue, now: int, decision: Decision
    ) -> None:
        """Called with each decision and what it was asked; for those who want to look."""


def as_answer(decision: Decision) -> Answer:
    rejected = decision.rejected
    return Answer(
        outcome=decision.outcome.value if rejected is None else rejected.code.value,
        transitions=[_transition(each) for each in decision.transitions],
        commands=[_command(each) for each in decision.commands],
        sends=[_send(each) for each in decision.sends],
        entries=[(journey, outcome.value) for journey, outcome in decision.entries],
        fired=list(decision.timers_fired),
    )


def _of_customers(made: dict[str, Any]) -> dict[str, Any]:
    """What the naive interpreter speaks of: it knows no accounts."""
    assert made.pop("account_id") is None
    return made


def _transition(transition: Transition) -> dict[str, Any]:
    made: dict[str, Any] = _of_customers(msgspec.to_builtins(transition))
    del made["macro_stage"], made["context_hash"]
    del made["causation"]
    return made | {"event_id": transition.causation.event_id}


def _command(command: Command) -> dict[str, Any]:
    made: dict[str, Any] = _of_customers(msgspec.to_builtins(command))
    journey = command.journey
    del made["causation"]
    del made["linked"]  # how the trace travels, nothing of what was decided
    made["event_id"] = command.causation.event_id
    made["journey"] = [
        journey.name,
        journey.version,
        journey.key,
        journey.stage,
        journey.entry_no,
    ]
    if command.action == "CANCEL":
        # The rest of a CANCEL's body repeats its target and is no rule's matter.
        unsaid = "attempt anonymous content data theme priority not_before not_after decision_id"
        for name in unsaid.split():
            made.pop(name, None)
    return made


def _send(send: SendDecision) -> dict[str, Any]:
    made: dict[str, Any] = _of_customers(msgspec.to_builtins(send))
    del made["channels_tried"], made["definition_hash"], made["trace"]
    del made["rank"], made["score"], made["rivals"], made["causation"]  # why, not what
    return made
