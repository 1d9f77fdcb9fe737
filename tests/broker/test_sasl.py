"""A worker on a Kafka that asks for a name and a password."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from journey_engine.run.brokers import KafkaBroker, free_port
from journey_engine.run.topics import BrokerAbsentError, check_topics
from tests.broker.rig import Rig, shop_log

pytestmark = pytest.mark.kafka
PASSWORD = "kept-to-ourselves"  # noqa: S105 - of a broker that lives for a test


class GuardedKafka(KafkaBroker):
    """Kafka whose clients come in by SASL/PLAIN, on a listener of its own."""

    def __init__(self, data: Path) -> None:
        super().__init__(data)
        self.guarded = f"127.0.0.1:{free_port()}"

    def _write_config(self) -> Path:
        config = super()._write_config()
        lines = dict(
            line.split("=", 1)
            for line in config.read_text().splitlines()
            if "=" in line and not line.startswith("#")
        )
        login = "org.apache.kafka.common.security.plain.PlainLoginModule"
        lines["listeners"] += f",SASL_PLAINTEXT://{self.guarded}"
        lines["advertised.listeners"] += f",SASL_PLAINTEXT://{self.guarded}"
        lines["listener.security.protocol.map"] += ",SASL_PLAINTEXT:SASL_PLAINTEXT"
        lines["sasl.enabled.mechanisms"] = "PLAIN"
        lines["listener.name.sasl_plaintext.plain.sasl.jaas.config"] = (
            f'{login} required user_worker="{PASSWORD}";'
        )
        config.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
        return config


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedKafka]:
    with GuardedKafka(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture
def rig(guarded: GuardedKafka, tmp_path: Path) -> Rig:
    return Rig(guarded.address, f"shop-{uuid4().hex[:8]}", tmp_path)


def access(broker: GuardedKafka, password: str = PASSWORD) -> dict[str, str]:
    return {
        "JOURNEY_BROKERS": broker.guarded,
        "JOURNEY_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "JOURNEY_SASL_USERNAME": "worker",
        "JOURNEY_SASL_PASSWORD": password,
    }


async def test_a_worker_that_is_let_in_writes_what_a_replay_writes(
    rig: Rig, guarded: GuardedKafka
) -> None:
    await rig.create()
    records = rig.records(shop_log(300))
    expected = rig.expected(records)
    await rig.publish(records)
    with rig.start(**access(guarded)) as worker:
        await worker.ready()
        assert await rig.written_at_least(len(expected)) == expected
        assert worker.stop() == 0
    assert PASSWORD not in rig.log_file.read_text()


async def test_a_wrong_password_is_said_and_ends_the_worker_with_1(
    rig: Rig, guarded: GuardedKafka
) -> None:
    await rig.create()
    with rig.start(**access(guarded, "guessed-wrong")) as worker:
        assert await asyncio.to_thread(worker.popen.wait, 30) == 1
    said = rig.log_file.read_text()
    assert f"{guarded.guarded} listens but does not let us in" in said
    assert "Invalid username or password" in said
    assert "guessed-wrong" not in said
    assert "Traceback" not in said


async def test_a_client_without_a_password_is_told_of_the_settings(
    rig: Rig, guarded: GuardedKafka
) -> None:
    settings = rig.settings.model_copy(
        update={"brokers": (guarded.guarded,), "connect_timeout_s": 2.0}
    )
    with pytest.raises(BrokerAbsentError, match="JOURNEY_SECURITY_PROTOCOL"):
        await check_topics(settings, rig.topics)
