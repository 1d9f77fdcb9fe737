"""A Kafka that stays: `make kafka-up` starts it, `make kafka-down` stops it and nothing else."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from journey_engine.run.brokers import KAFKA, BrokerError, KafkaBroker, config_of, listens

ANSWER_WITHIN_S = 10.0
"""One that starts listens before it answers."""


async def _answers(address: str) -> bool:
    """Whether a Kafka listens there that lets everybody in."""
    asking = AIOKafkaAdminClient(bootstrap_servers=address)
    try:
        await asyncio.wait_for(asking.start(), ANSWER_WITHIN_S)
    except (KafkaError, OSError, TimeoutError):
        return False
    finally:
        await asking.close()
    return True


def kafka_up(data: Path, port: int) -> str:
    """Start a Kafka that outlives this process; its address. One that runs already is kept.

    Raises:
        BrokerError: it did not start, or something else has the port.
    """
    address = f"127.0.0.1:{port}"
    if listens(port):
        if asyncio.run(_answers(address)):
            return address
        raise BrokerError(
            f"what listens on {address} does not answer as a Kafka does: end it, or choose another "
            "port (`make kafka-up KAFKA_PORT=…`)"
        )
    broker = KafkaBroker(data, port)
    broker.start()
    (broker.data / "pid").write_text(str(broker.pid), encoding="ascii")
    broker.leave_running()
    return broker.address


def _runs(pid: int, data: Path) -> bool:
    """Whether the process is the Kafka of this folder: another one may have got the id since."""
    with contextlib.suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        return [KAFKA.encode(), os.fsencode(config_of(data))] == words[-3:-1]
    return False


def kafka_down(data: Path) -> bool:
    """Stop the Kafka of `kafka_up`; False if none ran."""
    record = data / "pid"
    pid = 0
    with contextlib.suppress(OSError, ValueError):
        pid = int(record.read_text(encoding="ascii"))
    record.unlink(missing_ok=True)
    if not _runs(pid, data):
        return False
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + KafkaBroker.stop_timeout_s
    while time.monotonic() < deadline:
        if not _runs(pid, data):
            return True
        time.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    return True


def main(arguments: list[str]) -> int:
    """`python -m deploy.kafka up FOLDER PORT`, or `down FOLDER`: the exit code."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what is wrong is said here
    match arguments:
        case ["up", folder, port]:
            try:
                sys.stdout.write(f"Kafka runs at {kafka_up(Path(folder), int(port))}\n")
            except BrokerError as error:
                sys.stderr.write(f"error: {error}\n")
                return 1
            return 0
        case ["down", folder]:
            stopped = kafka_down(Path(folder))
            sys.stdout.write("Kafka stopped\n" if stopped else "no Kafka ran\n")
            return 0
    sys.stderr.write("usage: python -m deploy.kafka up FOLDER PORT | down FOLDER\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
