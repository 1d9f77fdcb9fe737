"""`make bench-takeover`: how long the partitions of a killed worker stand still.

Once without copies of them and once with one.
Two workers as processes on Apache Kafka share the partitions; one is killed. The group notices
after the session time-out, which is part of `still_s`; `opened_s` is what opening then took. The
last line is JSON.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, NamedTuple, Self

from journey_engine.run.brokers import KafkaBroker, free_port
from journey_engine.run.definitions import load as load_definitions
from journey_engine.run.naming import names
from journey_engine.run.settings import Settings, environment, load
from journey_engine.run.topics import create_topics
from tests.bench.changelog import fill

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
WITHIN_S = 90.0
LACKS = "journey_standby_remaining_records{"


class Takeover(NamedTuple):
    """What a take-over took."""

    still_s: float
    opened_s: float


class Worker:
    """A worker process."""

    def __init__(self, settings: Settings, log: IO[bytes]) -> None:
        self._url = f"http://127.0.0.1:{settings.web_port}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "journey_engine", "worker"],
            env=environment(settings),
            stderr=log,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    def get(self, path: str) -> str:
        try:
            with urllib.request.urlopen(self._url + path, timeout=2) as answer:  # noqa: S310 - our own
                return str(answer.read().decode())
        except OSError:  # not listening, or not ready
            return ""

    def partitions(self) -> list[int]:
        answer = self.get("/readyz")
        return list(json.loads(answer)["partitions"]) if answer else []

    def lacks_nothing(self, copies: int) -> bool:
        lines = [line for line in self.get("/metrics").splitlines() if line.startswith(LACKS)]
        return len(lines) == copies and all(line.endswith(" 0.0") for line in lines)


def until(done: Any) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not done():
        if time.monotonic() > deadline:
            raise SystemExit("not in time")
        time.sleep(0.01)


def take_over(base: Settings, folder: Path, standbys: int, partitions: int) -> Takeover:
    """Kill one of two workers; what the other took."""
    half = partitions // 2

    def settings(name: str) -> Settings:
        own = {"data_dir": folder / f"{name}-{standbys}", "web_port": free_port()}
        return base.model_copy(update={**own, "standbys": standbys})

    log = folder / f"{standbys}.log"
    with ExitStack() as stack:
        first = stack.enter_context(
            Worker(settings("first"), stack.enter_context((folder / "first.log").open("wb")))
        )
        until(lambda: len(first.partitions()) == partitions)
        second = stack.enter_context(
            Worker(settings("second"), stack.enter_context(log.open("wb")))
        )
        until(lambda: len(first.partitions()) == half == len(second.partitions()))
        until(lambda: second.lacks_nothing(half * standbys))
        first.process.kill()
        killed = time.monotonic()
        until(lambda: len(second.partitions()) == partitions)
        still = time.monotonic() - killed
        lines = [json.loads(line) for line in log.read_text().splitlines()]
    opened = [line["seconds"] for line in lines if line["event"] == "partitions_opened"]
    return Takeover(still, opened[-1])


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-takeover", description=__doc__)
    parser.add_argument("--customers", type=int, default=800_000)
    customers: int = parser.parse_args().customers
    definitions = load_definitions(HERE / "topologies", ROOT / "schemas", "bench")
    partitions = definitions.topics.partitions
    line: dict[str, object] = {"customers": customers, "partitions": partitions}
    with tempfile.TemporaryDirectory() as name, KafkaBroker(Path(name) / "kafka") as broker:
        folder = Path(name)
        base = load(
            brokers=(broker.address,),
            app_id="bench",
            topologies=HERE / "topologies",
            schemas=ROOT / "schemas",
            clock="stream",  # no input comes, so no timer of the made-up states fires
        )
        asyncio.run(create_topics(base, definitions.topics))
        asyncio.run(fill(base, names(definitions.topics).changelog, partitions, customers))
        for standbys in (0, 1):
            taken = take_over(base, folder, standbys, partitions)
            print(  # noqa: T201
                f"{standbys} copies: stood still {taken.still_s:.2f} s, of which "
                f"{taken.opened_s:.2f} s to open"
            )
            line[f"still_{standbys}_s"] = round(taken.still_s, 2)
            line[f"opened_{standbys}_s"] = round(taken.opened_s, 2)
    print(json.dumps(line))  # noqa: T201 - machines read the last line


if __name__ == "__main__":
    main()
