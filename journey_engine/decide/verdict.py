"""What a decision says: the next state and all that follows from it; the shell makes it last.

A class of its own and no struct: it is filled and read many times for each input, and compiled
code reaches its fields at once.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from journey_engine.decide.state import CustomerState
from journey_engine.errors import EntryOutcome, InputOutcome, RecordError

if TYPE_CHECKING:
    from journey_engine.decide.decision import Command, SendDecision, Step, Transition
    from journey_engine.decide.message import Message

_NOTHING_DROPPED: Final[Mapping[str, int]] = {}


class Decision:
    """The result of `decide`. `state` is the very object given in where nothing changed."""

    __slots__ = (
        "commands",
        "dropped",
        "entries",
        "guard_errors",
        "messages",
        "outcome",
        "rejected",
        "sends",
        "state",
        "timers_fired",
        "trace",
        "transitions",
    )

    def __init__(self, state: CustomerState, outcome: InputOutcome) -> None:
        self.state = state
        self.outcome = outcome
        self.commands: list[Command] = []
        self.transitions: list[Transition] = []
        self.sends: list[SendDecision] = []
        self.entries: list[tuple[str, EntryOutcome]] = []
        """(journey, outcome) of each entry clause that was looked at."""
        self.guard_errors: list[tuple[str, str]] = []
        """(journey, message): counted, never fatal (rule S7)."""
        self.messages: list[Message] = []
        """For states of other partitions, in order; the shell writes them to the inbox (D2)."""
        self.timers_fired: list[int] = []
        """Due times of the timers that fired, for lateness."""
        self.dropped = _NOTHING_DROPPED
        """What went over a bound and was forgotten, by name (law 6)."""
        self.rejected: RecordError | None = None
        """Set where the record belongs in the dead letters (`CONFLICT`)."""
        self.trace: list[Step] = []
