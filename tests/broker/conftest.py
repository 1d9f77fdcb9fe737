"""The rig of the shipped definitions on each broker, and that of a small shop on Apache Kafka."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from journey_engine.run.brokers import KafkaBroker
from tests.broker.rig import Rig
from tests.broker.shipped import ShippedRig

BROKERS = [
    pytest.param("embedded_broker", marks=pytest.mark.embedded, id="embedded"),
    pytest.param("kafka_broker", marks=pytest.mark.kafka, id="kafka"),
]


@pytest.fixture
def new_rig(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., ShippedRig]:
    """Make a rig on a broker, its topics its own and not made yet."""

    def make(fixture: str, **settings: Any) -> ShippedRig:
        broker: Any = request.getfixturevalue(fixture)
        return ShippedRig(broker.address, f"shop-{uuid4().hex[:8]}", tmp_path, **settings)

    return make


@pytest.fixture(params=BROKERS)
def bare_rig(request: pytest.FixtureRequest, new_rig: Callable[..., ShippedRig]) -> ShippedRig:
    made: ShippedRig = new_rig(request.param)
    return made


@pytest.fixture
async def shipped_rig(bare_rig: ShippedRig) -> ShippedRig:
    await bare_rig.create()
    return bare_rig


@pytest.fixture
async def rig(kafka_broker: KafkaBroker, tmp_path: Path) -> Rig:
    rig = Rig(kafka_broker.address, f"shop-{uuid4().hex[:8]}", tmp_path)
    await rig.create()
    return rig
