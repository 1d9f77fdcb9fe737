"""Candidates that wait, and their release (rule C2).

A candidate that waits counts for nothing. What its action reads of the event that asked for it
goes with it, for at its release the event is gone; so does what it reads of an instance that
completed meanwhile.
"""

from typing import Final

from msgspec.structs import replace

from journey_engine.decide import actions, commands, outcomes
from journey_engine.decide.case import Case
from journey_engine.decide.draft import Candidate, Draft
from journey_engine.decide.learn import LONG, length
from journey_engine.decide.live import Live
from journey_engine.decide.scope import Moment, candidate_view
from journey_engine.decide.state import (
    PENDING_EVENT_BYTES_MAX,
    PENDING_MAX,
    VALUE_BYTES_MAX,
    Pending,
)
from journey_engine.define.action_plan import Action, ActionKind
from journey_engine.define.expression import Expression, Value
from journey_engine.errors import CandidateOutcome, DeferredCause

_HELD: Final = DeferredCause.HELD.value


def defer(draft: Draft, case: Case, due: int, cause: DeferredCause, slot: int = 0) -> None:
    """Let the candidate wait until `due`; `slot` as in `Pending`."""
    candidate = case.candidate
    if len(draft.pending) >= PENDING_MAX:
        draft.drop("pending")
        case.trace.append("too many wait")
        case.settle(draft, CandidateOutcome.CANCELLED)
        return
    supersede(draft, candidate)
    event = _event(draft, candidate)
    place = replace(candidate.place, due=due, waits=cause.value, event=event, slot=slot)
    candidate.place = place
    draft.pending = [*draft.pending, place]
    case.settle(draft, CandidateOutcome.DEFERRED)
    live = draft.find(place)
    if live is not None:
        commands.follow(draft, candidate, live)


def supersede(draft: Draft, candidate: Candidate) -> None:
    """Of the syncs of an instance for one audience that wait only the last asked for is left: the
    order is kept (rule A5).
    """
    action, mine = candidate.action, candidate.place
    if action.kind is not ActionKind.SYNC or not draft.pending:
        return
    kept = []
    for place in draft.pending:
        same = place.journey == mine.journey and place.entry_no == mine.entry_no
        other = actions.find(candidate.journey, place.action) if same else None
        if (
            other is not None
            and other.kind is ActionKind.SYNC
            and (other.channels, other.content) == (action.channels, action.content)
            and place.asked_at <= mine.asked_at
        ):
            outcomes.settle(draft, place, CandidateOutcome.CANCELLED, ["a later sync of it"])
        else:
            kept.append(place)
    draft.pending = kept


def release(draft: Draft, moment: Moment, place: Pending) -> None:
    """Make a candidate that waited one of this instant."""
    journey = draft.plan.run_by(place.journey, place.version)
    action = actions.find(journey, place.action)
    if journey is None or action is None:
        outcomes.settle(draft, place, CandidateOutcome.CANCELLED, ["no longer in the plan"])
        return
    view = candidate_view(moment, journey, draft.instance_of(place), place)
    view.event = place.event
    draft.candidates.append(Candidate(journey, action, place, view, fresh=False))


def outlive(draft: Draft, live: Live) -> None:
    """What waits of an instance that completed goes on with what that was at its end."""
    if draft.pending:
        draft.pending = [
            _last_seen(place, live) if _is_of(place, live) else place for place in draft.pending
        ]
    for candidate in draft.candidates:
        if _is_of(candidate.place, live):
            candidate.place = _last_seen(candidate.place, live)


def _is_of(place: Pending, live: Live) -> bool:
    return place.journey == live.journey and place.entry_no == live.entry_no


def _last_seen(place: Pending, live: Live) -> Pending:
    return replace(
        place,
        context=live.context,
        stage_entered_at=live.stage_entered_at,
        milestones=live.milestones,
    )


def lift(draft: Draft, moment: Moment) -> None:
    """A hold ended: what was held is decided again, and held again where another still lives."""
    ready = [place for place in draft.pending if place.waits == _HELD]
    if ready:
        draft.pending = [place for place in draft.pending if place.waits != _HELD]
        for place in sorted(ready, key=order):
            release(draft, moment, replace(place, due=moment.at))


def order(place: Pending) -> tuple[str, str, int, str, int]:
    """The order in which candidates are released at one instant."""
    return (place.journey, place.key or "", place.entry_no, place.action, place.run)


def _event(draft: Draft, candidate: Candidate) -> dict[str, Value]:
    """What the action reads of the event, within the bounds on a value and on all that wait."""
    fields = candidate.scope.event
    if not fields:
        return {}
    names = {
        name
        for one in _expressions(candidate.action)
        for root, name in one.reads
        if root == "event"
    }
    kept = {name: fields[name] for name in sorted(names) if name in fields}
    size = _length(kept)
    draft.heavy = draft.heavy or size > LONG
    room = PENDING_EVENT_BYTES_MAX - sum([_length(place.event) for place in draft.pending])
    if size > min(VALUE_BYTES_MAX, room):
        draft.drop("event")
        return {}
    return kept


def _length(fields: dict[str, Value]) -> int:
    return sum([len(name) + length(value) for name, value in fields.items()])


def _expressions(action: Action) -> list[Expression]:
    addressed = None if action.to is None else action.to.customer
    single = (action.when, action.reply_to, addressed)
    found = [expression for _, expression in (*action.data, *action.score)]
    return found + [one for one in single if one is not None]
