"""A decision in plain English: what was looked at, with the values read, and what followed.

The values are read from the scopes that the trace kept, now that somebody asks.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from journey_engine.decide.decision import Command, Decision, SendDecision, Step, Transition
from journey_engine.define.plan import Plan, Scope, Value, Warming
from journey_engine.errors import CandidateOutcome, EndReason, EntryOutcome, InputOutcome

SENTENCES: Mapping[str, str] = {
    "duplicate": "The same input came before: it has no effect.",
    "conflict": "An input with this id but another body came before: it goes to the dead letters.",
    "entry": "{journey}: entry '{clause}' was asked: {outcome}{reads}.",
    "goal": "{journey}: goal '{clause}' was asked: {outcome}{reads}.",
    "exit": "{journey}: exit '{clause}' was asked: {outcome}{reads}.",
    "update": "{journey}: update '{clause}' was asked: {outcome}{reads}.",
    "transition": "{journey}: transition '{clause}' was asked: {outcome}{reads}.",
    "always": "{journey}: '{clause}' was asked on entering the stage: {outcome}{reads}.",
    "timer": "{journey}: the timer of '{clause}' fired: {outcome}{reads}.",
    "reset": "{journey}: the wait of '{clause}' started again.",
    "abandon": "{journey}: no input reached the instance for as long as it may wait.",
}
"""By the `what` of a step."""

_INPUTS = {
    InputOutcome.IGNORED: "Nobody reads this input, or nothing was due: nothing happened.",
    InputOutcome.LATE: "The input is late for every journey that reads it: no entry, move or send.",
    InputOutcome.BACKFILL: "The input is back-filled history: no entry, move or send.",
}
_MEANINGS: Mapping[str, str] = {
    EntryOutcome.NO_KEY: "the event has no key",
    EntryOutcome.COOLDOWN: "the last instance ended too short a while ago",
    EntryOutcome.REENTRY_LIMIT: "the customer entered as often as is allowed",
    EntryOutcome.ALREADY_IN: "an instance is live",
    EntryOutcome.MAX_LIVE: "too many instances are live",
    EntryOutcome.WARMING: "a feature has not been watched for long enough",
    EntryOutcome.STATE_LIMIT: "the customer's state is full",
    CandidateOutcome.NO_CONSENT: "no consent for any of its channels",
    CandidateOutcome.UNREACHABLE: "no address on a channel with consent",
    CandidateOutcome.GUARD_FALSE: "its `when` does not hold",
    CandidateOutcome.GUARD_ERROR: "a guard or a value failed to evaluate",
    CandidateOutcome.EXPIRED: "it would come too late",
    CandidateOutcome.CANCELLED: "it was taken back before it was decided",
}
_ENDS: Mapping[EndReason, str] = {
    EndReason.GOAL: "reached its goal",
    EndReason.EXIT: "left by an exit",
    EndReason.COMPLETED: "came to its end",
    EndReason.ABANDONED: "was abandoned",
    EndReason.RESTARTED: "was ended to start anew",
    EndReason.QUARANTINED: "was put aside: its stage is not in the plan",
    EndReason.LOOP: "was put aside: it moved round and round without a wait",
}


def sentences(decision: Decision, plan: Plan) -> list[str]:
    """Tell a decision in sentences, in the order in which things happened of each kind."""
    told = [_INPUTS[decision.outcome]] if decision.outcome in _INPUTS else []
    told += [_step(step) for step in decision.trace]
    told += [_transition(one, plan) for one in decision.transitions]
    told += [_send(one) for one in decision.sends]
    told += [_command(one) for one in decision.commands]
    told += [f"{journey}: a guard has no value: {why}." for journey, why in decision.guard_errors]
    told += [f"{count} of {what} went over a bound." for what, count in decision.dropped.items()]
    return told


def _step(step: Step) -> str:
    return SENTENCES[step.what].format(
        journey=_instance(step.journey, step.key),
        clause=step.clause,
        outcome=_outcome(step.outcome),
        reads=_reads(step.reads, step.scope),
    )


def _instance(journey: str, key: str | None) -> str:
    return journey if key is None else f"{journey} [{key}]"


def _outcome(outcome: str) -> str:
    return f"{outcome}, {_MEANINGS[outcome]}" if outcome in _MEANINGS else outcome


def _reads(reads: Iterable[tuple[str, str]], scope: Scope | None) -> str:
    if scope is None:
        return ""
    shown = [f"{root}.{name} = {_value(root, name, scope)}" for root, name in sorted(reads)]
    return f" ({', '.join(shown)})" if shown else ""


def _value(root: str, name: str, scope: Scope) -> str:
    """What a guard read under this path."""
    roots = {
        "event": scope.event,
        "customer": scope.customer,
        "instance": scope.instance,
        "features": scope.features,
    }
    try:
        return _shown(roots[root][name])
    except KeyError:
        return "absent"
    except Warming:
        return "not watched for long enough"


def _shown(value: Value) -> str:
    if isinstance(value, str):
        return f"'{value}'"
    words: dict[Value, str] = {None: "null", True: "true", False: "false"}
    return words[value] if value is None or isinstance(value, bool) else str(value)


def _transition(one: Transition, plan: Plan) -> str:
    who = _instance(one.journey, one.key)
    trigger = f"{one.trigger} at {_time(one.occurred_at)}"
    if one.end is not None:
        label = "" if one.label is None else f" ({one.label})"
        return f"{who} {_ENDS[one.end]}{label} in stage {one.from_stage}, by {trigger}."
    if one.from_stage is None:
        journey = plan.by_name.get(one.journey)
        purpose = "" if journey is None else f" Its objective: {journey.objective}."
        return f"{who} began in stage {one.to_stage}, by {trigger}.{purpose}"
    return f"{who} went from {one.from_stage} to {one.to_stage}, by {trigger}."


def _send(one: SendDecision) -> str:
    why = f" ({'; '.join(one.trace)})" if one.trace else ""
    name = f"{_instance(one.journey, one.key)}: send {one.send_id}"
    if one.until is not None:
        return f"{name} waits until {_time(one.until)}{why}."
    return f"{name}: {_outcome(one.outcome)}{why}."


def _command(one: Command) -> str:
    verb = f"Command {one.action} of {one.send_id} goes to {one.channel}"
    if one.not_before > one.created_at:
        return f"{verb}, held until {_time(one.not_before)}."
    return f"{verb}."


def _time(at: int) -> str:
    """A time for people; as the number it is where no calendar has it."""
    try:
        return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="seconds")
    except (OverflowError, ValueError, OSError):
        return str(at)
