"""Bearer tokens for SASL/OAUTHBEARER: from a file that somebody else keeps fresh, or fetched.

Tokens are asked for from several event loops (Faust's consumer has one of its own), so what is
shared is a plain object with a lock, and its work is done in a thread.
"""

import asyncio
import base64
import functools
import json
import ssl
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import AuthenticationFailedError

from journey_engine.run import tls

FRESH_SHARE = 0.8
"""A token is fetched anew when this share of its life is over."""
LIFE_S = 300.0
"""Of a token whose server does not say (RFC 6749, section 5.1, only recommends that it does)."""
TIMEOUT_S = 10.0


class TokenProvider(AbstractTokenProvider):  # type: ignore[misc]  # aiokafka ships no types
    """What aiokafka asks at each connection."""

    def __init__(self, read: Callable[[], str]) -> None:
        self._read = read

    async def token(self) -> str:
        """A token that is fresh now.

        Raises:
            OSError: the file or the server cannot be reached.
            AuthenticationFailedError: the server gives none.
        """
        return await asyncio.to_thread(self._read)


class Grant(NamedTuple):
    """Who asks which server for a token (RFC 6749, section 4.4: client credentials)."""

    url: str
    client_id: str
    client_secret: str
    scope: str | None
    ca_file: Path | None
    """Trusted beside the system's own authorities."""


def of_file(path: Path) -> TokenProvider:
    """The token that a file holds, read at each connection."""
    return TokenProvider(lambda: path.read_text(encoding="utf-8").strip())


@functools.cache
def of_grant(grant: Grant) -> TokenProvider:
    """Tokens of a server; one provider for all clients of a process, so that they share a token."""
    return TokenProvider(_Fetched(grant).read)


class _Fetched:
    """The last token, while it is fresh."""

    def __init__(self, grant: Grant) -> None:
        self._grant = grant
        self._lock = threading.Lock()
        self._token = ""
        self._until = 0.0

    def read(self) -> str:
        with self._lock:
            if time.monotonic() >= self._until:
                self._token, life_s = _fetch(self._grant)
                self._until = time.monotonic() + FRESH_SHARE * life_s
            return self._token


def _fetch(grant: Grant) -> tuple[str, float]:
    form = {"grant_type": "client_credentials"} | ({"scope": grant.scope} if grant.scope else {})
    # Both are form-encoded before they are joined (RFC 6749, section 2.3.1).
    pair = (urllib.parse.quote_plus(part) for part in (grant.client_id, grant.client_secret))
    request = urllib.request.Request(  # noqa: S310 - the settings take http(s) alone
        grant.url,
        data=urllib.parse.urlencode(form).encode(),
        headers={"Authorization": f"Basic {base64.b64encode(':'.join(pair).encode()).decode()}"},
    )
    with urllib.request.urlopen(request, timeout=TIMEOUT_S, context=_trusting(grant)) as answer:  # noqa: S310 - as above
        try:
            told = json.load(answer)
            return told["access_token"], float(told.get("expires_in") or LIFE_S)
        except (ValueError, KeyError, TypeError) as error:
            raise AuthenticationFailedError(f"{grant.url} gave no access_token") from error


def _trusting(grant: Grant) -> ssl.SSLContext | None:
    if not grant.url.startswith("https:"):
        return None
    context = ssl.create_default_context()
    if grant.ca_file is not None:
        with tls.naming("tls_ca_file", grant.ca_file):
            context.load_verify_locations(grant.ca_file)
    return context
