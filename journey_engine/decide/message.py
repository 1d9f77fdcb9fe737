"""What crosses from one partition to another: messages through the inbox (D2, rule T1).

A decision asks for messages; the shell writes them to the inbox in the sender's own transaction,
keyed by `target`, and the target's partition takes each as an input like any other. Nothing else
is shared between partitions. A message has an id, so that one that comes twice does nothing twice.
Times are milliseconds.
"""

from enum import StrEnum
from typing import Final

import msgspec

from journey_engine.decide.event import Event, Origin, TimersDue
from journey_engine.decide.state import CustomerState, Pending, Sent

CUSTOMER: Final = "c:"
VISITOR: Final = "a:"
CHANNEL: Final = "n:"
ACCOUNT: Final = "b:"
"""What a state's key begins with: a customer's, a visitor's, that of a channel's capacity, an
account's (which lies between visitors and customers, so that one sweep brings all in line).
"""
PARTITION: Final = "o:"
"""The key of what a partition is told by operators and of definitions."""


class Message(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=True):
    """What every message says. `target` is the key of the state that takes it: `c:` and a customer,
    `a:` and a visitor, `n:` and a channel (the owner of its capacity), `b:` and an account, or
    `o:`, the partition. `id` is the same whenever the same decision is taken again; `at` is the
    sender's clock; `origin` the input that caused it.
    """

    target: str
    id: str
    at: int
    origin: Origin

    @property
    def customer_id(self) -> str | None:
        """The customer who takes it."""
        return ids_of(self.target)[0]

    @property
    def anonymous_id(self) -> str | None:
        """The visitor who takes it."""
        return ids_of(self.target)[1]

    @property
    def account_id(self) -> str | None:
        """The account that takes it."""
        return account_of(self.target)


class CapacityAsked(Message, frozen=True, gc=False):
    """A candidate needs room on the channel; its `id` names the request from now on (rule C6).

    `sender` is the state's key that is to be answered; the rest is what requests are ranked by.
    After `until` an answer is of no use.
    """

    sender: str
    command_id: str
    score: float
    priority: int
    due: int
    until: int


class CapacityUsed(Message, frozen=True, gc=False):
    """The command was written, at `at`."""

    request: str


class CapacityReleased(Message, frozen=True, gc=False):
    """The request is withdrawn, or its grant given back unused."""

    request: str


class CapacityGranted(Message, frozen=True, gc=False):
    """There is room for one command, until it is used or released."""

    channel: str
    request: str


class CapacityRefused(Message, frozen=True, gc=False):
    """Too many wait for the channel already."""

    channel: str
    request: str


class IdentityAsked(Message, frozen=True, gc=False):
    """The visitor turned out to be this customer: what is known of the visitor? (rule M1)."""

    customer: str


class IdentityHanded(Message, frozen=True, gc=False):
    """The answer, once: all that was remembered of the visitor, who is an alias from now on. None:
    the visitor is the alias of somebody, who was told before.
    """

    visitor: str
    state: CustomerState | None


class Forwarded(Message, frozen=True, gc=False):
    """An event of a visitor who has become a customer (rule M1)."""

    event: Event


class Order(StrEnum):
    """What an operator may say of a journey (rule V3)."""

    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"
    CLOSE = "close"


class JourneyOperated(Message, frozen=True, gc=False):
    """An operator's order, for every customer of the partition that takes it (rule V3).

    `admits`: customers enter in the pause. `over`: how long, in milliseconds, what waited in it is
    spread.
    """

    journey: str
    order: Order
    admits: bool = False
    over: int = 0


class PlanActivated(Message, frozen=True, gc=False):
    """The definitions of this hash are in force from here on (rule V2)."""

    plan_hash: str


class AliasErased(Message, frozen=True, gc=False):
    """The customer whom this visitor turned out to be was erased at that time (rule M4)."""

    customer: str
    erased_at: int


class AccountEvent(Message, frozen=True, gc=False):
    """An event of a member, for the account's journeys (rule M3)."""

    event: Event


class OfAccount(Message, frozen=True, gc=False):
    """What an account and its members say to each other (rule M3)."""


class MemberJoined(OfAccount, frozen=True, gc=False):
    """The customer belongs to the account from now on, in this role."""

    customer: str
    role: str | None


class MemberLeft(OfAccount, frozen=True, gc=False):
    """The customer belongs to the account no more, or was erased."""

    customer: str


class SendAsked(OfAccount, frozen=True, gc=False):
    """An account's journey asks a member for a send; its `id` names the asking from now on.

    `place` is where its instance stands; what the action's expressions gave is its `event`.
    """

    account: str
    place: Pending


class SendSettled(OfAccount, frozen=True, gc=False):
    """What became of it: `outcome` is a word of `CandidateOutcome`. `until` is when a wait of it
    ends, `sent` the command where one was written, or (`CANCELLED`) is taken back after all.
    """

    asked: str
    customer: str
    outcome: str
    until: int | None
    sent: Sent | None


class SendWithdrawn(OfAccount, frozen=True, gc=False):
    """The account's instance no longer wants it: what waits falls, what is out is taken back."""

    asked: str


AnyMessage = (
    CapacityAsked
    | CapacityUsed
    | CapacityReleased
    | CapacityGranted
    | CapacityRefused
    | IdentityAsked
    | IdentityHanded
    | Forwarded
    | AliasErased
    | AccountEvent
    | MemberJoined
    | MemberLeft
    | SendAsked
    | SendSettled
    | SendWithdrawn
    | JourneyOperated
    | PlanActivated
)
"""Those that there are."""

Input = Event | TimersDue | Message


def ids_of(key: str) -> tuple[str | None, str | None]:
    """The customer_id and the anonymous_id that a state's key stands for; an account's has none."""
    if key.startswith(CUSTOMER):
        return key[2:], None
    return None, None if key.startswith(ACCOUNT) else key[2:]


def timers_of(key: str, up_to: int) -> TimersDue:
    """The input that fires the timers of the state with this key."""
    customer, visitor = ids_of(key)
    return TimersDue(customer, visitor, up_to, account_of(key))


def account_of(key: str) -> str | None:
    """The account_id that a state's key stands for."""
    return key[2:] if key.startswith(ACCOUNT) else None
