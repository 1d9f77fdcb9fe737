"""The bench job as Faust's own tutorials would write it: an agent, a Table, a topic to send to.

Same events, same three stages, feature, timer and commands as `tests/bench/topologies`; Avro in
and out with fastavro; state in RocksDB with a changelog. An idle customer's timer is left out (a
Table may only be written while an event is handled), which spares this side some work.
"""

import io
import os
import sys
import uuid
from pathlib import Path

import fastavro
import faust

SCHEMAS = Path(__file__).parents[3] / "schemas"
HOUR_MS = 3_600_000
VIEWS_KEPT = 64


def schema(path: str) -> dict:
    return fastavro.parse_schema(fastavro.schema.load_schema(SCHEMAS / path))


def framing(parsed: dict) -> bytes:
    text = fastavro.schema.to_parsing_canonical_form(parsed)
    crc = fastavro.schema.fingerprint(text, "CRC-64-AVRO")
    return b"\xc3\x01" + int(crc, 16).to_bytes(8, "big")


EVENTS = {
    framing(parsed): (name, parsed)
    for name in ("ProductViewed", "CartUpdated", "OrderPlaced")
    for parsed in [schema(f"events/{name}/1.avsc")]
}
COMMAND = schema("Command.avsc")
COMMAND_FRAME = framing(COMMAND)

app = faust.App(
    os.environ["BENCH_APP"],  # noqa: TID251 - the bench gives each run a name of its own
    broker=f"kafka://{os.environ['BENCH_BROKER']}",  # noqa: TID251
    store="rocksdb://",
    datadir=os.environ["BENCH_DATA"],  # noqa: TID251
    topic_partitions=4,
    topic_disable_leader=True,
    web_enabled=False,
    broker_session_timeout=6.0,
    broker_heartbeat_interval=1.0,
    broker_commit_interval=0.5,
    table_standby_replicas=0,
)
raw = {"key_type": bytes, "value_type": bytes, "key_serializer": "raw", "value_serializer": "raw"}
events = app.topic("interactions.web.v1", **raw)
commands = app.topic("commands.email.v1", **raw)
customers = app.Table(
    "customers",
    default=dict,
    schema=faust.Schema(key_type=bytes, key_serializer="raw", value_serializer="json"),
)


def moved(state: dict, kind: str, event: dict) -> str | None:
    """The next stage, or None; changes the state's feature and timer."""
    at = event["occurred_at"]
    stage = state.get("stage")
    if stage == "engaged" and state["due"] <= at:
        stage = state["stage"] = "browsing"
    views = [v for v in state.get("views", []) if v > at - HOUR_MS]
    if kind == "ProductViewed":
        views = [*views, at][-VIEWS_KEPT:]
    state["views"] = views
    if stage is None:
        return "browsing" if kind == "ProductViewed" else None
    if kind == "CartUpdated" and stage == "browsing" and event["total"] > 20.0 and views:
        return "engaged"
    if kind == "OrderPlaced" and stage == "engaged":
        return "bought"
    if kind == "ProductViewed" and stage == "bought":
        return "browsing"
    if kind == "CartUpdated" and stage == "engaged":
        state["due"] = at + 4 * HOUR_MS
    return None


def command(event: dict, stage: str) -> bytes:
    """A framed Command for a transition."""
    at = event["occurred_at"]
    identity = f"{event['customer_id']}/{stage}/{event['event_id']}"
    record = {
        "command_id": str(uuid.uuid5(uuid.NAMESPACE_OID, identity)),
        "action": "SEND",
        "send_id": stage,
        "attempt": 0,
        "channel": "email",
        "customer_id": event["customer_id"],
        "anonymous_id": None,
        "content": f"bench-{stage}",
        "data": {},
        "theme": None,
        "purpose": "service",
        "priority": 50,
        "created_at": at,
        "not_before": at,
        "not_after": None,
        "cancels": None,
        "journey": {"name": "bench", "version": 1, "key": None, "stage": stage, "entry_no": 1},
        "causation": {
            "event_id": event["event_id"],
            "topic": "interactions.web.v1",
            "partition": 0,
            "offset": 0,
        },
        "decision_id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{identity}/decision")),
    }
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, COMMAND, record)
    return COMMAND_FRAME + buffer.getvalue()


@app.agent(events)
async def shop(stream):  # noqa: ANN001, ANN201 - Faust's own, untyped
    async for key, value in stream.items():
        known = EVENTS.get(value[:10])
        if known is None:
            continue
        kind, parsed = known
        event = fastavro.schemaless_reader(io.BytesIO(value[10:]), parsed, None)
        event["occurred_at"] = int(event["occurred_at"].timestamp() * 1000)
        state = dict(customers[key])
        stage = moved(state, kind, event)
        if stage is not None:
            state["stage"] = stage
            state["due"] = event["occurred_at"] + 4 * HOUR_MS
            await commands.send(key=key, value=command(event, stage))
        customers[key] = state


if __name__ == "__main__":
    sys.argv = ["faust", "worker", "-l", "warn"]
    app.main()
