"""Who lives where: the live instances of an app by journey, version and stage."""

from collections import Counter
from collections.abc import AsyncIterator

from journey_engine.decide.message import ACCOUNT, CUSTOMER, VISITOR
from journey_engine.decode.record import Record
from journey_engine.encode.state import decode_state

_LIVING = tuple(kind.encode() for kind in (CUSTOMER, VISITOR, ACCOUNT))

Standing = tuple[str, int, str]
"""Journey, version, stage."""


async def census(changelog: AsyncIterator[Record]) -> Counter[Standing]:
    """Count the instances by the records of a changelog. States that no position followed yet are
    counted: it is a look, not a proof.
    """
    held: dict[bytes, tuple[Standing, ...]] = {}
    async for record in changelog:
        key = record.key
        if key is None or not key.startswith(_LIVING):
            continue
        instances = [] if record.value is None else decode_state(record.value).instances
        if instances:
            held[key] = tuple((one.journey, one.version, one.stage) for one in instances)
        else:
            held.pop(key, None)
    return Counter(standing for each in held.values() for standing in each)
