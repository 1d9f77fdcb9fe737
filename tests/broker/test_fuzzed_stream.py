"""A fuzzed stream through a worker that is killed on the way: every record is accounted for, from
the topics alone and from the metrics alone. `make fuzz-stream` is the long form.
"""

from pathlib import Path
from uuid import uuid4

import pytest

from journey_engine.run.brokers import KafkaBroker
from tests.stream.stream_run import Order, StreamRun

RECORDS = 20_000


@pytest.mark.timeout(600)
async def test_each_record_of_a_fuzzed_stream_is_accounted_for(
    kafka_broker: KafkaBroker, tmp_path: Path
) -> None:
    order = Order(RECORDS, seed=3, kill=True)
    app = f"stream-{uuid4().hex[:8]}"
    line = await StreamRun(order, kafka_broker.address, app, tmp_path, lambda *_: None).run()
    assert line["differences"] == []
    kinds = ("decided", "duplicates", "skipped", "dead_letters")
    assert line["in"] == RECORDS == sum(line[kind] for kind in kinds)
    assert line["taken_by_metrics"] + line["not_scraped"] == RECORDS
    assert all(line[kind] > 0 for kind in (*kinds, "forwarded"))
    assert len(line["by_way"]) == 14
