"""The records that follow from a decision.

The shell produces and logs them; nothing here is done yet. They mirror `schemas/*.avsc`.
Times are milliseconds since the epoch.
"""

from collections.abc import Mapping

import msgspec

from journey_engine.decide.event import Origin
from journey_engine.define.expression import Value
from journey_engine.errors import (
    CandidateOutcome,
    DeferredCause,
    EndReason,
    EntryOutcome,
)


class JourneyRef(msgspec.Struct, frozen=True, gc=False):
    """The place in a journey from which a command came."""

    name: str
    version: int
    key: str | None
    stage: str
    entry_no: int


class Experiment(msgspec.Struct, frozen=True, gc=False):
    """The experiment that decided something, or that its instance went through (rule J3)."""

    id: str
    arm: str
    propensity: float
    """Share of the arm when it was drawn, 0 to 1."""
    contaminated: bool
    """Another arm was drawn for the same person, too."""


class Command(msgspec.Struct, frozen=True, gc=False):
    """What a channel is asked to do (contracts, Command). `action` is a word of
    `ActionKind`, or CANCEL.
    """

    command_id: str
    action: str
    send_id: str
    attempt: int
    channel: str
    customer_id: str | None
    anonymous_id: str | None
    content: str
    data: Mapping[str, Value]
    theme: str | None
    purpose: str
    priority: int
    created_at: int
    not_before: int
    not_after: int | None
    cancels: str | None
    journey: JourneyRef
    causation: Origin
    decision_id: str
    reply_to: str | None = None
    slot: str | None = None
    team: str | None = None
    op: str | None = None
    ack_by: int | None = None
    due_at: int | None = None
    linked: bool = False
    """Whether a timer decided it: the trace of its cause is then linked, not carried on."""
    experiment: Experiment | None = None
    """The last one that its instance had gone through when the send was asked for."""
    account_id: str | None = None
    """The account whose journey it came from (rule M3)."""


class Transition(msgspec.Struct, frozen=True, gc=False):
    """An entry (`from_stage` None), a stage change, a milestone, or an end (`to_stage` None)."""

    customer_id: str | None
    anonymous_id: str | None
    journey: str
    version: int
    key: str | None
    entry_no: int
    from_stage: str | None
    to_stage: str | None
    trigger: str
    """The event's type, or a trigger: `milestone after not_followed_by always when choose split
    abandon`."""
    end: EndReason | None
    label: str | None
    """The author's: goal's name, exit's reason, `outcome`; goal and exit at once: `goal+exit`."""
    occurred_at: int
    logged_at: int
    due_at: int | None
    macro_stage: str | None
    causation: Origin
    context_hash: str | None = None
    experiment: Experiment | None = None
    """Of the split that decided it."""
    milestone: str | None = None
    """The milestone reached: then `from_stage` and `to_stage` are the stage it was reached in."""
    switch_to: str | None = None
    """The journey into which the exit led."""
    refused: EntryOutcome | None = None
    """Why that journey did not take the customer."""
    account_id: str | None = None
    """The account whose journey it is (rule M3): then it is no customer's."""


class SendDecision(msgspec.Struct, frozen=True, gc=False):
    """A candidate's outcome."""

    decision_id: str
    customer_id: str | None
    anonymous_id: str | None
    journey: str
    version: int
    key: str | None
    entry_no: int
    send_id: str
    attempt: int
    command_id: str
    outcome: CandidateOutcome
    cause: DeferredCause | None
    until: int | None
    channels_tried: tuple[str, ...]
    decided_at: int
    definition_hash: str
    trace: tuple[str, ...]
    """The compact trace: one short line for each rule that was asked, in order. Where it was
    refused, the last one is the rule that did it.
    """
    rank: int | None = None
    """Its place among the candidates of the instant, from 1 (rule C5)."""
    score: float | None = None
    rivals: tuple[str, ...] = ()
    """The best of those that it was ranked with, as `journey/send`."""
    account_id: str | None = None
    """The account whose journey it came from (rule M3)."""
    causation: Origin | None = None
    """The input that asked for it."""
