"""What the naive interpreter remembers, as plain lists: everything, for ever."""

from dataclasses import dataclass, field
from typing import Any

MINUTE = 60_000
_UNITS = {
    "s": 1_000,
    "m": MINUTE,
    "h": 60 * MINUTE,
    "d": 24 * 60 * MINUTE,
    "w": 7 * 24 * 60 * MINUTE,
}


def millis(duration: str) -> int:
    return int(duration[:-1]) * _UNITS[duration[-1]]


@dataclass
class Happened:
    """An event as the log has it; `at` is when it happened, `ref` what feedback refers to."""

    type: str
    event_id: str
    customer_id: str | None
    anonymous_id: str | None
    at: int
    fields: dict[str, Any]
    source: str = "shop"
    channel: str = "web"
    backfill: bool = False
    topic: str = ""
    offset: int = 0
    recorded_at: int = 0
    read_at: int = 0
    """The clock when it was read."""
    account: str | None = None
    """Of a copy: the account that reads it (rule M3)."""

    @property
    def key(self) -> str:
        if self.account is not None:
            return f"b:{self.account}"
        return f"c:{self.customer_id}" if self.customer_id is not None else f"a:{self.anonymous_id}"

    @property
    def origin(self) -> tuple[str, str, int]:
        return (self.event_id, self.topic, self.offset)

    @property
    def body(self) -> tuple[Any, ...]:
        told = sorted((name, repr(value)) for name, value in self.fields.items())
        return (self.type, self.customer_id, self.anonymous_id, self.at, self.channel, *told)


@dataclass
class Wait:
    due: int
    index: int
    exits: bool = False
    """Its date was past, and that ends the instance (rule W4)."""


@dataclass
class Issued:
    """A command that went out."""

    command_id: str
    send: str
    channel: str
    purpose: str
    at: int
    not_before: int
    cancel_on: str
    stage: str
    visit: int
    theme: str | None = None
    kind: str = "SEND"
    contested: Any = None
    """The contact that a ROUTE answers, the slot of a SHOW."""
    priority: int = 0
    ack_by: int | None = None
    not_after: int | None = None
    accepted: bool = False
    closed: bool = False
    cancelled: bool = False
    of: Any = None
    """The candidate that it was."""
    returned: bool = False
    """It bounced, or failed, for good."""


@dataclass
class Running:
    """An instance."""

    journey: str
    key: str | None
    entry_no: int
    entered_at: int
    stage: str
    stage_entered_at: int
    reached_at: int
    cause: tuple[str, str, int]
    context: dict[str, Any]
    visits: dict[str, int] = field(default_factory=dict)
    runs: dict[str, int] = field(default_factory=dict)
    waits: list[Wait] = field(default_factory=list)
    issued: list[Issued] = field(default_factory=list)
    begun: dict[int, int] = field(default_factory=dict)
    """When the waits of the stage began that have not been over in this visit, by place."""
    arms: dict[str, str] = field(default_factory=dict)
    patterns: dict[tuple[str, int], list[Any]] = field(default_factory=dict)
    """What was seen of the patterns of its transitions, by stage and place."""
    to_reach: list[str] = field(default_factory=list)
    milestones: list[str] = field(default_factory=list)
    """Those reached, of `to_reach`."""
    ended: str | None = None
    ended_at: int | None = None


@dataclass
class Candidate:
    """A send that some action asked for."""

    run: Running
    action: dict[str, Any]
    number: int
    stage: str
    visit: int
    asked_at: int
    asked_for: int
    cause: tuple[str, str, int]
    event: dict[str, Any]
    due: int | None = None
    stage_entered_at: int = 0
    attempt: int = 0
    tried: tuple[str, ...] = ()
    held: bool = False
    """It waits for another journey to let go of it (rule C8)."""
    at_slot: bool = False
    delayed: bool = False
    of_identity: bool = False
    """It waits for what is known of a visitor (rule M1)."""
    paused: bool = False
    """It waits for the end of a pause (rule V3)."""
    room: str | None = None
    """The channel on which it waits for room, and the one that has room for it (rule C6)."""
    granted: str | None = None


@dataclass
class Person:
    """A customer: the whole past."""

    key: str
    customer_id: str | None
    anonymous_id: str | None
    read: list[tuple[str, str, tuple[Any, ...], int]] = field(default_factory=list)
    past: list[Happened] = field(default_factory=list)
    running: list[Running] = field(default_factory=list)
    everything: list[Running] = field(default_factory=list)
    """The running and the ended."""
    waiting: list[Candidate] = field(default_factory=list)
    latest: dict[str, int] = field(default_factory=dict)
    entered: dict[str, list[tuple[str | None, int]]] = field(default_factory=dict)
    left: dict[str, list[tuple[str | None, int]]] = field(default_factory=dict)
    erased_at: int = -1
    aliases: list[str] = field(default_factory=list)
    """The visitors that they were."""
    asking_until: int | None = None
    """While a visitor is asked for."""
    arms: dict[str, str] = field(default_factory=dict)
    patterns: dict[tuple[str, int, str | None], list[Any]] = field(default_factory=dict)
    """What was seen of the patterns of entries, by journey, place and key."""


def nobody(event: Happened) -> Person:
    """Somebody never heard of."""
    alone = event.customer_id is None and event.account is None
    customer = None if event.account else event.customer_id
    return Person(event.key, customer, event.anonymous_id if alone else None)


@dataclass
class Answer:
    """What one input led to, comparable with the compiled core's decision."""

    outcome: str = "APPLIED"
    transitions: list[dict[str, Any]] = field(default_factory=list)
    commands: list[dict[str, Any]] = field(default_factory=list)
    sends: list[dict[str, Any]] = field(default_factory=list)
    entries: list[tuple[str, str]] = field(default_factory=list)
    fired: list[int] = field(default_factory=list)


def joined(answers: list[Answer], last: Answer) -> Answer:
    """The timers that fired before an input, and the input, as one answer."""
    for answer in reversed(answers):
        last.transitions[:0] = answer.transitions
        last.commands[:0] = answer.commands
        last.sends[:0] = answer.sends
        last.entries[:0] = answer.entries
        last.fired[:0] = answer.fired
    return last


class Step:
    """One input, or one instant of timers, with the snapshot that its guards read (rule S2)."""

    def __init__(self, person: Person, at: int, now: int, event: Happened | None = None) -> None:
        self.person = person
        self.at = at
        self.now = now
        self.event = event
        self.anonymous_id = person.anonymous_id if event is None else event.anonymous_id
        self.live = {run.journey for run in person.running}
        self.visits = {id(run): dict(run.visits) for run in person.running}
        self.contexts = {id(run): dict(run.context) for run in person.running}
        self.acting = False
        """Guards are over, actions are decided: with what the step has changed."""
        self.waited = False
        """The event came before, and what should not follow it has not."""
        self.met: list[Running] = []
        """Those that have reached a milestone by this input."""
        self.candidates: list[Candidate] = []
        self.answer = Answer()
