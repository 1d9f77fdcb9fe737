"""The same question to records of the decision topic: what was decided, and by which rule.

They do not hold what would have helped: for that the events are needed.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypedDict

from journey_engine.decide.explain import time_of
from journey_engine.errors import AFTERWARDS
from journey_engine.why.answer import RULES, Answer, reason
from journey_engine.why.question import Wanted


class Recorded(TypedDict):
    """The fields of a `SendDecision` that an answer is made of, times in milliseconds."""

    customer_id: str | None
    anonymous_id: str | None
    journey: str
    version: int
    key: str | None
    send_id: str
    outcome: str
    cause: str | None
    until: int | None
    decided_at: int
    definition_hash: str
    trace: list[str]


def recorded(
    records: Iterable[Mapping[str, Any]], customer: str, asked: Sequence[Wanted], at: int | None
) -> Answer | None:
    """The last decision on the actions by then; None where there is none.

    A record is the fields of a `SendDecision`, as in the topic and in `decisions.jsonl`.
    """
    ids = {(each.journey.name, each.action.id) for each in asked}
    last: Mapping[str, Any] | None = None
    for record in records:
        if customer not in (record["customer_id"], record["anonymous_id"]):
            continue
        if (record["journey"], record["send_id"]) not in ids or record["outcome"] in AFTERWARDS:
            continue
        decided = record["decided_at"]
        soon_enough = at is None or decided <= at
        if soon_enough and (last is None or decided >= last["decided_at"]):
            last = record
    return None if last is None else _answer(last, at)


def _answer(record: Mapping[str, Any], at: int | None) -> Answer:
    word = record["cause"] or record["outcome"]
    return Answer(
        action=record["send_id"],
        journey=record["journey"],
        version=record["version"],
        key=record["key"],
        at=time_of(record["decided_at"] if at is None else at),
        outcome=record["outcome"],
        rule=RULES.get(word, "C1"),
        why=reason(record["outcome"], word, record["until"]),
        plan=record["definition_hash"],
        decided_at=time_of(record["decided_at"]),
        trace=tuple(record["trace"]),
    )
