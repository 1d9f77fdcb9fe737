"""The actions of a journey as they run (section A). Durations are milliseconds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from journey_engine.define.expression import Expression
from journey_engine.errors import CandidateOutcome


class CancelOn(StrEnum):
    """When what an action left waiting, unsent or open is cancelled (rule A7)."""

    END = "end"
    LEAVE = "leave"
    NEVER = "never"


class ActionKind(StrEnum):
    """What a channel is asked to do; the word that its command bears."""

    SEND = "SEND"
    ROUTE = "ROUTE"
    SHOW = "SHOW"
    TASK = "TASK"
    SYNC = "SYNC"


@dataclass(frozen=True, slots=True, eq=False)
class Recipients:
    """Which members of its account an action addresses (rule M3): the one that `customer` names,
    those with the role, or, with neither, all.
    """

    customer: Expression | None = None
    role: str | None = None


REPLY_TO = "reply_to"
"""Under these names an account sends along what an action's expressions gave, as an event."""


def datum(name: str) -> str:
    """As `REPLY_TO`, of a value of `data`."""
    return f"data.{name}"


def factor(name: str) -> str:
    """As `REPLY_TO`, of a factor of the score."""
    return f"score.{name}"


@dataclass(frozen=True, slots=True, eq=False)
class Action:
    """An action of any kind (rules A1 to A5). All but a send name one channel; what belongs to
    one kind only is empty for the others.

    `content` is a message's or a slot's content, a route's target, what a task is about, a sync's
    audience. `preferred`: of `channels`, the one that the customer prefers comes first (rule C7).
    """

    id: str
    content: str
    channels: tuple[str, ...]
    kind: ActionKind = ActionKind.SEND
    when: Expression | None = None
    theme: str | None = None
    delay: int = 0
    expires: int | None = None
    priority: int | None = None
    data: tuple[tuple[str, Expression], ...] = ()
    cancel_on: CancelOn = CancelOn.END
    preferred: bool = False
    falls_back: bool = True
    """Whether a message that comes back goes on to the next channel (rule C7): not where what it
    says reads the event that asked for it, which is gone by then."""
    reply_to: Expression | None = None
    slot: str | None = None
    team: str | None = None
    ack_within: int | None = None
    replaces: str | None = None
    op: str | None = None
    """Of a sync: `add` or `remove`."""
    score: tuple[tuple[str, Expression], ...] = ()
    """Its factors, by name (rule C5)."""
    on_suppressed: Mapping[CandidateOutcome, str] = field(default_factory=dict)
    """Where the instance goes if it ends so: a stage, or the end (rule C9)."""
    to: Recipients | None = None
    """Of an account's journey: whom it addresses."""
