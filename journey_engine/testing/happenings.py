"""What happened in a run, as facts that an expectation can be held against."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from journey_engine.decide.decision import Command, SendDecision, Transition
from journey_engine.decide.event import Event
from journey_engine.decide.message import Input
from journey_engine.decide.state import Instance
from journey_engine.decide.verdict import Decision
from journey_engine.define.iso import iso_utc
from journey_engine.errors import AFTERWARDS, CandidateOutcome, EntryOutcome, InputOutcome
from journey_engine.testing.cases import ANY, Fact
from journey_engine.testing.words import KIND_OF, SUBJECTS


class Happening(NamedTuple):
    """One thing that happened, of a kind of `words.KINDS`. An input's `journey` is empty."""

    kind: str
    journey: str
    facts: Mapping[str, Fact]


def of_decision(given: Input, decision: Decision) -> Iterator[Happening]:
    """All that a decision on an input says, in its order."""
    if isinstance(given, Event):
        yield from _of_event(given, decision)
    for transition in decision.transitions:
        yield from _of_transition(transition)
    for command in decision.commands:
        yield _of_command(command)
    for send in decision.sends:
        if send.outcome is CandidateOutcome.DEFERRED:
            yield _of_deferral(send)
        elif send.outcome is not CandidateOutcome.SENT:
            yield _of_outcome(send)


def of_instance(instance: Instance) -> Happening:
    """Where a live instance stands."""
    facts: dict[str, Fact] = {"stage": instance.stage, "key": instance.key}
    return Happening("stage", instance.journey, facts)


def matches(wanted: Mapping[str, Fact], happening: Happening) -> bool:
    """Whether every wanted fact is so."""
    return all(
        _is(value, happening.journey if name == "journey" else happening.facts.get(name))
        for name, value in wanted.items()
    )


def sentence(kind: str, facts: Mapping[str, Fact]) -> str:
    """A happening, or an expectation, in words: `reminder sent on email at …`."""
    left = {name: value for name, value in facts.items() if value is not None}
    subject = left.pop(SUBJECTS[kind], ANY)
    first = subject[0] if isinstance(subject, tuple) else subject
    words = [f"{_VERBS[kind]} {first}" if kind in _VERB_FIRST else f"{first} {_VERBS[kind]}"]
    words += [f"{_PREPOSITIONS[name]} {_text(name, left[name])}" for name in left]
    return " ".join(words)


def moment(at: int) -> str:
    """A time in UTC, to the second where nothing finer is there; as the number it is where no
    calendar has it.
    """
    try:
        text = iso_utc(at)
    except OverflowError:
        return str(at)
    return text if at % 1000 else text.replace(".000Z", "Z")


_CONTENTS = {"routes": "target", "syncs": "audience"}
"""What a kind calls the content of its command."""
_VERBS = {
    "sent": "sent",
    "routes": "answered by route",
    "shows": "shown as",
    "tasks": "given as task",
    "syncs": "synced by",
    "suppressed": "suppressed",
    "deferred": "deferred",
    "cancelled": "cancelled",
    "answered": "answered",
    "entered": "entered",
    "refused": "refused for",
    "inputs": "read",
    "milestones": "reached",
    "ended": "ended as",
    "stage": "in stage",
    "visited": "passed through stage",
}
_VERB_FIRST = frozenset(
    {
        "ended",
        "milestones",
        "stage",
        "visited",
        "entered",
        "refused",
        "inputs",
        "routes",
        "shows",
        "tasks",
        "syncs",
    }
)
_PREPOSITIONS = {
    "channel": "on",
    "reply_to": "to",
    "target": "with target",
    "slot": "in slot",
    "team": "to team",
    "audience": "with audience",
    "op": "to",
    "outcome": "for",
    "cause": "because of",
    "until": "until",
    "event": "on",
    "as": "as",
    "macro_stage": "in macro-stage",
    "at": "at",
    "key": "with key",
    "journey": "by",
    "content": "with content",
    "data": "with data",
    "stage": "in",
}


def _text(name: str, value: Fact) -> str:
    return moment(value) if name in ("at", "until") and isinstance(value, int) else str(value)


def _is(wanted: Fact, fact: Fact) -> bool:
    if wanted == ANY:
        return True
    if isinstance(fact, tuple):
        return wanted in fact
    if isinstance(wanted, Mapping) and isinstance(fact, Mapping):
        return all(name in fact and fact[name] == value for name, value in wanted.items())
    return wanted == fact


def _of_event(event: Event, decision: Decision) -> Iterator[Happening]:
    """That it did not simply count, and the entries that it was refused."""
    place: dict[str, Fact] = {"event": event.type, "at": event.occurred_at}
    rejected = decision.rejected
    outcome = decision.outcome.value if rejected is None else rejected.code.value
    if outcome != InputOutcome.APPLIED:
        yield Happening("inputs", "", {**place, "outcome": outcome})
    for journey, entry in decision.entries:
        if entry not in (EntryOutcome.ENTERED, EntryOutcome.GUARD_FALSE):
            yield Happening("refused", journey, {**place, "outcome": entry.value})


def _of_transition(transition: Transition) -> Iterator[Happening]:
    place: dict[str, Fact] = {"key": transition.key, "at": transition.occurred_at}
    if transition.from_stage is None:
        yield Happening("entered", transition.journey, {**place, "journey": transition.journey})
    if transition.milestone is not None:
        reached: dict[str, Fact] = {"milestone": transition.milestone, "stage": transition.to_stage}
        yield Happening("milestones", transition.journey, {**place, **reached})
    elif transition.to_stage is not None:
        yield Happening(
            "visited",
            transition.journey,
            {**place, "stage": transition.to_stage, "macro_stage": transition.macro_stage},
        )
    if transition.end is not None:
        label = transition.label or ""
        names = tuple(filter(None, (label, transition.end.value, *label.split("+"))))
        yield Happening("ended", transition.journey, {**place, "as": names})


def _of_command(command: Command) -> Happening:
    facts: dict[str, Fact] = {
        "send": command.send_id,
        "channel": command.channel,
        "at": command.created_at,
        "key": command.journey.key,
    }
    if command.action == "CANCEL":
        return Happening("cancelled", command.journey.name, facts)
    kind = KIND_OF[command.action]
    del facts["send"]
    facts |= {
        SUBJECTS[kind]: command.send_id,
        _CONTENTS.get(kind, "content"): command.content,
        "data": dict(command.data),
        "reply_to": command.reply_to,
        "slot": command.slot,
        "team": command.team,
        "op": command.op,
    }
    return Happening(kind, command.journey.name, facts)


def _of_deferral(send: SendDecision) -> Happening:
    facts: dict[str, Fact] = {
        "send": send.send_id,
        "cause": None if send.cause is None else send.cause.value,
        "until": send.until,
        "at": send.decided_at,
        "key": send.key,
    }
    return Happening("deferred", send.journey, facts)


def _of_outcome(send: SendDecision) -> Happening:
    facts: dict[str, Fact] = {
        "send": send.send_id,
        "outcome": send.outcome.value,
        "at": send.decided_at,
        "key": send.key,
    }
    kind = "answered" if send.outcome in AFTERWARDS else "suppressed"
    return Happening(kind, send.journey, facts)
