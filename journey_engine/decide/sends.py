"""Sends: from a candidate to its command, or to why there is none (rules A1, A6, A7, C1, C2).

A candidate is asked, in this order: is its instance still there, does `when` hold, is it not
expired; then a `delay` makes it wait, and it is asked all of this anew at its release; then the
first channel of its list with consent and reach is taken, and the command written. Each
candidate ends in exactly one final outcome (law 7): a command written is `SENT`, also where a
CANCEL takes it back later.
"""

from datetime import UTC, datetime, timedelta

from journey_engine.decide import ids, waits
from journey_engine.decide.decision import Command, JourneyRef, SendDecision
from journey_engine.decide.draft import Candidate, Draft, Live
from journey_engine.decide.event import state_key
from journey_engine.decide.scope import Answer, ask
from journey_engine.decide.state import OPEN_MAX, PENDING_MAX, SENT_MAX, OpenSend, Pending, Sent
from journey_engine.define.plan import EvaluationError, Expression, Scope, Value, Warming
from journey_engine.errors import CandidateOutcome, DeferredCause

_SEND = "SEND"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def decide_all(draft: Draft) -> None:
    """Decide the candidates of one instant, after all its transitions (section C)."""
    candidates, draft.candidates = draft.candidates, []
    for candidate in candidates:
        _decide(draft, candidate)


def _decide(draft: Draft, candidate: Candidate) -> None:
    trace: list[str] = []
    outcome = _standing(draft, candidate, trace)
    if outcome is not None:
        settle(draft, candidate.place, outcome, trace)
    elif candidate.fresh and candidate.action.delay > 0:
        _wait(draft, candidate, trace)
    else:
        _send(draft, candidate, trace)


def _standing(draft: Draft, candidate: Candidate, trace: list[str]) -> CandidateOutcome | None:
    """C1 (2): why the candidate falls, None if it stands."""
    action = candidate.action
    if action.when is not None:
        answer = ask(draft, candidate.journey.name, action.when, candidate.scope)
        trace.append(f"when {answer.value}")
        if answer is Answer.ERROR:
            return CandidateOutcome.GUARD_ERROR
        if answer is not Answer.TRUE:
            return CandidateOutcome.GUARD_FALSE
    if _expired(candidate, action.expires, draft.now):
        trace.append("expires passed")
        return CandidateOutcome.EXPIRED
    return None


def _expired(candidate: Candidate, expires: int | None, at: int) -> bool:
    return expires is not None and at > candidate.place.asked_at + expires


def _wait(draft: Draft, candidate: Candidate, trace: list[str]) -> None:
    place = candidate.place
    if len(draft.pending) >= PENDING_MAX:
        draft.drop("pending")
        trace.append("too many wait")
        settle(draft, place, CandidateOutcome.CANCELLED, trace)
        return
    trace.append("delay")
    draft.pending = [*draft.pending, place]
    settle(draft, place, CandidateOutcome.DEFERRED, trace)
    live = draft.find(place)
    if live is not None:
        _follow(draft, candidate, live)


def _send(draft: Draft, candidate: Candidate, trace: list[str]) -> None:
    """C1 (4) and (7): the channel, then the command."""
    purpose, scope = candidate.journey.purpose, candidate.scope
    tried: list[str] = []
    outcome = CandidateOutcome.NO_CONSENT
    for channel in candidate.action.channels:
        tried.append(channel)
        if not scope.consent(purpose, channel):
            trace.append(f"{channel} no consent")
        elif not scope.reachable(channel):
            trace.append(f"{channel} unreachable")
            outcome = CandidateOutcome.UNREACHABLE
        else:
            trace.append(f"{channel} chosen")
            outcome = _write(draft, candidate, channel, trace)
            break
    written = draft.out.commands[-1] if outcome is CandidateOutcome.SENT else None
    settle(draft, candidate.place, outcome, trace, tuple(tried), written)


def _write(draft: Draft, candidate: Candidate, channel: str, trace: list[str]) -> CandidateOutcome:
    action, place, journey = candidate.action, candidate.place, candidate.journey
    plan = draft.plan.channels.get(channel)
    hold = 0 if plan is None else plan.hold
    expires = action.expires
    if expires is None and plan is not None:
        expires = plan.expires
    if _expired(candidate, expires, draft.now + hold):
        trace.append("held beyond expires" if hold else "expires passed")
        return CandidateOutcome.EXPIRED
    try:
        data = {name: _datum(one, candidate.scope) for name, one in action.data}
    except (EvaluationError, Warming, OverflowError) as error:
        draft.out.guard_errors.append((journey.name, f"data of {action.id}: {error}"))
        trace.append("data error")
        return CandidateOutcome.GUARD_ERROR
    command = _id(draft, place)
    draft.out.commands.append(
        Command(
            command_id=command,
            action=_SEND,
            send_id=action.id,
            attempt=ids.FIRST_ATTEMPT,
            channel=channel,
            customer_id=draft.customer_id,
            anonymous_id=draft.anonymous_id,
            content=action.content,
            data=data,
            theme=action.theme,
            purpose=journey.purpose,
            priority=journey.priority if action.priority is None else action.priority,
            created_at=draft.now,
            not_before=draft.now + hold,
            not_after=None if expires is None else place.asked_at + expires,
            cancels=None,
            journey=JourneyRef(
                place.journey, place.version, place.key, place.stage, place.entry_no
            ),
            causation=place.cause,
            decision_id=ids.decision_id(command, CandidateOutcome.SENT, draft.now),
            linked=place.cause != draft.origin,
        )
    )
    sent = Sent(
        command,
        channel,
        journey.purpose,
        draft.now,
        draft.now + hold,
        action.cancel_on.value,
        place.stage,
        place.visit,
        action.content,
        action.id,
    )
    _remember(draft, candidate, sent)
    return CandidateOutcome.SENT


def _datum(expression: Expression, scope: Scope) -> Value:
    """A value of `data`; a time is written as ISO-8601 in UTC."""
    value = expression.evaluate(scope)
    if expression.kind == "timestamp" and isinstance(value, int):
        moment = _EPOCH + timedelta(milliseconds=value)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value


def _remember(draft: Draft, candidate: Candidate, sent: Sent) -> None:
    place = candidate.place
    live = draft.find(place)
    if live is None:
        if sent.not_before > draft.now:
            remember_open(draft, [opened(place, sent)])
        return
    if len(live.sent) >= SENT_MAX:
        draft.drop("sent")
    live.sent = [*live.sent, sent][-SENT_MAX:]
    _follow(draft, candidate, live)


def _follow(draft: Draft, candidate: Candidate, live: Live) -> None:
    stage = candidate.journey.stages.get(live.stage)
    if stage is not None:
        waits.follow(draft, live, stage, candidate.action.id)


def remember_open(draft: Draft, fresh: list[OpenSend]) -> None:
    """Keep held commands of instances that are gone, for consent may still go (rule K1)."""
    kept = [one for one in draft.open if one.sent.not_before > draft.now] + fresh
    if len(kept) > OPEN_MAX:
        draft.drop("open", len(kept) - OPEN_MAX)
    draft.open = kept[-OPEN_MAX:]


def opened(place: Pending | Live, sent: Sent) -> OpenSend:
    """A command with where it came from."""
    return OpenSend(place.journey, place.version, place.key, place.entry_no, place.cause, sent)


def settle(
    draft: Draft,
    place: Pending,
    outcome: CandidateOutcome,
    trace: list[str],
    tried: tuple[str, ...] = (),
    written: Command | None = None,
) -> None:
    """Record what became of a candidate; its ids are those of the command, where one is written."""
    if written is None:
        command = _id(draft, place)
        decision = ids.decision_id(command, outcome, draft.now)
    else:
        command, decision = written.command_id, written.decision_id
    deferred = outcome is CandidateOutcome.DEFERRED
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
            attempt=ids.FIRST_ATTEMPT,
            command_id=command,
            outcome=outcome,
            cause=DeferredCause.DELAY if deferred else None,
            until=place.due if deferred else None,
            channels_tried=tried,
            decided_at=draft.now,
            definition_hash=draft.plan.hash,
            trace=tuple(trace),
        )
    )


def _id(draft: Draft, place: Pending) -> str:
    customer = state_key(draft.customer_id, draft.anonymous_id)
    return ids.command_id(draft.state.life, customer, place)
