"""A Kafka that encrypts and asks who is there: each way in, and what keeps somebody out."""

import asyncio
import base64
import json
import threading
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from journey_engine.run.settings import Settings, load
from journey_engine.run.tailing import tail
from journey_engine.run.topics import BrokerAbsentError, check_topics
from tests.broker.rig import Rig, shop_log
from tests.guarded import MECHANISMS, PASSWORD, USER, GuardedKafka, TokenServer

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]
CLIENT_SECRET = "of/the:client"  # noqa: S105 - made up


@pytest.fixture
def rig(guarded_kafka: GuardedKafka, tmp_path: Path) -> Rig:
    """What stands beside the worker comes in by a login."""
    rig = Rig(guarded_kafka.address, f"shop-{uuid4().hex[:8]}", tmp_path)
    rig.settings = rig.settings.model_copy(update=login(guarded_kafka, MECHANISMS[0]))
    return rig


class Login(BaseHTTPRequestHandler):
    """Gives tokens to the one client that it knows (RFC 6749)."""

    tokens: TokenServer
    asked = 0

    def do_POST(self) -> None:
        type(self).asked += 1
        body = self.rfile.read(int(self.headers["Content-Length"]))
        form = urllib.parse.parse_qs(body.decode())
        pair = f"{USER}:{urllib.parse.quote_plus(CLIENT_SECRET)}"
        basic = f"Basic {base64.b64encode(pair.encode()).decode()}"
        granted = {"access_token": self.tokens.token(), "token_type": "Bearer", "expires_in": 300}
        wanted = {"grant_type": ["client_credentials"], "scope": ["kafka"]}
        right = self.headers["Authorization"] == basic and form == wanted
        self.send_response(200 if right else 401)
        self.end_headers()
        self.wfile.write(json.dumps(granted if right else {"error": "invalid_client"}).encode())

    def log_message(self, *_: object) -> None:
        """Nothing: what it is asked is counted."""


@pytest.fixture
def token_url(guarded_kafka: GuardedKafka) -> Iterator[str]:
    handler = type("Handler", (Login,), {"tokens": guarded_kafka.tokens})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/token"
        server.shutdown()
        assert handler.asked == 1, "the token was not kept"  # type: ignore[attr-defined]  # of Login


def login(
    guarded_kafka: GuardedKafka, mechanism: str, password: str = PASSWORD
) -> dict[str, object]:
    known = guarded_kafka.login(mechanism=mechanism)
    return _given(brokers=guarded_kafka.address, **known | {"sasl_password": password})


def token(guarded_kafka: GuardedKafka, file: Path, life_s: int = 300) -> dict[str, object]:
    file.write_text(guarded_kafka.tokens.token(life_s))
    return _given(
        brokers=guarded_kafka.by_token,
        security_protocol="SASL_SSL",
        tls_ca_file=guarded_kafka.certificates.ca,
        sasl_mechanism="OAUTHBEARER",
        oauth_token_file=file,
    )


def certificate(guarded_kafka: GuardedKafka, keys: Path | None) -> dict[str, object]:
    return _given(
        brokers=guarded_kafka.by_certificate,
        security_protocol="SSL",
        tls_ca_file=guarded_kafka.certificates.ca,
        tls_cert_file=keys,
    )


def _given(**settings: Any) -> dict[str, object]:
    """These settings as they are read, to be put into others."""
    read = load(**settings)
    return {name: getattr(read, name) for name in read.model_fields_set if name in settings}


async def seen_working(rig: Rig, **access: str) -> None:
    """A worker with these settings writes what a replay writes."""
    await rig.create()
    records = rig.records(shop_log(60))
    expected = rig.expected(records)
    await rig.publish(records)
    with rig.start(**access) as worker:
        await worker.ready()
        assert await rig.written_at_least(len(expected)) == expected
        assert worker.stop() == 0
    assert PASSWORD not in rig.log_file.read_text()


async def test_a_worker_by_scram_with_its_password_in_a_file(
    rig: Rig, guarded_kafka: GuardedKafka
) -> None:
    await seen_working(rig, **guarded_kafka.access())


async def test_a_worker_by_tokens_that_it_fetches(
    rig: Rig, guarded_kafka: GuardedKafka, token_url: str, tmp_path: Path
) -> None:
    secret = tmp_path / "client-secret"
    secret.write_text(f"{CLIENT_SECRET}\n")
    await seen_working(
        rig,
        JOURNEY_BROKERS=guarded_kafka.by_token,
        JOURNEY_SECURITY_PROTOCOL="SASL_SSL",
        JOURNEY_TLS_CA_FILE=str(guarded_kafka.certificates.ca),
        JOURNEY_SASL_MECHANISM="OAUTHBEARER",
        JOURNEY_OAUTH_TOKEN_URL=token_url,
        JOURNEY_OAUTH_CLIENT_ID=USER,
        JOURNEY_OAUTH_CLIENT_SECRET_FILE=str(secret),
        JOURNEY_OAUTH_SCOPE="kafka",
    )


async def test_a_worker_by_its_certificate(rig: Rig, guarded_kafka: GuardedKafka) -> None:
    await seen_working(
        rig,
        JOURNEY_BROKERS=guarded_kafka.by_certificate,
        JOURNEY_SECURITY_PROTOCOL="SSL",
        JOURNEY_TLS_CA_FILE=str(guarded_kafka.certificates.ca),
        JOURNEY_TLS_CERT_FILE=str(guarded_kafka.certificates.client),
    )


@pytest.mark.parametrize("way", [*MECHANISMS, "PLAIN", "OAUTHBEARER", "certificate"])
async def test_a_client_writes_and_reads_by_each_way(
    rig: Rig, guarded_kafka: GuardedKafka, tmp_path: Path, way: str
) -> None:
    if way == "certificate":
        access = certificate(guarded_kafka, guarded_kafka.certificates.client)
    elif way == "OAUTHBEARER":
        access = token(guarded_kafka, tmp_path / "token")
    else:
        access = login(guarded_kafka, way)
    rig.settings = rig.settings.model_copy(update=access)
    await rig.create()
    records = [record for record in rig.records(shop_log(5)) if record.value is not None]
    await rig.publish(records)
    read = tail(rig.settings, rig.names.inputs, rig.topics.partitions)
    assert sorted([record.value or b"" async for record in read]) == sorted(
        record.value or b"" for record in records
    )


@pytest.mark.parametrize(
    "fault",
    ["password", "expired token", "certificate of others", "no certificate", "unknown authority"],
)
async def test_who_is_not_to_come_in_is_told_so(
    rig: Rig, guarded_kafka: GuardedKafka, tmp_path: Path, fault: str
) -> None:
    unknown = {"tls_ca_file": guarded_kafka.certificates.foreign}
    access = {
        "password": login(guarded_kafka, MECHANISMS[1], "guessed-wrong"),
        "expired token": token(guarded_kafka, tmp_path / "token", -60),
        "certificate of others": certificate(guarded_kafka, guarded_kafka.certificates.foreign),
        "no certificate": certificate(guarded_kafka, None),
        "unknown authority": login(guarded_kafka, MECHANISMS[1]) | unknown,
    }[fault]
    settings: Settings = rig.settings.model_copy(update={**access, "connect_timeout_s": 3.0})
    with pytest.raises(BrokerAbsentError, match="does not let us in"):
        await check_topics(settings, rig.topics)


async def test_a_wrong_password_is_said_and_ends_the_worker_with_1(
    rig: Rig, guarded_kafka: GuardedKafka, tmp_path: Path
) -> None:
    wrong = tmp_path / "password"
    wrong.write_text("guessed-wrong")
    with rig.start(**guarded_kafka.access() | {"JOURNEY_SASL_PASSWORD_FILE": str(wrong)}) as worker:
        assert await asyncio.to_thread(worker.popen.wait, 60) == 1
    said = rig.log_file.read_text()
    assert f"{guarded_kafka.address} listens but does not let us in" in said
    assert "SCRAM-SHA-512" in said
    assert "guessed-wrong" not in said
    assert "Traceback" not in said


async def test_a_client_without_a_login_is_told_of_the_settings(
    rig: Rig, guarded_kafka: GuardedKafka
) -> None:
    settings = load(brokers=guarded_kafka.address, connect_timeout_s=2.0)
    with pytest.raises(BrokerAbsentError, match="JOURNEY_SECURITY_PROTOCOL"):
        await check_topics(settings, rig.topics)
