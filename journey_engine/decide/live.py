"""An instance while a step works on it."""

from typing import TYPE_CHECKING, Final

from msgspec.structs import astuple

from journey_engine.decide.packed import pack
from journey_engine.decide.state import (
    Exposure,
    Instance,
    PatternState,
    Sent,
    Timer,
    unpack_sent,
)

if TYPE_CHECKING:
    from msgspec import Raw

    from journey_engine.decide.decision import Experiment
    from journey_engine.decide.event import Origin
    from journey_engine.define.expression import Value
    from journey_engine.errors import EndReason

_fields: Final = astuple
"""All at once: to ask a struct for each of them takes much longer."""


class Live:
    """An instance while a step works on it."""

    __slots__ = (
        "_sent",
        "cause",
        "context",
        "drawn",
        "ended",
        "entered_at",
        "entry_no",
        "exposed",
        "idle",
        "journey",
        "key",
        "milestones",
        "packed_sent",
        "patterns",
        "reached_at",
        "runs",
        "stage",
        "stage_entered_at",
        "timers",
        "version",
        "visits",
    )

    def __init__(self, instance: Instance) -> None:
        self.journey: str
        self.version: int
        self.key: str | None
        self.entry_no: int
        self.entered_at: int
        self.stage: str
        self.stage_entered_at: int
        self.reached_at: int
        self.cause: Origin
        self.context: dict[str, Value]
        self.visits: dict[str, int]
        self.runs: dict[str, int]
        self.timers: list[Timer]
        self.packed_sent: Raw | None
        self.exposed: list[Exposure]
        self.milestones: list[str]
        self.idle: list[int]
        self.patterns: dict[str, PatternState]
        (
            self.journey,
            self.version,
            self.key,
            self.entry_no,
            self.entered_at,
            self.stage,
            self.stage_entered_at,
            self.reached_at,
            self.cause,
            self.context,
            self.visits,
            self.runs,
            self.timers,
            self.packed_sent,
            self.exposed,
            self.milestones,
            self.idle,
            self.patterns,
        ) = _fields(instance)
        self._sent: list[Sent] | None = None
        """None until somebody asks; newer than `packed_sent` where that is None."""
        self.ended: EndReason | None = None
        self.drawn: Experiment | None = None
        """Of the split that decides its next record."""

    @property
    def exposure(self) -> Exposure | None:
        """The experiment that it went through last."""
        return self.exposed[-1] if self.exposed else None

    @property
    def sent(self) -> list[Sent]:
        """The last commands, oldest first."""
        if self._sent is None:
            self._sent = [] if self.packed_sent is None else unpack_sent(self.packed_sent)
        return self._sent

    @sent.setter
    def sent(self, sent: list[Sent]) -> None:
        self._sent = sent
        self.packed_sent = None

    @property
    def visit(self) -> int:
        """How often it has come to the stage where it stands."""
        return self.visits.get(self.stage, 0)

    def frozen(self) -> Instance:
        """The instance as it is now."""
        return Instance(
            self.journey,
            self.version,
            self.key,
            self.entry_no,
            self.entered_at,
            self.stage,
            self.stage_entered_at,
            self.reached_at,
            self.cause,
            self.context,
            self.visits,
            self.runs,
            self.timers,
            pack(self.sent) if self.packed_sent is None else self.packed_sent,
            self.exposed,
            self.milestones,
            self.idle,
            self.patterns,
        )
