"""Whose fault it is, in closed vocabularies.

A `DefinitionError` is the author's, a `RecordError` the producer's; anything else that is raised
is ours and stops the worker. Every code below is at once exception attribute, metric label,
dead-letter header and heading in the documents (language.md, section O).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class InputOutcome(StrEnum):
    """What became of an input."""

    APPLIED = "APPLIED"
    DUPLICATE = "DUPLICATE"
    LATE = "LATE"
    BACKFILL = "BACKFILL"
    IGNORED = "IGNORED"
    ERASED = "ERASED"
    MERGED = "MERGED"


SKIPPED: Final = "SKIPPED"
"""In the outcome's place where nobody reads the event's type, so that nothing is decided (T9)."""


class DeadLetterCode(StrEnum):
    """Why a record went to the dead-letter topic."""

    SCHEMA_UNKNOWN = "SCHEMA_UNKNOWN"
    DECODE_ERROR = "DECODE_ERROR"
    INVALID = "INVALID"
    TOO_LARGE = "TOO_LARGE"
    CONFLICT = "CONFLICT"
    FUTURE = "FUTURE"
    NO_CUSTOMER = "NO_CUSTOMER"


class EntryOutcome(StrEnum):
    """What became of an entry clause that an event named."""

    ENTERED = "ENTERED"
    GUARD_FALSE = "GUARD_FALSE"
    GUARD_ERROR = "GUARD_ERROR"
    NO_KEY = "NO_KEY"
    COOLDOWN = "COOLDOWN"
    REENTRY_LIMIT = "REENTRY_LIMIT"
    ALREADY_IN = "ALREADY_IN"
    MAX_LIVE = "MAX_LIVE"
    LATE = "LATE"
    WARMING = "WARMING"
    PAUSED = "PAUSED"
    CLOSED = "CLOSED"
    STATE_LIMIT = "STATE_LIMIT"


class EndReason(StrEnum):
    """Why an instance ended."""

    GOAL = "GOAL"
    EXIT = "EXIT"
    COMPLETED = "COMPLETED"
    ABANDONED = "ABANDONED"
    SWITCHED = "SWITCHED"
    RESTARTED = "RESTARTED"
    STOPPED = "STOPPED"
    MIGRATED = "MIGRATED"
    MERGED = "MERGED"
    ERASED = "ERASED"
    QUARANTINED = "QUARANTINED"
    LOOP = "LOOP"


class CandidateOutcome(StrEnum):
    """What became of an action that was asked for: `DEFERRED` is on the way, those before the last
    four are final, these come `AFTERWARDS`.
    """

    DEFERRED = "DEFERRED"
    SENT = "SENT"
    NO_CONSENT = "NO_CONSENT"
    UNREACHABLE = "UNREACHABLE"
    HOLDOUT = "HOLDOUT"
    GUARD_FALSE = "GUARD_FALSE"
    GUARD_ERROR = "GUARD_ERROR"
    QUIET_HOURS = "QUIET_HOURS"
    CAP_REACHED = "CAP_REACHED"
    THEME_CONFLICT = "THEME_CONFLICT"
    LOWER_PRIORITY = "LOWER_PRIORITY"
    CAPACITY = "CAPACITY"
    HELD = "HELD"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"
    PAUSED = "PAUSED"
    BACKFILL = "BACKFILL"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"
    BOUNCED = "BOUNCED"
    FALLBACK = "FALLBACK"


AFTERWARDS: Final = frozenset(
    {
        CandidateOutcome.DELIVERED,
        CandidateOutcome.FAILED,
        CandidateOutcome.BOUNCED,
        CandidateOutcome.FALLBACK,
    }
)
"""What is said of a message after it was sent."""


class DeferredCause(StrEnum):
    """Why a candidate waits."""

    DELAY = "DELAY"
    QUIET_HOURS = "QUIET_HOURS"
    CAPACITY = "CAPACITY"
    ARBITRATION = "ARBITRATION"
    HELD = "HELD"
    PAUSED = "PAUSED"
    IDENTITY = "IDENTITY"


@dataclass(frozen=True, slots=True, order=True)
class DefinitionError:
    """One thing wrong in a definition, where it stands (line and column count from 1).

    `path` are the keys that lead there, with dots (`stages.waiting.transitions.0`), where it is
    known. A `warning` is told and refuses nothing.
    """

    file: str
    line: int
    column: int
    code: str
    message: str
    hint: str = ""
    path: str = ""
    warning: bool = False

    def __str__(self) -> str:
        weight = "warning" if self.warning else "error"
        text = f"{self.file}:{self.line}:{self.column}: {weight}[{self.code}]: {self.message}"
        return f"{text}\n  hint: {self.hint}" if self.hint else text


class DefinitionErrors(Exception):  # noqa: N818 - it carries all of them, hence the plural
    """All that is wrong in a set of definitions, sorted by file and place."""

    def __init__(self, errors: list[DefinitionError]) -> None:
        self.errors = sorted(errors)
        super().__init__("\n".join(str(error) for error in self.errors))


class RecordError(Exception):
    """A record that a producer got wrong; its bytes go untouched to the dead-letter topic."""

    def __init__(self, code: DeadLetterCode, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(f"{code}: {message}")
