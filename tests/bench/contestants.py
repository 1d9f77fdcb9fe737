"""The engines that do the job: how each is started, and where its states lie."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import msgspec

from journey_engine.encode.state import decode_state
from journey_engine.run.brokers import free_port
from journey_engine.run.naming import names
from tests.bench.site import HERE, ROOT, Site, python

if TYPE_CHECKING:
    import subprocess

CUSTOMER_KEY = b"c:"
QUIX_PYTHON = ROOT / "var" / "bench" / "quix" / "bin" / "python"
JAVA = HERE / "peers" / "kafka-streams" / "target"
JAVA_OPTIONS = ("-Xms512m", "-Xmx1g", "-XX:+UseParallelGC")
JAVA_STAGES = ("", "browsing", "engaged", "bought")


class State(NamedTuple):
    """A customer's last stage, as the engine's changelog has it."""

    customer: str
    stage: str


class Contestant:
    """An engine. `timers`: idle customers' timers fire, too. `share`: of the events, for one that
    takes long. `settle`: the share of them before the measurement begins.
    """

    name: str
    timers: ClassVar[bool] = True
    share: ClassVar[float] = 1.0
    settle: ClassVar[float] = 0.1
    embedded: bool = True
    """Whether the embedded broker can do what it needs."""
    definitions: Path = HERE / "topologies"
    checked: bool = True
    """Whether `rules` say what must come out."""
    echoes: ClassVar[bool] = False
    """Whether it does no job, but answers each event with a command."""
    commits_late: ClassVar[bool] = False
    """Whether it commits only when nothing is left to do: its offsets do not show how far it is."""
    copies: int = 1
    """How many journeys do the job at once, named bench, bench-2 and so on."""

    def start(self, site: Site) -> "subprocess.Popen[bytes]":
        raise NotImplementedError

    def group(self, site: Site) -> str:
        """The consumer group whose offsets show how far it has come."""
        return site.app

    def changelog(self, site: Site) -> str:
        """The topic of its states."""
        raise NotImplementedError

    def state(self, key: bytes, value: bytes) -> State | None:
        """What a record of the changelog says; None of one that is no customer's."""
        raise NotImplementedError


class Engine(Contestant):
    """The worker, with the settings that it is shipped with."""

    def __init__(
        self,
        name: str,
        guarantee: str,
        *,
        definitions: Path = HERE / "topologies",
        store: str = "disk",
        processes: int = 1,
        copies: int = 1,
        web_port: int | None = None,
    ) -> None:
        self.name = name
        self.copies = copies
        self.embedded = guarantee != "exactly_once"
        self.definitions = definitions
        self._arguments = [] if processes == 1 else ["--processes", str(processes)]
        self._settings = {"JOURNEY_GUARANTEE": guarantee, "JOURNEY_STORE": store}
        self._web_port = web_port

    def start(self, site: Site) -> "subprocess.Popen[bytes]":
        return site.spawn(
            [*python("journey_engine"), "worker", *self._arguments],
            JOURNEY_APP_ID=site.app,
            JOURNEY_BROKERS=site.broker,
            JOURNEY_TOPIC_PREFIX=site.prefix,
            JOURNEY_TOPOLOGIES=str(site.topologies),
            JOURNEY_SCHEMAS=str(ROOT / "schemas"),
            JOURNEY_DATA_DIR=str(site.folder / "data"),
            JOURNEY_IDEMPOTENT_PRODUCER=str(not site.embedded).lower(),
            JOURNEY_WEB_PORT=str(self._web_port or free_port()),
            JOURNEY_LOG_LEVEL="warning",
            **self._settings,
        )

    def group(self, site: Site) -> str:
        return site.settings.group

    def changelog(self, site: Site) -> str:
        return names(site.topics, site.prefix).changelog

    def state(self, key: bytes, value: bytes) -> State | None:
        if not key.startswith(CUSTOMER_KEY):
            return None
        stages = {each.journey: each.stage for each in decode_state(value).instances}
        return State(key.removeprefix(CUSTOMER_KEY).decode(), stages["bench"])


class Policed(Engine):
    """The worker on the job under contact policy, which has no rules beside its definitions."""

    def __init__(self) -> None:
        policed = HERE / "policed"
        super().__init__("engine_policed", "at_least_once", definitions=policed)
        self.checked = False


class Peer(Contestant):
    """One of `peers/`, told by its environment where it runs."""

    module: ClassVar[str]

    def start(self, site: Site) -> "subprocess.Popen[bytes]":
        return site.spawn(self.command(), **surroundings(site))

    def command(self) -> list[str]:
        return python(self.module)


def surroundings(site: Site) -> dict[str, str]:
    """What a peer reads of its environment."""
    return {
        "BENCH_APP": site.app,
        "BENCH_BROKER": site.broker,
        "BENCH_DATA": str(site.folder / "data"),
        "BENCH_INPUT": site.input,
        "BENCH_COMMANDS": site.commands,
        "BENCH_PARTITIONS": str(site.partitions),
    }


class Faust(Peer):
    """As its tutorials write it."""

    name = "faust"
    module = "tests.bench.peers.faust_agent"
    timers = False
    share = 0.04

    def changelog(self, site: Site) -> str:
        return f"{site.app}-customers-changelog"

    def state(self, key: bytes, value: bytes) -> State:
        return State(key.decode(), json.loads(value)["stage"])


class FaustTuned(Faust):
    """As far as its settings lead."""

    name = "faust_tuned"
    module = "tests.bench.peers.faust_tuned"
    commits_late = True  # a commit waits until its buffer of sends is empty
    share = 0.08

    def state(self, key: bytes, value: bytes) -> State:
        return State(key.decode(), msgspec.msgpack.decode(value)["stage"])


class Quix(Peer):
    """Quix Streams, in an environment of its own."""

    name = "quix"
    timers = False
    share = 0.25

    def command(self) -> list[str]:
        return [str(QUIX_PYTHON), "-m", "tests.bench.peers.quix_app"]

    def changelog(self, site: Site) -> str:
        return f"changelog__{site.app}--{site.input}--default"

    def state(self, key: bytes, value: bytes) -> State:
        customer, _, _ = key.partition(b"|")
        return State(customer.decode(), json.loads(value)["stage"])


class KafkaStreams(Peer):
    """Kafka Streams in Java; its compiler has to warm up, so more is left out of the measure."""

    settle = 0.4
    embedded = False

    def __init__(self, name: str, guarantee: str) -> None:
        self.name = name
        self.guarantee = guarantee

    def start(self, site: Site) -> "subprocess.Popen[bytes]":
        return site.spawn(
            ["java", *JAVA_OPTIONS, "-cp", f"{JAVA}/classes:{JAVA}/libs/*", "bench.Job"],
            BENCH_SCHEMAS=str(ROOT / "schemas"),
            BENCH_GUARANTEE=self.guarantee,
            **surroundings(site),
        )

    def changelog(self, site: Site) -> str:
        return f"{site.app}-customers-changelog"

    def state(self, key: bytes, value: bytes) -> State:
        return State(key.decode(), JAVA_STAGES[value[0]])


class Pipe(Peer):
    """Consume, decode, encode, produce: an event in, a command out, nothing decided."""

    checked = False
    echoes = True

    def __init__(self, name: str, *, batches: bool, projected: bool) -> None:
        self.name = name
        self._settings = {
            "BENCH_BATCHES": str(batches).lower(),
            "BENCH_PROJECTED": str(projected).lower(),
        }

    def start(self, site: Site) -> "subprocess.Popen[bytes]":
        return site.spawn(python("tests.bench.peers.pipe"), **surroundings(site), **self._settings)


CONTESTANTS: dict[str, Callable[[], Contestant]] = {
    "engine_alo": partial(Engine, "engine_alo", "at_least_once"),
    "engine_eos": partial(Engine, "engine_eos", "exactly_once"),
    "engine_policed": Policed,
    "faust": Faust,
    "faust_tuned": FaustTuned,
    "quix": Quix,
    "kafka_streams_alo": partial(KafkaStreams, "kafka_streams_alo", "at_least_once"),
    "kafka_streams_eos": partial(KafkaStreams, "kafka_streams_eos", "exactly_once_v2"),
    **{
        name: partial(Pipe, name, batches=batches, projected=projected)
        for name, batches, projected in (
            ("pipe_batch_projected", True, True),
            ("pipe_batch_whole", True, False),
            ("pipe_send_projected", False, True),
            ("pipe_send_whole", False, False),
        )
    },
}
"""In the order in which a round takes them."""
