"""/livez, /readyz and /metrics on Faust's own web server, which is up during a restore (D10)."""

import hmac
import time
from typing import TYPE_CHECKING, Any

from journey_engine.observe.metrics import CONTENT_TYPE, Metrics

if TYPE_CHECKING:
    from journey_engine.run.app import JourneyApp
    from journey_engine.run.worker import Worker

STUCK_AFTER_S = 60.0
"""A loop that has not come round for so long hangs; more than any flush may take."""


def admits(token: str | None, authorization: str | None) -> bool:
    """Whether a request may see more than the probes: it bears the token, or none is asked for.

    How long it takes does not tell how much of a guess is right.
    """
    if token is None:
        return True
    scheme, _, shown = (authorization or "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(
        shown.encode(errors="surrogateescape"), token.encode()
    )


def serve(app: "JourneyApp", worker: "Worker", metrics: Metrics, token: str | None) -> None:
    """Add the three pages to the app's web server. The probes are open to whoever reaches the port;
    /metrics asks for the token, if there is one.
    """

    @app.page("/livez", name="livez")
    async def livez(self: Any, request: Any) -> Any:  # noqa: ANN401, ARG001 - Faust's untyped views
        silent = time.monotonic() - worker.beat
        if worker.partitions and silent > STUCK_AFTER_S:
            return self.json({"status": "stuck", "silent_seconds": round(silent)}, status=503)
        return self.json({"status": "alive"})

    @app.page("/readyz", name="readyz")
    async def readyz(self: Any, request: Any) -> Any:  # noqa: ANN401, ARG001 - Faust's untyped views
        missing = worker.missing()
        if missing is not None:
            return self.json({"status": "not ready", "reason": missing}, status=503)
        return self.json({"status": "ready", "partitions": worker.partitions})

    @app.page("/metrics", name="metrics")
    async def exposition(self: Any, request: Any) -> Any:  # noqa: ANN401 - Faust's untyped views
        if not admits(token, request.headers.get("Authorization")):
            return self.json({"error": "no or another token"}, status=401)
        return self.bytes(metrics.exposition(), content_type=CONTENT_TYPE)
