"""What a user of stock Faust writes for exactly once: an agent, a Table, one output for each event.

The output says which input it answers and the customer's count so far, so that a checker can tell
what was lost, done twice, or counted on a wrong state.
"""

import os
import sys

import faust

from journey_engine.run.settings import load

settings = load()
app = faust.App(
    settings.app_id,
    broker=f"kafka://{settings.brokers[0]}",
    store="rocksdb://",
    datadir=str(settings.data_dir),
    processing_guarantee="exactly_once",
    topic_partitions=8,
    topic_disable_leader=True,
    web_port=settings.web_port,
    web_bind="127.0.0.1",
    broker_session_timeout=settings.session_timeout_s,
    broker_heartbeat_interval=1.0,
    broker_commit_interval=0.5,
    table_standby_replicas=0,
)
raw = {"key_type": bytes, "value_type": bytes, "key_serializer": "raw", "value_serializer": "raw"}
prefix = settings.topic_prefix
inputs = app.topic(*(f"{prefix}interactions.{name}.v1" for name in ("web", "app", "email")), **raw)
answers = app.topic(f"{prefix}commands.email.v1", **raw)
counts = app.Table(
    "counts",
    default=int,
    schema=faust.Schema(key_type=bytes, key_serializer="raw", value_serializer="json"),
)


@app.agent(inputs)
async def count(stream):  # noqa: ANN001, ANN201 - Faust's own, untyped
    async for event in stream.events():
        message, key = event.message, event.key or b"nobody"
        counts[key] += 1
        place = f"{message.topic} {message.partition} {message.offset} {counts[key]}"
        await answers.send(key=key, value=place.encode(), partition=message.partition)


if __name__ == "__main__":
    os.makedirs(settings.data_dir, exist_ok=True)  # noqa: PTH103 - as its users write it
    sys.argv = ["faust", "worker", "-l", "warn"]
    app.main()
