"""The worker's settings; `environment` says from where they are read."""

import ipaddress
import ssl
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from aiokafka.abc import AbstractTokenProvider
from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from journey_engine.run import tls, tokens
from journey_engine.run.environment import PREFIX, Folders, not_ours, read
from journey_engine.run.registry_settings import RegistrySettings

SHADOW_NAME = r"^([a-z0-9][a-z0-9-]*)?$"
OAUTH = "OAUTHBEARER"
SECRET_CHARACTERS_MIN = 16
"""Of what is made up by an operator; an empty file is none."""
PORT_MAX = 65_535


class ClockKind(StrEnum):
    """Whose time the timers follow (rule T3)."""

    WALL = "wall"
    STREAM = "stream"


class StoreKind(StrEnum):
    """Where customers' states are kept between flushes: read from memory with a copy on disk, read
    from disk, or in memory alone.
    """

    MEMORY = "memory"
    DISK = "disk"
    VOLATILE = "volatile"


class Source(StrEnum):
    """Where a worker's definitions come from: its folder, or the topic of definitions (V2)."""

    FILES = "files"
    TOPIC = "topic"


class Guarantee(StrEnum):
    """What a `read_committed` consumer of the outputs may count on (D3)."""

    AUTO = "auto"
    """The most that the broker can do."""
    EXACTLY_ONCE = "exactly_once"
    AT_LEAST_ONCE = "at_least_once"


class Security(NamedTuple):
    """What a Kafka client needs to be let in, in aiokafka's terms."""

    security_protocol: str
    ssl_context: ssl.SSLContext | None
    sasl_mechanism: str
    sasl_plain_username: str | None
    sasl_plain_password: str | None
    sasl_oauth_token_provider: AbstractTokenProvider | None


class Settings(RegistrySettings, Folders):
    """All that an operator decides. Durations end in `_ms` or `_s`, sizes in `_bytes`."""

    model_config = SettingsConfigDict(extra="forbid")

    app_id: str = Field("journey-engine", pattern=r"^[a-z0-9][a-z0-9._-]*$")
    """Names changelog, inbox and ledger, and with the prefix before it the `group`."""
    brokers: Annotated[tuple[str, ...], NoDecode] = ("localhost:9092",)
    topic_prefix: str = Field("", pattern=r"^[a-z0-9._-]*$")
    shadow: str = Field("", pattern=SHADOW_NAME)
    """Set: this worker is of the shadow of this name (`journey-engine shadow`). It reads what the
    live app reads; all else has topics of its own, and so have group and states.
    """
    group_instance_id: str | None = Field(None, pattern=r"^[A-Za-z0-9._-]+$")
    """Who this worker is in its group, the same at each start and nobody else's: one that is back
    within `session_timeout_s` goes on with its partitions, and the others notice nothing (KIP-345).
    A stop then does not leave the group either.
    """
    standbys: int = Field(0, ge=0, le=3)
    """How many other workers keep a copy of each partition's state, to take it over at once."""
    definitions: Source = Source.FILES
    """With `topic`, of `topologies` only `topics.yaml` is read."""

    clock: ClockKind = ClockKind.WALL
    store: StoreKind = StoreKind.MEMORY
    memory_mib: int = Field(2048, ge=256)
    """What this process may take in all, the states of the store `memory` alone left out."""
    data_dir: Path = Path("var/worker")

    web_host: str = "127.0.0.1"
    """Only /livez, /readyz and /metrics are served; a container says 0.0.0.0."""
    web_port: int = Field(6066, ge=1, le=PORT_MAX)
    web_token: SecretStr | None = Field(None, min_length=SECRET_CHARACTERS_MIN)
    """What who reads /metrics must show (`Authorization: Bearer …`); needed where `web_host` is no
    loopback address. /livez and /readyz are open: they tell states and partition numbers alone.
    """

    commit_interval_ms: int | None = Field(None, ge=1, le=60_000)
    """How long a partition's work may wait for its commit, a second longer in a backlog; one
    without work commits nothing. By default 100; at least once, where a commit is cheap, 20 to 100:
    5 for each partition that the worker has.
    """
    commit_records: int = Field(5_000, ge=1, le=20_000)
    """A commit begins at this many inputs of a partition, though the interval is not over; with so
    many more the partition waits for the commit under way. The ledger record must fit into a batch:
    an input takes 3 to 8 bytes of it, 30 at the very most.
    """
    erasure_key: SecretStr | None = Field(None, min_length=SECRET_CHARACTERS_MIN)
    """Keys the hash of a customer's id that stays as the proof of an erasure (rule M4). The same
    for all workers, as long as proofs are to be told; without it everybody can compute the hash.
    """
    guarantee: Guarantee = Guarantee.AUTO
    transaction_timeout_s: float = Field(20.0, ge=1, le=900)
    """After it the broker aborts a transaction whose worker is gone; until then its outputs hold up
    `read_committed` readers, unless another worker takes the partition over.
    """
    merge_idle_ms: int = Field(100, ge=0, le=60_000)
    fetch_max_wait_ms: int = Field(50, ge=1, le=5_000)
    max_poll_records: int = Field(2_000, ge=1)
    session_timeout_s: float = Field(6.0, ge=1)
    request_timeout_s: float = Field(40.0, ge=1)
    """How long the broker may take to answer; a write that it has not acknowledged by then,
    retries included, has failed: the partition recovers, at least once the worker ends.
    """
    stop_timeout_s: float = Field(20.0, ge=1)
    """How long a stop may take in all; then the process ends with 1, unflushed."""
    connect_timeout_s: float = Field(5.0, ge=0.1)
    """How long a start waits for the broker before it says that there is none."""
    producer_batch_bytes: int = Field(512 * 1024, ge=16 * 1024)
    """Records written together; every topic must take so much at once (`max.message.bytes`)."""
    idempotent_producer: bool = True
    """Off where the broker has no `InitProducerId`, such as the embedded one."""

    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    tls_ca_file: Path | None = None
    tls_cert_file: Path | None = None
    tls_key_file: Path | None = None
    tls_key_password: SecretStr | None = None
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] = "PLAIN"
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    oauth_token_file: Path | None = None
    """Holds the token, kept fresh by somebody else, such as Kubernetes; read at each connection."""
    oauth_token_url: str | None = Field(
        None, pattern=r"^(https://|http://(localhost|127\.0\.0\.1)[:/])"
    )
    """Where a token is fetched instead, with `oauth_client_id` and `oauth_client_secret`."""
    oauth_client_id: str | None = None
    oauth_client_secret: SecretStr | None = None
    oauth_scope: str | None = None

    log_format: Literal["json", "console"] = "json"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    traces: bool = False
    """Whether spans are made for OpenTelemetry; where they go is said to it, by `OTEL_…`."""
    log_customer_ids: bool = False
    """Off: logs show a hash in place of a customer's id."""

    @field_validator("brokers", mode="before")
    @classmethod
    def _split_brokers(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("brokers")
    @classmethod
    def _check_brokers(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for broker in value:
            host, _, port = broker.rpartition(":")
            if not host or not port.isdecimal():
                raise ValueError(f"broker {broker!r} is not HOST:PORT")
            if not 1 <= int(port) <= PORT_MAX:
                raise ValueError(f"broker {broker!r}: ports are 1 to {PORT_MAX}")
        if not value:
            raise ValueError("name at least one broker")
        return value

    @field_validator("traces")
    @classmethod
    def _check_traces(cls, value: bool) -> bool:  # noqa: FBT001 - pydantic's signature
        if value and find_spec("opentelemetry") is None:
            raise ValueError("traces need OpenTelemetry: pip install 'journey-engine[otel]'")
        return value

    @model_validator(mode="after")
    def _check_together(self) -> "Settings":
        if self.session_timeout_s > self.request_timeout_s:
            raise ValueError("session_timeout_s must not be above request_timeout_s")
        if self.shadow and self.definitions is not Source.FILES:
            raise ValueError("a shadow runs what lies in `topologies`: set definitions to `files`")
        if self.web_token is None and not is_loopback(self.web_host):
            raise ValueError(
                f"web_host {self.web_host} can be reached from elsewhere: /metrics needs web_token"
            )
        if self.security_protocol.startswith("SASL"):
            self._check_login()
        return self

    def _check_login(self) -> None:
        if self.sasl_mechanism == OAUTH:
            fetched = (self.oauth_token_url, self.oauth_client_id, self.oauth_client_secret)
            given = [each is not None for each in fetched]
            if any(given) != all(given) or all(given) == (self.oauth_token_file is not None):
                raise ValueError(
                    "sasl_mechanism OAUTHBEARER needs either oauth_token_file, or "
                    "oauth_token_url, oauth_client_id and oauth_client_secret"
                )
        elif self.sasl_username is None or self.sasl_password is None:
            raise ValueError(
                f"security_protocol {self.security_protocol} needs sasl_username and sasl_password"
            )

    @property
    def group(self) -> str:
        """Consumer group, start of transactional ids, stores' folder: each deployment's own."""
        return self.own_prefix + self.app_id

    @property
    def own_prefix(self) -> str:
        """What stands before the name of each topic but the inputs."""
        return self.topic_prefix + (f"shadow-{self.shadow}." if self.shadow else "")

    def shadowed(self, name: str) -> "Settings":
        """The same for the shadow of this name, a `SHADOW_NAME`; without one for the live app."""
        return self.model_copy(update={"shadow": name})

    def security(self) -> Security:
        """The client's security, with certificates read now.

        Raises:
            OSError: a certificate file cannot be read.
        """
        encrypted = self.security_protocol.endswith("SSL")
        password = self.sasl_password.get_secret_value() if self.sasl_password else None
        return Security(
            self.security_protocol,
            self._tls() if encrypted else None,
            self.sasl_mechanism,
            self.sasl_username,
            password,
            self._tokens(),
        )

    def _tokens(self) -> AbstractTokenProvider | None:
        if not self.security_protocol.startswith("SASL") or self.sasl_mechanism != OAUTH:
            return None
        if self.oauth_token_file is not None:
            return tokens.of_file(self.oauth_token_file)
        secret = self.oauth_client_secret
        return tokens.of_grant(
            tokens.Grant(
                self.oauth_token_url or "",
                self.oauth_client_id or "",
                secret.get_secret_value() if secret else "",
                self.oauth_scope,
                self.tls_ca_file,
            )
        )

    def _tls(self) -> ssl.SSLContext:
        secret = self.tls_key_password
        password = secret.get_secret_value() if secret else None
        return tls.context(self.tls_ca_file, self.tls_cert_file, self.tls_key_file, password)

    def clients(self) -> dict[str, Any]:
        """Keyword arguments that every aiokafka client of this process shares."""
        return {
            "bootstrap_servers": list(self.brokers),
            "client_id": self.app_id,
            "request_timeout_ms": int(self.request_timeout_s * 1000),
            **self.security()._asdict(),
        }

    def redacted(self) -> dict[str, Any]:
        """All settings fit to print: secrets are stars."""
        return self.model_dump(mode="json")


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches it."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def environment(settings: Settings) -> dict[str, str]:
    """The environment in which another process of ours runs with these settings and no others."""
    ours = {name: getattr(settings, name) for name in type(settings).model_fields}
    variables = {PREFIX + k.upper(): _as_variable(v) for k, v in ours.items() if v is not None}
    return {**not_ours(), **variables}


def _as_variable(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return ",".join(value) if isinstance(value, tuple) else str(value)


def load(config: Path | None = None, **overrides: object) -> Settings:
    """Read the settings; `config` stands in for the variable `JOURNEY_CONFIG`. Raises as `read`."""
    return read(Settings, config, **overrides)
