"""What all tests may ask for: the project's own schemas and data, and how many examples to try."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from journey_engine.run.brokers import EmbeddedBroker, KafkaBroker
from journey_engine.schemas import Schemas
from tests.broker.rights import shipped
from tests.guarded import STRANGER, GuardedKafka
from tests.registry.server import RegistryServer

ROOT = Path(__file__).parents[1]
_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]

# The same examples on every run, so that a green suite stays green; `long` looks for new ones and
# takes the minutes that it needs to make a failing one small.
settings.register_profile(
    "default",
    max_examples=40,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=_SLOW,
)
settings.register_profile("long", max_examples=2_500, deadline=None, suppress_health_check=_SLOW)
settings.load_profile(os.getenv("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(scope="session")
def schemas() -> Schemas:
    files = {str(path): path.read_text() for path in (ROOT / "schemas").rglob("*.avsc")}
    return Schemas.parse(files)


@pytest.fixture(scope="session")
def embedded_broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as broker:
        yield broker


def require(switch: str, missing: str | None) -> None:
    """Skip for what is missing, unless the environment says that it must be there."""
    if missing is not None and os.environ.get(switch) != "1":  # noqa: TID251 - a test setting
        pytest.skip(missing)


def require_kafka() -> None:
    """Skip where Kafka cannot run, unless it must; what else wants Java and Maven asks it, too."""
    missing = KafkaBroker.missing()
    require("REQUIRE_KAFKA", missing and f"Apache Kafka cannot run here: {missing}")


@pytest.fixture(scope="session")
def kafka_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    require_kafka()
    with KafkaBroker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture(scope="session")
def schema_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryServer]:
    require_kafka()
    with RegistryServer(tmp_path_factory.mktemp("registry") / "server.log") as server:
        yield server


@pytest.fixture(scope="session")
def prometheus_programs() -> Path:
    """Where prometheus and promtool lie."""
    found = shutil.which("promtool")
    missing = "Prometheus is not installed (Debian: apt-get install prometheus)"
    require("REQUIRE_PROMETHEUS", None if found else missing)
    return Path(found or "").parent


@pytest.fixture(scope="session")
def node() -> Path:
    """The folder of the programs in JavaScript, with their packages (`make node`)."""
    folder = ROOT / "tests" / "contract" / "node"
    there = shutil.which("node") is not None and (folder / "node_modules").exists()
    missing = "Node.js, or its packages (`make node`), are not there"
    require("REQUIRE_NODE", None if there else missing)
    return folder


@pytest.fixture(scope="session")
def guarded_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedKafka]:
    require_kafka()
    users = (STRANGER, *shipped())
    with GuardedKafka(tmp_path_factory.mktemp("guarded") / "kafka", users=users) as broker:
        yield broker


@pytest.fixture(scope="session")
def _exporter() -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)  # a process has one, once
    return exporter


@pytest.fixture
def spans(_exporter: InMemorySpanExporter) -> InMemorySpanExporter:
    """The spans that this process leaves from now on."""
    _exporter.clear()
    return _exporter
