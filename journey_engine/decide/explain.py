"""A decision in plain English: what was looked at, with the values read, and what followed.

The values are read from the scopes that the trace kept, now that somebody asks.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from journey_engine.decide.decision import Command, SendDecision, Transition
from journey_engine.decide.trace import Step
from journey_engine.decide.verdict import Decision
from journey_engine.define.durations import duration_text
from journey_engine.define.expression import Scope, Value, Warming
from journey_engine.define.personal import NOTHING_PERSONAL, Personal
from journey_engine.define.plan import Plan
from journey_engine.errors import (
    CandidateOutcome,
    DeferredCause,
    EndReason,
    EntryOutcome,
    InputOutcome,
)

HIDDEN = "(personal)"
"""In place of a value that is not to be shown."""
SENTENCES: Mapping[str, str] = {
    "duplicate": "The same input came before: it has no effect.",
    "conflict": "An input with this id but another body came before: it goes to the dead letters.",
    "entry": "{journey}: entry '{clause}' was asked: {outcome}{reads}.",
    "milestone": "{journey}: milestone '{clause}' was asked: {outcome}{reads}.",
    "goal": "{journey}: goal '{clause}' was asked: {outcome}{reads}.",
    "exit": "{journey}: exit '{clause}' was asked: {outcome}{reads}.",
    "switch": "{journey}: exit '{clause}' leads here: {outcome}.",
    "update": "{journey}: update '{clause}' was asked: {outcome}{reads}.",
    "transition": "{journey}: transition '{clause}' was asked: {outcome}{reads}.",
    "send": "{journey}: `when` of {clause} was asked: {outcome}{reads}.",
    "always": "{journey}: '{clause}' was asked on entering the stage: {outcome}{reads}.",
    "choose": "{journey}: branch '{clause}' of a junction was asked: {outcome}{reads}.",
    "split": "{journey}: experiment {clause} assigns arm {outcome}.",
    "timer": "{journey}: the timer of '{clause}' fired: {outcome}{reads}.",
    "migrate": "{journey}: goes on in version {clause}.",
    "becomes": "{journey}: '{clause}' was asked what it became by this: {outcome}{reads}.",
    "pattern": "{journey}: the pattern '{clause}' has {outcome} events{reads}.",
    "awaits": "{journey}: '{clause}' waits until {outcome} for nothing to follow{reads}.",
    "broken": "{journey}: something followed, '{clause}' no longer waits{reads}.",
    "wait": "{journey}: the wait of '{clause}' was reckoned: {outcome}{reads}.",
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
    CandidateOutcome.HOLDOUT: "the customer is held out",
    CandidateOutcome.QUIET_HOURS: "quiet hours stand in the way",
    CandidateOutcome.CAP_REACHED: "as many messages were sent as the caps allow",
    CandidateOutcome.THEME_CONFLICT: "a theme that contradicts it comes before it",
    CandidateOutcome.LOWER_PRIORITY: "what ranks above it was sent instead",
    CandidateOutcome.CAPACITY: "the channel has no capacity left",
    CandidateOutcome.HELD: "another journey holds it back",
    CandidateOutcome.PAUSED: "the journey is paused",
    CandidateOutcome.BACKFILL: "back-filled history asked for it",
    CandidateOutcome.EXPIRED: "it would come too late",
    CandidateOutcome.CANCELLED: "it was taken back before it was decided",
    CandidateOutcome.HOLDOUT: "the customer is kept without such messages",
    CandidateOutcome.QUIET_HOURS: "every channel is quiet for too long",
    CandidateOutcome.CAP_REACHED: "what was sent before uses up a cap",
    CandidateOutcome.THEME_CONFLICT: "it contradicts another theme",
    CandidateOutcome.LOWER_PRIORITY: "what ranks above it leaves no room",
    CandidateOutcome.HELD: "another journey keeps it back",
}
_CAUSES: Mapping[DeferredCause | None, str] = {
    DeferredCause.DELAY: "its delay",
    DeferredCause.QUIET_HOURS: "the end of quiet hours",
    DeferredCause.CAPACITY: "room on its channel",
    DeferredCause.ARBITRATION: "its slot",
    DeferredCause.HELD: "another journey that holds it",
    DeferredCause.PAUSED: "its journey to be resumed",
    DeferredCause.IDENTITY: "what is known under another identity",
}
_ENDS: Mapping[EndReason, str] = {
    EndReason.GOAL: "reached its goal",
    EndReason.EXIT: "left by an exit",
    EndReason.COMPLETED: "came to its end",
    EndReason.ABANDONED: "was abandoned",
    EndReason.SWITCHED: "left for another journey",
    EndReason.RESTARTED: "was ended to start anew",
    EndReason.STOPPED: "was out: its journey is stopped",
    EndReason.MIGRATED: "was out: the newer version does not take it over",
    EndReason.MERGED: "gave way to the one of the same person",
    EndReason.ERASED: "was forgotten with its customer",
    EndReason.QUARANTINED: "was put aside: its stage is not in the plan",
    EndReason.LOOP: "was put aside: it moved round and round without a wait",
}


def sentences(decision: Decision, plan: Plan, hidden: Personal = NOTHING_PERSONAL) -> list[str]:
    """Tell a decision in sentences, in the order in which things happened of each kind; of what is
    hidden, that it was read.
    """
    told = [_INPUTS[decision.outcome]] if decision.outcome in _INPUTS else []
    told += [_step(step, hidden) for step in decision.trace]
    told += [_transition(one, plan) for one in decision.transitions]
    told += [_send(one) for one in decision.sends]
    told += [_command(one) for one in decision.commands]
    told += [f"{journey}: a guard has no value: {why}." for journey, why in decision.guard_errors]
    told += [f"{count} of {what} went over a bound." for what, count in decision.dropped.items()]
    return told


def _step(step: Step, hidden: Personal) -> str:
    return SENTENCES[step.what].format(
        journey=_instance(step.journey, step.key),
        clause=step.clause,
        outcome=time_of(int(step.outcome)) if step.what == "awaits" else _outcome(step.outcome),
        reads=_reads(step, hidden),
    )


def _instance(journey: str, key: str | None) -> str:
    return journey if key is None else f"{journey} [{key}]"


def meaning(outcome: str) -> str:
    """What an outcome says; itself where it needs no words."""
    return _MEANINGS.get(outcome, outcome)


def operands(step: Step, hidden: Personal) -> dict[str, str]:
    """What a step read, by operand, as an author would write it."""
    scope = step.scope
    if scope is None:
        return {}
    return {
        f"{root}.{name}": HIDDEN if hidden.hides(root, name) else _value(root, name, kind, scope)
        for (root, name), kind in sorted(step.reads.items())
    }


def _outcome(outcome: str) -> str:
    return f"{outcome}, {_MEANINGS[outcome]}" if outcome in _MEANINGS else outcome


def _reads(step: Step, hidden: Personal) -> str:
    told = [f"{operand} = {value}" for operand, value in operands(step, hidden).items()]
    return f" ({', '.join(told)})" if told else ""


def _value(root: str, name: str, kind: str, scope: Scope) -> str:
    """What a guard read under this path."""
    roots = {
        "event": scope.event,
        "customer": scope.customer,
        "instance": scope.instance,
        "features": scope.features,
        "milestones": scope.milestones,
    }
    try:
        return shown(roots[root][name], kind)
    except KeyError:
        return "absent"
    except Warming:
        return "not watched for long enough"


def shown(value: Value, kind: str = "") -> str:
    """A value of that kind (as in `Expression`) as an author would write it."""
    if isinstance(value, list):
        element = kind.removeprefix("list<").removesuffix(">")
        return f"[{', '.join(shown(each, element) for each in value)}]"
    if isinstance(value, int) and kind in _AS_TEXT:
        return _AS_TEXT[kind](value)
    if isinstance(value, str):
        return f"'{value}'"
    words: dict[Value, str] = {None: "null", True: "true", False: "false"}
    return words[value] if value is None or isinstance(value, bool) else str(value)


def _transition(one: Transition, plan: Plan) -> str:
    who = _instance(one.journey, one.key)
    trigger = f"{one.trigger} at {time_of(one.occurred_at)}"
    if one.end is not None:
        label = "" if one.label is None else f" ({one.label})"
        switched = "" if one.switch_to is None else f" It was to switch to {one.switch_to}"
        if one.refused is not None:
            switched += f", which refused: {_outcome(one.refused)}"
        switched = f"{switched}." if switched else ""
        return f"{who} {_ENDS[one.end]}{label} in stage {one.from_stage}, by {trigger}.{switched}"
    if one.milestone is not None:
        return f"{who} reached the milestone {one.milestone} in stage {one.to_stage}, by {trigger}."
    if one.from_stage is None:
        journey = plan.run_by(one.journey, one.version)
        purpose = "" if journey is None else f" Its objective: {journey.objective}."
        return f"{who} began in stage {one.to_stage}, by {trigger}.{purpose}"
    return f"{who} went from {one.from_stage} to {one.to_stage}, by {trigger}."


def _send(one: SendDecision) -> str:
    why = f" ({'; '.join(one.trace)})" if one.trace else ""
    name = f"{_instance(one.journey, one.key)}: send {one.send_id}"
    if one.until is not None:
        return f"{name} waits for {_CAUSES[one.cause]} until {time_of(one.until)}{why}."
    rank = "" if one.rank is None else f" Rank {one.rank}, score {one.score:g}{_rivals(one)}."
    return f"{name}: {_outcome(one.outcome)}{why}.{rank}"


def _rivals(one: SendDecision) -> str:
    return f", among {', '.join(one.rivals)}" if one.rivals else ""


def _command(one: Command) -> str:
    verb = f"Command {one.action} of {one.send_id} goes to {one.channel}"
    if one.not_before > one.created_at:
        return f"{verb}, held until {time_of(one.not_before)}."
    return f"{verb}."


def time_of(at: int) -> str:
    """A time for people; as the number it is where no calendar has it."""
    try:
        return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="seconds")
    except (OverflowError, ValueError, OSError):
        return str(at)


_AS_TEXT: Mapping[str, Callable[[int], str]] = {"timestamp": time_of, "duration": duration_text}
"""Milliseconds by kind."""
