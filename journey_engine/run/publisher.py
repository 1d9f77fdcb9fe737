"""Sending prepared records to their topics, as they are and in their order."""

from collections.abc import Iterable
from itertools import islice

from journey_engine.decode.record import Record
from journey_engine.run.producers import Output
from journey_engine.run.producing import Message

BATCH_RECORDS = 5_000
"""Records sent before the next acknowledgement is waited for."""


async def publish(
    output: Output,
    records: Iterable[Record],
    *,
    prefix: str = "",
    keep_times: bool = True,
) -> int:
    """Send records with partition and headers as given; how many.

    The order within each partition of each topic is kept. Without `keep_times` a record bears the
    time of its sending, as a live channel's does.

    Raises:
        KafkaError: a batch was not acknowledged.
    """
    remaining, sent = iter(records), 0
    while chunk := list(islice(remaining, BATCH_RECORDS)):
        places: dict[tuple[str, int], list[Message]] = {}
        for record in chunk:
            at = record.timestamp if keep_times else None
            message = Message(record.key, record.value, record.headers, at)
            places.setdefault((prefix + record.topic, record.partition), []).append(message)
        for (topic, partition), messages in places.items():
            await output.write(topic, partition, messages)
        sent += len(chunk)
    return sent
