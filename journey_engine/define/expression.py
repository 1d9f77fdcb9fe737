"""What a checked expression is, and what it may read when it is evaluated.

Nothing here knows YAML or CEL. Times are milliseconds. A `Scope` is what a guard may read (rule
I8).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from journey_engine.define.checked import Node

Value = bool | int | float | str | None | list["Value"] | Mapping[str, "Value"]
"""What an expression yields. Timestamps and durations are int milliseconds. A mapping is the
message of a feature with several fields, of which an expression reads one.
"""


class EvaluationError(Exception):
    """An expression has no value for this input (rule S7); the message names the cause, and no
    value, which may be personal.
    """


class Warming(Exception):  # noqa: N818 - a state of the feature, not a fault
    """A feature was read before its `warm_up` has passed (rule K3)."""


class Scope(Protocol):
    """One snapshot of all that a guard may read (rules S2, I8).

    Mappings hold plain values; a missing key is an absent field, `None` a null.
    """

    @property
    def event(self) -> Mapping[str, Value]:
        """The input's fields; empty for a timer."""
        ...

    @property
    def customer(self) -> Mapping[str, Value]:
        """Traits, null where unknown or no longer valid."""
        ...

    @property
    def instance(self) -> Mapping[str, Value]:
        """Context by name, `entered_at`; empty at entry."""
        ...

    @property
    def features(self) -> Mapping[str, Value]:
        """Feature values at the input's time; `<name>.complete` beside them."""
        ...

    @property
    def milestones(self) -> Mapping[str, Value]:
        """Whether each milestone is reached; `missing`, the names of the others; empty at entry."""
        ...

    @property
    def stage_entered_at(self) -> int:
        """When the present stage was entered."""
        ...

    @property
    def now(self) -> int:
        """The partition's clock."""
        ...

    def consent(self, purpose: str, channel: str) -> bool:
        """Whether the purpose may use the channel."""
        ...

    def reachable(self, channel: str) -> bool:
        """Whether an address is known for the channel."""
        ...

    def changed(self, trait: str) -> bool:
        """Whether this input changed the trait."""
        ...

    def in_journey(self, name: str) -> bool:
        """Whether an instance of the journey is live."""
        ...

    def visits(self, stage: str) -> int:
        """How often this instance entered the stage."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Expression:
    """A checked CEL expression, compiled to a closure.

    `evaluate` raises `EvaluationError` where CEL yields an error, and `Warming` (rule K3); nothing
    else. `reads` are the kinds of what is read by its path, such as `("event", "total")`. `kind` is
    the CEL type's name (`bool int double string timestamp duration null`, or a list of one:
    `list<string>`). `tree` is what was checked, for those who ask what would make it true.
    """

    text: str
    kind: str
    reads: Mapping[tuple[str, str], str]
    evaluate: Callable[[Scope], Value]
    tree: "Node | None" = None
