"""What a decision says: the next state and all that follows from it; the shell makes it last.

A class of its own and no struct: it is filled and read many times for each input, and compiled
code reaches its fields at once.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from journey_engine.decide.decision import Command, SendDecision, Transition
from journey_engine.decide.due import UNKNOWN
from journey_engine.decide.message import Message
from journey_engine.decide.state import CustomerState
from journey_engine.errors import EntryOutcome, InputOutcome, RecordError

if TYPE_CHECKING:
    from journey_engine.decide.trace import Step

_NOTHING_DROPPED: Final[Mapping[str, int]] = {}


class Decision:
    """The result of `decide`. `state` is the very object given in where nothing changed."""

    __slots__ = (
        "_commands",
        "_guard_errors",
        "_messages",
        "_sends",
        "_timers_fired",
        "_transitions",
        "acted",
        "dropped",
        "due",
        "entries",
        "outcome",
        "rejected",
        "state",
        "trace",
    )

    def __init__(self, state: CustomerState, outcome: InputOutcome) -> None:
        self.state = state
        self.outcome = outcome
        self.due: int | None = UNKNOWN
        """When something of `state` is due next, as `next_due` says, where that was found out."""
        self.entries: list[tuple[str, EntryOutcome]] = []
        """(journey, outcome) of each entry clause that was looked at."""
        self.dropped = _NOTHING_DROPPED
        """What went over a bound and was forgotten, by name (law 6)."""
        self.rejected: RecordError | None = None
        """Set where the record belongs in the dead letters (`CONFLICT`)."""
        self.trace: list[Step] = []
        self.acted = False
        """Whether one of the lists below was asked for: most decisions leave all of them empty."""
        self._commands: list[Command] | None = None
        self._transitions: list[Transition] | None = None
        self._sends: list[SendDecision] | None = None
        self._guard_errors: list[tuple[str, str]] | None = None
        self._messages: list[Message] | None = None
        self._timers_fired: list[int] | None = None

    @property
    def commands(self) -> list[Command]:
        """In order."""
        if self._commands is None:
            self._commands = []
            self.acted = True
        return self._commands

    @property
    def transitions(self) -> list[Transition]:
        """In order."""
        if self._transitions is None:
            self._transitions = []
            self.acted = True
        return self._transitions

    @property
    def sends(self) -> list[SendDecision]:
        """What became of candidates, in order."""
        if self._sends is None:
            self._sends = []
            self.acted = True
        return self._sends

    @property
    def guard_errors(self) -> list[tuple[str, str]]:
        """(journey, message): counted, never fatal (rule S7)."""
        if self._guard_errors is None:
            self._guard_errors = []
            self.acted = True
        return self._guard_errors

    @property
    def messages(self) -> list[Message]:
        """For states of other partitions, in order; the shell writes them to the inbox (D2)."""
        if self._messages is None:
            self._messages = []
            self.acted = True
        return self._messages

    @property
    def timers_fired(self) -> list[int]:
        """Due times of the timers that fired, for lateness."""
        if self._timers_fired is None:
            self._timers_fired = []
            self.acted = True
        return self._timers_fired
