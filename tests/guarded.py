"""Apache Kafka that lets nobody in unasked: every listener encrypted, a login or a certificate.

`python -m tests.guarded COMMAND …` runs a command with such a Kafka and the settings that let it
in; `{broker}` among its arguments is the address.
"""

import base64
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import trustme
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from journey_engine.run.brokers import KafkaBroker, free_port

USER = "worker"
"""May do everything, by whichever way it comes in."""
STRANGER = "stranger"
"""Has a password, and no rights but those that a test gives."""
PASSWORD = "kept-to-ourselves"  # noqa: S105 - of a broker that lives for a test
ISSUER = "https://login.example"
AUDIENCE = "kafka"
MECHANISMS = ("SCRAM-SHA-256", "SCRAM-SHA-512")


class Certificates:
    """An authority of its own, a broker's certificate and a client's, as PEM files."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        authority = trustme.CA()
        self.ca = folder / "ca.pem"
        authority.cert_pem.write_to_path(self.ca)
        self.broker = _keys(authority.issue_cert("127.0.0.1"), folder / "broker.pem")
        self.client = _keys(
            authority.issue_cert(f"{USER}@example.com", common_name=USER), folder / "client.pem"
        )
        # Of an authority that the broker does not know.
        self.foreign = _keys(
            trustme.CA().issue_cert(f"{USER}@example.com", common_name=USER),
            folder / "foreign.pem",
        )


def _keys(cert: trustme.LeafCert, path: Path) -> Path:
    """Key and certificates in one file; the key as Kafka reads it (PKCS #8)."""
    key = load_pem_private_key(cert.private_key_pem.bytes(), None)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(pem + b"".join(blob.bytes() for blob in cert.cert_chain_pems))
    return path


class TokenServer:
    """Signs tokens (RFC 7519) with a key of its own; no server, but what one would hand out."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(65537, 2048)

    def keys(self) -> dict[str, object]:
        """The key set by which a broker tells its tokens (RFC 7517)."""
        public = self._key.public_key().public_numbers()
        parts = {name: _b64(_bytes(getattr(public, name))) for name in ("n", "e")}
        return {"keys": [{"kty": "RSA", "kid": "1", "alg": "RS256", "use": "sig", **parts}]}

    def token(self, life_s: int = 300) -> str:
        """A token for the user."""
        now = int(time.time())
        header = {"alg": "RS256", "kid": "1", "typ": "JWT"}
        claims = {"sub": USER, "iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + life_s}
        signed = ".".join(_b64(json.dumps(part).encode()) for part in (header, claims))
        signature = self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_b64(signature)}"


def _bytes(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class GuardedKafka(KafkaBroker):
    """All clients come over TLS: by SCRAM where others come without (fronts included), by a token
    or by a certificate on listeners of their own. Who is no super user has the rights of its ACLs.
    """

    def __init__(
        self,
        data: Path,
        port: int | None = None,
        fronts: Mapping[int, int] | None = None,
        users: Iterable[str] = (STRANGER,),
    ) -> None:
        super().__init__(data, port, fronts)
        self.certificates = Certificates(self.data / "certificates")
        self.tokens = TokenServer()
        self.by_token = f"127.0.0.1:{free_port()}"
        self.by_certificate = f"127.0.0.1:{free_port()}"
        # Its own connections, such as those that end transactions.
        self._internal = f"127.0.0.1:{free_port()}"
        keys = self.data / "keys.json"
        keys.write_text(json.dumps(self.tokens.keys()))
        self._keys = keys.as_uri()
        self._password = self.data / "password"
        self._password.write_text(f"{PASSWORD}\n")
        self.java_options = (f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={self._keys}",)
        known = [
            f"{mechanism}=[name={user},password={PASSWORD}]"
            for user in (USER, *users)
            for mechanism in MECHANISMS
        ]
        self.format_options = [part for user in known for part in ("--add-scram", user)]

    def login(self, user: str = USER, mechanism: str = MECHANISMS[1]) -> dict[str, str]:
        """The settings of a client that comes in with a name and a password."""
        return {
            "security_protocol": "SASL_SSL",
            "tls_ca_file": str(self.certificates.ca),
            "sasl_mechanism": mechanism,
            "sasl_username": user,
            "sasl_password": PASSWORD,
        }

    def access(self) -> dict[str, str]:
        """The environment of a client that comes in by SCRAM, its password in a file."""
        settings = {"brokers": self.address, **self.login()}
        settings["sasl_password_file"] = str(self._password)
        del settings["sasl_password"]
        return {f"JOURNEY_{name.upper()}": value for name, value in settings.items()}

    def _write_config(self) -> Path:
        config = super()._write_config()
        written = [line for line in config.read_text().splitlines() if line[:1] not in ("", "#")]
        lines = dict(line.split("=", 1) for line in written)
        config.write_text("".join(f"{k}={v}\n" for k, v in {**lines, **self._more(lines)}.items()))
        return config

    def _more(self, lines: Mapping[str, str]) -> dict[str, str]:
        own = f",TOKEN://{self.by_token},CERTIFICATE://{self.by_certificate}"
        own += f",INTERNAL://{self._internal}"
        clients = [f"FRONT{number}" for number in range(1, len(self._fronts) + 1)] + ["CLIENTS"]
        protocols = dict.fromkeys((*clients, "TOKEN"), "SASL_SSL")
        protocols |= {"CERTIFICATE": "SSL", "INTERNAL": "PLAINTEXT", "CONTROLLER": "PLAINTEXT"}
        return {
            "listeners": lines["listeners"] + own,
            "advertised.listeners": lines["advertised.listeners"] + own,
            "listener.security.protocol.map": ",".join(f"{k}:{v}" for k, v in protocols.items()),
            "inter.broker.listener.name": "INTERNAL",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": f"User:ANONYMOUS;User:{USER}",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self.certificates.broker),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.certificates.ca),
            "listener.name.certificate.ssl.client.auth": "required",
            "listener.name.certificate.ssl.principal.mapping.rules": "RULE:^.*CN=([^,]+).*$/$1/",
            **{key: value for each in clients for key, value in _logins(each.lower()).items()},
            **self._by_token(),
        }

    def _by_token(self) -> dict[str, str]:
        package = "org.apache.kafka.common.security.oauthbearer"
        of = "listener.name.token."
        return {
            f"{of}sasl.enabled.mechanisms": "OAUTHBEARER",
            f"{of}oauthbearer.sasl.jaas.config": f"{package}.OAuthBearerLoginModule required;",
            f"{of}oauthbearer.sasl.server.callback.handler.class": (
                f"{package}.OAuthBearerValidatorCallbackHandler"
            ),
            f"{of}oauthbearer.sasl.oauthbearer.jwks.endpoint.url": self._keys,
            f"{of}oauthbearer.sasl.oauthbearer.expected.issuer": ISSUER,
            f"{of}oauthbearer.sasl.oauthbearer.expected.audience": AUDIENCE,
        }


def _logins(listener: str) -> dict[str, str]:
    login = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    of = f"listener.name.{listener}."
    return {
        f"{of}sasl.enabled.mechanisms": ",".join((*MECHANISMS, "PLAIN")),
        f"{of}plain.sasl.jaas.config": (
            "org.apache.kafka.common.security.plain.PlainLoginModule required "
            f'user_{USER}="{PASSWORD}";'
        ),
        **{f"{of}{each.lower()}.sasl.jaas.config": login for each in MECHANISMS},
    }


def main(command: list[str]) -> int:
    """Run the command; its exit code."""
    with tempfile.TemporaryDirectory() as folder, GuardedKafka(Path(folder) / "kafka") as broker:
        environment = {**os.environ, **broker.access()}  # noqa: TID251 - handed on untouched
        filled = [part.replace("{broker}", broker.address) for part in command]
        return subprocess.run(filled, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
