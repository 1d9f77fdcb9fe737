"""Why, or why not: the first rule that stood in the way, what it read, and what would have helped.

Words of `rule` are the names of the rules of the language.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from journey_engine.decide.due import next_due
from journey_engine.decide.explain import meaning, operands, shown, time_of
from journey_engine.decide.state import CustomerState
from journey_engine.decide.trace import Step
from journey_engine.define.personal import NOTHING_PERSONAL, Personal
from journey_engine.define.plan import JourneyPlan
from journey_engine.errors import AFTERWARDS, CandidateOutcome
from journey_engine.schemas import Schemas
from journey_engine.why.changes import Changes
from journey_engine.why.past import Made, World, decided, refusals
from journey_engine.why.question import Told, Wanted, told

NOT_ASKED: Final = "NOT_ASKED"
"""Nothing asked for it: it never came to a decision on it."""
RULES: Final[Mapping[str, str]] = {
    "SENT": "C1",
    "NO_CONSENT": "K1",
    "UNREACHABLE": "K1",
    "HOLDOUT": "J4",
    "GUARD_FALSE": "C1",
    "GUARD_ERROR": "S7",
    "QUIET_HOURS": "C4",
    "CAP_REACHED": "C3",
    "THEME_CONFLICT": "C1",
    "LOWER_PRIORITY": "C5",
    "CAPACITY": "C6",
    "HELD": "C8",
    "EXPIRED": "C1",
    "CANCELLED": "A7",
    "PAUSED": "V3",
    "BACKFILL": "T7",
    "DELAY": "A1",
    "ARBITRATION": "C5",
    "IDENTITY": "M1",
    NOT_ASKED: "S1",
}
"""By outcome, or by the cause of a deferral."""


class Answer(msgspec.Struct, frozen=True):
    """How it stands with one action. `at` and `decided_at` are ISO 8601."""

    action: str
    journey: str
    version: int
    at: str
    outcome: str
    rule: str
    why: str
    plan: str
    key: str | None = None
    decided_at: str | None = None
    trace: tuple[str, ...] = ()
    inputs: Mapping[str, str] = {}
    """What was read, by operand."""
    instead: tuple[str, ...] = ()
    """Single changes with which it would have been sent, the smallest first."""


def answers(
    world: World,
    asked: Sequence[Wanted],
    schemas: Schemas,
    hidden: Personal = NOTHING_PERSONAL,
) -> list[Answer]:
    """The last decision on the actions by then; for each journey, where there was none. What is
    hidden is told to have been read, not what it was.
    """
    made = decided(world)
    last = _last(list(told(made, asked)))
    if last is not None:
        answer = _of_decision(world, last, hidden)
        if answer.outcome == CandidateOutcome.SENT:
            return [answer]
        changes = Changes(world, made, asked, last, schemas, hidden).confirmed()
        return [_with(answer, [change.sentence for change in changes])]
    found = [_of_nothing(world, made, each, hidden) for each in asked]
    changes = Changes(world, made, asked, None, schemas, hidden).confirmed()
    return [_with(answer, [change.sentence for change in changes]) for answer in found]


def reason(outcome: str, word: str, until: int | None) -> str:
    """An outcome, or the cause of a deferral, in words."""
    if until is not None:
        return f"it waits until {time_of(until)} ({word})"
    return "it was sent" if outcome == CandidateOutcome.SENT else f"{outcome}, {meaning(word)}"


def _with(answer: Answer, instead: list[str]) -> Answer:
    return msgspec.structs.replace(answer, instead=tuple(instead))


def _last(decisions: list[Told]) -> Told | None:
    return next((one for one in reversed(decisions) if one.send.outcome not in AFTERWARDS), None)


def _of_decision(world: World, last: Told, hidden: Personal) -> Answer:
    send = last.send
    word = send.cause.value if send.cause is not None else send.outcome.value
    steps = [s for s in last.made.decision.trace if (s.journey, s.key) == (send.journey, send.key)]
    plan = world.plan_at(last.made.now)
    journey = plan.run_by(send.journey, send.version) or plan.by_name[send.journey]
    return Answer(
        action=send.send_id,
        journey=send.journey,
        version=send.version,
        key=send.key,
        at=time_of(world.until),
        outcome=send.outcome.value,
        rule=RULES.get(word, "C1"),
        why=reason(send.outcome.value, word, send.until),
        plan=send.definition_hash,
        decided_at=time_of(send.decided_at),
        trace=send.trace,
        inputs={
            **_read(steps, hidden),
            **_known(last.made.decision.state, journey.purpose, send.channels_tried),
        },
    )


def _read(steps: Sequence[Step], hidden: Personal) -> dict[str, str]:
    found: dict[str, str] = {}
    for step in steps:
        found |= operands(step, hidden)
    return found


def _known(state: CustomerState, purpose: str, channels: Sequence[str]) -> dict[str, str]:
    """What is known of consent and reach on the channels that were looked at."""
    cells = [f"{purpose}/*", *(f"{purpose}/{channel}" for channel in channels)]
    known = {f"consent {cell}": state.consent.get(cell) for cell in cells if cell in state.consent}
    known |= {f"reach {name}": state.reach.get(name) for name in channels if name in state.reach}
    return {
        name: f"{shown(cell.value)} since {time_of(cell.at)}"
        for name, cell in known.items()
        if cell is not None
    }


def _of_nothing(world: World, made: Sequence[Made], one: Wanted, hidden: Personal) -> Answer:
    why, inputs = _standing(made, one.journey, hidden)
    return Answer(
        action=one.action.id,
        journey=one.journey.name,
        version=_version(made, one.journey),
        at=time_of(world.until),
        outcome=NOT_ASKED,
        rule=RULES[NOT_ASKED],
        why=why,
        plan=world.plan_at(world.until).hash,
        inputs=inputs,
    )


def _version(made: Sequence[Made], journey: JourneyPlan) -> int:
    """The version that the customer is in, else the one asked about."""
    live = made[-1].decision.state.instances if made else []
    return next((one.version for one in live if one.journey == journey.name), journey.version)


def _standing(
    made: Sequence[Made], journey: JourneyPlan, hidden: Personal
) -> tuple[str, dict[str, str]]:
    """Where the customer stands in the journey, and what was read there last."""
    steps = [s for each in made for s in each.decision.trace if s.journey == journey.name]
    state = made[-1].decision.state if made else CustomerState()
    if journey.of_account:
        return "no account that the customer belongs to asked for it", {}
    live = [each for each in state.instances if each.journey == journey.name]
    if live:
        one = live[0]
        due = next_due(msgspec.structs.replace(state, instances=[one], pending=[]))
        until = "" if due is None else f"; its next timer is due {time_of(due)}"
        why = f"it stands in stage {one.stage} since {time_of(one.stage_entered_at)}{until}"
        return why, _read([s for s in steps if s.what != "entry"][-1:], hidden)
    ended = next((why for why in _ends(made, journey.name)), None)
    if ended is not None:
        return ended, {}
    refused = [step for each in made for step in refusals(each, journey.name)]
    if refused:
        entry = refused[-1]
        why = f"the entry '{entry.clause}' was refused: {entry.outcome}, {meaning(entry.outcome)}"
        return why, _read([entry], hidden)
    return "nothing happened by which the customer enters the journey", {}


def _ends(made: Sequence[Made], journey: str) -> Iterator[str]:
    """How the last instance ended."""
    for each in reversed(made):
        for one in reversed(each.decision.transitions):
            if one.journey == journey and one.end is not None:
                label = "" if one.label is None else f" ({one.label})"
                stage = one.from_stage
                yield f"it ended {one.end.value}{label} in stage {stage} at {time_of(each.now)}"
