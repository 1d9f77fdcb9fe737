"""The bench job on Quix Streams: a stateful function over a stream, its state in RocksDB with a
changelog, at least once.

Quix has no timers: an idle customer's fires with the next event of that customer.
"""

import io
import os

import fastavro
from quixstreams import Application

from tests.bench.peers.journey import FRAME_BYTES, command, readers
from tests.bench.rules import take

EVENTS = readers(logical=False)
INPUT = os.environ["BENCH_INPUT"]

app = Application(
    broker_address=os.environ["BENCH_BROKER"],
    consumer_group=os.environ["BENCH_APP"],
    auto_offset_reset="earliest",
    processing_guarantee="at-least-once",
    state_dir=os.environ["BENCH_DATA"],
    commit_interval=0.5,
    auto_create_topics=True,
    loglevel="WARNING",
)
events = app.topic(INPUT, key_deserializer="bytes", value_deserializer="bytes")
commands = app.topic(os.environ["BENCH_COMMANDS"], key_serializer="bytes", value_serializer="bytes")


def shop(value, state):
    """The commands that an event brings about."""
    known = EVENTS.get(value[:FRAME_BYTES])
    if known is None:
        return []
    kind, parsed = known
    event = fastavro.schemaless_reader(io.BytesIO(value[FRAME_BYTES:]), parsed, None)
    kept = state.get("customer") or {}
    moves = take(kept, kind, event["occurred_at"], event.get("total"))
    state.set("customer", kept)
    return [command(event, move, INPUT) for move in moves]


if __name__ == "__main__":
    app.dataframe(events).apply(shop, stateful=True, expand=True).to_topic(commands)
    app.run()
