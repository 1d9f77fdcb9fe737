"""A candidate's command: written, remembered by its instance, kept while held (A1, A6, A7)."""

from typing import Final

from journey_engine.decide import (
    asking,
    assignment,
    cancels,
    contests,
    ids,
    outcomes,
    standing,
    waits,
)
from journey_engine.decide.decision import Command, JourneyRef
from journey_engine.decide.draft import Candidate, Draft
from journey_engine.decide.live import Live
from journey_engine.decide.state import SENT_MAX, VALUE_BYTES_MAX, Sent
from journey_engine.define.action_plan import ActionKind, CancelOn
from journey_engine.define.expression import EvaluationError, Expression, Scope, Value, Warming
from journey_engine.define.iso import iso_utc
from journey_engine.errors import CandidateOutcome

_CANCEL_ON: Final = {one: one.value for one in CancelOn}
_KIND: Final = {one: one.value for one in ActionKind}


def write(draft: Draft, candidate: Candidate, channel: str, trace: list[str]) -> CandidateOutcome:
    """Write the command of a candidate that stood, or say why it cannot be (rules A1, C1 (7))."""
    action, place = candidate.action, candidate.place
    plan = draft.plan.channels.get(channel)
    hold = 0 if plan is None else plan.hold
    expires = action.expires
    if expires is None and plan is not None:
        expires = plan.expires
    if expired(candidate, expires, draft.now + hold):
        trace.append("held beyond expires" if hold else "expires passed")
        return CandidateOutcome.EXPIRED
    try:
        data = {name: _datum(one, candidate.scope) for name, one in action.data}
        subject = _subject(candidate)
    except (EvaluationError, Warming, OverflowError) as error:
        # An overflow's own text tells the time, which may be personal.
        why = "no calendar has the time" if isinstance(error, OverflowError) else str(error)
        draft.out.guard_errors.append((candidate.journey.name, f"data of {action.id}: {why}"))
        trace.append("data error")
        return CandidateOutcome.GUARD_ERROR
    if not contests.won(draft, candidate, channel, subject, trace):
        return CandidateOutcome.LOWER_PRIORITY
    sent = Sent(
        outcomes.id_of(draft, place),
        channel,
        candidate.journey.purpose,
        draft.now,
        draft.now + hold,
        _CANCEL_ON[action.cancel_on],
        place.stage,
        place.visit,
        action.content,
        action.id,
        _KIND[action.kind],
        place.run,
        place.attempt,
        place.asked_at,
        None if expires is None else place.asked_at + expires,
        None if action.ack_within is None else draft.now + action.ack_within,
        subject,
        place.tried,
    )
    live = draft.find(place)
    if action.replaces is not None and live is not None:
        cancels.replaced(draft, live, place.cause, action.replaces)
    draft.out.commands.append(_command(draft, candidate, sent, data))
    _remember(draft, candidate, live, sent)
    return CandidateOutcome.SENT


def _command(draft: Draft, candidate: Candidate, sent: Sent, data: dict[str, Value]) -> Command:
    action, place, journey = candidate.action, candidate.place, candidate.journey
    return Command(
        command_id=sent.command_id,
        action=sent.kind,
        send_id=action.id,
        attempt=place.attempt,
        channel=sent.channel,
        customer_id=draft.customer_id,
        anonymous_id=draft.anonymous_id,
        content=action.content,
        data=data,
        theme=action.theme,
        purpose=journey.purpose,
        priority=contests.priority(journey, action),
        created_at=draft.now,
        not_before=sent.not_before,
        not_after=sent.not_after,
        cancels=None,
        journey=JourneyRef(place.journey, place.version, place.key, place.stage, place.entry_no),
        causation=place.cause,
        decision_id=ids.decision_id(sent.command_id, CandidateOutcome.SENT, draft.now),
        reply_to=sent.subject if action.kind is ActionKind.ROUTE else None,
        slot=action.slot,
        team=action.team,
        op=action.op,
        ack_by=sent.ack_by,
        due_at=sent.not_after if action.kind is ActionKind.TASK else None,
        linked=place.cause != draft.origin,
        experiment=None if place.exposure is None else assignment.told(place.exposure),
        account_id=outcomes.asking_account(draft, place),
    )


def _subject(candidate: Candidate) -> str:
    """What is contested: the contact that a ROUTE answers, the slot of a SHOW; else nothing."""
    reply_to = candidate.action.reply_to
    if reply_to is None:
        return candidate.action.slot or ""
    value = reply_to.evaluate(candidate.scope)
    if not isinstance(value, str) or not 0 < len(value) <= VALUE_BYTES_MAX:
        raise EvaluationError("no contact to reply to")
    return value


def expired(candidate: Candidate, expires: int | None, at: int) -> bool:
    """Whether `expires`, which counts from when it was asked for, lies behind `at`."""
    return expires is not None and at > candidate.place.asked_at + expires


def _datum(expression: Expression, scope: Scope) -> Value:
    """A value of `data`; a time is written as ISO-8601 in UTC."""
    value = expression.evaluate(scope)
    if expression.kind == "timestamp" and isinstance(value, int):
        return iso_utc(value)
    return value


def _remember(draft: Draft, candidate: Candidate, live: Live | None, sent: Sent) -> None:
    place = candidate.place
    if place.asker is not None:
        asking.tell(draft, place, CandidateOutcome.SENT, sent)
    if live is None:
        if not standing.is_done_for(draft, candidate.journey, sent):
            standing.remember_open(draft, [standing.opened(place, sent)])
        return
    kept = standing.wanted(draft, candidate.journey, [*live.sent, sent])
    if len(kept) > SENT_MAX:
        draft.drop("sent", len(kept) - SENT_MAX)
    live.sent = kept[-SENT_MAX:]
    waits.expect(live, sent)
    follow(draft, candidate, live)


def follow(draft: Draft, candidate: Candidate, live: Live) -> None:
    """The waits of the stage that count from this send move with it (rule W1)."""
    stage = candidate.journey.stages.get(live.stage)
    if stage is not None:
        waits.follow(draft, live, stage, candidate.action.id)
