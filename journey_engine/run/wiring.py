"""What the tasks of all partitions share."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from journey_engine.decode.decode import Reader
from journey_engine.define.plan import Plan
from journey_engine.run.merge import DEFAULT_BUFFERS, BufferLimits
from journey_engine.run.states import StateCache
from journey_engine.schemas import RegistryId


class Definition(NamedTuple):
    """A plan, and what decodes its events."""

    plan: Plan
    reader: Reader


class Catalogue(Protocol):
    """The definitions that were published."""

    def find(self, plan_hash: str) -> Definition | None:
        """Those of this hash; None where they are not known (yet), or cannot be run here."""
        ...


class Ids(Protocol):
    """A Schema Registry, asked off the data plane: what an id stands for is in
    `Schemas.by_registry_id` once it has told.
    """

    def want(self, schema_id: RegistryId) -> None:
        """Have it asked for an id; no matter how often."""
        ...

    def trouble(self) -> str | None:
        """Why partitions wait for it; None while none has reason to."""
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
    cluster: str = ""
    """The id of the Kafka cluster that positions are noted of; "": of any."""
    registry: Ids | None = None
    """None: a record that names its schema by a registry's id is a dead letter."""
    waiting: dict[int, str] = field(default_factory=dict)
    """By partition the hash of the definitions that it cannot go on without."""

    def waits(self, partitions: Collection[int]) -> str | None:
        """Why these partitions wait for definitions, or any for the registry; None: they do not."""
        waiting = {p: self.waiting[p] for p in sorted(partitions) if p in self.waiting}
        if waiting:
            told = "; ".join(f"{p} for {plan_hash[:12]}" for p, plan_hash in waiting.items())
            return f"partitions that wait for definitions: {told}"
        return None if self.registry is None else self.registry.trouble()
