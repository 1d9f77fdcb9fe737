"""What the tasks of all partitions share."""

from dataclasses import dataclass

from journey_engine.decode.decode import Reader
from journey_engine.define.plan import Plan
from journey_engine.run.merge import DEFAULT_BUFFERS, BufferLimits
from journey_engine.run.states import CACHED_STATES


@dataclass(frozen=True, slots=True)
class Wiring:
    """What all partitions of a worker share. `inbox` None: there is none (replay)."""

    plan: Plan
    reader: Reader
    inputs: tuple[str, ...]
    inbox: str | None
    partitions: int
    buffers: BufferLimits = DEFAULT_BUFFERS
    cached_states: int = CACHED_STATES
