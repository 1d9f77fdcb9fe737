"""What became of a candidate: each ends in exactly one final outcome (rules C2, law 7)."""

from typing import Final

from journey_engine.decide import asking, ids
from journey_engine.decide.decision import Command, SendDecision
from journey_engine.decide.draft import Draft
from journey_engine.decide.message import CHANNEL, CapacityReleased
from journey_engine.decide.state import OpenSend, Pending
from journey_engine.errors import CandidateOutcome, DeferredCause

_CAUSE: Final = {one.value: one for one in DeferredCause}


class Ranked:
    """How a candidate stood among those of its instant (rule C5)."""

    __slots__ = ("rank", "rivals", "score")

    def __init__(self, rank: int, score: float, rivals: tuple[str, ...]) -> None:
        self.rank = rank
        self.score = score
        self.rivals = rivals


def settle(
    draft: Draft,
    place: Pending,
    outcome: CandidateOutcome,
    trace: list[str],
    tried: tuple[str, ...] = (),
    written: Command | None = None,
    ranked: Ranked | None = None,
) -> None:
    """Record what became of a candidate; its ids are those of the command, where one is written.

    A final outcome also ends a wait for a channel's room: the request is withdrawn (rule C6).
    """
    if written is None:
        command = id_of(draft, place)
        decision = ids.decision_id(command, outcome, draft.now)
    else:
        command, decision = written.command_id, written.decision_id
    deferred = outcome is CandidateOutcome.DEFERRED
    if place.room and not deferred:
        _withdraw(draft, place)
    if place.asker is not None and outcome is not CandidateOutcome.SENT:
        asking.tell(draft, place, outcome)
    draft.out.sends.append(
        SendDecision(
            decision_id=decision,
            customer_id=draft.customer_id,
            anonymous_id=draft.anonymous_id,
            journey=place.journey,
            version=place.version,
            key=place.key,
            entry_no=place.entry_no,
            send_id=place.action,
            attempt=place.attempt,
            command_id=command,
            outcome=outcome,
            cause=_CAUSE[place.waits] if deferred else None,
            until=place.due if deferred else None,
            channels_tried=tried,
            decided_at=draft.now,
            definition_hash=draft.plan.hash,
            trace=tuple(trace),
            rank=None if ranked is None else ranked.rank,
            score=None if ranked is None else ranked.score,
            rivals=() if ranked is None else ranked.rivals,
            account_id=asking_account(draft, place),
            causation=place.cause,
        )
    )


def asking_account(draft: Draft, place: Pending | OpenSend) -> str | None:
    """The account whose journey asked for it, if one did (rule M3)."""
    return draft.account_id if place.asker is None else place.asker.account


def _withdraw(draft: Draft, place: Pending) -> None:
    released = ids.message_id(place.request, "released")
    target = CHANNEL + place.room
    draft.tell(CapacityReleased(target, released, draft.now, place.cause, place.request))


def id_of(draft: Draft, place: Pending) -> str:
    """The id of the command that a candidate leads to, or would have led to (rule A6)."""
    if place.command:
        return place.command
    customer = draft.key
    if place.asker is not None:
        customer = ids.asked_by(place.asker.account, customer)
    return ids.command_id(draft.state.life, customer, place)
