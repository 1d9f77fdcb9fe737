"""What happened in a run, as facts that an expectation can be held against."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from journey_engine.decide.decision import Command, Decision, SendDecision, Transition
from journey_engine.decide.state import Instance
from journey_engine.errors import CandidateOutcome
from journey_engine.testing.cases import ANY, Fact


class Happening(NamedTuple):
    """One thing that happened: of a kind of `cases.KINDS`, or `visited` for a stage entered."""

    kind: str
    journey: str
    facts: Mapping[str, Fact]


def of_decision(decision: Decision) -> Iterator[Happening]:
    """All that a decision says, in its order."""
    for transition in decision.transitions:
        yield from _of_transition(transition)
    for command in decision.commands:
        yield _of_command(command)
    for send in decision.sends:
        if send.outcome not in (CandidateOutcome.SENT, CandidateOutcome.DEFERRED):
            yield _of_refusal(send)


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
    subject = left.pop(_SUBJECTS[kind], ANY)
    first = subject[0] if isinstance(subject, tuple) else subject
    words = [f"{_VERBS[kind]} {first}" if kind in _VERB_FIRST else f"{first} {_VERBS[kind]}"]
    words += [f"{_PREPOSITIONS[name]} {_text(name, left[name])}" for name in left]
    return " ".join(words)


def moment(at: int) -> str:
    """A time in UTC, to the second where nothing finer is there."""
    precision = "milliseconds" if at % 1000 else "seconds"
    text = datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec=precision)
    return text.replace("+00:00", "Z")


_SUBJECTS = {
    "sent": "send",
    "suppressed": "send",
    "cancelled": "send",
    "entered": "journey",
    "ended": "as",
    "stage": "stage",
    "visited": "stage",
}
_VERBS = {
    "sent": "sent",
    "suppressed": "suppressed",
    "cancelled": "cancelled",
    "entered": "entered",
    "ended": "ended as",
    "stage": "in stage",
    "visited": "passed through stage",
}
_VERB_FIRST = frozenset({"ended", "stage", "visited", "entered"})
_PREPOSITIONS = {
    "channel": "on",
    "outcome": "for",
    "at": "at",
    "key": "with key",
    "journey": "by",
    "content": "with content",
    "data": "with data",
    "stage": "in",
}


def _text(name: str, value: Fact) -> str:
    return moment(value) if name == "at" and isinstance(value, int) else str(value)


def _is(wanted: Fact, fact: Fact) -> bool:
    if wanted == ANY:
        return True
    if isinstance(fact, tuple):
        return wanted in fact
    if isinstance(wanted, Mapping) and isinstance(fact, Mapping):
        return all(name in fact and fact[name] == value for name, value in wanted.items())
    return wanted == fact


def _of_transition(transition: Transition) -> Iterator[Happening]:
    place: dict[str, Fact] = {"key": transition.key, "at": transition.occurred_at}
    if transition.from_stage is None:
        yield Happening("entered", transition.journey, {**place, "journey": transition.journey})
    if transition.to_stage is not None:
        yield Happening("visited", transition.journey, {**place, "stage": transition.to_stage})
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
    facts |= {"content": command.content, "data": dict(command.data)}
    return Happening("sent", command.journey.name, facts)


def _of_refusal(send: SendDecision) -> Happening:
    facts: dict[str, Fact] = {
        "send": send.send_id,
        "outcome": send.outcome.value,
        "at": send.decided_at,
        "key": send.key,
    }
    return Happening("suppressed", send.journey, facts)
