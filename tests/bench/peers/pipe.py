"""The raw pipe: aiokafka and the project's own Avro codec. An event is read, a command written, and
nothing decided; offsets are committed when the commands are acknowledged: at least once.

`BENCH_BATCHES`: whole batches are built and sent, else each record by itself. `BENCH_PROJECTED`:
only the fields that the job reads are made, else all.
"""

import asyncio
import contextlib
import os
import signal
import time

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import TopicPartition

from journey_engine.avro.reading import body_reader
from journey_engine.decide.decision import Command, JourneyRef
from journey_engine.decide.event import Origin
from journey_engine.decode.frame import BODY_OF_SINGLE_OBJECT, SINGLE_OBJECT
from journey_engine.encode.outgoing import framed
from journey_engine.run.definitions import load_schemas
from journey_engine.run.garbage import collected_rarely
from tests.bench.site import ROOT

ENVIRON = os.environ
INPUT, COMMANDS = ENVIRON["BENCH_INPUT"], ENVIRON["BENCH_COMMANDS"]
SCHEMAS = load_schemas(ROOT / "schemas")
SHARED = ("event_id", "customer_id", "occurred_at")
COMMIT_S = 0.1
RECORDS = 4_000
BATCH_BYTES = 512 * 1024


def readers(*, projected):
    """By frame how to read the body."""
    found = {}
    for fingerprint, schema in SCHEMAS.by_fingerprint.items():
        fields = [name for name in schema.fields if name not in SHARED]
        kept = [name for name in fields if name == "total"] if projected else fields
        found[SINGLE_OBJECT + fingerprint] = body_reader(schema.wire, None, SHARED, kept)
    return found


REFERENCE = JourneyRef("bench", 1, None, "browsing", 1)


def command(record, reads):
    """An event's bytes to a command's."""
    value = record.value
    event_id, customer, at, *_ = reads[value[:BODY_OF_SINGLE_OBJECT]](value, BODY_OF_SINGLE_OBJECT)
    cause = Origin(event_id, INPUT, record.partition, record.offset)
    made = Command(
        command_id="00000000-0000-5000-8000-000000000000",
        action="SEND",
        send_id="browse",
        attempt=0,
        channel="email",
        customer_id=customer,
        anonymous_id=None,
        content="bench-browsing",
        data={},
        theme=None,
        purpose="service",
        priority=50,
        created_at=at,
        not_before=at,
        not_after=None,
        cancels=None,
        journey=REFERENCE,
        causation=cause,
        decision_id="00000000-0000-5000-8000-000000000000",
    )
    return framed("Command", made, SCHEMAS)


async def send_each(producer, place, records, reads):
    """One by one; what will say that they are acknowledged."""
    return [
        await producer.send(
            COMMANDS, command(record, reads), key=record.key, partition=place.partition
        )
        for record in records
    ]


async def send_batches(producer, place, records, reads):
    """As `send_each`, a partition's records together."""
    sent, batch = [], producer.create_batch()
    for record in records:
        value = command(record, reads)
        if batch.append(key=record.key, value=value, timestamp=None) is None:
            batch.close()
            sent.append(await producer.send_batch(batch, COMMANDS, partition=place.partition))
            batch = producer.create_batch()
            batch.append(key=record.key, value=value, timestamp=None)
    batch.close()
    sent.append(await producer.send_batch(batch, COMMANDS, partition=place.partition))
    return sent


async def pump(consumer, producer, stopped):
    reads = readers(projected=ENVIRON["BENCH_PROJECTED"] == "true")
    send = send_batches if ENVIRON["BENCH_BATCHES"] == "true" else send_each
    offsets, sent, committed_at = {}, [], time.monotonic()
    while not stopped.is_set():
        polled = await consumer.getmany(timeout_ms=100, max_records=RECORDS)
        for place, records in polled.items():
            sent += await send(producer, place, records, reads)
            offsets[place] = records[-1].offset + 1
        if offsets and time.monotonic() - committed_at >= COMMIT_S:
            await asyncio.gather(*sent)
            await consumer.commit(offsets)
            offsets, sent, committed_at = {}, [], time.monotonic()


async def main():
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    broker = ENVIRON["BENCH_BROKER"]
    consumer = AIOKafkaConsumer(
        bootstrap_servers=broker,
        group_id=ENVIRON["BENCH_APP"],
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=4 * 1024 * 1024,
        fetch_max_wait_ms=50,
    )
    producer = AIOKafkaProducer(
        bootstrap_servers=broker, acks="all", linger_ms=5, max_batch_size=BATCH_BYTES
    )
    async with contextlib.AsyncExitStack() as clients:
        await clients.enter_async_context(consumer)
        await clients.enter_async_context(producer)
        consumer.assign([TopicPartition(INPUT, n) for n in range(int(ENVIRON["BENCH_PARTITIONS"]))])
        with collected_rarely():
            await pump(consumer, producer, stopped)


if __name__ == "__main__":
    asyncio.run(main())
