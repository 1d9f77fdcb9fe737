"""The bench job as Faust's own tutorials would write it: an agent, a Table, a topic to send to.

Avro in and out with fastavro; state in RocksDB with a changelog. A Table may only be written while
an event is handled, so an idle customer's timer fires with the next event of that customer.
"""

import io
import os
import sys

import fastavro
import faust

from tests.bench.peers.journey import FRAME_BYTES, command, readers
from tests.bench.rules import take

EVENTS = readers()
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
    table_standby_replicas=0,
)
raw = {"key_type": bytes, "value_type": bytes, "key_serializer": "raw", "value_serializer": "raw"}
events = app.topic(INPUT, **raw)
commands = app.topic(os.environ["BENCH_COMMANDS"], **raw)
customers = app.Table(
    "customers",
    default=dict,
    schema=faust.Schema(key_type=bytes, key_serializer="raw", value_serializer="json"),
)


@app.agent(events)
async def shop(stream):
    async for key, value in stream.items():
        known = EVENTS.get(value[:FRAME_BYTES])
        if known is None:
            continue
        kind, parsed = known
        event = fastavro.schemaless_reader(io.BytesIO(value[FRAME_BYTES:]), parsed, None)
        at = int(event["occurred_at"].timestamp() * 1000)
        state = dict(customers[key])
        for move in take(state, kind, at, event.get("total")):
            await commands.send(key=key, value=command(event, move, INPUT))
        customers[key] = state


if __name__ == "__main__":
    sys.argv = ["faust", "worker", "-l", "warn"]
    app.main()
