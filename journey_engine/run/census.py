"""Who lives where, and what operators said: the live instances of an app by journey, version and
stage, and how each partition's journeys stand.
"""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from journey_engine.decide.governing_state import PartitionState
from journey_engine.decide.message import ACCOUNT, CUSTOMER, PARTITION, VISITOR
from journey_engine.decode.record import Record
from journey_engine.define.operation import Operation
from journey_engine.encode.state import decode_any_state, decode_state

_LIVING = tuple(kind.encode() for kind in (CUSTOMER, VISITOR, ACCOUNT))
_PARTITION = PARTITION.encode()

Standing = tuple[str, int, str]
"""Journey, version, stage."""


@dataclass(frozen=True, slots=True)
class Census:
    """What a changelog tells; `operations` by partition and journey, of those where something was
    ever said.
    """

    living: Counter[Standing]
    operations: dict[int, dict[str, Operation]] = field(default_factory=dict)

    def status(self, journey: str, partitions: int) -> str:
        """How the journey stands: in one word where all partitions agree."""
        said = (self.operations.get(number, {}).get(journey) for number in range(partitions))
        counts = Counter(_status(each) for each in said)
        if len(counts) == 1:
            return next(iter(counts))
        return ", ".join(f"{each} on {count}" for each, count in sorted(counts.items()))


def _status(operation: Operation | None) -> str:
    if operation is None:
        return "open"
    if operation.stopped:
        return "stopped"
    if operation.closed:
        return "closed"
    if operation.paused:
        return "paused, entries open" if operation.admits else "paused"
    return "open"


async def census(changelog: AsyncIterator[Record]) -> Census:
    """Count by the records of a changelog. States that no position followed yet are counted: it is
    a look, not a proof.
    """
    held: dict[bytes, tuple[Standing, ...]] = {}
    operations: dict[int, dict[str, Operation]] = {}
    async for record in changelog:
        key = record.key
        if key == _PARTITION:
            state = None if record.value is None else decode_any_state(record.value)
            said = state.operations if isinstance(state, PartitionState) else {}
            operations[record.partition] = dict(said)
        elif key is not None and key.startswith(_LIVING):
            instances = [] if record.value is None else decode_state(record.value).instances
            if instances:
                held[key] = tuple((one.journey, one.version, one.stage) for one in instances)
            else:
                held.pop(key, None)
    return Census(Counter(standing for each in held.values() for standing in each), operations)
