"""The words of an expectation: what a test may ask for, and what each word may name."""

from collections.abc import Iterable, Mapping
from typing import Final

from journey_engine.define.accounts import every_journey
from journey_engine.define.action_plan import Action, ActionKind
from journey_engine.define.plan import JourneyPlan, Plan, every_action
from journey_engine.errors import (
    AFTERWARDS,
    CandidateOutcome,
    DeadLetterCode,
    DeferredCause,
    EntryOutcome,
    InputOutcome,
)
from journey_engine.testing.cases import ANY
from journey_engine.testing.coverage import ends_of

_WHOSE: Final = frozenset({"at", "journey", "key"})
_COMMAND: Final = _WHOSE | {"channel", "data"}
WORDS: Final[Mapping[str, frozenset[str]]] = {
    "sent": _COMMAND | {"send", "content"},
    "routes": _COMMAND | {"route", "reply_to", "target"},
    "shows": _COMMAND | {"show", "slot", "content"},
    "tasks": _COMMAND | {"task", "team", "content"},
    "syncs": _COMMAND | {"sync", "audience", "op"},
    "suppressed": _WHOSE | {"send", "outcome"},
    "deferred": _WHOSE | {"send", "cause", "until"},
    "cancelled": _WHOSE | {"send", "channel"},
    "answered": _WHOSE | {"send", "outcome"},
    "entered": _WHOSE,
    "refused": frozenset({"at", "journey", "outcome", "event"}),
    "visited": _WHOSE | {"stage", "macro_stage"},
    "milestones": _WHOSE | {"milestone", "stage"},
    "ended": _WHOSE | {"as"},
    "stage": frozenset({"stage", "journey", "key"}),
    "inputs": frozenset({"event", "outcome", "at"}),
}
"""For each kind, in the order in which failures are told, the words of its items."""
KINDS: Final = tuple(WORDS)
NEVER: Final[Mapping[str, str]] = {
    "send": "sent",
    "route": "routes",
    "show": "shows",
    "task": "tasks",
    "sync": "syncs",
    "suppressed": "suppressed",
    "deferred": "deferred",
    "cancelled": "cancelled",
    "answered": "answered",
    "entered": "entered",
    "refused": "refused",
    "ended": "ended",
    "milestone": "milestones",
    "stage": "visited",
}
"""For the first word of a `never` item, what it forbids."""
SUBJECTS: Final[Mapping[str, str]] = {
    "sent": "send",
    "routes": "route",
    "shows": "show",
    "tasks": "task",
    "syncs": "sync",
    "suppressed": "send",
    "deferred": "send",
    "cancelled": "send",
    "answered": "send",
    "entered": "journey",
    "refused": "outcome",
    "visited": "stage",
    "milestones": "milestone",
    "ended": "as",
    "stage": "stage",
    "inputs": "event",
}
"""What an item of the kind is about: in a `never`, the value after its first word."""
KIND_OF: Final[Mapping[str, str]] = {
    "SEND": "sent",
    "ROUTE": "routes",
    "SHOW": "shows",
    "TASK": "tasks",
    "SYNC": "syncs",
}
"""The kind of a command, by its action."""
_ACTIONS: Final = {
    ActionKind.ROUTE: "route",
    ActionKind.SHOW: "show",
    ActionKind.TASK: "task",
    ActionKind.SYNC: "sync",
}
TIMES: Final = frozenset({"at", "until"})
_ON_THE_WAY: Final = {CandidateOutcome.DEFERRED, CandidateOutcome.SENT}
_OUTCOMES: Final[Mapping[str, frozenset[str]]] = {
    "suppressed": frozenset(CandidateOutcome) - _ON_THE_WAY - AFTERWARDS,
    "answered": AFTERWARDS,
    "refused": frozenset(EntryOutcome) - {EntryOutcome.ENTERED, EntryOutcome.GUARD_FALSE},
    "inputs": frozenset(InputOutcome) - {InputOutcome.APPLIED}
    | {DeadLetterCode.CONFLICT, DeadLetterCode.FUTURE},
}


def _ids(journeys: Iterable[JourneyPlan], kind: ActionKind | None) -> frozenset[str]:
    """The ids of actions of a kind; of all where it is None."""
    return frozenset(
        action.id
        for journey in journeys
        for action in every_action(journey)
        if kind in (None, action.kind)
    )


def _actions(journeys: Iterable[JourneyPlan], kind: str) -> list[Action]:
    """Those by which an item of the kind happens."""
    every = [action for journey in journeys for action in every_action(journey)]
    return [action for action in every if KIND_OF[action.kind.value] == kind]


def data_names(plan: Plan, kind: str, journey: str | None, subject: str | None) -> set[str]:
    """The names that `data` of an item may have; `subject` is the id of the action, if told."""
    return {
        name
        for action in _actions(_journeys(plan, journey), kind)
        if subject in (None, ANY, action.id)
        for name, _ in action.data
    }


def _journeys(plan: Plan, journey: str | None) -> list[JourneyPlan]:
    return [each for each in every_journey(plan) if journey in (None, ANY, each.name)]


def names(plan: Plan, kind: str, journey: str | None) -> Mapping[str, frozenset[str]]:
    """What an item may name: a name that nothing has would make a `never` hold for ever."""
    journeys = _journeys(plan, journey)
    known = {
        "journey": frozenset(plan.by_name),
        "channel": frozenset(plan.channels),
        "stage": frozenset(stage for each in journeys for stage in each.stages),
        "macro_stage": frozenset(plan.macro_stages),
        **{word: _ids(journeys, kind) for kind, word in _ACTIONS.items()},
        "send": _ids(journeys, ActionKind.SEND if kind == "sent" else None),
        "content": frozenset(action.content for action in _actions(journeys, kind)),
        "milestone": frozenset(name for each in journeys for name in each.milestone_names),
        "as": frozenset(end for each in journeys for end in ends_of(each)),
        "outcome": _OUTCOMES.get(kind, frozenset()),
        "cause": frozenset(DeferredCause),
    }
    # An input may also be of a type that nobody reads.
    return known if kind == "inputs" else known | {"event": frozenset(plan.fields)}
