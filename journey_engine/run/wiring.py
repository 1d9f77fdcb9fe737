"""What the tasks of all partitions share."""

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from journey_engine.decode.decode import Reader
from journey_engine.define.plan import Plan
from journey_engine.run.merge import DEFAULT_BUFFERS, BufferLimits
from journey_engine.run.states import StateCache


class Definition(NamedTuple):
    """A plan, and what decodes its events."""

    plan: Plan
    reader: Reader


class Catalogue(Protocol):
    """The definitions that were published."""

    def find(self, plan_hash: str) -> Definition | None:
        """Those of this hash; None where they are not known (yet)."""
        ...


@dataclass(frozen=True, slots=True)
class Wiring:
    """What all partitions of a worker share. `inbox` None: there is none (replay)."""

    plan: Plan
    reader: Reader
    inputs: tuple[str, ...]
    inbox: str | None
    partitions: int
    buffers: BufferLimits = DEFAULT_BUFFERS
    states: StateCache = field(default_factory=StateCache)
    catalogue: Catalogue | None = None
    """Other definitions that may be activated; None: `plan` is in force whatever is said (V2)."""
