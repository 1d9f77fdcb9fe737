"""The bench job on Faust as far as its own settings lead: uvloop, no monitor, no log records, large
buffers and batches, sends that nobody waits for, no dates made of times, states as MessagePack.
"""

import io
import logging
import os
import sys
from typing import ClassVar

import fastavro
import faust
import msgspec
import uvloop
from faust.sensors import Sensor
from faust.types import TP

from tests.bench.peers.journey import FRAME_BYTES, command, readers
from tests.bench.rules import take

logging.disable(logging.INFO)
uvloop.install()


class Unmonitored(Sensor):
    """Counts nothing for each event, but has what Faust calls of its monitor."""

    stream_inbound_time: ClassVar[dict[TP, float]] = {}
    """Asked for by the watch over partitions that lag behind what was fetched; it may be empty."""

    def track_tp_end_offset(self, *_):
        """Nothing."""

    def on_tp_commit(self, *_):
        """Nothing."""


EVENTS = readers(logical=False)
INPUT = os.environ["BENCH_INPUT"]

app = faust.App(
    os.environ["BENCH_APP"],
    broker=f"kafka://{os.environ['BENCH_BROKER']}",
    store="rocksdb://",
    datadir=os.environ["BENCH_DATA"],
    topic_partitions=int(os.environ["BENCH_PARTITIONS"]),
    topic_disable_leader=True,
    web_enabled=False,
    broker_session_timeout=6.0,
    broker_heartbeat_interval=1.0,
    broker_commit_interval=0.5,
    broker_max_poll_records=4_000,
    broker_check_crcs=False,
    consumer_max_fetch_size=4 * 1024 * 1024,
    producer_linger=0.02,
    producer_max_batch_size=1024 * 1024,
    stream_buffer_maxsize=16_384,
    stream_wait_empty=False,
    table_standby_replicas=0,
    Monitor=Unmonitored,
)
raw = {"key_type": bytes, "value_type": bytes, "key_serializer": "raw", "value_serializer": "raw"}
events = app.topic(INPUT, **raw)
commands = app.topic(os.environ["BENCH_COMMANDS"], **raw)
customers = app.Table("customers", key_type=bytes, value_type=bytes, schema=faust.Schema(**raw))
encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder().decode


@app.agent(events)
async def shop(stream):
    async for event in stream.events():
        key, value = event.key, event.value
        known = EVENTS.get(value[:FRAME_BYTES])
        if known is None:
            continue
        kind, parsed = known
        fields = fastavro.schemaless_reader(io.BytesIO(value[FRAME_BYTES:]), parsed, None)
        kept = customers.get(key)
        state = {} if kept is None else decode(kept)
        for move in take(state, kind, fields["occurred_at"], fields.get("total")):
            commands.send_soon(
                key=key, value=command(fields, move, INPUT), partition=event.message.partition
            )
        customers[key] = encode(state)


if __name__ == "__main__":
    sys.argv = ["faust", "worker", "-l", "warn"]
    app.main()
