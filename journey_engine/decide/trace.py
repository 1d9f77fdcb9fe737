"""What a decision looked at, for explanations."""

from collections.abc import Mapping
from typing import Final

from journey_engine.define.expression import Scope

_NOTHING: Final[Mapping[tuple[str, str], str]] = {}


class Step:
    """One thing looked at; `what` is a word of `explain.SENTENCES`.

    `scope` is kept, not its values: an explanation reads the operands from it when somebody asks,
    and nobody pays before. No struct, for one is made for each guard that is asked.
    """

    __slots__ = ("clause", "journey", "key", "outcome", "reads", "scope", "what")

    def __init__(
        self,
        what: str,
        journey: str = "",
        key: str | None = None,
        clause: str = "",
        outcome: str = "",
        reads: Mapping[tuple[str, str], str] = _NOTHING,
        scope: Scope | None = None,
    ) -> None:
        self.what: Final = what
        self.journey: Final = journey
        self.key: Final = key
        self.clause: Final = clause
        self.outcome: Final = outcome
        self.reads: Final = reads
        self.scope: Final = scope
