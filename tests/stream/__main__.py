"""A fuzzed stream through a worker on Apache Kafka, accounted for to the last record.

One JSON line; the exit code is 1 unless the books of the topics and of the metrics both balance.
"""

import argparse
import asyncio
import json
import logging
import sys
import tempfile
import time
from pathlib import Path

from journey_engine.cli.console import amount
from journey_engine.run.brokers import KafkaBroker
from tests.stream.stream_run import Order, StreamRun


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.stream", description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kill", action="store_true", help="kill -9 a worker on the way")
    parser.add_argument("--keep", type=Path, help="keep logs and data in this folder")
    asked = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    order = Order(asked.records, asked.seed, asked.kill)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="stream-") as folder, amount("records") as show:
        path = asked.keep or Path(folder)
        path.mkdir(parents=True, exist_ok=True)
        with KafkaBroker(path / "kafka") as broker:
            line = asyncio.run(StreamRun(order, broker.address, "stream", path, show).run())
    line["seconds"] = round(time.monotonic() - begun, 1)
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stderr.writelines(f"{each}\n" for each in line["differences"][:20])
    return int(bool(line["differences"]))


if __name__ == "__main__":
    sys.exit(main())
