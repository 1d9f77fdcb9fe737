"""What all tests may ask for: the project's own schemas and data, and how many examples to try."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

from journey_engine.run.brokers import EmbeddedBroker, KafkaBroker
from journey_engine.schemas import Schemas

REQUIRE_KAFKA = "REQUIRE_KAFKA"
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


@pytest.fixture(scope="session")
def kafka_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    missing = KafkaBroker.missing()
    if missing is not None and os.environ.get(REQUIRE_KAFKA) != "1":  # noqa: TID251 - a test setting
        pytest.skip(f"Apache Kafka cannot run here: {missing}")
    with KafkaBroker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker
