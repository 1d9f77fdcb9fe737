"""A changelog of many customers, as workers leave one, written in bulk."""

import random
import struct
from collections.abc import Iterator

from aiokafka import AIOKafkaProducer

from journey_engine.decide.state import CustomerState, Written
from journey_engine.decode.partition import partition_of
from journey_engine.encode.position import POSITION_KEY, Position, encode_position
from journey_engine.encode.state import encode_state
from journey_engine.run.settings import Settings

STATE_BYTES = 400
FLUSH = 500
"""States between two position records."""
START_MS = 1_767_225_600_000
SPREAD_MS = 30 * 86_400_000
"""Over which the timers lie: each customer has one."""
_HEADER = struct.Struct(">BBq")


def state_bytes(chance: random.Random) -> bytes:
    """A state of `STATE_BYTES` or so, with a timer in its header."""
    traits = {"note": Written(chance.randbytes(170).hex(), START_MS, "e1")}
    body = encode_state(CustomerState(traits=traits))[_HEADER.size :]
    return _HEADER.pack(1, 1, START_MS + chance.randrange(SPREAD_MS)) + body


def states(customers: int, seed: int = 1) -> Iterator[tuple[bytes, bytes]]:
    """Keys and states, in a random order of customers."""
    chance = random.Random(seed)
    numbers = list(range(customers))
    chance.shuffle(numbers)
    for number in numbers:
        yield b"c:customer-%09d" % number, state_bytes(chance)


class _Lane:
    """One partition's open batch."""

    def __init__(self) -> None:
        self.pending: list[tuple[bytes, bytes]] = []
        self.flush = 0


async def fill(settings: Settings, topic: str, partitions: int, customers: int) -> int:
    """Write the states of so many customers, each flush ended by its position; the records."""
    producer = AIOKafkaProducer(**settings.clients(), acks="all", max_batch_size=512 * 1024)
    await producer.start()
    lanes = [_Lane() for _ in range(partitions)]
    written = 0
    try:
        for key, value in states(customers):
            number = partition_of(key[2:], partitions)
            lane = lanes[number]
            lane.pending.append((key, value))
            if len(lane.pending) == FLUSH:
                written += await _flush(producer, topic, number, lane)
        for number, lane in enumerate(lanes):
            written += await _flush(producer, topic, number, lane)
    finally:
        await producer.stop()
    return written


async def _flush(producer: AIOKafkaProducer, topic: str, number: int, lane: _Lane) -> int:
    lane.flush += 1
    position = encode_position(Position({}, "bench", START_MS, lane.flush))
    records = [*lane.pending, (POSITION_KEY, position)]
    lane.pending = []
    batch = producer.create_batch()
    for key, value in records:
        batch.append(key=key, value=value, timestamp=None)
    batch.close()
    await producer.send_batch(batch, topic, partition=number)
    return len(records)
